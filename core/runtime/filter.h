/* What a host's filter asks for, as a range. */
#ifndef NEAPI_RUNTIME_FILTER_H
#define NEAPI_RUNTIME_FILTER_H

#include "base/arena.h"
#include "store/page.h"

typedef enum neapi_filter_use {
    NEAPI_FILTER_CURSOR,
    NEAPI_FILTER_FOLLOWS, /* calls back: it follows, and nobody waits */
} neapi_filter_use;

/* Takes the filter (NULL: everything), checks it, and copies its texts into the arena. limit: how
 * many events it allows, UINT64_MAX if all. Errors: NEAP_USAGE naming what is wrong, NEAP_INVALID
 * (a name), NEAP_NOMEM. */
neap_status neapi_filter_read(const neap_filter *given, neapi_filter_use use, neapi_arena *arena,
                              neap_filter *taken, neapi_range *range, uint64_t *limit,
                              neap_error *error);

#endif
