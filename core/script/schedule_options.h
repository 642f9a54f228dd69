/* When, and under what name, a command is to be done: what `send` takes as `after`, `at` and
 * `name`.
 */
#ifndef NEAPI_SCRIPT_SCHEDULE_OPTIONS_H
#define NEAPI_SCRIPT_SCHEDULE_OPTIONS_H

#include <lua.h>

#include "neap.h"

typedef struct neapi_schedule_options {
    bool given; /* any of them */
    bool has_after, has_at;
    int64_t after_us;
    int64_t at_us;    /* since 1970; at least 1 */
    const char *name; /* NULL: none; kept alive by the table */
} neapi_schedule_options;

/* Reads them from the table at `index`, or nothing; other members are not looked at. Raises what is
 * wrong, and that both `after` and `at` are given. */
void neapi_schedule_options_lj(lua_State *L, int index, const char *method,
                               neapi_schedule_options *options);

#endif
