/* The runtime as a Lua object, for a host's own state: methods over neap.h's public functions.
 *
 * The functions here raise what the caller did wrong, at the caller's line; what can happen in
 * operation is nil and an error object. */
#ifndef NEAPI_SCRIPT_HOST_H
#define NEAPI_SCRIPT_HOST_H

#include <lua.h>

#include "base/buffer.h"
#include "neap.h"
#include "script/host_log.h"

typedef struct neapi_host_cursor neapi_host_cursor;
typedef struct neapi_host_consumer neapi_host_consumer;
typedef struct neapi_host_exporter neapi_host_exporter;

/* A userdata. Closed: runtime is NULL. */
typedef struct neapi_host {
    neap_runtime *runtime;
    bool is_inline; /* its domain is in this Lua state */
    bool has_clock; /* which is the userdata's first user value; the second is log's, the third has
                       consumers */
    int64_t now_us; /* what it said at the beginning of this call */
    neapi_buffer json;          /* of the message under way */
    neapi_host_cursor *cursors; /* the open ones */
    neapi_host_consumer *consumers;
    neapi_host_exporter *exporters;
    neapi_host_log log;
} neapi_host;

/* Adds open() to the table on top. */
void neapi_host_open_lj(lua_State *L);

/* A runtime's userdata, closed and with two user values: the clock, and of a past its history. Its
 * metatable, which is still to be set, exists already, so that setting it takes no memory. */
neapi_host *neapi_host_push_lj(lua_State *L);
/* Adds history to the table on top; core/script/host_history.c. */
void neapi_host_history_lj(lua_State *L);

/* The metatable of a runtime. */
void neapi_host_push_metatable_lj(lua_State *L);

/* The beginning of every call of a runtime: says to it which coroutine this is. Raises "usage" if a
 * handler of the runtime is running. */
void neapi_host_enter_lj(lua_State *L, neapi_host *host, const char *method);
/* The same behind a look at the clock. The host's userdata is at place 1. */
void neapi_host_arrive_lj(lua_State *L, neapi_host *host, const char *method);

/* The runtime at place 1, open. `method` is for the error. */
neapi_host *neapi_host_check_lj(lua_State *L, const char *method);

/* Gives the userdata on top the metatable of that name, by which it is closed when it goes out of
 * scope, and when nobody holds it. */
void neapi_host_closes_lj(lua_State *L, const char *name, lua_CFunction close);

/* Returns nil and the error. */
int neapi_host_fail_lj(lua_State *L, const neap_error *error);
/* Pushes a place for a pointer, which is NULL; `release` is called with the place when nobody holds
 * it, so that an error raised on the way does not lose what it holds. `type` names its metatable.
 */
void *neapi_host_place_lj(lua_State *L, const char *type, lua_CFunction release);
/* For text of the library's, which neap_free() frees. */
char **neapi_host_text_place_lj(lua_State *L);
/* A timeout in seconds at the place, as ms; 0: there is none. */
uint32_t neapi_host_timeout_lj(lua_State *L, int place, const char *method);
/* Set a field of the table on top. */
void neapi_host_set_count_lj(lua_State *L, const char *name, uint64_t count);
void neapi_host_set_text_lj(lua_State *L, const char *name, neap_text text);
/* Pushes a place that frees the reply put into it when nobody holds it. */
neap_reply **neapi_host_reply_place_lj(lua_State *L);
/* Gives the reply's receipt as a table, and frees the reply. */
int neapi_host_return_receipt_lj(lua_State *L, neap_reply **reply);
/* Pushes a command's receipt as a table. */
void neapi_host_push_receipt_lj(lua_State *L, const neap_receipt *receipt);

/* Fills `config` and `services` from the options at place 2; the stack keeps their JSON alive.
 * core/script/host_services.c. */
void neapi_host_services_lj(lua_State *L, neap_options *options);
/* runtime:send(name, data, options) → pending; core/script/host_pending.c. */
int neapi_host_send(lua_State *L);
/* runtime:cancel(name, timeout) → whether it was there | nil, err; core/script/host_timers.c. */
int neapi_host_cancel(lua_State *L);
/* runtime:timers() → iterator. */
int neapi_host_timers(lua_State *L);
/* runtime:publish(type, data, options) → receipt | nil, err; core/script/host_publish.c. */
int neapi_host_publish(lua_State *L);
/* runtime:stats() → figures | nil, err; core/script/host_stats.c. */
int neapi_host_stats(lua_State *L);
/* runtime:metrics(form) → figures or text | nil, err; core/script/host_metrics.c. */
int neapi_host_metrics(lua_State *L);
/* Documents: core/script/host_find.c. */
int neapi_host_find(lua_State *L);
int neapi_host_list(lua_State *L);
int neapi_host_select(lua_State *L);
/* Sagas: core/script/host_saga.c. */
int neapi_host_saga(lua_State *L);
int neapi_host_sagas(lua_State *L);
/* Subscriptions: core/script/host_subscriptions.c. */
int neapi_host_subscriptions(lua_State *L);
int neapi_host_catch_up(lua_State *L);
int neapi_host_rebuild(lua_State *L);
int neapi_host_rebuild_begin(lua_State *L);
int neapi_host_rebuild_progress(lua_State *L);
int neapi_host_pause(lua_State *L);
int neapi_host_resume(lua_State *L);
int neapi_host_reset(lua_State *L);
int neapi_host_dead_letters(lua_State *L);
int neapi_host_retry_dead_letters(lua_State *L);
int neapi_host_drop_dead_letter(lua_State *L);
int neapi_host_drop_dead_letters(lua_State *L);
int neapi_host_retry_dead_commands(lua_State *L);
int neapi_host_drop_dead_commands(lua_State *L);
/* runtime:check_store() → what the domain makes of it | nil, err; core/script/host_check.c. */
int neapi_host_check_store(lua_State *L);
/* runtime:events(filter) → iterator; core/script/host_events.c. */
int neapi_host_events(lua_State *L);
void neapi_host_close_cursors(neapi_host *host);
/* runtime:consume(from, options) → consumer | nil, err; core/script/host_consume.c. */
int neapi_host_consume(lua_State *L);
void neapi_host_close_consumers(neapi_host *host);
/* Reads `types` of the table at place 2, a text or a list of at most NEAPI_HOST_TYPES texts, which
 * the table keeps alive. Returns how many. */
#define NEAPI_HOST_TYPES 64
size_t neapi_host_types_lj(lua_State *L, const char *method, const char **types);
/* runtime:export(filter) → iterator; core/script/host_transfer.c. */
int neapi_host_export(lua_State *L);
void neapi_host_close_exporters(neapi_host *host);
/* Adds export(), import() and compare() to the table on top. */
void neapi_host_transfer_lj(lua_State *L);

/* What dispatch and send take: name, data as a table or as JSON, options. Lifetime: the host's
 * buffer and the Lua stack. */
typedef struct neapi_host_message {
    const char *name;
    neap_text json;
    neap_dispatch_options options;
} neapi_host_message;

/* Reads them from the places 2, 3 and 4. false: *error says what is wrong with the data. */
bool neapi_host_message_lj(lua_State *L, neapi_host *host, const char *method,
                           neapi_host_message *message, neap_error *error);

/* Its parts: the name at place 2; the fields at 3; options.meta of the table at 4, whose JSON the
 * stack keeps alive. */
const char *neapi_host_name_lj(lua_State *L, const char *method, const char *what);
neap_status neapi_host_data_lj(lua_State *L, neapi_host *host, const char *method, neap_text *json,
                               neap_error *error);
/* The id at place 3, as neap_state() takes it: a text, an integer, or a table of tags, whose JSON
 * is the host's until the next call. Errors: NULL. */
const char *neapi_host_id_lj(lua_State *L, neapi_host *host, const char *method, neap_error *error);
/* Reads options.wait_for, a name or a list of names; the stack keeps them alive. */
void neapi_host_wait_for_lj(lua_State *L, const char *method, neap_dispatch_options *options);
neap_status neapi_host_meta_lj(lua_State *L, const char *method, neap_dispatch_options *options,
                               neap_error *error);

/* ---- Option tables (core/script/host_options.c) ---------------------------------------------- */

typedef enum neapi_host_type {
    NEAPI_HOST_TEXT,     /* const char *, kept alive by the table */
    NEAPI_HOST_FLAG,     /* bool */
    NEAPI_HOST_UNSIGNED, /* unsigned */
    NEAPI_HOST_UINT32,
    NEAPI_HOST_SIZE,
    NEAPI_HOST_UINT64,
    NEAPI_HOST_INT64,
    NEAPI_HOST_SECONDS, /* uint32_t milliseconds, given as seconds */
    NEAPI_HOST_OTHER,   /* read by the caller */
} neapi_host_type;

typedef struct neapi_host_option {
    const char *name;
    neapi_host_type type;
    size_t offset; /* in the struct that is filled */
} neapi_host_option;

/* Fills `target` from the table at `index` (or none, or nil). Raises for unknown names, with "did
 * you mean", and for wrong types. `options` ends with one whose name is NULL. */
void neapi_host_options_lj(lua_State *L, int index, const char *method,
                           const neapi_host_option *options, void *target);

#endif
