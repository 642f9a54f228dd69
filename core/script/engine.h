/* One lua_State with one domain in it: what a lane calls to decide, fold and answer. Nothing of Lua
 * shows here.
 *
 * Threads: owner. No function here lets a Lua error out: it becomes a status and a neap_error,
 * NEAP_HANDLER with the domain's own traceback, NEAP_LIMIT when a limit was reached, NEAP_INVALID
 * for what does not fit a schema. */
#ifndef NEAPI_SCRIPT_ENGINE_H
#define NEAPI_SCRIPT_ENGINE_H

#include "base/buffer.h"
#include "base/platform.h"
#include "bus/catalog.h"
#include "store/unit.h"

typedef struct neapi_engine neapi_engine;

/* The domain's files, each read once, so that every engine runs the same bytes. The first engine
 * that loads adds what it requires; afterwards sealed. Threads: owner until sealed, then immutable.
 */
typedef struct neapi_sources neapi_sources;

/* Reads the domain's file. Errors: NEAP_USAGE (cannot be read, is bytecode), NEAP_LIMIT (over 1
 * MiB), NEAP_NOMEM. */
neap_status neapi_sources_open(const char *path, neapi_sources **sources, neap_error *error);
void neapi_sources_free(neapi_sources *sources);
/* A hash of all files as hex text: which code a snapshot was folded by. Lifetime: the sources'. */
neap_text neapi_sources_fingerprint(const neapi_sources *sources);

/* A folded state that lives in the engine. Freed by neapi_engine_state_free, or with the engine. */
typedef int neapi_state;
#define NEAPI_NO_STATE 0

typedef struct neapi_engine_options {
    const neapi_platform *platform;
    size_t memory_bytes, allocation_bytes, unit_bytes, message_bytes;
    uint64_t instructions;
    uint32_t ms;
    unsigned depth, unit_events;
    neap_log_callback log; /* gets the domain's print; may be NULL */
    void *log_user;
    /* Called from within neapi_engine_handle and _answer, for context:state(). id: a key, or a JSON
     * object of tags' values. Gives a copy of its own of the accepted state, which the engine
     * frees; NEAPI_NO_STATE with NEAP_OK: the stream does not exist. */
    neap_status (*load_state)(void *host, const neapi_aggregate *aggregate, neap_text id,
                              neapi_state *copy, neap_error *error);
    /* Called before a handler is stopped for memory: frees, with neapi_engine_state_free and
     * nothing else of the engine, the states that are only kept for speed. May be NULL. */
    void (*let_go)(void *host);
    void *host;
} neapi_engine_options;

/* Loads the domain and checks it. The catalog is the engine's, complete but for the host's
 * handlers. Errors: NEAP_HANDLER (an error in the domain: file and line), NEAP_LIMIT, NEAP_NOMEM.
 */
neap_status neapi_engine_open(neapi_sources *sources, const neapi_engine_options *options,
                              neapi_engine **engine, neap_error *error);
/* The same in a host's own lua_State, without limits, in the host's globals: the domain in the
 * sources or, where they are NULL, the one on top of its stack (which stays there). services: the
 * place there of a table of services, or 0. The state must outlive the engine. */
neap_status neapi_engine_open_guest(void *lua_state, int services, neapi_sources *sources,
                                    const neapi_engine_options *options, neapi_engine **engine,
                                    neap_error *error);
/* Which thread of the host's state calls from now on; nothing in a state of the engine's own. */
void neapi_engine_set_thread(neapi_engine *engine, void *lua_state);
void neapi_engine_close(neapi_engine *engine);
neapi_catalog *neapi_engine_catalog(neapi_engine *engine);

/* One function of a service that the host provides. */
typedef struct neapi_service {
    const char *service, *name;
    neap_service_function function;
    void *user;
} neapi_service;

/* What the host gives to the domain's services. JSON objects by service's name, or empty. */
typedef struct neapi_service_options {
    neap_text config, modules;
    const neapi_service *provided; /* as long as the engine */
    size_t provided_count;
} neapi_service_options;

/* Makes the domain's services: once, before anything is handled. Errors: NEAP_HANDLER (one cannot
 * be made), NEAP_USAGE (the options), NEAP_LIMIT, NEAP_NOMEM. sources: NULL if it has none. */
neap_status neapi_engine_start(neapi_engine *engine, neapi_sources *sources,
                               const neapi_service_options *options, neap_error *error);

/* The message being handled: what `context` answers from. */
typedef struct neapi_call {
    neap_uuid id, correlation_id, causation_id;
    int64_t now_us;
    neap_text meta;    /* flat JSON object of texts, or empty */
    bool from_outside; /* it is itself the event: no command decided it */
    uint64_t derived;  /* how many ids context:id() has given so far */
    /* Not NULL: the message's canonical JSON is appended here before its handler runs. */
    neapi_buffer *canonical;
} neapi_call;

/* The instance's initial state. */
neap_status neapi_engine_state_new(neapi_engine *engine, const neapi_instance *instance,
                                   neapi_state *state, neap_error *error);
void neapi_engine_state_free(neapi_engine *engine, neapi_state state);
/* A deep copy. */
neap_status neapi_engine_state_copy(neapi_engine *engine, neapi_state state, neapi_state *copy,
                                    neap_error *error);
/* Canonical JSON of the state; keys that are not text, and what JSON cannot say, are shown as text.
 */
neap_status neapi_engine_state_json(neapi_engine *engine, neapi_state state, neapi_buffer *json,
                                    neap_error *error);
/* Appends bytes that give back every table that a fold may build: mixed keys, exact floats, null,
 * array marks; at most about `limit` of them (NEAP_LIMIT). Load checks them (NEAP_CORRUPT), for
 * they come from a store. */
neap_status neapi_engine_state_save(neapi_engine *engine, neapi_state state, size_t limit,
                                    neapi_buffer *bytes, neap_error *error);
neap_status neapi_engine_state_load(neapi_engine *engine, neap_text bytes, neapi_state *state,
                                    neap_error *error);

/* Folds stored events, in order, entering Lua once; those of other names and schema versions are
 * upcast. An event that the aggregate does not fold, or that has none of the instance's tags, is
 * passed over. After a failure the state is half folded and is to be freed. Errors: NEAP_CORRUPT
 * (an event that the domain cannot read). */
neap_status neapi_engine_fold(neapi_engine *engine, const neapi_instance *instance,
                              neapi_state state, const neap_event *events, size_t count,
                              neap_error *error);

/* Decides a command in its aggregate: decodes and checks `json`, calls the handler, appends what it
 * decided to the unit (to the instance's stream, behind version `expected`), and folds that into
 * the state; all in one entry into Lua. An event's id and envelope are filled from the call.
 * Nothing decided: the unit has no event, which is no error. Errors: NEAP_REJECTED and all others
 * leave unit and state as they were, unless *spoilt is set: then the state was changed (a fold
 * raised, a handler wrote to it) and is to be freed, and the unit to be cleared. */
neap_status neapi_engine_decide(neapi_engine *engine, const neapi_message *command,
                                neapi_state state, const neapi_instance *instance,
                                uint64_t expected, neap_text json, neapi_call *call,
                                neapi_unit *unit, bool *spoilt, neap_error *error);
/* Runs a command's plain handler; what it publishes goes into the unit. On failure the unit is to
 * be cleared. */
neap_status neapi_engine_handle(neapi_engine *engine, const neapi_message *command, neap_text json,
                                neapi_call *call, neapi_unit *unit, neap_error *error);
/* Runs a query's answer; its result is appended to *answer as canonical JSON. */
neap_status neapi_engine_answer(neapi_engine *engine, const neapi_message *query, neap_text json,
                                neapi_call *call, neapi_buffer *answer, neap_error *error);

/* ---- Middleware (core/script/chain.c) -------------------------------------------------------- */

typedef enum neapi_chain_stop {
    NEAPI_CHAIN_ENDED,
    NEAPI_CHAIN_NEXT,  /* wants `message`, with `json`, to be handled */
    NEAPI_CHAIN_SLEEP, /* until wake_us */
} neapi_chain_stop;

/* One message on its way through the domain's middleware: it runs until it stops to wait, and goes
 * on when it is told to. */
typedef struct neapi_chain {
    /* The caller's to set, all else zero; they live as long as the chain. */
    const neapi_message *message; /* NEXT: the one to be handled, perhaps another */
    neapi_call *call;
    neap_text key;
    int64_t deadline_us; /* monotonic, or NEAPI_NO_DEADLINE; the chain may narrow it for a while */

    /* How it stopped. */
    neapi_chain_stop stop;
    int64_t wake_us;
    neapi_buffer json; /* ENDED: of a query's answer. The caller's to free */
    bool effect;       /* what it had handled took effect, or may have */

    /* The engine's own. */
    neapi_engine *engine;
    neap_kind kind;
    neap_text name;
    unsigned waits;
    uint64_t instructions;
    bool succeeded, failed;
    struct neapi_chain_thread *thread;
    struct neapi_chain_context *context;
} neapi_chain;

/* What came of what the chain wanted: an error, a command's receipt, or a query's answer. */
typedef struct neapi_chain_outcome {
    const neap_error *error;
    const neap_receipt *receipt;
    neap_text json;
} neapi_chain_outcome;

bool neapi_engine_has_middleware(const neapi_engine *engine);

/* Begins with a message, and goes on (outcome NULL: the sleep is over). NEAP_OK: see chain->stop;
 * else the chain has ended with that error. Errors: NEAP_INVALID (start: the message),
 * NEAP_HANDLER, NEAP_LIMIT, NEAP_NOMEM, and whatever the middleware gives. */
neap_status neapi_engine_chain_start(neapi_engine *engine, neapi_chain *chain, neap_text json,
                                     neap_error *error);
neap_status neapi_engine_chain_resume(neapi_engine *engine, neapi_chain *chain,
                                      const neapi_chain_outcome *outcome, neap_error *error);
/* Ends a chain that waits. */
void neapi_engine_chain_drop(neapi_engine *engine, neapi_chain *chain);

/* Checks a message's JSON against its schema and gives its canonical form (NULL: only checks): for
 * handlers in C. */
neap_status neapi_engine_check(neapi_engine *engine, const neapi_message *message, neap_text json,
                               neapi_buffer *canonical, neap_error *error);

/* Adds an event to the unit as context:publish does: checked, canonical, with envelope from the
 * call. */
neap_status neapi_engine_publish(neapi_engine *engine, const neapi_message *event, neap_text stream,
                                 uint64_t expected, neap_text json, neapi_call *call,
                                 neapi_unit *unit, neap_error *error);

/* A fact as an earlier version of the domain recorded it. */
typedef struct neapi_earlier {
    neap_text type; /* as it was called then */
    uint32_t schema;
    const neap_text *tags; /* checked */
    uint32_t tag_count;
} neapi_earlier;

/* Checks it, though not against today's schema, and appends its canonical JSON. Errors:
 * NEAP_UNKNOWN (its type), NEAP_INVALID (its schema version; the JSON is no object), NEAP_LIMIT,
 * NEAP_NOMEM. */
neap_status neapi_engine_check_earlier(neapi_engine *engine, const neapi_earlier *earlier,
                                       neap_text json, neapi_buffer *canonical, neap_error *error);
/* Adds it to the unit, checked like this. */
neap_status neapi_engine_publish_earlier(neapi_engine *engine, const neapi_earlier *earlier,
                                         neap_text stream, uint64_t expected, neap_text json,
                                         neapi_call *call, neapi_unit *unit, neap_error *error);

/* Finds out what reading a stored event comes to. *error (not NULL) says what is wrong with one
 * that is NEAP_READING_REFUSED or worse. Errors: NEAP_NOMEM. */
neap_status neapi_engine_examine(neapi_engine *engine, const neap_event *stored,
                                 neap_reading *reading, neap_error *error);

/* Bytes of Lua in use. */
size_t neapi_engine_memory(const neapi_engine *engine);
/* Collects all garbage. */
void neapi_engine_collect(neapi_engine *engine);

#endif
