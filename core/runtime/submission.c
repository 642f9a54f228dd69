#include "runtime/submission.h"

#include "base/alloc.h"

void neapi_failure_release(neapi_failure *failure)
{
    if (failure != NULL && atomic_fetch_sub(&failure->references, 1) == 1)
        neapi_free(failure);
}
