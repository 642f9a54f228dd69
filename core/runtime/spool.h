/* Lines put aside until they are wanted, in the order in which they came: in memory as long as they
 * are few, else in a file without a name. Threads: owner. */
#ifndef NEAPI_RUNTIME_SPOOL_H
#define NEAPI_RUNTIME_SPOOL_H

#include <stdio.h>

#include "base/buffer.h"

typedef struct neapi_spool {
    neapi_buffer memory; /* what is not in the file */
    FILE *file;          /* NULL: all is in memory */
    size_t at;           /* reading: in memory */
} neapi_spool;

#define NEAPI_SPOOL_INIT ((neapi_spool){0})

void neapi_spool_fini(neapi_spool *spool);

/* Adds a line with a note. Errors: NEAP_STORE (the file), NEAP_NOMEM. */
neap_status neapi_spool_add(neapi_spool *spool, neap_text note, neap_text line, neap_error *error);
/* Nothing more is added: from the first one on they are read. */
neap_status neapi_spool_rewind(neapi_spool *spool, neap_error *error);
/* The next one, in place of what the buffers hold; *found false: there is none. */
neap_status neapi_spool_next(neapi_spool *spool, neapi_buffer *note, neapi_buffer *line,
                             bool *found, neap_error *error);

#endif
