/* A store's URL, taken apart. */
#ifndef NEAPI_STORE_URL_H
#define NEAPI_STORE_URL_H

#include "base/arena.h"
#include "store/backend.h"

/* Splits scheme:path[?query], with all text in the arena. Errors: NEAP_USAGE that says what was
 * wrong with it, NEAP_NOMEM. */
neap_status neapi_url_parse(const char *text, neapi_arena *arena, neapi_url *url,
                            neap_error *error);

#endif
