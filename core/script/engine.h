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
#include "script/effects.h"
#include "script/signals.h"
#include "store/unit.h"

typedef struct neapi_engine neapi_engine;

/* The domain's files, each read once, so that every engine runs the same bytes. The first engine
 * that loads adds what it requires; afterwards sealed. Threads: owner until sealed, then immutable.
 */
typedef struct neapi_sources neapi_sources;

/* Reads the domain's file. Errors: NEAP_USAGE (cannot be read, is bytecode), NEAP_LIMIT (over 1
 * MiB), NEAP_NOMEM. */
neap_status neapi_sources_open(const char *path, neapi_sources **sources, neap_error *error);
/* The same files, already read, with other functions in the place of some of the domain's: a JSON
 * list of {"of":…,"name":…,"code":…}, as neap_branch_options has it; in place of what the sources
 * replace. Errors: NEAP_NOMEM. */
neap_status neapi_sources_replaced(const neapi_sources *sources, neap_text replacements,
                                   neapi_sources **replaced, neap_error *error);
void neapi_sources_free(neapi_sources *sources);
/* A hash of all files as hex text: which code a snapshot was folded by. Lifetime: the sources'. */
neap_text neapi_sources_fingerprint(const neapi_sources *sources);

/* A folded state that lives in the engine. Freed by neapi_engine_state_free, or with the engine. */
typedef int neapi_state;
#define NEAPI_NO_STATE        0
#define NEAPI_STATE_ELSEWHERE (-1) /* another engine has it */

typedef struct neapi_engine_options {
    const neapi_platform *platform;
    size_t memory_bytes, allocation_bytes, unit_bytes, message_bytes;
    uint64_t instructions;
    uint32_t ms;
    unsigned depth, unit_events;
    bool ordered, backward; /* how `pairs` goes through tables: see core/script/order.h */
    neap_log_callback log;  /* gets the domain's print; may be NULL */
    void *log_user;
    /* Called from within a run, for context:state(). id: a key, or a JSON object of tags' values.
     * Gives a copy of its own of the accepted state, which the engine frees; NEAPI_NO_STATE with
     * NEAP_OK: the stream does not exist; NEAPI_STATE_ELSEWHERE: the run has to wait for it. */
    neap_status (*load_state)(void *host, const neapi_aggregate *aggregate, neap_text id,
                              neapi_state *copy, neap_error *error);
    /* Called from within a run, for context:find() and context:list(): append JSON, as neap_find()
     * and neap_list() give it. NULL: not available. */
    neap_status (*find_document)(void *host, neap_text projection, neap_text key,
                                 neapi_buffer *json, bool *found, neap_error *error);
    neap_status (*list_documents)(void *host, neap_text projection,
                                  const neap_list_options *options, neapi_buffer *json,
                                  neap_error *error);
    /* The same for context:select(). parameters: a JSON list, or empty. */
    neap_status (*select_rows)(void *host, neap_text projection, neap_text statement,
                               neap_text parameters, neapi_buffer *json, neap_error *error);
    /* Called before a handler is stopped for memory: frees, with neapi_engine_state_free and
     * nothing else of the engine, the states that are only kept for speed. May be NULL. */
    void (*let_go)(void *host);
    /* Called before Lua is entered and when it was left. `left` may not return, if nothing of the
     * engine is to be used any more but neapi_engine_close(). May be NULL. */
    void (*entering)(void *host);
    void (*left)(void *host);
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
/* What its options' functions are called with from now on. */
void neapi_engine_set_host(neapi_engine *engine, void *host);
void neapi_engine_close(neapi_engine *engine);
neapi_catalog *neapi_engine_catalog(neapi_engine *engine);

/* One function of a service that the host provides. */
typedef struct neapi_service {
    const char *service, *name;
    neap_service_function function;
    void *user;
} neapi_service;

/* Who is told what services are asked to do, in place of the services: `arguments` is a JSON list.
 * answers: a JSON object of objects, by service and function: what they give; or empty. */
typedef struct neapi_service_recorder {
    neap_status (*note)(void *user, const char *service, const char *name, neap_text arguments,
                        neap_error *error); /* NULL: services do what they are asked */
    void *user;
    neap_text answers;
} neapi_service_recorder;

/* What the host gives to the domain's services. JSON objects by service's name, or empty. */
typedef struct neapi_service_options {
    neap_text config, modules;
    const neapi_service *provided; /* as long as the engine */
    size_t provided_count;
    neapi_service_recorder recorder;
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
    neapi_signals *signals; /* gets transient events; NULL: there can be none */
} neapi_call;

/* The call of the message that is being handled, or is in its middleware, as it was given to the
 * engine; NULL: none is. */
const neapi_call *neapi_engine_call(const neapi_engine *engine);
/* Where the domain's print goes from now on. */
void neapi_engine_set_log(neapi_engine *engine, neap_log_callback log, void *user);

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
/* The same of what lies at a path in it, a JSON list as neapi_json_at() takes. *there: there is
 * something. */
neap_status neapi_engine_state_field_json(neapi_engine *engine, neapi_state state, neap_text path,
                                          neapi_buffer *json, bool *there, neap_error *error);
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
/* The same, of what was decided long ago: what it decides is added to the unit, and not folded. The
 * state is as it was, unless *spoilt is set. */
neap_status neapi_engine_decide_again(neapi_engine *engine, const neapi_message *command,
                                      neapi_state state, const neapi_instance *instance,
                                      neap_text json, neapi_call *call, neapi_unit *unit,
                                      bool *spoilt, neap_error *error);

/* What a stored event is today: of today's type and schema, its data upcast. Lifetime: the arena's,
 * but for what was left as it is. Errors: NEAP_CORRUPT (the domain cannot read it), NEAP_HANDLER
 * (an upcaster), NEAP_LIMIT, NEAP_NOMEM; they name the event. */
neap_status neapi_engine_today(neapi_engine *engine, const neap_event *stored, neapi_arena *arena,
                               const neap_event **events, size_t *count, neap_error *error);

/* Append where the domain has the function that handles a stored event in an aggregate or else a
 * subscription (the other is NULL), "shop.lua:21", or that decides a command. Where it has none,
 * that is where the aggregate, subscription or command is defined. */
void neapi_engine_place_of_event(const neapi_engine *engine, const neapi_aggregate *aggregate,
                                 const neapi_subscription *subscription, const neap_event *event,
                                 neapi_buffer *place);
void neapi_engine_place_of_command(const neapi_engine *engine, const neapi_message *command,
                                   neapi_buffer *place);

/* ---- Projections (core/script/project.c, documents.c) ---------------------------------------- */

/* The documents of one projection's partition, kept in the engine from one batch to the next, by
 * key. A document is a table; one that is empty is as good as none. Freed by
 * neapi_engine_documents_free, or with the engine. */
typedef int neapi_documents;
#define NEAPI_NO_DOCUMENTS 0

/* Errors: NEAP_NOMEM, NEAP_LIMIT. */
neap_status neapi_engine_documents_new(neapi_engine *engine, const neapi_subscription *projection,
                                       neapi_documents *documents, neap_error *error);
/* May be called from let_go, but not for those that are being folded. */
void neapi_engine_documents_free(neapi_engine *engine, neapi_documents documents);

typedef struct neapi_projecting {
    const neapi_subscription *projection; /* without SQL */
    neapi_documents documents;
    uint32_t partition, partitions; /* documents of other partitions are left alone */
    neap_text only;                 /* and those of other keys; empty: of none */
    /* Finds a document as it is stored; called from within, once for each that is not kept here. Of
     * the engine it uses nothing. Lifetime: the data's until the next call. */
    neap_status (*find)(void *host, neap_text key, neap_text *data, bool *found, neap_error *error);
    void *host;
} neapi_projecting;

/* Folds stored events in order, entering Lua once: the limits are those of one handler. Events of
 * types that the projection does not want are passed over; old ones are upcast. After a failure
 * *failed is the index of the event, which the error names, and the documents are to be freed.
 * Errors: NEAP_HANDLER (a fold, a key), NEAP_CORRUPT (an event, a document that cannot be read),
 * NEAP_LIMIT, NEAP_NOMEM, what `find` gives. */
neap_status neapi_engine_project(neapi_engine *engine, const neapi_projecting *where,
                                 const neap_event *const *events, size_t count, size_t *failed,
                                 neap_error *error);
/* Adds a PUT or a DROP to the unit for each document that was changed since they were saved last,
 * in the order of the first change. After a failure unit and documents are to be let go. Errors:
 * NEAP_HANDLER (naming the document and the path of what JSON cannot say, or of a table that is in
 * two places), NEAP_LIMIT, NEAP_NOMEM. */
neap_status neapi_engine_documents_save(neapi_engine *engine, neapi_documents documents,
                                        neap_text collection, neapi_unit *unit, neap_error *error);
/* How many have changed since they were saved last. */
size_t neapi_engine_documents_changed(const neapi_engine *engine, neapi_documents documents);
/* Lets go of those used least recently, down to so many; those that are not saved stay. May be
 * called from let_go. */
void neapi_engine_documents_trim(neapi_engine *engine, neapi_documents documents, size_t most);
/* How many are kept. */
size_t neapi_engine_documents_count(const neapi_engine *engine, neapi_documents documents);
/* Appends a kept document's canonical JSON. *found: it is kept and not empty. Errors: as saving. */
neap_status neapi_engine_document_json(neapi_engine *engine, neapi_documents documents,
                                       neap_text key, neapi_buffer *json, bool *found,
                                       neap_error *error);

/* Of a projection with SQL: its folds say which statements are to be run. */
typedef struct neapi_projecting_rows {
    const neapi_subscription *projection; /* with SQL */
    uint32_t build;                       /* whose tables they are for */
    uint32_t partition, partitions; /* more than one: an event is of the partition of its first key,
                                       and of none if it has no key */
    neapi_unit *unit;               /* gets a statement for each call of sql() */
} neapi_projecting_rows;

/* As neapi_engine_project. After a failure the unit has what came before, and is to be let go. Each
 * statement has the position of its event. Errors: NEAP_HANDLER also for values that SQL has not.
 */
neap_status neapi_engine_project_rows(neapi_engine *engine, const neapi_projecting_rows *where,
                                      const neap_event *const *events, size_t count, size_t *failed,
                                      neap_error *error);

/* ---- Runs (core/script/run.c) ---------------------------------------------------------------- */

/* What is being handled, and so what `context` allows. */
typedef enum neapi_handling {
    NEAPI_HANDLING_NOTHING,
    NEAPI_HANDLING_DECISION, /* an aggregate's command */
    NEAPI_HANDLING_COMMAND,  /* a plain handler */
    NEAPI_HANDLING_QUERY,
    NEAPI_HANDLING_MIDDLEWARE,
    NEAPI_HANDLING_PROJECTION, /* an event */
    NEAPI_HANDLING_SUBSCRIBER, /* an event */
    NEAPI_HANDLING_SAGA,       /* an event, a timeout or a rejection */
} neapi_handling;

typedef enum neapi_run_stop {
    NEAPI_RUN_ENDED,
    NEAPI_RUN_NEXT,     /* wants the message to be handled, or another in its place */
    NEAPI_RUN_DISPATCH, /* wants a command to be handled */
    NEAPI_RUN_QUERY,
    NEAPI_RUN_STATE, /* of an aggregate's instance */
    NEAPI_RUN_SLEEP,
} neapi_run_stop;

/* What a run wants while it waits. */
typedef struct neapi_wanted {
    const neapi_message *message; /* to be handled, with run->json */
    neap_text key;                /* DISPATCH: its idempotency key; in Lua, until the run goes on */
    const neapi_aggregate *aggregate; /* STATE */
    neap_text id;                     /* STATE: as in load_state; in Lua, until the run goes on */
    int64_t until_us;                 /* when it waits no longer: monotonic, or NEAPI_NO_DEADLINE */
} neapi_wanted;

/* A message in Lua that may wait: a plain handler, a query's answer, middleware, or a subscriber's
 * event. It runs until it stops to wait, and goes on when it is told to. */
typedef struct neapi_run {
    /* The caller's to set, all else zero; they live as long as the run. */
    neapi_handling kind;                    /* COMMAND, QUERY, MIDDLEWARE or SUBSCRIBER */
    const neapi_message *message;           /* of an event NULL, if it has none today */
    const neapi_subscription *subscription; /* SUBSCRIBER, and MIDDLEWARE of an event */
    const neap_event *event;  /* likewise: as it is stored, or transient; NULL: it is none */
    const unsigned *failures; /* of an event: attempts at it that have failed */
    neapi_effects *effects;   /* COMMAND, SUBSCRIBER: what it sends goes there; NULL: it cannot. If
                                 it fails they are to be cleared */
    neapi_call *call;
    neapi_unit *unit;    /* COMMAND: what it publishes goes there */
    neap_text key;       /* the message's idempotency key */
    int64_t deadline_us; /* monotonic, or NEAPI_NO_DEADLINE; it may be narrowed for a while */

    /* How it stopped. */
    neapi_run_stop stop;
    neapi_wanted wanted;
    neapi_buffer json; /* of what is wanted; ENDED: of a query's answer. The caller's to free */
    bool effect;       /* what it had handled took effect, or may have */

    /* The engine's own. */
    neapi_engine *engine;
    uint64_t number; /* no other run of the engine has it */
    unsigned waits;
    uint64_t asks; /* calls that wrote to json */
    uint64_t instructions;
    int64_t spent_us;
    bool succeeded, failed, dropped;
    bool expired;      /* something that it waited for was not given, for its time was over */
    neap_error *error; /* where its failure goes, while it runs */
    struct neapi_thread *thread;
    struct neapi_context *context;
} neapi_run;

/* What came of what the run wanted: an error, a command's receipt, or bytes: a query's answer as
 * JSON, a state as neapi_engine_state_save() gives it (none: it does not exist). */
typedef struct neapi_run_outcome {
    const neap_error *error;
    const neap_receipt *receipt;
    neap_text bytes;
} neapi_run_outcome;

bool neapi_engine_has_middleware(const neapi_engine *engine);

/* Fills a call that an event can be handled with: id and moment are the event's, so that what it
 * has dispatched was caused by it, and what it sends `after` a time counts from then. */
void neapi_engine_event_call(const neap_event *event, neapi_call *call);

/* Begins with a message, and goes on (outcome NULL: the sleep is over). NEAP_OK: see run->stop;
 * else it has ended with that error, and the unit is to be cleared. json: the message's; of a
 * subscriber's event, which brings its own data, it is not looked at. An event that the subscriber
 * does not handle is over at once. Errors: NEAP_INVALID (start: the message), NEAP_CORRUPT (start:
 * the event), NEAP_HANDLER, NEAP_LIMIT, NEAP_NOMEM, NEAP_REJECTED, and whatever middleware gives.
 */
neap_status neapi_engine_run_start(neapi_engine *engine, neapi_run *run, neap_text json,
                                   neap_error *error);
neap_status neapi_engine_run_resume(neapi_engine *engine, neapi_run *run,
                                    const neapi_run_outcome *outcome, neap_error *error);
/* Ends a run that waits: its pending variables are closed. */
void neapi_engine_run_drop(neapi_engine *engine, neapi_run *run);
/* Frees what is left of a run whose engine is closed, or will not be entered any more. */
void neapi_engine_run_forget(neapi_run *run);

/* ---- Sagas (core/script/saga.c) -------------------------------------------------------------- */

/* Whether the subscriber or saga has a function for the event's type as it is today: for transient
 * ones. */
bool neapi_engine_handles(const neapi_engine *engine, const neapi_subscription *subscription,
                          const neapi_message *event);

/* The keys of the sagas, or documents, that a stored event belongs to, each once, in the order in
 * which they were given; texts are the arena's. None: it is passed over. Errors: NEAP_HANDLER (the
 * key's function, what is no key), NEAP_CORRUPT, NEAP_LIMIT, NEAP_NOMEM; they name the event. */
neap_status neapi_engine_event_keys(neapi_engine *engine, const neapi_subscription *subscription,
                                    const neap_event *event, neapi_arena *arena,
                                    const neap_text **keys, size_t *count, neap_error *error);

/* One saga while it handles something. */
typedef struct neapi_saga_step {
    const neapi_subscription *saga;
    neap_text key;
    /* Its state, the caller's (neapi_engine_state_save and _load keep it); NEAPI_NO_STATE: it has
     * not begun, and if it begins the engine makes one. */
    neapi_state state;
    neapi_effects *effects; /* adds what it wants done */
    bool handled;           /* gets whether one of its functions was called */
} neapi_saga_step;

/* Call the saga's functions, entering Lua once; they are pure, and cannot wait. After a failure, if
 * the state was there before, it is half changed and to be freed, with the effects to be cleared.
 * Errors: NEAP_HANDLER, NEAP_CORRUPT, NEAP_LIMIT, NEAP_NOMEM; they name the saga, its key and what
 * it handled. */

/* A stored event, one of whose keys is the step's. One that does not start it is passed over while
 * it has not begun; events behind its end are too. */
neap_status neapi_engine_saga_event(neapi_engine *engine, neapi_saga_step *step,
                                    const neap_event *event, neap_error *error);

/* Its timeout is over. call: id (the timeout's), correlation_id, now_us (when it was due). */
neap_status neapi_engine_saga_timeout(neapi_engine *engine, neapi_saga_step *step, neap_text name,
                                      const neapi_call *call, neap_error *error);

/* A command that it sent was rejected, or failed for good. Without a function for that in the
 * domain the saga fails: NEAPI_EFFECT_FAIL. */
typedef struct neapi_saga_rejection {
    neap_text command;     /* its name; the domain may have it no more */
    neap_text data;        /* JSON, as it was sent */
    const neap_error *why; /* code, message, details */
} neapi_saga_rejection;

/* call: id (the command's), correlation_id, now_us. */
neap_status neapi_engine_saga_rejected(neapi_engine *engine, neapi_saga_step *step,
                                       const neapi_saga_rejection *rejection,
                                       const neapi_call *call, neap_error *error);

/* ---- Checking -------------------------------------------------------------------------------- */

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

/* Whether a saga has a function for the timeout of that name. Errors: NEAP_NOMEM. */
neap_status neapi_engine_has_timeout(neapi_engine *engine, const neapi_subscription *saga,
                                     neap_text name, bool *has, neap_error *error);

/* Bytes of Lua in use. */
size_t neapi_engine_memory(const neapi_engine *engine);
/* Collects all garbage. */
void neapi_engine_collect(neapi_engine *engine);

#endif
