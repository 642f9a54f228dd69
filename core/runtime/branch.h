/* What makes a past's runtime a branch: its clock, and its services, which only note what they are
 * asked to do. */
#ifndef NEAPI_RUNTIME_BRANCH_H
#define NEAPI_RUNTIME_BRANCH_H

#include <pthread.h>

#include "base/buffer.h"
#include "script/engine.h"

typedef struct neapi_branch {
    atomic_llong now_us; /* since 1970 */
    char *answers;       /* what services answer, a JSON object; NULL: nothing */
    pthread_mutex_t mutex;
    neapi_buffer calls; /* JSON objects, with a comma behind each */
} neapi_branch;

/* Copies the answers. Errors: NULL, no memory. */
neapi_branch *neapi_branch_new(const char *answers);
void neapi_branch_free(neapi_branch *branch); /* NULL is allowed */

/* A neap_clock. */
int64_t neapi_branch_clock(void *branch);
neapi_service_recorder neapi_branch_recorder(neapi_branch *branch);

#endif
