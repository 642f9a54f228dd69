/* Reading what lua/neap/plan.lua made: fields of tables. All raise for want of memory. */
#ifndef NEAPI_SCRIPT_PLAN_READ_H
#define NEAPI_SCRIPT_PLAN_READ_H

#include "script/plan.h"

typedef struct neapi_plan_reading {
    lua_State *L;
    int functions; /* place of the list */
    neapi_catalog *catalog;
    neapi_plan *plan;
    neap_error *error;
} neapi_plan_reading;

/* Pops a value into the list and gives its place there; 0 for nil. */
int neapi_plan_keep_lj(const neapi_plan_reading *job);
/* Likewise a field of the table at `index`. */
int neapi_plan_keep_field_lj(const neapi_plan_reading *job, int index, const char *name);
/* The text lives as long as the table. */
neap_text neapi_plan_text_lj(lua_State *L, int index, const char *name);
lua_Integer neapi_plan_integer_lj(lua_State *L, int index, const char *name);
/* Seconds as µs; nil gives 0. */
int64_t neapi_plan_time_lj(lua_State *L, int index, const char *name);
bool neapi_plan_flag_lj(lua_State *L, int index, const char *name);
void neapi_plan_place_lj(lua_State *L, int index, neap_text *file, int *line);
/* Where the function on top stands, which stays there; nothing for what is none. Errors:
 * NEAP_NOMEM.
 */
neap_status neapi_plan_function_place_lj(const neapi_plan_reading *job,
                                         neapi_function_place *place);
/* A list of texts, which live as long as the table. */
neap_status neapi_plan_texts_lj(const neapi_plan_reading *job, int index, const char *name,
                                const neap_text **texts, size_t *count);
/* One more than `count`, for none is no memory. Errors: NULL. */
void *neapi_plan_zeroed(neapi_arena *arena, size_t count, size_t size);

/* Reads the list of subscriptions at the place; core/script/plan_subscription.c. */
neap_status neapi_plan_subscriptions_lj(const neapi_plan_reading *job, int subscriptions);

#endif
