/* `context`: what a handler, an answer or a middleware may ask for and do while it runs. */
#ifndef NEAPI_SCRIPT_CONTEXT_H
#define NEAPI_SCRIPT_CONTEXT_H

#include "script/engine_state.h"

/* The userdata. A run has its own; what is pure is served one after another by the same. */
typedef struct neapi_context {
    neapi_engine *engine; /* NULL: what it belongs to has ended */
    neapi_run *run;       /* NULL: one that serves all handlers of its kind */
    neapi_handling kind;
} neapi_context;

typedef struct neapi_context_class {
    const char *type; /* of the userdata */
    const luaL_Reg *methods;
    /* __index; its upvalue is the table of methods. */
    lua_CFunction index;
    const char *owner; /* "the handler" */
} neapi_context_class;

/* Of handlers and answers, and of decisions: core/script/context.c; core/script/middleware.c;
 * core/script/context_pure.c, context_saga.c, context_subscriber.c. */
extern const neapi_context_class neapi_handler_class, neapi_middleware_class,
    neapi_projection_class, neapi_saga_class, neapi_subscriber_class;

/* Pushes the run's, which its end makes useless. */
void neapi_context_new_lj(lua_State *L, neapi_run *run);
void neapi_context_end(neapi_run *run);
/* Pushes one that serves all pure handlers of the kind. */
neapi_context *neapi_context_pure_lj(lua_State *L, neapi_engine *engine,
                                     const neapi_context_class *class, neapi_handling kind);

/* Whose context the value at `index` is; NULL: no run's, or of one that has ended. */
neapi_run *neapi_context_run(lua_State *L, int index, const neapi_context_class *class);
/* The engine, if `self` is the context of what runs now; else raises. */
neapi_engine *neapi_context_check_lj(lua_State *L, const neapi_context_class *class,
                                     const char *what);
/* Raises what went wrong in C, with its status, behind the caller's place. */
int neapi_context_raise_lj(lua_State *L, const neapi_engine *engine, neap_error *error);

/* In an index function: true: the method that was asked for is pushed; false: *name is no method.
 */
bool neapi_context_method_lj(lua_State *L, neap_text *name);
/* Pushes what a message's envelope has under that name: meta, command_id … false: nothing. */
bool neapi_context_envelope_lj(lua_State *L, const neapi_engine *engine, const neapi_call *call,
                               neap_text name);
void neapi_context_push_id_lj(lua_State *L, neap_uuid id);
/* Pushes the text; nil if it is empty. */
void neapi_context_push_text(lua_State *L, neap_text text);
/* Raises that the property, one of such as others have, is not had by `who` ("a projection"); does
 * nothing if it is none of those. */
void neapi_context_refuse_lj(lua_State *L, neap_text name, const char *who, const char *instead);
/* Raises that there is nothing of that name, with "did you mean". */
int neapi_context_unknown_lj(lua_State *L, neap_text name, const char *const *names, size_t count);

/* Around a saga, middleware has a context that belongs to no run; its user value is what `next`
 * calls. */
bool neapi_context_is_saga(lua_State *L, int index);
/* `next` there; core/script/saga_next.c. */
int neapi_saga_next(lua_State *L);

/* ---- Of what is handled for a subscription; core/script/context_pure.c ----------------------- */

/* context.event: a table of its own each time. */
int neapi_context_event_lj(lua_State *L, neapi_engine *engine);

/* ---- Methods, behind the check of `self` ----------------------------------------------------- */

/* context:publish(event, options); core/script/context_publish.c. */
int neapi_context_publish_lj(lua_State *L, neapi_engine *engine);
/* context:state(aggregate, id) → state | nil; core/script/context_state.c. */
int neapi_context_state_lj(lua_State *L, neapi_engine *engine);
/* context:find(projection, key) → document | nil, context:list(projection, options) → list,
 * context:select(projection, statement, …) → rows; core/script/context_find.c. */
int neapi_context_find_lj(lua_State *L, neapi_engine *engine);
int neapi_context_list_lj(lua_State *L, neapi_engine *engine);
int neapi_context_select_lj(lua_State *L, neapi_engine *engine);
/* context:sleep(seconds) → true | nil, err; core/script/context_ask.c. */
int neapi_context_sleep_lj(lua_State *L, neapi_run *run);
/* context:dispatch and context:query (command or query, options) → result | nil, err. */
int neapi_context_ask_lj(lua_State *L, neapi_run *run, neap_kind kind);
/* The message that a method was given, made by its constructor or by name and fields: then the
 * fields are at place 3 and options at 4. Raises what it cannot be. Errors: NEAP_UNKNOWN. */
neap_status neapi_context_message_lj(lua_State *L, neapi_engine *engine, neap_kind kind,
                                     const char *method, const neapi_message **message,
                                     neap_error *error);
/* The number of seconds at place 2. */
lua_Number neapi_context_seconds_lj(lua_State *L, const char *method);

#endif
