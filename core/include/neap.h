/* neap.h: embeds the Neap event-sourcing runtime in a C or C++ program.
 *
 * Conventions:
 *
 * - Text is UTF-8, given as pointer and size; it is borrowed for the call unless a prototype says
 *   otherwise.
 * - Errors: a function that can fail returns a neap_status and fills the caller's neap_error (which
 *   may be NULL). On failure outputs are untouched and ownership has not moved. The library never
 *   prints, exits or aborts.
 * - Threads: "any" may be called from every thread at once, "owner" by one thread at a time.
 * - Sizes are bytes. Times are in milliseconds (_ms) or microseconds (_us).
 */
#ifndef NEAP_H
#define NEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEAP_VERSION "0.1.0"

#if defined(__GNUC__)
#define NEAP_API __attribute__((visibility("default")))
#else
#define NEAP_API
#endif

/* What became of a call. The names, lower case and without the prefix, are the codes that Lua and
 * JSON show. */
typedef enum neap_status {
    NEAP_OK = 0,
    NEAP_REJECTED,  /* the domain said no; neap_error.code is the domain's own code */
    NEAP_INVALID,   /* a message does not fit its schema, or is not JSON */
    NEAP_UNKNOWN,   /* no such message, aggregate, stream, event … */
    NEAP_CONFLICT,  /* somebody else changed what was decided on, and deciding again did not help */
    NEAP_DUPLICATE, /* the idempotency key was used with another command */
    NEAP_HANDLER,   /* a handler raised an error; see neap_error.traceback */
    NEAP_LIMIT,     /* memory, instructions, time, depth or size */
    NEAP_TIMEOUT,   /* the caller's time is over; see neap_error.outcome_unknown */
    NEAP_BUSY,      /* a queue is full, or somebody else holds the store */
    NEAP_UNAVAILABLE, /* worth another try */
    NEAP_CORRUPT,     /* the store is damaged, foreign, or newer than this library */
    NEAP_STORE,       /* the store failed: disk full, permission denied … */
    NEAP_CLOSED,      /* the runtime or store is closing or closed */
    NEAP_USAGE,       /* the caller's mistake: a wrong option, a call where none may be */
    NEAP_NOMEM        /* an allocation was refused */
} neap_status;

/* The status' name, "ok", "rejected" … Lifetime: static. Threads: any. */
NEAP_API const char *neap_status_name(neap_status status);

/* What went wrong. Every text is terminated; one that is empty has nothing to say. */
typedef struct neap_error {
    neap_status status;
    bool outcome_unknown; /* true: the effect may have become durable, or may yet */
    uint32_t line;        /* place in the JSON that was given, from 1; 0: none */
    uint32_t column;      /* in bytes, from 1; 0: none */
    char code[64];        /* neap_status_name(status); for NEAP_REJECTED the domain's own code */
    char message[1024];   /* what was wrong, where, and what was expected */
    char path[256];       /* the field, as in "items[2].sku" */
    char details[2048];   /* JSON that the domain gave with its rejection */
    char traceback[2048]; /* of NEAP_HANDLER and NEAP_LIMIT: the domain's own lines */
} neap_error;

/* Borrowed bytes; not terminated. */
typedef struct neap_text {
    const char *data;
    size_t size;
} neap_text;

typedef struct neap_uuid {
    uint8_t bytes[16];
} neap_uuid;

/* Writes the 36 characters and the terminator of a UUID's text form (RFC 9562, section 4). Threads:
 * any. */
NEAP_API void neap_uuid_format(neap_uuid uuid, char text[37]);

/* One stored event: a fact and its envelope. Lifetime: said by who hands it out. */
typedef struct neap_event {
    uint64_t position;   /* place in the whole store, 1 … n without a hole */
    uint64_t version;    /* place in its stream, 1 … n without a hole */
    int64_t recorded_at; /* µs since 1970, UTC */
    neap_uuid id;
    neap_uuid correlation_id; /* shared by everything that one outside message set off */
    neap_uuid causation_id;   /* the message that directly caused this event */
    neap_uuid command_id;     /* the command that decided it; all zero: none */
    uint32_t schema;          /* version of the type's schema, from 1 */
    uint32_t tag_count;
    neap_text type;
    neap_text stream;
    neap_text data;        /* JSON, canonical */
    neap_text meta;        /* a flat JSON object of texts, or empty */
    const neap_text *tags; /* "name:value", sorted bytewise */
} neap_event;

typedef enum neap_log_level {
    NEAP_LOG_DEBUG,
    NEAP_LOG_INFO,
    NEAP_LOG_WARN,
    NEAP_LOG_ERROR
} neap_log_level;

/* Receives what the library and the domain's `print` have to say. `text` is terminated, without a
 * newline, and valid during the call. Threads: called from any, one at a time per runtime; must not
 * call the runtime. */
typedef void (*neap_log_callback)(void *user, neap_log_level level, const char *text);

/* Gives the time in µs since 1970, UTC. Threads: the runtime's own, several at once, or with lanes
 * 0 the caller's; must be quick and must not call the runtime. */
typedef int64_t (*neap_clock)(void *user);

/* Set by neap_options_init(); change what you want otherwise. Texts are copied by neap_load(). */
typedef struct neap_options {
    size_t size;           /* set by neap_options_init(), so that options can grow */
    const char *store;     /* URL: "memory:" (default), "sqlite:PATH[?synchronous=full|normal]" */
    bool read_only;        /* opens the store for reading; dispatch answers NEAP_USAGE */
    bool record_commands;  /* true: the command that decided is recorded with its events */
    unsigned lanes;        /* 1; 0: no threads, see below */
    unsigned queue_length; /* 10,000 messages waiting per lane, then NEAP_BUSY or waiting */
    unsigned conflict_retries;     /* 3 */
    unsigned warm_aggregates;      /* 100,000 folded states kept per lane */
    unsigned nesting_depth;        /* 100: of JSON, of tables */
    unsigned unit_events;          /* 1,000 events one handler may record */
    size_t unit_bytes;             /* 4 MiB of JSON one handler may record */
    size_t message_bytes;          /* 4 MiB of JSON one message may have */
    size_t lane_memory_bytes;      /* 256 MiB of Lua per lane, checked by the hook */
    size_t allocation_bytes;       /* 64 MiB for one single request of Lua */
    uint64_t handler_instructions; /* 100,000,000 */
    uint32_t handler_ms;           /* 5,000 */
    uint32_t close_ms;        /* 10,000: how long neap_close() goes on with what was accepted */
    int64_t key_retention_ms; /* 7 days: how long an idempotency key is kept */
    size_t snapshot_bytes;    /* 16 MiB: a state that takes more gets no snapshot */
    neap_log_callback log;    /* NULL: silent */
    void *log_user;
    neap_clock clock; /* NULL: the machine's; else the time of what is recorded */
    void *clock_user;
    uint64_t seed;        /* 0: none; else the ids that are made follow from it (and the clock) */
    const char *config;   /* JSON object: by service, what its factory gets; NULL: nothing */
    const char *services; /* JSON object: by service, the module beside the domain that gives it
                             instead of the domain's own; NULL: none */
} neap_options;

NEAP_API void neap_options_init_sized(neap_options *options, size_t size);
#define neap_options_init(options) neap_options_init_sized((options), sizeof *(options))

/* With lanes == 0 a runtime has no threads. Whoever waits for it does the work meanwhile, his own
 * and what others sent: handlers, commits and callbacks run on his thread. What was sent with
 * neap_send() is done by the next call that waits, neap_drain() or neap_close() for example.
 * Threads that call at the same time take turns. Everything else is as with lanes. */
typedef struct neap_runtime neap_runtime;
typedef struct neap_reply neap_reply;

/* Reads and checks the domain at `path`, and opens nothing else yet: handlers can be registered
 * now. Owns: the caller owns *runtime, until neap_close(). options may be NULL. Threads: any.
 * Errors: USAGE (an option, the file cannot be read), HANDLER (the domain is wrong: file and line),
 * LIMIT, NOMEM. */
NEAP_API neap_status neap_load(const char *path, const neap_options *options,
                               neap_runtime **runtime, neap_error *error);

/* Opens the store and starts the lanes. On failure the runtime stays loaded; close it.
 * Threads: owner. Errors: USAGE (a command or query without handler), BUSY (who holds the store),
 * CORRUPT, STORE, NOMEM. */
NEAP_API neap_status neap_start(neap_runtime *runtime, neap_error *error);

/* neap_load() and neap_start() in one; on failure nothing is left open. */
NEAP_API neap_status neap_open(const char *path, const neap_options *options,
                               neap_runtime **runtime, neap_error *error);

/* Accepts nothing more, goes on with what was accepted for options.close_ms, answers the rest
 * NEAP_CLOSED, frees all. NULL is allowed. Threads: owner, no call under way, not one of the
 * runtime's own (there it does nothing but log); replies may outlive it; cursors must be closed
 * before. */
NEAP_API void neap_close(neap_runtime *runtime);

/* Returns after everything accepted before the call has been answered. Threads: any. Errors:
 * TIMEOUT (0: no limit). */
NEAP_API neap_status neap_drain(neap_runtime *runtime, uint32_t timeout_ms, neap_error *error);

typedef struct neap_dispatch_options {
    size_t size;
    const char *idempotency_key; /* takes effect once while the key is kept; NULL: none; at most 512
                                    bytes */
    const char *meta; /* terminated flat JSON object of texts, kept with the events; NULL: none */
    const char *correlation_id; /* UUID text; NULL: the command's own id */
    const char *causation_id;   /* UUID text; NULL: none */
    uint32_t timeout_ms;        /* 0: waits as long as it takes */
    bool fail_when_full; /* true: a full queue answers NEAP_BUSY at once instead of waiting */
    /* For neap_publish() alone, a fact as an earlier version of the domain recorded it. */
    uint32_t schema;       /* the version of its type's schema then, from 1; 0: it is of today */
    const neap_text *tags; /* with schema: what it was tagged with, as in neap_event */
    uint32_t tag_count;
} neap_dispatch_options;

NEAP_API void neap_dispatch_options_init_sized(neap_dispatch_options *options, size_t size);
#define neap_dispatch_options_init(options)                                                        \
    neap_dispatch_options_init_sized((options), sizeof *(options))

/* Decides a command and waits until its events are durable. json: the command's fields, an object.
 * Owns: the caller owns *reply (neap_reply_free); reply may be NULL. Threads: any but the runtime's
 * own. Errors: REJECTED, INVALID, UNKNOWN, CONFLICT, DUPLICATE, HANDLER, LIMIT, TIMEOUT, BUSY,
 * UNAVAILABLE, CORRUPT (a stored event that the domain cannot read), STORE, CLOSED, USAGE, NOMEM.
 */
NEAP_API neap_status neap_dispatch(neap_runtime *runtime, const char *name, const char *json,
                                   size_t json_size, const neap_dispatch_options *options,
                                   neap_reply **reply, neap_error *error);

/* Receives the outcome of neap_send(), once. reply: NULL unless status is NEAP_OK; the callback
 * owns it. error: valid during the call. Threads: called on one of the runtime's own; must be quick
 * and must not wait. */
typedef void (*neap_callback)(void *user, neap_status status, neap_reply *reply,
                              const neap_error *error);

/* Queues a command; its outcome goes to `callback` (NULL: to nobody). What fails here is not queued
 * and not called back. timeout_ms is taken from when the command begins to wait. Threads: any. */
NEAP_API neap_status neap_send(neap_runtime *runtime, const char *name, const char *json,
                               size_t json_size, const neap_dispatch_options *options,
                               neap_callback callback, void *user, neap_error *error);

/* Records an event from outside, a fact that no command decided, and waits until it is durable;
 * then it is handled as any other. stream: whose event it is, as in "Stock-s-1". expected: the
 * stream's version before it (0: it must not exist), or NEAP_ANY_VERSION. The receipt has no
 * command_id.
 *
 * With options.schema it is recorded as an earlier version of the domain did: type is a name that
 * the domain reads, also a former or a retired one; json, an object, is made canonical and not
 * checked against today's schema; tags are those of options.tags. Whoever reads it does so through
 * the domain's upcasters.
 *
 * Owns, Threads: as neap_dispatch(). Errors: INVALID (its fields, the stream's name, a schema
 * version that the domain does not read), UNKNOWN, CONFLICT (not as expected), DUPLICATE, HANDLER,
 * LIMIT, TIMEOUT, BUSY, UNAVAILABLE, STORE, CLOSED, USAGE (tags without schema), NOMEM. */
NEAP_API neap_status neap_publish(neap_runtime *runtime, const char *stream, uint64_t expected,
                                  const char *type, const char *json, size_t json_size,
                                  const neap_dispatch_options *options, neap_reply **reply,
                                  neap_error *error);

/* Asks a query and waits for its answer. Errors: as neap_dispatch(), without those of durability.
 * Threads: as there. */
NEAP_API neap_status neap_query(neap_runtime *runtime, const char *name, const char *json,
                                size_t json_size, uint32_t timeout_ms, neap_reply **reply,
                                neap_error *error);

/* An aggregate's folded state as JSON; version 0: as of now, else as of that version. By tags the
 * id is a JSON object of their values, {"course":"c-1"}, and the version a position of the store.
 * Errors: UNKNOWN (the aggregate; the stream; fewer versions than asked for), HANDLER, LIMIT,
 * CORRUPT, STORE. */
NEAP_API neap_status neap_state(neap_runtime *runtime, const char *aggregate, const char *id,
                                uint64_t version, neap_reply **reply, neap_error *error);

/* The reply's JSON, terminated: a receipt, a query's answer, a state. Lifetime: the reply's. size
 * may be NULL. */
NEAP_API const char *neap_reply_json(const neap_reply *reply, size_t *size);

/* What a command's effect was. */
typedef struct neap_receipt {
    neap_uuid command_id; /* all zero: an event from outside */
    neap_text
        stream; /* of the last event recorded, or of the aggregate that decided; empty: none */
    uint64_t version;        /* of that stream after the command */
    uint64_t position;       /* of the last event that the decision rests on */
    size_t event_count;      /* 0: decided that nothing happens */
    const neap_text *events; /* their types, in order */
    bool repeated;           /* the idempotency key was known: this is the first one's receipt */
} neap_receipt;

/* The receipt of a command; NULL for other replies. Lifetime: the reply's. */
NEAP_API const neap_receipt *neap_reply_receipt(const neap_reply *reply);

NEAP_API void neap_reply_free(neap_reply *reply);

typedef enum neap_kind {
    NEAP_KIND_COMMAND,
    NEAP_KIND_EVENT,
    NEAP_KIND_QUERY,
    NEAP_KIND_AGGREGATE
} neap_kind;

typedef struct neap_definition {
    neap_kind kind;
    const char *name;
    const char *file; /* where it was defined */
    int line;
    const char *handled_by; /* a command's aggregate, "handler" or "host"; a query's "answer" or
                               "host"; NULL: nobody */
} neap_definition;

/* The index-th definition of a loaded domain, in order of definition; false past the last.
 * Lifetime: the runtime's. Threads: any. */
NEAP_API bool neap_definition_at(const neap_runtime *runtime, size_t index,
                                 neap_definition *definition);

NEAP_API const char *neap_domain_name(const neap_runtime *runtime);

/* What a handler may do while it runs. Lifetime: the handler's call. Threads: the one that calls
 * the handler. */
typedef struct neap_context neap_context;

/* Decides a command of its own: publishes events with neap_context_publish(), all durable together
 * or not at all. Returns NEAP_OK, or fills error (see neap_context_reject). May run again after a
 * conflict. */
typedef neap_status (*neap_command_handler)(neap_context *context, const char *json, size_t size,
                                            void *user, neap_error *error);
/* Answers a query with neap_context_answer(). */
typedef neap_status (*neap_query_handler)(neap_context *context, const char *json, size_t size,
                                          void *user, neap_error *error);

/* Registers the one handler of a message that the domain defines but does not handle. Between
 * neap_load and neap_start. Errors: UNKNOWN, USAGE (it has a handler; the runtime was started).
 * Threads: owner. */
NEAP_API neap_status neap_handle_command(neap_runtime *runtime, const char *name,
                                         neap_command_handler handler, void *user,
                                         neap_error *error);
NEAP_API neap_status neap_handle_query(neap_runtime *runtime, const char *name,
                                       neap_query_handler handler, void *user, neap_error *error);

#define NEAP_ANY_VERSION UINT64_MAX

/* Adds one event to the handler's unit of work. expected: the stream's version before it (0: it
 * must not exist), or NEAP_ANY_VERSION. Errors: UNKNOWN (the event), INVALID (its fields, the
 * stream's name), LIMIT, NOMEM. */
NEAP_API neap_status neap_context_publish(neap_context *context, const char *stream,
                                          uint64_t expected, const char *type, const char *json,
                                          size_t size, neap_error *error);
/* Fills error with a rejection and returns NEAP_REJECTED, to be returned by the handler. details:
 * JSON or NULL. */
NEAP_API neap_status neap_context_reject(neap_context *context, const char *code,
                                         const char *message, const char *details,
                                         neap_error *error);
NEAP_API neap_status neap_context_answer(neap_context *context, const char *json, size_t size,
                                         neap_error *error);
/* An aggregate's accepted state as JSON; *json lives until the handler returns. */
NEAP_API neap_status neap_context_state(neap_context *context, const char *aggregate,
                                        const char *id, const char **json, size_t *size,
                                        neap_error *error);
NEAP_API int64_t
neap_context_now(const neap_context *context); /* the message's recorded time, µs */
NEAP_API neap_uuid
neap_context_id(neap_context *context); /* a new id, derived from the message's */

/* A command or query on its way, as middleware of the host sees it. Lifetime: the call. */
typedef struct neap_passing {
    size_t size;    /* of this struct, which can grow */
    neap_kind kind; /* NEAP_KIND_COMMAND or NEAP_KIND_QUERY */
    const char *name;
    neap_text data;            /* JSON as it was given: its schema is not checked yet */
    neap_text meta;            /* flat JSON object of texts, or empty */
    neap_text idempotency_key; /* empty: none */
    neap_uuid command_id, correlation_id;
} neap_passing;

/* Before a message is handled, once. Returns NEAP_OK, or fills error: then it is refused with that.
 * A status of NEAP_REJECTED may have a code of its own in error->code. */
typedef neap_status (*neap_before_callback)(void *user, const neap_passing *message,
                                            neap_error *error);
/* When it is about to be answered: a command when its events are durable. reply: NULL unless status
 * is NEAP_OK; error: NULL if it is. elapsed_us: since `before`. */
typedef void (*neap_after_callback)(void *user, const neap_passing *message, neap_status status,
                                    const neap_reply *reply, const neap_error *error,
                                    int64_t elapsed_us);

/* Adds middleware around every command and query: around all of the domain's, the first that is
 * added is the outermost. Either function may be NULL. `after` is called for each message that its
 * `before` let through, in the opposite order. They are called on the lane's thread, must be quick,
 * and must not wait for the runtime. Between neap_load and neap_start. Errors: USAGE, NOMEM.
 * Threads: owner. */
NEAP_API neap_status neap_use(neap_runtime *runtime, neap_before_callback before,
                              neap_after_callback after, void *user, neap_error *error);

/* One call of a service's function. Lifetime: that call. */
typedef struct neap_service_call neap_service_call;

/* A function of a service, `context.services.<service>.<name>(argument)` in Lua: json is its
 * argument, "null" without one. It gives its result with neap_service_result() and returns NEAP_OK,
 * or fills error: nil and the error in Lua. It may block, and must not wait for the runtime.
 * Threads: one at a time per lane, on that lane's. */
typedef neap_status (*neap_service_function)(neap_service_call *call, const char *json, size_t size,
                                             void *user, neap_error *error);

/* Adds a function to a service of the host, which takes the place of the domain's service of that
 * name, or is one more. Between neap_load and neap_start. Errors: USAGE, NOMEM. Threads: owner. */
NEAP_API neap_status neap_service_provide(neap_runtime *runtime, const char *service,
                                          const char *name, neap_service_function function,
                                          void *user, neap_error *error);

/* What the call gives; without it null. The JSON is copied. Errors: INVALID (it is not JSON),
 * NOMEM. */
NEAP_API neap_status neap_service_result(neap_service_call *call, const char *json, size_t size,
                                         neap_error *error);

typedef struct neap_store neap_store;
typedef struct neap_cursor neap_cursor;

/* Opens a store for reading, without a domain. Threads: any. Errors: USAGE (URL), UNKNOWN (no such
 * store), CORRUPT, STORE. */
NEAP_API neap_status neap_store_open(const char *url, neap_store **store, neap_error *error);
NEAP_API void
neap_store_close(neap_store *store); /* NULL is allowed; cursors must be closed before */

/* Which events, in which order. All zero: everything, forward. */
typedef struct neap_filter {
    size_t size;
    const char *stream;       /* one stream; or */
    const char *category;     /* all streams whose name begins with it and a '-' */
    const char *const *types; /* any of these types */
    size_t type_count;
    uint64_t from;  /* first wanted: a version if `stream` is given, else a position; 0: from the
                       beginning */
    uint64_t to;    /* last wanted; 0: to the end */
    uint64_t limit; /* at most so many; 0: all */
    bool backward;  /* newest first; from and to keep their meaning */
} neap_filter;

NEAP_API void neap_filter_init_sized(neap_filter *filter, size_t size);
#define neap_filter_init(filter) neap_filter_init_sized((filter), sizeof *(filter))

/* A cursor over a store or a runtime's store; sees what is committed while it goes on.
 * Owns: the caller owns *cursor. Threads: any; a cursor: owner. Errors: USAGE (filter), STORE,
 * NOMEM. */
NEAP_API neap_status neap_store_read(neap_store *store, const neap_filter *filter,
                                     neap_cursor **cursor, neap_error *error);
NEAP_API neap_status neap_read(neap_runtime *runtime, const neap_filter *filter,
                               neap_cursor **cursor, neap_error *error);

/* The next event, or NULL at the end (ask again later: there may be more). Lifetime of *event:
 * until the next call. */
NEAP_API neap_status neap_cursor_next(neap_cursor *cursor, const neap_event **event,
                                      neap_error *error);
/* At the end: waits until there may be more, or the time is over; either way NEAP_OK. */
NEAP_API neap_status neap_cursor_wait(neap_cursor *cursor, uint32_t timeout_ms, neap_error *error);
/* The event last returned as one JSON object with its envelope, terminated. Lifetime: until the
 * next call. */
NEAP_API neap_status neap_cursor_json(neap_cursor *cursor, const char **json, size_t *size,
                                      neap_error *error);
NEAP_API void neap_cursor_close(neap_cursor *cursor);

typedef struct neap_verification {
    uint64_t events, streams, types, commands, keys, snapshots, findings;
} neap_verification;

/* Called for each broken invariant; text is terminated and valid during the call. */
typedef void (*neap_finding_callback)(void *user, const char *text);

/* Checks every invariant that a store at rest must hold: versions, positions, references, JSON,
 * counts. NEAP_OK: the check ran to its end, see findings. Errors: STORE, CORRUPT (it could not be
 * read to the end), NOMEM. */
NEAP_API neap_status neap_store_verify(neap_store *store, neap_finding_callback callback,
                                       void *user, neap_verification *result, neap_error *error);

/* Figures of a store. The lists' items are in memory of neap_statistics, largest first, and end
 * with next == NULL. More fields may come at the end of each. */
typedef struct neap_type_statistics {
    const struct neap_type_statistics *next;
    neap_text type;
    uint32_t schema; /* of each version of a type's schema by itself */
    uint64_t events;
    uint64_t first, last; /* positions */
    uint64_t data_bytes;  /* of JSON */
} neap_type_statistics;

typedef struct neap_category_statistics {
    const struct neap_category_statistics *next;
    neap_text category;
    uint64_t streams, events;
} neap_category_statistics;

typedef struct neap_stream_statistics {
    const struct neap_stream_statistics *next;
    neap_text stream;
    uint64_t events;
    uint64_t last; /* position */
} neap_stream_statistics;

typedef struct neap_statistics {
    int64_t taken_at; /* µs since 1970, UTC */
    uint64_t events;  /* all figures of events are as of this position */
    uint64_t tagged_events;
    uint64_t data_bytes; /* of all events' JSON */
    uint64_t streams, commands, keys, snapshots, snapshot_bytes;
    uint64_t store_bytes;         /* what the store takes where it lies; 0: nothing lasting */
    uint64_t log_bytes;           /* of that: written ahead, not yet moved to its place */
    int64_t first_at, last_at;    /* when the oldest and the newest event were recorded; 0: none */
    uint64_t last_hour, last_day; /* events recorded in that time before taken_at */
    double per_second; /* events, from first_at to last_at; 0: there is no time between */
    const neap_type_statistics *types;
    const neap_category_statistics *categories;
    const neap_stream_statistics *longest_streams; /* ten at most */
} neap_statistics;

/* Gathers the figures of a store, or of a runtime's. Goes over all events in short pieces, beside
 * whoever writes: about a second for a million. Owns: the caller (neap_statistics_free). Threads:
 * any. Errors: CORRUPT, STORE, UNAVAILABLE, NOMEM; of a runtime USAGE (it is not started). */
NEAP_API neap_status neap_store_stats(neap_store *store, const neap_statistics **statistics,
                                      neap_error *error);
NEAP_API neap_status neap_stats(neap_runtime *runtime, const neap_statistics **statistics,
                                neap_error *error);
/* As one JSON object: the fields by their names, times as text, rates. Owns: the caller
 * (neap_free()). */
NEAP_API neap_status neap_statistics_json(const neap_statistics *statistics, char **json,
                                          size_t *size, neap_error *error);
NEAP_API void neap_statistics_free(const neap_statistics *statistics); /* NULL is allowed */

/* What reading one stored event with a domain comes to. */
typedef enum neap_reading {
    NEAP_READING_CURRENT, /* it is as the domain would record it today */
    NEAP_READING_UPCAST,  /* it goes through upcasters, or had another name */
    NEAP_READING_RETIRED, /* it is passed over: its type is retired, or an upcaster drops it */
    NEAP_READING_REFUSED, /* it is read; but today's schema would refuse it, so what reads it may
                             find what it does not expect */
    /* It cannot be read; what is folded from it fails with NEAP_CORRUPT or NEAP_HANDLER. */
    NEAP_READING_UNKNOWN, /* the domain has no such event */
    NEAP_READING_NEWER,   /* its schema version is above the domain's */
    NEAP_READING_OLDER,   /* no upcaster leads on from its schema version */
    NEAP_READING_FAILED,  /* an upcaster raised an error, or gave what is no event */
    NEAP_READING_DAMAGED, /* its data is no JSON */
} neap_reading;

/* The reading's name, "current", "upcast" … Lifetime: static. Threads: any. */
NEAP_API const char *neap_reading_name(neap_reading reading);

/* Stored events of one type and schema version that a domain reads no better than
 * NEAP_READING_REFUSED. */
typedef struct neap_store_finding {
    const struct neap_store_finding *next;
    neap_text type;
    uint32_t schema;
    neap_reading reading;
    uint64_t events;
    uint64_t first, last; /* positions */
    neap_text message;    /* of the first one; terminated: what is wrong, what was expected */
} neap_store_finding;

/* What a domain makes of all events of a store. More fields may come at the end. */
typedef struct neap_store_check {
    uint64_t events; /* all, as of this position */
    uint64_t current, upcast, retired, refused, unreadable;
    const neap_store_finding *findings; /* what cannot be read first; ends with next == NULL */
} neap_store_check;

/* Reads all events of the runtime's store and finds out which of them its domain cannot read. Only
 * upcasters run, and the functions that schemas have for fields. The runtime may be started, or
 * only loaded; then its store is opened for reading meanwhile, beside whoever writes. A few
 * seconds for a million events. Owns: the caller (neap_store_check_free). Threads: any. Errors:
 * UNKNOWN (no such store), CORRUPT, STORE, UNAVAILABLE, NOMEM. */
NEAP_API neap_status neap_check_store(neap_runtime *runtime, const neap_store_check **check,
                                      neap_error *error);
NEAP_API void neap_store_check_free(const neap_store_check *check); /* NULL is allowed */

/* One member of a JSON object that is looked for. */
typedef struct neap_json_member {
    const char *name;
    bool required;
    neap_text value; /* out: the raw JSON text of the value, within the input; data is NULL if the
                        member is absent */
} neap_json_member;

/* Checks that json is one well-formed object without members other than those named, and finds
 * their values. Errors: INVALID with line, column and path. Threads: any. */
NEAP_API neap_status neap_json_members(const char *json, size_t size, neap_json_member *members,
                                       size_t count, neap_error *error);
/* Decodes a raw JSON string (with its quotes) into text, terminated. Owns: the caller (free with
 * neap_free()). Errors: INVALID (not a string), NOMEM. Threads: any. */
NEAP_API neap_status neap_json_string(neap_text raw, char **text, size_t *size, neap_error *error);
/* Encodes text as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD. Owns: the caller
 * (neap_free()). */
NEAP_API neap_status neap_json_quote(const char *text, size_t size, char **json, size_t *json_size,
                                     neap_error *error);
/* The error as one JSON object: {"code":…,"message":…,…} without what is empty. Owns: the caller
 * (neap_free()). */
NEAP_API neap_status neap_error_json(const neap_error *error, char **json, size_t *size);
NEAP_API void neap_free(void *memory);

/* As neap_load(), but the domain lives in a lua_State of the caller's (of Lua 5.4, with Neap's Lua
 * API loaded), with options.lanes 0: no limits and no hook, the caller's globals as they are. path:
 * the domain's file; NULL: the domain is the object on top of the state's stack, and stays there.
 * services: where on the stack a table is that has services by name (tables, or functions that make
 * them, or the names of modules), which take the place of the domain's; 0: none. The state must
 * outlive the runtime, and only its thread may call the runtime. Errors: as neap_load(). */
NEAP_API neap_status neap_load_in(void *lua_state, const char *path, int services,
                                  const neap_options *options, neap_runtime **runtime,
                                  neap_error *error);
/* Says in which coroutine of that state the following calls are made. Of other runtimes: does
 * nothing. Errors: USAGE (a handler of the runtime is running). */
NEAP_API neap_status neap_set_lua_thread(neap_runtime *runtime, void *lua_state, neap_error *error);

/* Pushes the Lua API's native half (what `require "neap.internal"` returns) onto a lua_State of
 * Lua 5.4, as a lua_CFunction does. Threads: the state's. */
NEAP_API int neap_lua_open(void *lua_state);

/* Which specs are run, and how. Start with neap_spec_options_init(). Texts are borrowed. */
typedef struct neap_spec_options {
    size_t size;
    const char *const *paths; /* files, and folders in which every *_spec.lua is run */
    size_t path_count;
    const char *filter; /* a Lua pattern of the names of the tests to run; NULL: all */
    const char *output; /* how busted tells: "TAP", "json" …; NULL: as fits the terminal */
    bool shuffle;       /* in an order that differs from run to run */
    uint64_t seed;      /* of that order; 0: none in particular */
} neap_spec_options;

NEAP_API void neap_spec_options_init_sized(neap_spec_options *options, size_t size);
#define neap_spec_options_init(options) neap_spec_options_init_sized((options), sizeof *(options))

typedef struct neap_spec_result {
    uint64_t run;     /* tests */
    uint64_t pending; /* tests that said that they cannot be run */
    bool passed;      /* nothing failed, which is also so where nothing was run */
} neap_spec_result;

/* Runs specs of busted, from where Lua finds it, in a Lua state of their own in which
 * `require "neap"` is this library. What is printed is busted's, on stdout and stderr. Threads:
 * any. Errors: USAGE (the options), UNAVAILABLE (busted is not installed: how it can be), NOMEM. */
NEAP_API neap_status neap_spec_run(const neap_spec_options *options, neap_spec_result *result,
                                   neap_error *error);

#ifdef __cplusplus
}
#endif

#endif
