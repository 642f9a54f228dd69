#include "script/embedded.h"

#include <stddef.h>
#include <string.h>

const neapi_embedded *neapi_embedded_file(const char *file)
{
    for (const neapi_embedded *at = neapi_embedded_files; at->file != NULL; at++)
        if (strcmp(at->file, file) == 0)
            return at;
    return NULL;
}
