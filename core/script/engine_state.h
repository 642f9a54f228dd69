/* The inside of an engine, shared by the files that make it up. */
#ifndef NEAPI_SCRIPT_ENGINE_STATE_H
#define NEAPI_SCRIPT_ENGINE_STATE_H

#include <lauxlib.h>

#include "script/engine.h"
#include "script/plan.h"
#include "script/vm.h"

/* What is being handled, and so what `context` allows. */
typedef enum neapi_handling {
    NEAPI_HANDLING_NOTHING,
    NEAPI_HANDLING_DECISION, /* an aggregate's command */
    NEAPI_HANDLING_COMMAND,  /* a plain handler */
    NEAPI_HANDLING_QUERY,
} neapi_handling;

typedef struct neapi_scope {
    neapi_handling handling;
    neapi_call *call;
    neapi_unit *unit;
} neapi_scope;

struct neapi_engine {
    neapi_vm vm;
    neapi_engine_options options;
    neapi_catalog catalog;
    neapi_plan plan;
    neapi_scope scope;
    neap_error failure;    /* what a function of context raises: not on the C stack, which nests */
    uint64_t publishings;  /* calls of context:publish so far */
    neapi_buffer scratch;  /* the events of the decision under way */
    neapi_buffer tag_text; /* and the tags of one of them */
    neapi_buffer service_argument, service_result; /* of a host's function, as JSON */
    neapi_buffer upcast;                           /* the JSON of an event that an upcaster gave */
    int entry;                      /* the function through which C enters, in the registry */
    int handler;                    /* its message handler, in the registry */
    neapi_engine **context_place;   /* where `context` finds the engine */
    int states;                     /* the list of folded states, in the registry */
    int declared_services;          /* the domain's list, in the registry */
    int make_services;              /* what makes them, in the registry */
    int services;                   /* what context.services is, in the registry; 0: not made */
    int require;                    /* the domain's, in the registry */
    int given_services;             /* by the host, in its registry; LUA_NOREF: none */
    neapi_sources **required_place; /* where the domain's require finds the sources */
    int composed;            /* the middleware as one function, in the registry; 0: there is none */
    neapi_chain *chain;      /* the one that runs; NULL: none */
    neap_error *chain_error; /* where its failure goes */
    struct neapi_chain_thread *idle_threads;
    unsigned idle_thread_count;
    neapi_state *free_states;
    size_t free_count, free_capacity;
    int state_count;
};

/* A piece of work inside the protected call. Its upvalues are NEAPI_UPVALUE_…; it may raise; what
 * it returns becomes the entry's status. */
typedef neap_status (*neapi_work)(lua_State *L, neapi_engine *engine, void *arguments,
                                  neap_error *error);

enum {
    NEAPI_UPVALUE_FUNCTIONS = 1, /* the plan's list */
    NEAPI_UPVALUE_STATES,
    NEAPI_UPVALUE_CONTEXT,
    NEAPI_UPVALUE_REJECTION, /* its metatable */
};

/* The one way from C into Lua. Turns whatever is raised into a status and *error (not NULL). */
neap_status neapi_engine_enter(neapi_engine *engine, neapi_work work, void *arguments,
                               neap_error *error);

/* Puts the value on top into the list of states. Errors: NEAP_NOMEM; it is popped either way. */
neap_status neapi_state_keep_lj(lua_State *L, neapi_engine *engine, neapi_state *state,
                                neap_error *error);

/* Calls the fold of the event (its type, data and tags are looked at) with the state (on the stack
 * at `state`); a table that it gives takes the state's place there. */
neap_status neapi_fold_lj(lua_State *L, neapi_engine *engine, int fold,
                          const neapi_instance *instance, int state, const neap_event *event,
                          neap_error *error);

/* Whether the instance folds an event with such tags: it has one of them. Always by key. */
bool neapi_instance_wants(const neapi_instance *instance, const neap_event *event);

/* Pushes the tags' values by name: those of all (event NULL), or those that the event has. */
void neapi_push_tags_lj(lua_State *L, const neapi_engine *engine, const neapi_instance *instance,
                        const neap_event *event);

/* Pushes the table that `json` says, checked against the message's schema; its canonical form is
 * appended to *canonical unless that is NULL. */
neap_status neapi_message_decode_lj(lua_State *L, neapi_engine *engine, uint32_t message,
                                    neap_text json, neapi_buffer *canonical, neap_error *error);

/* Checks and encodes the event at `index`, behind what `json` has. */
neap_status neapi_event_encode_lj(lua_State *L, neapi_engine *engine, uint32_t message, int index,
                                  neapi_buffer *json, neap_error *error);

/* Adds an event to the unit with its envelope from the call. */
neap_status neapi_event_append_lj(lua_State *L, neapi_engine *engine, uint32_t message, int fields,
                                  neap_text stream, uint64_t expected, neap_text data,
                                  neapi_call *call, neapi_unit *unit, neap_error *error);

/* Which message made the table at `index`; NEAPI_NONE: none did. */
uint32_t neapi_message_of(lua_State *L, const neapi_engine *engine, int index);

/* If the value at `index` is a rejection: fills *error and *status. */
bool neapi_rejection_lj(lua_State *L, neapi_engine *engine, int index, neap_status *status,
                        neap_error *error);

/* Keeps what the plan (at `index`) says of services; core/script/service.c. */
void neapi_services_declare_lj(lua_State *L, neapi_engine *engine, int index);
/* Pushes context.services. Raises if there are none, or where none may be used. */
void neapi_services_push_lj(lua_State *L, const neapi_engine *engine);

/* context:state's results, of the arguments at 2 and 3. */
int neapi_context_state_lj(lua_State *L, neapi_engine *engine);
/* Pushes what a message's envelope has under that name: meta, command_id … false: nothing. */
bool neapi_context_envelope_lj(lua_State *L, const neapi_engine *engine, const neapi_call *call,
                               neap_text name);

/* What the context of handlers and that of middleware share. Gives the userdata on top its class:
 * closed, with `index` for what is asked of it, which has `methods` as its upvalue. */
void neapi_context_class_lj(lua_State *L, const char *type, const luaL_Reg *methods,
                            lua_CFunction index);
/* In `index`: true: the method that was asked for is pushed; false: *name is no method. */
bool neapi_context_method_lj(lua_State *L, neap_text *name);
/* Raises that there is nothing of that name, with "did you mean". */
int neapi_context_unknown_lj(lua_State *L, neap_text name, const char *const *names, size_t count);

/* context: core/script/context.c. Pushes the one object, and gives where it finds the engine. */
neapi_engine **neapi_context_new_lj(lua_State *L, neapi_engine *engine);

#endif
