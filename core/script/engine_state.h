/* The inside of an engine, shared by the files that make it up. */
#ifndef NEAPI_SCRIPT_ENGINE_STATE_H
#define NEAPI_SCRIPT_ENGINE_STATE_H

#include <lauxlib.h>

#include "script/engine.h"
#include "script/plan.h"
#include "script/vm.h"

/* What runs now, and what its `context` answers from. */
typedef struct neapi_scope {
    neapi_handling handling;
    neapi_call *call;
    neapi_unit *unit;
    neapi_run *run; /* NULL: nothing that may wait */
    /* What is handled for a subscription; NULL: nothing is. */
    const neap_event *event;
    const neapi_subscription *subscription;
    uint64_t derived;                  /* ids given for this event so far */
    neap_text key;                     /* of the saga */
    neapi_effects *effects;            /* NULL: nothing can be sent */
    const neapi_projecting_rows *rows; /* NULL: no SQL can be said */
    uint32_t statements;               /* for this event so far */
    size_t statement_bytes;            /* likewise */
    bool unsaid;                       /* there was no memory for one, which is missing now */
} neapi_scope;

/* Contexts that serve all pure handlers of a kind. */
#define NEAPI_CONTEXTS 3

struct neapi_engine {
    neapi_vm vm;
    neapi_engine_options options;
    neapi_catalog catalog;
    neapi_plan plan;
    neapi_scope scope;
    neap_error failure;    /* what a function of context raises: not on the C stack, which nests */
    uint64_t runs;         /* begun so far */
    uint64_t publishings;  /* calls of context:publish so far */
    neapi_buffer scratch;  /* the events of the decision under way */
    neapi_buffer tag_text; /* and the tags of one of them */
    neapi_buffer service_argument, service_result; /* of a host's function, as JSON */
    neapi_service_recorder recorder;               /* of services that do nothing */
    neapi_buffer upcast;                           /* the JSON of an event that an upcaster gave */
    const void *rejection_mark;                    /* the identity of a rejection's metatable */
    uint32_t returned;                             /* the message that handlers returned last */
    int entry;   /* the function through which C enters, in the registry */
    int handler; /* its message handler, in the registry */
    struct neapi_context *contexts[NEAPI_CONTEXTS];
    int states;                     /* the list of folded states, in the registry */
    int functions;                  /* the plan's list, in the registry */
    int declared_services;          /* the domain's list, in the registry */
    int make_services;              /* what makes them, in the registry */
    int services;                   /* what context.services is, in the registry; 0: not made */
    int require;                    /* the domain's, in the registry */
    int given_services;             /* by the host, in its registry; LUA_NOREF: none */
    neapi_sources **required_place; /* where the domain's require finds the sources */
    int composed; /* the middleware as one function, in the registry; 0: there is none */
    int run_body; /* what threads of runs begin with, in the registry */
    struct neapi_thread *idle_threads;
    unsigned idle_thread_count;
    neapi_state *free_states;
    size_t free_count, free_capacity;
    int state_count;
    struct neapi_document_cache **documents; /* by handle, from 1; NULL: free */
    int document_count;
};

/* A piece of work inside the protected call. Its upvalues are NEAPI_UPVALUE_…; it may raise; what
 * it returns becomes the entry's status. */
typedef neap_status (*neapi_work)(lua_State *L, neapi_engine *engine, void *arguments,
                                  neap_error *error);

enum {
    NEAPI_UPVALUE_FUNCTIONS = 1, /* the plan's list */
    NEAPI_UPVALUE_STATES,
    NEAPI_UPVALUE_CONTEXT,
    NEAPI_UPVALUE_REJECTION,  /* its metatable, kept alive */
    NEAPI_UPVALUE_PROJECTION, /* the context of projections */
    NEAPI_UPVALUE_SAGA,       /* the context of sagas */
};

/* The one way from C into Lua. Turns whatever is raised into a status and *error (not NULL). */
neap_status neapi_engine_enter(neapi_engine *engine, neapi_work work, void *arguments,
                               neap_error *error);

/* Puts the value on top into the list of states. Errors: NEAP_NOMEM; it is popped either way. */
neap_status neapi_state_keep_lj(lua_State *L, neapi_engine *engine, neapi_state *state,
                                neap_error *error);

/* Calls the fold of the event (its type, data and tags are looked at) with the state (on the stack
 * at `state`); a table that it gives takes the state's place there. fields: the place of a table
 * that is what the event's data says as far as the fold can see, its own from then on; 0: the data
 * is decoded. */
neap_status neapi_fold_lj(lua_State *L, neapi_engine *engine, int fold,
                          const neapi_instance *instance, int state, const neap_event *event,
                          int fields, neap_error *error);

/* Whether the instance folds an event with such tags: it has one of them. Always by key. */
bool neapi_instance_wants(const neapi_instance *instance, const neap_event *event);

/* Pushes the tags' values by name: those of all (event NULL), or those that the event has. */
void neapi_push_tags_lj(lua_State *L, const neapi_engine *engine, const neapi_instance *instance,
                        const neap_event *event);

/* Pushes the table that `json` says, checked against the message's schema; its canonical form is
 * appended to *canonical unless that is NULL. */
neap_status neapi_message_decode_lj(lua_State *L, neapi_engine *engine, uint32_t message,
                                    neap_text json, neapi_buffer *canonical, neap_error *error);

/* Checks and encodes the event at `index`, behind what `json` has. copied: if not NULL, and *copied
 * is then set, pushes a table that is what this JSON says, with the wanted fields (a
 * neapi_flat_set). */
neap_status neapi_event_encode_lj(lua_State *L, neapi_engine *engine, uint32_t message, int index,
                                  neapi_buffer *json, uint32_t wanted, bool *copied,
                                  neap_error *error);

/* Adds an event to the unit with its envelope from the call. */
neap_status neapi_event_append_lj(lua_State *L, neapi_engine *engine, uint32_t message, int fields,
                                  neap_text stream, uint64_t expected, neap_text data,
                                  neapi_call *call, neapi_unit *unit, neap_error *error);

/* The identity of the metatable of the table at `index`; NULL: it has none, or is no table. */
static inline const void *neapi_mark_of(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return NULL;
    const void *mark = lua_topointer(L, -1);
    lua_pop(L, 1);
    return mark;
}

/* Which message made the table at `index`; NEAPI_NONE: none did. */
uint32_t neapi_message_of(lua_State *L, neapi_engine *engine, int index);

/* If the value at `index` is a rejection: fills *error and *status. */
bool neapi_rejection_lj(lua_State *L, neapi_engine *engine, int index, neap_status *status,
                        neap_error *error);

/* Keeps what the plan (at `index`) says of services; core/script/service.c. */
void neapi_services_declare_lj(lua_State *L, neapi_engine *engine, int index);
/* Pushes context.services. Raises if there are none, or where none may be used. */
void neapi_services_push_lj(lua_State *L, const neapi_engine *engine);

#endif
