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

/* "debug", "info", "warn", "error". Lifetime: static. Threads: any. */
NEAP_API const char *neap_log_level_name(neap_log_level level);

/* Receives what the library and the domain's `print` have to say. `text` is terminated, without a
 * newline, and valid during the call. Threads: called from any, one at a time per runtime; must not
 * call the runtime. */
typedef void (*neap_log_callback)(void *user, neap_log_level level, const char *text);

/* What is known beside a record's message: a text, or a number. */
typedef struct neap_log_field {
    const char *name; /* lane, command, query, event, name, aggregate, stream, command_id,
                         correlation_id, causation_id, trace_id, status, code, duration_us; more may
                         come */
    neap_text text;   /* UTF-8; data NULL: it is `number` */
    int64_t number;
} neap_log_field;

/* What is said at once. Lifetime: the call. More fields may come at the end. */
typedef struct neap_log_record {
    size_t size;
    neap_log_level level;
    int64_t at_us;       /* since 1970, UTC; 0: not known */
    const char *message; /* terminated, without a newline */
    const neap_log_field *fields;
    size_t field_count;
} neap_log_record;

/* Receives the same with its fields. Threads: as neap_log_callback. */
typedef void (*neap_log_record_callback)(void *user, const neap_log_record *record);

/* The record as one JSON object: time, level, message, and the fields by their names. Owns: the
 * caller (neap_free()). Errors: NOMEM. Threads: any. */
NEAP_API neap_status neap_log_record_json(const neap_log_record *record, char **json, size_t *size,
                                          neap_error *error);

/* Gives the time in µs since 1970, UTC. Threads: the runtime's own, several at once, or with lanes
 * 0 the caller's; must be quick and must not call the runtime. */
typedef int64_t (*neap_clock)(void *user);

/* Set by neap_options_init(); change what you want otherwise. Texts are copied by neap_load(). */
typedef struct neap_options {
    size_t size;           /* set by neap_options_init(), so that options can grow */
    const char *store;     /* URL: "memory:" (default), "sqlite:PATH[?synchronous=full|normal]" */
    bool read_only;        /* opens the store for reading; dispatch answers NEAP_USAGE */
    bool record_commands;  /* true: the command that decided is recorded with its events */
    unsigned lanes;        /* 1: what decides commands, at most 64; 0: no threads, see below */
    unsigned queue_length; /* 10,000 messages waiting per lane, then NEAP_BUSY or waiting */
    unsigned conflict_retries;     /* 3 */
    unsigned warm_aggregates;      /* 100,000 folded states kept per lane */
    unsigned nesting_depth;        /* 100: of JSON, of tables, of dispatches in handlers */
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
    /* NULL: the machine's; else the time of what is recorded. With lanes 0 nobody waits for time to
     * pass then: what sleeps goes on at once, when there is nothing else to do. */
    neap_clock clock;
    void *clock_user;
    uint64_t seed;        /* 0: none; else the ids that are made follow from it (and the clock) */
    const char *config;   /* JSON object: by service, what its factory gets; NULL: nothing */
    const char *services; /* JSON object: by service, the module beside the domain that gives it
                             instead of the domain's own; NULL: none */
    size_t live_bytes;    /* 8 MiB of what was committed last, kept in memory for who follows the
                             log, as long as anybody does: who is further behind reads the store */
    unsigned live_events; /* 65,536 events of it */
    unsigned reaction_lanes; /* 1: what runs plain handlers, queries and middleware, if there are
                                any */
    bool caller_runs; /* false; true: who waits for a command or a state may do the lane's work
                         meanwhile, if the lane is idle and no timeout is asked: no thread has to be
                         woken. Callbacks of neap_send() and the log may then run on any thread that
                         is in neap_dispatch(), neap_publish() or neap_state() */
    neap_log_record_callback log_record; /* NULL: none. Gets what `log` gets, and log_user */
    neap_log_level log_level; /* NEAP_LOG_INFO: what is below is told to neither. NEAP_LOG_DEBUG: a
                                 record for each message that is answered */
    /* Which subscriptions run here: names with commas, "" for none; NULL: all. The others are left
     * as the store has them, and are not waited for. Where not all run, what is due in the store's
     * queue is left as well. What is part of commands (inline projections) is not asked.
     * In a store that several processes write to: those that may run here, as they are shared out
     * among the processes that may run them; each runs in one of them. What is queued of a saga is
     * done by who runs the saga, and the rest of the queue by a process that may run all. */
    const char *subscriptions;
    /* Projections that are made anew from when the runtime starts: names with commas; NULL: none.
     * What is being made anew already goes on, and is not begun once more after that:
     * neap_rebuild_progress() tells of it. */
    const char *rebuild;
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
 * runtime's own (there it does nothing but log). Replies may outlive it, and followers, and cursors
 * that follow, also while they wait: they are told NEAP_CLOSED. (With lanes == 0 nobody waits: a
 * call that does the runtime's work must not be under way, as any other.) Other cursors must be
 * closed before.
 */
NEAP_API void neap_close(neap_runtime *runtime);

/* Returns after everything accepted before the call has been answered, everything in the queue that
 * is due is done (not what is due later, or to be tried again), and every subscription has caught
 * up with it, and with what came of that. Does not wait for the queue while the store cannot be
 * read. timeout_ms 0: no limit. Threads: any but the runtime's own. Errors: TIMEOUT, UNAVAILABLE (a
 * subscription has stopped, or is paused; the others have caught up). */
NEAP_API neap_status neap_drain(neap_runtime *runtime, uint32_t timeout_ms, neap_error *error);

/* Waits until a subscription (NULL: every projection) has durably handled all events up to the
 * position (0: the last one now). timeout_ms 0: no limit. Threads: any but the runtime's own.
 * Errors: UNKNOWN, USAGE (it has no checkpoint, since what it gives is always up to date; it does
 * not run here), TIMEOUT, UNAVAILABLE (it has stopped, or is paused), CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_catch_up(neap_runtime *runtime, const char *subscription,
                                   uint64_t position, uint32_t timeout_ms, neap_error *error);

/* A document of a projection as JSON, as it is stored now (neap_catch_up() first for one that has
 * seen an event). An inline projection's is there with the receipt; a live one's is folded out of
 * the log for the call. *json NULL: there is none. Owns: the caller (neap_free()). Threads: any; of
 * a live one not the runtime's own. Errors: UNKNOWN (no such projection), USAGE (it keeps no
 * documents), INVALID (a key that cannot be one), UNAVAILABLE (inline, and not built in a store
 * that is open for reading only), HANDLER and CORRUPT (live: a fold, an event), STORE, NOMEM. */
NEAP_API neap_status neap_find(neap_runtime *runtime, const char *projection, const char *key,
                               char **json, size_t *size, neap_error *error);

/* Which documents to list. Start with neap_list_options_init(). Texts are terminated, and borrowed.
 */
typedef struct neap_list_options {
    size_t size;
    const char *prefix; /* of the keys; NULL: all */
    const char *behind; /* a key: only what follows it; NULL: from the start, or the end */
    bool backward;      /* from the highest key down */
    uint64_t limit;     /* 0: all */
} neap_list_options;

NEAP_API void neap_list_options_init_sized(neap_list_options *options, size_t size);
#define neap_list_options_init(options) neap_list_options_init_sized((options), sizeof *(options))

/* The documents of a projection in the bytewise order of their keys, as a JSON list of
 * {"key":…,"document":…}. options may be NULL. Owns: the caller (neap_free()). Threads: any.
 * Errors: as neap_find(); USAGE also for a live one. */
NEAP_API neap_status neap_list(neap_runtime *runtime, const char *projection,
                               const neap_list_options *options, char **json, size_t *size,
                               neap_error *error);

/* The rows that a SELECT gives, as a JSON list of objects by the names of its columns; a column
 * that is NULL is left out. The statement reads the live tables of one projection that keeps rows,
 * which it calls {name}, and nothing else. parameters: a JSON list of at most 200 texts, numbers,
 * booleans (1 and 0) and nulls, bound to its `?` in order; NULL: none. Owns: the caller
 * (neap_free()). Threads: any. Errors: UNKNOWN (no such projection), USAGE (it keeps no rows; the
 * statement), INVALID (parameters; a value that JSON cannot say), LIMIT (more than 4 MiB of rows;
 * it runs for too long), STORE, NOMEM. */
NEAP_API neap_status neap_select(neap_runtime *runtime, const char *projection,
                                 const char *statement, const char *parameters, char **json,
                                 size_t *size, neap_error *error);

/* Makes a projection's documents anew, from the beginning of the log, beside those that it has,
 * which go on being kept up to date and answering; then takes the new ones in one step. Waits until
 * that is done (timeout_ms 0: as long as it takes); it goes on without being waited for, and, after
 * the runtime was closed meanwhile, once it is opened again. Threads: any but the runtime's own.
 * Errors: UNKNOWN, USAGE (no projection, or one without documents; read_only), TIMEOUT (it goes
 * on), UNAVAILABLE (it has stopped, or is paused), BUSY, CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_rebuild(neap_runtime *runtime, const char *projection,
                                  uint32_t timeout_ms, neap_error *error);

/* The same without waiting: returns once it is durable that the documents are made anew. If they
 * are being made already, that goes on. Threads, errors: as neap_rebuild(). */
NEAP_API neap_status neap_rebuild_begin(neap_runtime *runtime, const char *projection,
                                        neap_error *error);

/* How far new documents are. Positions are those of the log. */
typedef struct neap_progress {
    size_t size;        /* set by neap_progress_init() */
    bool done;          /* none are being made: those of `build` are what is found */
    uint32_t build;     /* the number of those that are being made, or were made last */
    uint64_t since;     /* where this runtime took it up: 0, or where another one had left it */
    uint64_t position;  /* up to here it is durable */
    uint64_t head;      /* the last one in the store */
    uint64_t handled;   /* events that this runtime has handled for them */
    int64_t elapsed_us; /* since this runtime took it up */
} neap_progress;

NEAP_API void neap_progress_init_sized(neap_progress *progress, size_t size);
#define neap_progress_init(progress) neap_progress_init_sized((progress), sizeof *(progress))

/* Waits until a rebuild is done, but not longer than timeout_ms (0: does not wait), and says how
 * far it is. Threads: any but the runtime's own. Errors: UNKNOWN, USAGE, UNAVAILABLE (it has
 * stopped, or is paused), CLOSED, STORE, NOMEM; never TIMEOUT. */
NEAP_API neap_status neap_rebuild_progress(neap_runtime *runtime, const char *projection,
                                           uint32_t timeout_ms, neap_progress *progress,
                                           neap_error *error);

#define NEAP_NOW UINT64_MAX

/* Puts a subscriber or an outbox to another place in the log, whatever it has handled: events up to
 * the position (0: none; NEAP_NOW: all that there are) count as handled, later ones are delivered,
 * or delivered again. In one unit of work, which fences what is under way; its dead letters behind
 * the position go with it, others stay. One that has stopped goes on; one that is paused stays so.
 * Returns when that is durable. Threads: any but the runtime's own. Errors: UNKNOWN, USAGE (a
 * projection, which is rebuilt; a saga, which cannot be), INVALID (a position behind the last),
 * BUSY, CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_reset(neap_runtime *runtime, const char *subscription, uint64_t position,
                                neap_error *error);
/* The same in a store that nobody else writes to; UNKNOWN: it knows no such subscription. */
NEAP_API neap_status neap_store_reset(const char *url, const char *subscription, uint64_t position,
                                      neap_error *error);

/* A subscription that is paused handles nothing until it is resumed, also when the store is opened
 * again meanwhile. One that has stopped tries again when it is resumed. Threads: any but the
 * runtime's own. Errors: UNKNOWN, USAGE, BUSY, CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_pause(neap_runtime *runtime, const char *subscription, neap_error *error);
NEAP_API neap_status neap_resume(neap_runtime *runtime, const char *subscription,
                                 neap_error *error);

/* What could not be handled: events of a subscriber or an outbox, with later ones of the same
 * streams that wait behind them, and commands of the queue ("$queue"). subscription NULL: all of
 * both. As a JSON list; of events in the order of the log: subscription, position, stream, type,
 * event_id, attempts (0: it waits), failed_at (µs since 1970), error; of commands in the order in
 * which they were due: subscription, id (the command's), attempts, failed_at, error, and as `entry`
 * what waited in the queue. Owns: the caller (neap_free()). Threads: any. Errors: USAGE (it is not
 * started), STORE, NOMEM. */
NEAP_API neap_status neap_dead_letters(neap_runtime *runtime, const char *subscription, char **json,
                                       size_t *size, neap_error *error);

/* The same as structs. Texts are terminated; those of what there is not are empty. */
typedef struct neap_dead_letter {
    const struct neap_dead_letter *next;
    neap_text key;                      /* its place among dead letters, which are ordered by it */
    neap_text subscription;             /* "$queue": a command of the queue */
    uint64_t position;                  /* of the event; 0: it is a command */
    neap_uuid id;                       /* the event's, or the command's */
    neap_text stream;                   /* the event's */
    neap_text type;                     /* the event's, or the command's name */
    neap_text data;                     /* the command's fields, JSON; events are in the log */
    uint32_t attempts;                  /* 0: it waits behind another one of its stream */
    int64_t failed_at;                  /* or was set aside: µs since 1970, UTC */
    neap_text code, message, traceback; /* of the last attempt */
    neap_text json;                     /* all of it */
} neap_dead_letter;

typedef struct neap_dead_letter_list {
    const neap_dead_letter *first; /* ends with next == NULL */
    size_t count;
    bool last;           /* there is nothing behind it now */
    const char *through; /* else read on behind this */
} neap_dead_letter_list;

/* From the start (behind NULL), or behind where the last list ended; at most `limit`, and 1,000.
 * Owns: the caller (neap_dead_letter_list_free). Threads: any. Errors: USAGE, CORRUPT, STORE,
 * NOMEM. */
NEAP_API neap_status neap_dead_letters_read(neap_runtime *runtime, const char *subscription,
                                            const char *behind, size_t limit,
                                            const neap_dead_letter_list **list, neap_error *error);
NEAP_API void neap_dead_letter_list_free(const neap_dead_letter_list *list); /* NULL is allowed */

/* Tries events again, in the order of the log, each once; of a stream only up to the first that
 * fails again. position: 0 for all, else those of the stream that the dead letter there is of.
 * Waits until what comes of it is durable. subscriber NULL: of all subscribers that run here, one
 * after another, and the queue's, as neap_retry_dead_commands(). Threads: any but the runtime's
 * own. Errors: UNKNOWN, USAGE, BUSY (it is being done), UNAVAILABLE (the subscriber is paused or
 * has stopped, or the store failed meanwhile), CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_retry_dead_letters(neap_runtime *runtime, const char *subscriber,
                                             uint64_t position, neap_error *error);
/* The event at the position is not to be handled by the subscriber; what waits behind it is tried
 * again. Errors: the same. */
NEAP_API neap_status neap_drop_dead_letter(neap_runtime *runtime, const char *subscriber,
                                           uint64_t position, neap_error *error);
/* None of those that a subscriber has now is to be handled, what waits behind others included.
 * NULL: of all subscribers that run here, and the queue's. Errors: the same. */
NEAP_API neap_status neap_drop_dead_letters(neap_runtime *runtime, const char *subscriber,
                                            neap_error *error);

/* Puts dead letters of the queue back into the places that they had there, with all attempts before
 * them; they are durable there when it returns, and are dispatched by a runtime of which all
 * subscriptions run. id: the command's, UUID text; NULL: all, but for those whose name another
 * command has in the queue by now. *count (may be NULL): how many. Threads: any but the runtime's
 * own. Errors: UNKNOWN (no such id), CONFLICT (its name is another's by now), INVALID (no UUID),
 * USAGE, CLOSED, STORE, NOMEM. */
NEAP_API neap_status neap_retry_dead_commands(neap_runtime *runtime, const char *id,
                                              uint64_t *count, neap_error *error);
/* They are not to be dispatched. Threads, errors: the same. */
NEAP_API neap_status neap_drop_dead_commands(neap_runtime *runtime, const char *id, uint64_t *count,
                                             neap_error *error);

/* Where the subscriptions are, as a JSON list, in the order in which the domain defines them:
 * name, kind, state ("live", "catching up", "held back": a subscriber's breaker is open, "paused",
 * "stopped", "frozen": of an earlier version of the domain, or "elsewhere": it runs in another
 * process or not at all, and is shown as stored), owner (the process that runs it, where several
 * may: member, host, pid), version, build, position, lag (in positions), and the same for each of
 * its partitions, with what was handled there and, of one that has stopped, stopped_at, error and
 * traceback, or, of one that tries an event again, failing (attempts that failed) and error; of a
 * subscriber with a breaker or a limit how it is with them: breaker (its state, "closed", "open" or
 * "half open", failures in a row, retry_after_ms), under_way and limit; as stopped_sagas how many
 * of a saga wait to be resumed; and as `next` a build that is made beside it. Owns: the caller
 * (neap_free()). Threads: any. Errors: USAGE (it is not started), STORE, NOMEM. */
NEAP_API neap_status neap_subscriptions(neap_runtime *runtime, char **json, size_t *size,
                                        neap_error *error);

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
    /* For neap_send() alone: any of these puts the command into the store's queue, from where it is
     * dispatched once, however often the process dies meanwhile. */
    bool queued;       /* true: as soon as possible, if neither of the two says otherwise */
    uint64_t after_ms; /* not before so long from now; or */
    int64_t at_us;     /* not before this moment, µs since 1970, UTC; 0: not given */
    const char *name;  /* what it is called in the queue, where it takes the place of what has that
                          name; for neap_cancel(). NULL: nothing; at most 511 bytes, each '/' and
                          '%' as three */
    /* Projections that shall have caught up with the command's events before neap_dispatch() or
     * neap_publish() return: names, ended by NULL. One that has not within timeout_ms, or has
     * stopped, makes receipt.caught_up false, and is no error. */
    const char *const *wait_for;
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
 * and not called back. timeout_ms is taken from when the command begins to wait.
 *
 * With options.queued, after_ms, at_us or name it is durable instead of done that the outcome
 * tells: the fields were checked, and the command is in the store's queue. The receipt's command_id
 * is the one that it will have. From there a started runtime dispatches it when it is due, those of
 * a moment in any order; what failed with more than a rejection is tried again up to ten times
 * within about a minute and a half, and then becomes a dead letter; a rejection is logged as a
 * warning. An idempotency key is used up when the command is queued. Errors, beside those of
 * neap_dispatch(): USAGE (both after_ms and at_us; a moment that is no µs since 1970), INVALID (the
 * name). Threads: any. */
NEAP_API neap_status neap_send(neap_runtime *runtime, const char *name, const char *json,
                               size_t json_size, const neap_dispatch_options *options,
                               neap_callback callback, void *user, neap_error *error);

/* Takes what has that name out of the queue, and waits until that is durable. *cancelled (may be
 * NULL): whether it was there, and so will not take effect; else there was none, or it has taken
 * effect. Threads: as neap_dispatch(). Errors: INVALID (the name), CONFLICT, TIMEOUT (0: no limit),
 * BUSY, UNAVAILABLE, STORE, CLOSED, USAGE, NOMEM. */
NEAP_API neap_status neap_cancel(neap_runtime *runtime, const char *name, uint32_t timeout_ms,
                                 bool *cancelled, neap_error *error);

/* Records an event from outside, a fact that no command decided, and waits until it is durable;
 * then it is handled as any other. stream: whose event it is, as in "Stock-s-1". expected: the
 * stream's version before it (0: it must not exist), or NEAP_ANY_VERSION. The receipt has no
 * command_id.
 *
 * A transient event is not recorded: it goes at most once to subscribers that listen now, in this
 * runtime. It needs no stream (NULL), and expected is NEAP_ANY_VERSION. Its receipt has no events.
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
    bool caught_up; /* all that was waited for has (options.wait_for); true where nothing was */
} neap_receipt;

/* The receipt of a command; NULL for other replies. Lifetime: the reply's. */
NEAP_API const neap_receipt *neap_reply_receipt(const neap_reply *reply);

NEAP_API void neap_reply_free(neap_reply *reply);

typedef enum neap_kind {
    NEAP_KIND_COMMAND,
    NEAP_KIND_EVENT,
    NEAP_KIND_QUERY,
    NEAP_KIND_AGGREGATE,
    NEAP_KIND_PROJECTION,
    NEAP_KIND_SUBSCRIBER,
    NEAP_KIND_SAGA,
    NEAP_KIND_OUTBOX
} neap_kind;

typedef struct neap_definition {
    neap_kind kind;
    const char *name;
    const char *file; /* where it was defined */
    int line;
    const char *handled_by; /* a command's aggregate, "handler" or "host"; a query's "answer" or
                               "host"; NULL: nobody */
} neap_definition;

/* The index-th definition of a loaded domain: messages, aggregates, then subscriptions, each in
 * order of definition; false past the last. Lifetime: the runtime's. Threads: any. */
NEAP_API bool neap_definition_at(const neap_runtime *runtime, size_t index,
                                 neap_definition *definition);

/* Where the Lua function stands that handles a message. by: an aggregate, which folds that event,
 * or a subscription; NULL: what decides that command, or answers that query. false: none does.
 * Owns: the runtime owns *file. Threads: any. */
NEAP_API bool neap_handler_place(const neap_runtime *runtime, const char *by, const char *message,
                                 const char **file, int *line);

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
/* Puts a command into the store's queue in the handler's unit of work, as neap_send() does with
 * after_ms, at_us and name of the options (NULL: at once); of others USAGE. Errors: UNKNOWN,
 * INVALID (its fields, the name), USAGE, LIMIT, NOMEM. */
NEAP_API neap_status neap_context_send(neap_context *context, const char *name, const char *json,
                                       size_t size, const neap_dispatch_options *options,
                                       neap_error *error);
/* Takes what has the name out of the queue, in the same unit. Errors: INVALID, USAGE, NOMEM. */
NEAP_API neap_status neap_context_cancel(neap_context *context, const char *name,
                                         neap_error *error);
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

/* A command or query on its way, or an event to a subscriber, as middleware of the host sees it.
 * Lifetime: the call. */
typedef struct neap_passing {
    size_t size;    /* of this struct, which can grow */
    neap_kind kind; /* NEAP_KIND_COMMAND, NEAP_KIND_QUERY or NEAP_KIND_EVENT */
    const char *name;
    neap_text data;            /* JSON as it was given: its schema is not checked yet; of an event
                                  as it is stored */
    neap_text meta;            /* flat JSON object of texts, or empty */
    neap_text idempotency_key; /* empty: none */
    neap_uuid command_id, correlation_id; /* of an event its delivery's id */
    const char *subscription;             /* the subscriber that an event is for; else NULL */
    const neap_event *event;              /* likewise, the event with its envelope */
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

/* Adds middleware around every command, every query and every delivery of an event to a subscriber
 * (once, however often its handler is tried): around all of the domain's, the first that is
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

/* One event on its way to a broker. More fields may come at the end. Lifetime: the call. */
typedef struct neap_publication {
    const neap_event *event;
    neap_text id;   /* the event's, as text and terminated: it is published at least once, and known
                       again by it */
    neap_text body; /* CloudEvents 1.0 in JSON, structured mode: application/cloudevents+json */
} neap_publication;

/* What a publisher gets to know when it is opened. Lifetime: until it is closed. */
typedef struct neap_publisher_options {
    size_t size;         /* of this struct, which can grow */
    const char *outbox;  /* the outbox's name */
    const char *domain;  /* the domain's name */
    const char *to;      /* as the outbox says it: a URL, or a name */
    const char *subject; /* a template, as in "shop.{type}": what a broker distributes by; NULL: the
                            domain's name and the type */
    unsigned pending;    /* events that may wait for their acknowledgement at once */
    uint32_t timeout_ms; /* how long to wait for an acknowledgement, or for a connection */
} neap_publisher_options;

/* Hands events to a broker. Threads: one at a time, not always the same; it may block, and must not
 * wait for the runtime. */
typedef struct neap_publisher {
    size_t size; /* of this struct, which can grow */
    /* Gets ready, and need not reach the broker yet: what is wrong with the options is told here.
     * NULL: `user` is handed to the others. Owns: the caller owns *self. */
    neap_status (*open)(void *user, const neap_publisher_options *options, void **self,
                        neap_error *error);
    /* Publishes the events, those of one stream in their order, and returns when each is
     * acknowledged: the broker has it and keeps it. Always sets *acknowledged: so many, from the
     * first one on, are. NEAP_UNAVAILABLE: worth another try, which begins behind them and may
     * publish again what was acknowledged further behind. So are NEAP_BUSY, NEAP_TIMEOUT and
     * NEAP_NOMEM. What else it returns is about the event that is next: it is tried as often as the
     * outbox's `retry` says, and NEAP_REJECTED not again. */
    neap_status (*publish)(void *self, const neap_publication *const *publications, size_t count,
                           size_t *acknowledged, neap_error *error);
    void (*close)(void *self); /* may be NULL */
} neap_publisher;

/* Gives a publisher for the outboxes whose `to` is this name, or a URL of this scheme; each opens
 * it for itself, when the runtime starts. The struct is copied. Between neap_load and neap_start.
 * Errors: USAGE, NOMEM. Threads: owner. */
NEAP_API neap_status neap_publisher_provide(neap_runtime *runtime, const char *name,
                                            const neap_publisher *publisher, void *user,
                                            neap_error *error);

/* Start with neap_consume_options_init(). Texts are borrowed. */
typedef struct neap_consume_options {
    size_t size;
    const char *commands; /* JSON object of texts: by a message's type (or "command") the command
                             that it becomes; what is not in it is no command. NULL: they have the
                             same names */
    unsigned pending;     /* 64: messages that are handled at once, at most 1,024 */
    unsigned attempts;    /* 5: how often a message comes whose handler fails */
    uint32_t retry_ms;    /* 1,000: after which a message comes again */
    uint32_t timeout_ms;  /* 5,000: how long to wait for a connection */
    bool keep_rejected;   /* false; true: a message whose command is rejected goes where those go
                             that are no commands, instead of being acknowledged */
} neap_consume_options;

NEAP_API void neap_consume_options_init_sized(neap_consume_options *options, size_t size);
#define neap_consume_options_init(options)                                                         \
    neap_consume_options_init_sized((options), sizeof *(options))

typedef struct neap_consumer neap_consumer;

/* Dispatches the messages of a durable consumer of JetStream as commands, on a thread of its own:
 * CloudEvents in JSON, whose type names the command, or {"command":…,"data":…} with "key" and
 * "meta" if wanted. Each takes effect once while keys are kept: its idempotency key is its
 * Nats-Msg-Id; without one the CloudEvent's source and id, or "key"; without these its place in
 * JetStream. A message is acknowledged when the command's events are durable, or it was rejected;
 * it comes again where another try may help; one that is no command is ended, and a copy goes to
 * the subject of dead letters first, if the URL names one. All but the first is told to the log.
 * Not for a runtime of neap_load_in(), whose Lua another thread must not touch.
 *
 * from: "nats://HOST:PORT?stream=NAME&consumer=NAME", and if wanted &subject=FILTER,
 * &dead=SUBJECT, &creds=FILE, &ca=FILE, &ack_wait_ms=N. The consumer is made if there is none; then
 * a message comes again that was not acknowledged for ack_wait_ms, else 30 s, since who had it
 * died. A server that cannot be reached is tried again. Owns: the caller owns *consumer, and closes
 * it before the runtime. Threads: any. Errors: USAGE, UNKNOWN (the scheme), INVALID
 * (options.commands), UNAVAILABLE (no thread), NOMEM. */
NEAP_API neap_status neap_consume(neap_runtime *runtime, const char *from,
                                  const neap_consume_options *options, neap_consumer **consumer,
                                  neap_error *error);
/* What became of messages since it was opened. */
typedef struct neap_consumed {
    size_t size;       /* set by neap_consumed_init() */
    uint64_t done;     /* acknowledged: their commands took effect */
    uint64_t repeated; /* of those: it had been there before */
    uint64_t rejected; /* acknowledged, or with keep_rejected ended: the domain said no */
    uint64_t ended;    /* they are no commands, or their handlers failed too often */
    uint64_t again;    /* given back, to come again: counted each time */
} neap_consumed;

NEAP_API void neap_consumed_init_sized(neap_consumed *consumed, size_t size);
#define neap_consumed_init(consumed) neap_consumed_init_sized((consumed), sizeof *(consumed))

/* Threads: any, until it is closed. Errors: USAGE. */
NEAP_API neap_status neap_consumer_stats(const neap_consumer *consumer, neap_consumed *consumed,
                                         neap_error *error);
/* Handles what it has fetched, and fetches no more: its figures are final. Threads: owner. */
NEAP_API void neap_consumer_stop(neap_consumer *consumer);
/* The same, and frees it. NULL is allowed. Threads: owner. */
NEAP_API void neap_consumer_close(neap_consumer *consumer);

typedef struct neap_store neap_store;
typedef struct neap_cursor neap_cursor;

/* Opens a store for reading, without a domain. Threads: any. Errors: USAGE (URL), UNKNOWN (no such
 * store), CORRUPT, STORE. */
NEAP_API neap_status neap_store_open(const char *url, neap_store **store, neap_error *error);
NEAP_API void
neap_store_close(neap_store *store); /* NULL is allowed. Cursors: as of neap_close() */

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
    bool follow;    /* goes on with what is committed later: see neap_cursor_next() and
                       neap_follow() */
    uint32_t timeout_ms; /* of a cursor that follows: how long neap_cursor_next() waits for an
                            event; 0: as long as it takes */
} neap_filter;

NEAP_API void neap_filter_init_sized(neap_filter *filter, size_t size);
#define neap_filter_init(filter) neap_filter_init_sized((filter), sizeof *(filter))

/* A cursor over a store or a runtime's store; sees what is committed while it goes on. With
 * filter.follow it gives what its own runtime commits from memory, and looks into the store only
 * where it has fallen too far behind, or where somebody else writes.
 * Owns: the caller owns *cursor. Threads: any; a cursor: owner. Errors: USAGE (filter; follow in a
 * handler or callback), STORE, CLOSED, NOMEM. */
NEAP_API neap_status neap_store_read(neap_store *store, const neap_filter *filter,
                                     neap_cursor **cursor, neap_error *error);
NEAP_API neap_status neap_read(neap_runtime *runtime, const neap_filter *filter,
                               neap_cursor **cursor, neap_error *error);

/* The next event, or NULL at the end (ask again later: there may be more). Lifetime of *event:
 * until the next call.
 *
 * A cursor that follows waits at the end until there is an event, and gives NULL only behind
 * filter.to or filter.limit. Where lanes is 0 and nobody else would work, it does what was sent,
 * gives what comes of it, and does not wait for more: then it gives NULL, too. Errors: STORE, NOMEM
 * (nothing is lost; ask again); of one that follows TIMEOUT (no event within filter.timeout_ms; ask
 * again), CLOSED (the runtime or store was closed, also while this waits; of the cursor only
 * neap_cursor_close() is left to be called), USAGE (in a handler or callback). */
NEAP_API neap_status neap_cursor_next(neap_cursor *cursor, const neap_event **event,
                                      neap_error *error);
/* At the end: waits until there may be more, or the time is over; either way NEAP_OK. Of a cursor
 * that follows: as neap_cursor_next(), whose event it leaves there. */
NEAP_API neap_status neap_cursor_wait(neap_cursor *cursor, uint32_t timeout_ms, neap_error *error);
/* The event last returned as one JSON object with its envelope, terminated. Lifetime: until the
 * next call. */
NEAP_API neap_status neap_cursor_json(neap_cursor *cursor, const char **json, size_t *size,
                                      neap_error *error);
NEAP_API void neap_cursor_close(neap_cursor *cursor);

/* Receives what a follower follows: in order, each event once. status NEAP_OK: `count` events; 0:
 * filter.to or filter.limit is reached, and this is the last call. Else it is the last call as
 * well, and `error` says why: NEAP_CLOSED (the runtime closes, and all that it committed was given,
 * unless options.close_ms did not suffice), or a store that could not be read. Returns true to be
 * called again; false: no more is wanted. Lifetime of all that is given: the call. Threads: one of
 * the runtime's own, the same for all followers, so what is slow here delays the others (nothing
 * else); with lanes 0 whoever waits for the runtime. Must not wait for the runtime, nor close it.
 */
typedef bool (*neap_follow_callback)(void *user, neap_status status,
                                     const neap_event *const *events, size_t count,
                                     const neap_error *error);
typedef struct neap_follower neap_follower;

/* Calls back with what the log has of the filter (NULL: everything), and then with what is
 * committed, as it is committed. It remembers nothing beyond its life: who wants to go on later
 * keeps the position of the last event, and starts behind it. filter.follow is taken as true. Owns:
 * the caller owns *follower, also behind the last call. Threads: any. Errors: USAGE (filter; the
 * runtime is not started), CLOSED, STORE, UNAVAILABLE (no thread), NOMEM. */
NEAP_API neap_status neap_follow(neap_runtime *runtime, const neap_filter *filter,
                                 neap_follow_callback callback, void *user,
                                 neap_follower **follower, neap_error *error);
/* Once it returns the callback is not called any more. It may outlive the runtime. NULL is allowed.
 * Threads: any, but not in a callback of a follower of the same runtime (there it does nothing:
 * return false, and close it elsewhere). */
NEAP_API void neap_follower_close(neap_follower *follower);

/* What waits in the queue: a command, or a timeout of `owner`. Texts are terminated. More fields
 * may come at the end. */
typedef struct neap_queued {
    const struct neap_queued *next;
    neap_text key; /* its place in the queue, which is ordered by this */
    neap_uuid id;  /* the id that the command will have */
    bool is_timeout;
    int64_t due_at;       /* when it is done, or tried again: µs since 1970, UTC */
    int64_t queued_at;    /* when it was put there */
    neap_text command;    /* empty: it is a timeout */
    neap_text data, meta; /* JSON; meta may be empty */
    neap_text name;       /* empty: none */
    neap_text owner;      /* the saga that it is of, "saga/<name>/<key>"; empty: none */
    neap_uuid correlation_id, causation_id;
    uint32_t attempts; /* that failed */
    neap_text failure; /* JSON object, the last one's code and message; or empty */
} neap_queued;

typedef struct neap_queue {
    const neap_queued *first; /* by when it was due at first; ends with next == NULL */
    size_t count;
    bool last;           /* there is nothing behind it now */
    const char *through; /* else read on behind this */
} neap_queue;

/* What waits in a runtime's queue, or in that of a store: from the start (behind NULL), or behind
 * where the last one ended; at most `limit`, and 1,000. Owns: the caller (neap_queue_free).
 * Threads: any. Errors: USAGE, CORRUPT, STORE, UNAVAILABLE, NOMEM. */
NEAP_API neap_status neap_queue_read(neap_runtime *runtime, const char *behind, size_t limit,
                                     const neap_queue **queue, neap_error *error);
NEAP_API neap_status neap_store_queue_read(neap_store *store, const char *behind, size_t limit,
                                           const neap_queue **queue, neap_error *error);
NEAP_API void neap_queue_free(const neap_queue *queue); /* NULL is allowed */
/* As neap_cancel(), in a store at rest: opens it for writing meanwhile. Threads: any. Errors:
 * INVALID (the name), USAGE (URL), BUSY (who holds the store), CORRUPT, STORE, NOMEM. */
NEAP_API neap_status neap_store_cancel(const char *url, const char *name, bool *cancelled,
                                       neap_error *error);
/* As one JSON object: the fields by their names, without what is empty; times as text. Owns: the
 * caller (neap_free()). */
NEAP_API neap_status neap_queued_json(const neap_queued *queued, char **json, size_t *size,
                                      neap_error *error);

/* Which sagas to list. Start with neap_saga_options_init(). Texts are terminated, and borrowed. */
typedef struct neap_saga_options {
    size_t size;
    const char *saga;   /* its name; NULL: all */
    const char *status; /* "running", "completed", "compensating", "failed",
                           "compensation_failed" or "stopped"; NULL: any */
    const char *prefix; /* of the keys; NULL: all */
    const char *behind; /* a key: only what follows it; with `saga` alone */
    bool backward;      /* from the highest key down */
    uint64_t limit;     /* 0: all */
} neap_saga_options;

NEAP_API void neap_saga_options_init_sized(neap_saga_options *options, size_t size);
#define neap_saga_options_init(options) neap_saga_options_init_sized((options), sizeof *(options))

/* Sagas as a JSON list, one a line, by their names and keys; also those that have ended. Of each:
 * saga, key, status, reason (why it failed, or has stopped), stopped_by, started_at, updated_at,
 * ended_at, position (of the last event that it handled), state, waiting (what it has in the
 * queue), compensations (the commands that run if it fails, in this order), failures (commands
 * without effect that nothing in the saga dealt with), correlation_id; without what is empty.
 * options may be NULL. Owns: the caller (neap_free()). Threads: any. Errors: UNKNOWN (no such
 * saga), USAGE, CORRUPT, STORE, NOMEM. */
NEAP_API neap_status neap_sagas(neap_runtime *runtime, const neap_saga_options *options,
                                char **json, size_t *size, neap_error *error);
/* One of them. *json NULL: it has not begun. */
NEAP_API neap_status neap_saga(neap_runtime *runtime, const char *saga, const char *key,
                               char **json, size_t *size, neap_error *error);
/* The same of a store, without a domain: a saga that it does not know has none. */
NEAP_API neap_status neap_store_sagas(neap_store *store, const neap_saga_options *options,
                                      char **json, size_t *size, neap_error *error);
NEAP_API neap_status neap_store_saga(neap_store *store, const char *saga, const char *key,
                                     char **json, size_t *size, neap_error *error);

/* ---- History: what was ----------------------------------------------------------------------- */

/* A domain on a store's log, to be looked at as it was at any position. The store is opened for
 * reading and stays as it is; others may write to it meanwhile. */
typedef struct neap_history neap_history;

/* While much is folded or looked through, every few thousand events: `position` is reached on the
 * way to `target`, which may be UINT64_MAX. Also now and then while neap_cursor_wait() waits for
 * what comes behind `position`; target is the same then. false: the call ends with
 * NEAP_UNAVAILABLE. Must not call the library. */
typedef bool (*neap_go_on_callback)(void *user, uint64_t position, uint64_t target);

/* Start with neap_history_options_init(). Texts are borrowed for the call. */
typedef struct neap_history_options {
    size_t size;
    const char *store;           /* URL; "sqlite:neap.db" */
    size_t checkpoint_bytes;     /* 256 MiB of memory for what was folded, so that a position need
                                    not be folded from the beginning */
    uint64_t checkpoint_spacing; /* 50,000: positions from one of them to the next, at first; it
                                    grows where that would take more memory */
    neap_go_on_callback go_on;   /* NULL: nobody is asked */
    void *go_on_user;
    neap_log_callback log; /* of the pasts; NULL: silent */
    void *log_user;
} neap_history_options;

NEAP_API void neap_history_options_init_sized(neap_history_options *options, size_t size);
#define neap_history_options_init(options)                                                         \
    neap_history_options_init_sized((options), sizeof *(options))

/* Reads the domain at `path`, once, and opens the store. options may be NULL. Owns: the caller owns
 * *history, until neap_history_close(). Threads: any. Errors: as neap_load(); UNKNOWN (no such
 * store), CORRUPT, STORE. */
NEAP_API neap_status neap_history_open(const char *path, const neap_history_options *options,
                                       neap_history **history, neap_error *error);
/* Pasts may outlive it. NULL is allowed. Threads: owner. */
NEAP_API void neap_history_close(neap_history *history);

#define NEAP_LAST UINT64_MAX /* the last position that there is now */

/* The past at a position, that is behind its event: a runtime that answers as of then, and in which
 * nothing else happens until neap_close(). neap_state(), neap_read(), neap_find(), neap_list(),
 * neap_sagas(), neap_query() and neap_subscriptions() are of use there; 0 is before everything.
 * Projections and sagas are folded into memory, inline ones too; those that keep rows are not, and
 * no service is made, no subscriber called, no command issued. What a saga made of timeouts and of
 * what became of its commands is not in the log, and so not in its state here. What stops at an
 * event that it cannot handle answers with what it has: neap_subscriptions() tells. Commands,
 * events from outside and services are refused or missing.
 *
 * Folding begins at the last of what is kept in memory from folding before. There may be any number
 * of pasts at a time. Owns: the caller owns *past. Threads: any; the past is as with lanes 0.
 * Errors: UNKNOWN (no such position), HANDLER, LIMIT, UNAVAILABLE (options.go_on), CORRUPT, STORE,
 * NOMEM. */
NEAP_API neap_status neap_history_at(neap_history *history, uint64_t position, neap_runtime **past,
                                     neap_error *error);
/* Moves a past on to a later position, which takes no more than the events between; for an earlier
 * one make another past. After a failure it is somewhere between. Threads: owner. Errors: USAGE (it
 * is no past, or further on), else as neap_history_at(). */
NEAP_API neap_status neap_history_forward(neap_runtime *past, uint64_t position, neap_error *error);
/* A past at the last position in which nothing is folded, so that it is there at once however long
 * the log: for neap_read(), neap_state(), neap_history_command() and neap_history_streams(). Its
 * projections and sagas have nothing. Owns, Threads, Errors: as neap_history_at(). */
NEAP_API neap_status neap_history_log(neap_history *history, neap_runtime **past,
                                      neap_error *error);
/* The last position that there is now. Threads: any. Errors: STORE, NOMEM. */
NEAP_API neap_status neap_history_last(neap_history *history, uint64_t *position,
                                       neap_error *error);
/* A cursor over the history's log, not as of a position but with what others append meanwhile: at
 * the end neap_cursor_wait() waits for more. That holds no transaction, is told of commits where
 * the store tells (PostgreSQL), and asks options.go_on. Who follows the log moves a past on with
 * neap_history_forward(). filter.follow does not go with it. Owns: the caller owns *cursor, which
 * keeps the store open. Threads: any; the cursor: owner. Errors: USAGE (filter), STORE, NOMEM; of
 * neap_cursor_wait() also UNAVAILABLE (options.go_on). */
NEAP_API neap_status neap_history_read(neap_history *history, const neap_filter *filter,
                                       neap_cursor **cursor, neap_error *error);
/* Where a past is. Errors: USAGE (it is no past). */
NEAP_API neap_status neap_history_position(const neap_runtime *past, uint64_t *position,
                                           neap_error *error);

/* The position of the last event that was recorded up to then (µs since 1970, UTC); 0: there was
 * none. Threads: any. Errors: STORE, NOMEM. */
NEAP_API neap_status neap_history_time(neap_history *history, int64_t at_us, uint64_t *position,
                                       neap_error *error);
/* The position of the event with that id, a UUID's text form; looked for first behind the time in
 * the id. Threads: any. Errors: INVALID, UNKNOWN, UNAVAILABLE (options.go_on), STORE, NOMEM. */
NEAP_API neap_status neap_history_event(neap_history *history, const char *id, uint64_t *position,
                                        neap_error *error);

/* One of the log's events as a branch has it. */
typedef struct neap_edit {
    uint64_t position;
    const char *json; /* its data, as its schema of today wants it; NULL: it is left out */
    size_t json_size;
} neap_edit;

/* Start with neap_branch_options_init(). Texts are borrowed for the call. */
typedef struct neap_branch_options {
    size_t size;
    const neap_edit *edits;
    size_t edit_count;
    const char *path;    /* of another version of the domain; NULL: the past's own */
    const char *replace; /* functions of the domain that are other ones there, as a JSON list of
                            {"of":"Order","name":"ShipOrder","code":"function(order) … end"}; NULL:
                            none */
    const char *answers; /* what services give there: {"payments":{"charge":…}}; NULL: nothing */
    int64_t now_us;      /* what the clock says, µs since 1970; 0: when the past's last event was
                            recorded */
} neap_branch_options;

NEAP_API void neap_branch_options_init_sized(neap_branch_options *options, size_t size);
#define neap_branch_options_init(options)                                                          \
    neap_branch_options_init_sized((options), sizeof *(options))

/* A fork of a past, or of a branch: a runtime that begins with what was there, and takes commands
 * and events. They are in memory, behind those of the store, which stays as it is; neither the past
 * nor another branch notices. Without edits and with the same domain it is there at once, however
 * much there is; else what is not folded in that way yet is folded again. options: NULL for none.
 *
 * neap_dispatch(), neap_publish() and neap_send() go there as to any runtime with lanes 0;
 * projections and sagas follow, and what sagas send is done, within neap_drain() or
 * neap_history_advance(). What was queued before the branch began counts as done, but for what was
 * not due yet. Services do nothing: neap_history_calls() tells what they were asked to do.
 * Subscribers and outboxes do not run. The clock stands still but for neap_history_advance().
 *
 * An event that is left out keeps its position and version. One with other data keeps its tags.
 * Owns: the caller owns *branch (neap_close()); the past may be closed before. Threads: as the
 * past's. Errors: USAGE (it is no past; options), UNKNOWN (an edit's position), INVALID (an edit's
 * data), HANDLER (the other version, a replacement), else as neap_history_at(). */
NEAP_API neap_status neap_history_branch(neap_runtime *past, const neap_branch_options *options,
                                         neap_runtime **branch, neap_error *error);
/* Moves a branch's clock on, and does what is due then, and what follows from it; 0: what is due
 * now. Threads: owner. Errors: USAGE (it is no branch; back, or behind the year 9999), TIMEOUT (it
 * does not come to an end within timeout_ms; 0: no limit), UNAVAILABLE (options.go_on, which is
 * asked meanwhile), else as neap_drain(). */
NEAP_API neap_status neap_history_advance(neap_runtime *branch, int64_t us, uint32_t timeout_ms,
                                          neap_error *error);
/* What the branch's services were asked to do so far, as a JSON list of {"service":…,"name":…,
 * "arguments":[…]}. Owns: the caller (neap_free()). Threads: any. Errors: USAGE (no branch), NOMEM.
 */
NEAP_API neap_status neap_history_calls(neap_runtime *branch, char **json, size_t *size,
                                        neap_error *error);

/* The keys of a projection's documents, or a saga's, that are other ones since the branch began, or
 * were written again, as a JSON list in no order; of a branch that was folded again, since then.
 * Owns: the caller (neap_free()). Threads: any. Errors: USAGE (no branch; it keeps no documents),
 * UNKNOWN (the name), STORE, NOMEM. */
NEAP_API neap_status neap_history_changed(neap_runtime *branch, const char *name, char **json,
                                          size_t *size, neap_error *error);
/* What was queued in a past, most of it by sagas, done or not, as a JSON list of
 * {"key":…,"entry":…}: an entry's id is the last 36 characters of its key, and it may be there more
 * than once. Of a branch what was queued since it began, and with `folded` also what folding the
 * log before it queued. Owns: the caller (neap_free()). Threads: any. Errors: USAGE (no past),
 * STORE, NOMEM. */
NEAP_API neap_status neap_history_issued(neap_runtime *past, bool folded, char **json, size_t *size,
                                         neap_error *error);

/* The streams that a past has, in the order in which they began, as a JSON list of {"stream":…,
 * "version":…,"first":…,"last":…}, the latter two positions. options (NULL: all of them): prefix,
 * behind and limit; the log is looked through once for all pasts. Owns: the caller (neap_free()).
 * Threads: any. Errors: USAGE (no past; backward), UNKNOWN (behind), UNAVAILABLE (options.go_on),
 * STORE, NOMEM. */
NEAP_API neap_status neap_history_streams(neap_runtime *past, const neap_list_options *options,
                                          char **json, size_t *size, neap_error *error);

/* The command that decided the event at that position, of a past, as one JSON object: id, name,
 * data, meta, recorded_at (µs since 1970, UTC), correlation_id, causation_id, without what is
 * empty. *json NULL: none did. Owns: the caller (neap_free()). Threads: any. Errors: USAGE (it is
 * no past, position 0), STORE, NOMEM. */
NEAP_API neap_status neap_history_command(neap_runtime *past, uint64_t position, char **json,
                                          size_t *size, neap_error *error);

/* Start with neap_history_compare_options_init(). */
typedef struct neap_history_compare_options {
    size_t size;
    uint64_t from, to;     /* 1, NEAP_LAST: what differs there is told; folded is what is before,
                              too */
    size_t limit;          /* 20: so many of each kind are told, the first in the log; all are
                              counted */
    const char *aggregate; /* the states and decisions of this one alone; NULL: of all, and
                              projections and sagas */
} neap_history_compare_options;

NEAP_API void neap_history_compare_options_init_sized(neap_history_compare_options *options,
                                                      size_t size);
#define neap_history_compare_options_init(options)                                                 \
    neap_history_compare_options_init_sized((options), sizeof *(options))

/* What changed code makes of a log: folds it with the domains of two histories on one store side by
 * side, and decides each command that was recorded again, on the state before it, with the time,
 * meta and id of then. The report is one JSON object: which instances, documents and sagas differ,
 * and from which event on; which decisions would be others than those that were recorded; which
 * cannot be made again; and what is not compared, as only one of both has it or as it keeps rows.
 *
 * It takes memory for the documents and sagas of both. `before` is asked whether to go on, on the
 * way to several times the log's last position. options may be NULL. Owns: the caller
 * (neap_free()). Threads: any. Errors: USAGE (the options; histories of two stores), UNKNOWN (the
 * aggregate, the position), HANDLER (a domain cannot be loaded), UNAVAILABLE (options.go_on),
 * STORE, NOMEM. */
NEAP_API neap_status neap_history_compare(neap_history *before, neap_history *after,
                                          const neap_history_compare_options *options, char **json,
                                          size_t *size, neap_error *error);
/* The same of a branch's code, beside its history's, up to where the branch began; its edits are
 * not looked at. options: `to` is not. *json NULL: the code is the same. Owns, Threads: the same.
 * Errors: USAGE (no branch; the options), else the same. */
NEAP_API neap_status neap_history_branch_compare(neap_runtime *branch,
                                                 const neap_history_compare_options *options,
                                                 char **json, size_t *size, neap_error *error);
/* The same of a history's own code, twice: whether a log always comes to the same. Each of both
 * goes through the tables of `pairs` and `next` in another order, has other addresses, and the
 * second one
 * (`after`) folds and decides everything once more in between, so that what is kept outside of the
 * states is another. What differs, and decisions that do, depend on one of that; decisions are not
 * compared with what was recorded, and `as_before` is empty. */
NEAP_API neap_status neap_history_deterministic(neap_history *history,
                                                const neap_history_compare_options *options,
                                                char **json, size_t *size, neap_error *error);

typedef enum neap_relation {
    NEAP_RELATION_ITSELF,     /* the event with the id */
    NEAP_RELATION_CORRELATED, /* the events whose correlation_id it is */
} neap_relation;

/* The positions of a past's events that belong to an id, a UUID's text form, from *from up to `to`:
 * at most as many as *count says, which becomes how many it are. *from: 0: from where something
 * with such an id can be (ids have their time in them); then the position up to which nothing was
 * looked at yet, which is behind `to`, or the past's end, where all was. Threads: owner; as the
 * past. Errors: USAGE (it is no past), INVALID (no UUID), UNAVAILABLE (options.go_on), STORE,
 * NOMEM. */
NEAP_API neap_status neap_history_related(neap_runtime *past, const char *id,
                                          neap_relation relation, uint64_t *from, uint64_t to,
                                          uint64_t *positions, size_t *count, neap_error *error);

/* How something came about: an aggregate's instance, a projection's document or a saga on its way
 * through its events, each of which is folded once. It takes bounded memory, however many there
 * are: events come in pages, and between them it is put down as bytes. */
typedef struct neap_evolution neap_evolution;

typedef struct neap_evolution_options {
    size_t size;
    const char *field; /* what is looked at, a JSON list of the names, and places from 1, that lead
                          to it, as in ["lines",2,"sku"]; NULL: all of it */
    bool every;        /* of an aggregate: also events that leave that as it was */
    bool nearest;      /* it begins at the last place up to `behind` for which something is kept: a
                          snapshot, what was folded before, or 0 */
    uint64_t behind;   /* 0: it begins behind this place. Places are versions of the stream; of an
                          aggregate by tags, a projection and a saga, positions */
    uint64_t to;       /* NEAP_LAST: the last place */
} neap_evolution_options;

NEAP_API void neap_evolution_options_init_sized(neap_evolution_options *options, size_t size);
#define neap_evolution_options_init(options)                                                       \
    neap_evolution_options_init_sized((options), sizeof *(options))

/* In a past, which may be one of neap_history_log(). kind: an aggregate's, a projection's (of
 * documents, also a live one) or a saga's. id: as in neap_state(), or a key. A saga is shown as its
 * status and its state, as far as events tell. options may be NULL. Owns: the caller owns
 * *evolution, until neap_evolution_close(); the past outlives its use. Threads: owner; as the past.
 * Errors: USAGE (it is no past; a kind that does not evolve), UNKNOWN (the name), INVALID (the id;
 * the field). */
NEAP_API neap_status neap_history_evolution(neap_runtime *past, neap_kind kind, const char *name,
                                            const char *id, const neap_evolution_options *options,
                                            neap_evolution **evolution, neap_error *error);
NEAP_API void neap_evolution_close(neap_evolution *evolution); /* NULL is allowed */

/* An event, and what it made of what is looked at: JSON for people, as neap_state() gives it. */
typedef struct neap_evolution_step {
    const neap_event *event; /* as it is stored; NULL: there are no more */
    neap_text old, now;      /* data NULL: there was, or is, nothing */
} neap_evolution_step;

/* The next event that changes it. Lifetime: the step's until the next call. Errors: CORRUPT (an
 * event that the domain cannot read), HANDLER, LIMIT, UNAVAILABLE (options.go_on), STORE, NOMEM;
 * it is then where it was. */
NEAP_API neap_status neap_evolution_next(neap_evolution *evolution, neap_evolution_step *step,
                                         neap_error *error);
/* Folds so many of its events at most, also such as change nothing, without showing them. *skipped:
 * fewer only at the end. Errors: as above. */
NEAP_API neap_status neap_evolution_skip(neap_evolution *evolution, uint64_t most,
                                         uint64_t *skipped, neap_error *error);
/* The place behind which it is. Errors: as above, for what is folded on the way to its beginning.
 */
NEAP_API neap_status neap_evolution_at(neap_evolution *evolution, uint64_t *place,
                                       neap_error *error);
/* Another one that is where this one is, and goes its own way from there, up to `to`, which is no
 * later than this one's. Errors: NOMEM. */
NEAP_API neap_status neap_evolution_copy(neap_evolution *evolution, uint64_t to,
                                         neap_evolution **copy, neap_error *error);

/* ---- The REPL, without its terminal ---------------------------------------------------------- */

/* A session of the REPL: it takes lines of input, and prints what they come to. */
typedef struct neap_console neap_console;

typedef struct neap_console_options {
    size_t size;
    const char *store; /* URL; "sqlite:neap.db" */
    unsigned width;    /* columns of the terminal; 0: there is none, and nothing is cut */
    unsigned height;   /* lines of a result that are printed; 0: all */
    bool colours;      /* in what is printed: ECMA-48's, and no other control sequences */
    /* What is printed, in whole lines, a result at once; not terminated. Control characters of what
     * came from outside are not in it, but written as Lua does. */
    void (*print)(void *user, const char *text, size_t size);
    neap_go_on_callback progress; /* NULL: nobody is asked */
    void *user;                   /* of both */
    bool write;  /* dispatch(), publish() and send() change the store, which is made if there
                    is none; else they say that they cannot */
    bool reacts; /* with `write`: what reacts runs here as well, and what is due in the queue;
                    else only commands, with inline projections, are decided here */
    const char *config; /* with `write`: as of neap_options */
} neap_console_options;

NEAP_API void neap_console_options_init_sized(neap_console_options *options, size_t size);
#define neap_console_options_init(options)                                                         \
    neap_console_options_init_sized((options), sizeof *(options))

typedef enum neap_console_outcome {
    NEAP_CONSOLE_DONE,
    NEAP_CONSOLE_MORE,   /* it is not complete: the next line belongs to it */
    NEAP_CONSOLE_FAILED, /* the error tells; the session goes on as it was */
    NEAP_CONSOLE_QUIT,
} neap_console_outcome;

/* Opens a domain's history, at its last position. Owns: the caller owns *console. Threads: any; a
 * console: owner. Errors: as neap_history_open() and neap_history_at(); with `write` also as
 * neap_open(), BUSY (another process has the store). */
NEAP_API neap_status neap_console_open(const char *path, const neap_console_options *options,
                                       neap_console **console, neap_error *error);
NEAP_API void neap_console_close(neap_console *console); /* NULL is allowed */

/* Takes a line, without its end. error: filled where it FAILED. */
NEAP_API neap_console_outcome neap_console_enter(neap_console *console, const char *line,
                                                 size_t size, neap_error *error);
/* The end of the input: what was begun and is not complete FAILED. */
NEAP_API neap_console_outcome neap_console_finish(neap_console *console, neap_error *error);
/* Gives up what was begun of several lines. */
NEAP_API void neap_console_forget(neap_console *console);
/* What stands before the next line, with the position. Lifetime: until the next call. */
NEAP_API const char *neap_console_prompt(neap_console *console);
/* As in the options. */
NEAP_API void neap_console_set_size(neap_console *console, unsigned width, unsigned height);
/* Ends what neap_console_open() or neap_console_enter() is doing, with an error. Threads: any; may
 * be called from a signal's handler. */
NEAP_API void neap_console_interrupt(neap_console *console);
/* What the word at the end of the line can become: calls back for each, in order; `from` is where
 * the word begins in the line. Words are terminated, and valid during the call. */
NEAP_API void neap_console_complete(neap_console *console, const char *line, size_t size,
                                    void (*word)(void *user, size_t from, const char *word),
                                    void *user);

typedef struct neap_verification {
    uint64_t events, streams, types, commands, keys, snapshots, findings;
    uint64_t documents;
} neap_verification;

/* Called for each broken invariant; text is terminated and valid during the call. */
typedef void (*neap_finding_callback)(void *user, const char *text);

/* Checks every invariant that a store at rest must hold: versions, positions, references, JSON,
 * counts. NEAP_OK: the check ran to its end, see findings. Errors: STORE, CORRUPT (it could not be
 * read to the end), NOMEM. */
NEAP_API neap_status neap_store_verify(neap_store *store, neap_finding_callback callback,
                                       void *user, neap_verification *result, neap_error *error);

/* A store as JSON lines, from which neap_import() makes another one with the same events, to the
 * byte and at the same positions. docs/operations.md says what is in them. */
typedef struct neap_exporter neap_exporter;

/* Begins an export of a store, or of a runtime's, as it is now; others may write meanwhile. With a
 * filter (NULL: everything) it is a part of the store: those events alone, without what is kept
 * beside them; backward and follow do not go with it. Keys, the queue, sagas, checkpoints and dead
 * letters are read here, and put aside: where they are many, in a temporary file. Owns: the caller
 * owns *exporter, and closes it before the store or runtime. Threads: any; an exporter: owner.
 * Errors: USAGE (filter; the runtime is not started), CORRUPT, STORE, UNAVAILABLE, NOMEM. */
NEAP_API neap_status neap_store_export(neap_store *store, const neap_filter *filter,
                                       neap_exporter **exporter, neap_error *error);
NEAP_API neap_status neap_export(neap_runtime *runtime, const neap_filter *filter,
                                 neap_exporter **exporter, neap_error *error);

/* The next line, terminated and without a newline; *json NULL: the one before was the last. size
 * may be NULL. Lifetime of *json: until the next call. Errors: CORRUPT (what the store holds cannot
 * be what was stored), STORE, UNAVAILABLE, NOMEM; behind one, only neap_exporter_close() is left to
 * be called. */
NEAP_API neap_status neap_exporter_next(neap_exporter *exporter, const char **json, size_t *size,
                                        neap_error *error);
/* How far it is: neap_progress_init() first. */
NEAP_API void neap_exporter_progress(const neap_exporter *exporter, neap_progress *progress);
NEAP_API void neap_exporter_close(neap_exporter *exporter); /* NULL is allowed */

typedef struct neap_import_options {
    size_t size;
    bool renumber; /* true: events get positions and versions without a hole, whatever they had: for
                      a part of a store. There can be no keys and no documents then */
} neap_import_options;

NEAP_API void neap_import_options_init_sized(neap_import_options *options, size_t size);
#define neap_import_options_init(options)                                                          \
    neap_import_options_init_sized((options), sizeof *(options))

typedef struct neap_importer neap_importer;

/* Begins an import into a store, which is made if there is none. It takes effect whole or not at
 * all: from the first event that is written until neap_importer_finish() nothing else can open the
 * store (UNAVAILABLE), also when this process ends. The next import of the same lines, or of a
 * later export of the same store, goes on where it stopped: what is there already is compared, and
 * nothing is written before something is missing. Documents of projections that are there are
 * dropped, and made anew when a runtime opens the store.
 *
 * Nothing is opened before the first line has come. options may be NULL. Owns: the caller owns
 * *importer (neap_importer_close). Threads: any; an importer: owner. Errors: USAGE (url: a store in
 * memory is private), NOMEM. */
NEAP_API neap_status neap_import(const char *url, const neap_import_options *options,
                                 neap_importer **importer, neap_error *error);

/* Takes the next bytes, of lines that need not be whole. Errors: INVALID (error.line, and column,
 * say where, and the message what was expected), CONFLICT (the store has something else: the first
 * difference), LIMIT (a line), BUSY (who holds the store), UNAVAILABLE (another import has taken it
 * over), CORRUPT, STORE, USAGE, NOMEM; behind one, every call gives it again. */
NEAP_API neap_status neap_importer_write(neap_importer *importer, const char *bytes, size_t size,
                                         neap_error *error);
/* Nothing more comes. Errors: INVALID (the last line of the export has not come), and those of
 * neap_importer_write(). NEAP_OK: the store has everything, and can be opened. */
NEAP_API neap_status neap_importer_finish(neap_importer *importer, neap_error *error);
/* How far it is: neap_progress_init() first. since: events that were there; handled: appended. */
NEAP_API void neap_importer_progress(const neap_importer *importer, neap_progress *progress);
NEAP_API void neap_importer_close(neap_importer *importer); /* NULL is allowed */

/* More fields may come at the end. */
typedef struct neap_comparison {
    bool same;
    uint64_t events, commands, keys, documents; /* that are the same, up to the first difference */
} neap_comparison;

/* Compares two stores, event by event, and what they keep that does not follow from that: what an
 * export of each has in it. callback (may be NULL) is told the first difference. Errors: CORRUPT,
 * STORE, UNAVAILABLE, NOMEM. */
NEAP_API neap_status neap_store_compare(neap_store *store, neap_store *other,
                                        neap_finding_callback callback, void *user,
                                        neap_comparison *result, neap_error *error);

/* As neap_dead_letters() and neap_dead_letters_read(), of a store. */
NEAP_API neap_status neap_store_dead_letters(neap_store *store, const char *subscription,
                                             char **json, size_t *size, neap_error *error);
NEAP_API neap_status neap_store_dead_letters_read(neap_store *store, const char *subscription,
                                                  const char *behind, size_t limit,
                                                  const neap_dead_letter_list **list,
                                                  neap_error *error);
/* Drops dead letters of a store at rest, which is opened for writing meanwhile; also those of a
 * subscription that no domain has any more. subscription: its name, or "$queue"; NULL: all. letter:
 * the position, or the id of a command, as text; NULL: all of the subscription, what waits behind
 * others included. What waits behind the one that is dropped stays there until it is tried again.
 * *count (may be NULL): how many. Threads: any. Errors: UNKNOWN (there is no such letter), USAGE
 * (URL), INVALID, BUSY (who holds the store), CORRUPT, STORE, NOMEM. */
NEAP_API neap_status neap_store_drop_dead_letters(const char *url, const char *subscription,
                                                  const char *letter, uint64_t *count,
                                                  neap_error *error);

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

/* A process that writes to a store that several may write to at the same time. */
typedef struct neap_member_statistics {
    const struct neap_member_statistics *next;
    neap_text member; /* its id */
    neap_text host;
    uint64_t pid;
    int64_t seen_at; /* when it showed last that it lives, by its own clock; µs since 1970, UTC. It
                        does so once a second, and is held for dead after 5 */
    uint64_t owned;  /* subscriptions that it runs */
    bool queue;      /* it also runs what is in the queue of no saga */
} neap_member_statistics;

/* A subscription as the store has it, whether somebody runs it or not. Positions are those of the
 * log; of several partitions the one that is furthest behind counts. */
typedef struct neap_subscription_statistics {
    const struct neap_subscription_statistics *next;
    neap_text name;
    neap_text kind;          /* "projection", "subscriber", "saga" or "outbox" */
    uint32_t build, version; /* those that answer; the version is of the definition */
    uint32_t partitions;
    bool paused;
    uint64_t position, lag;
    uint64_t documents;     /* of a projection */
    uint64_t dead_letters;  /* of a subscriber, an outbox; those that wait behind one count too */
    uint32_t next_build;    /* one that is being made beside it; 0: none */
    uint64_t next_position; /* and how far it is */
    uint64_t waiting;       /* of the dead letters: those that wait behind another one */
    uint64_t sagas;         /* of a saga: those that ever began */
    uint64_t stopped_sagas; /* of them: those that wait to be resumed */
    /* Of a store that is shared: who runs it; NULL: nobody does. */
    const neap_member_statistics *owner;
} neap_subscription_statistics;

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
    const neap_stream_statistics *longest_streams;   /* ten at most */
    uint64_t collections, documents, document_bytes; /* bytes: of the documents' data */
    uint64_t queued;     /* commands and timeouts that wait in the queue */
    int64_t next_due_at; /* when the first of them is due, or was; 0: there is none */
    const neap_subscription_statistics *subscriptions; /* by name */
    uint64_t dead_commands; /* that waited in the queue and failed for good */
    bool shared; /* several processes may write to the store at the same time; those that do: */
    const neap_member_statistics *members; /* by id */
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

/* What a started runtime did since it was started, as one JSON object; docs/operations.md says what
 * is in it. Names tell units: _us, _bytes. It stops nobody: what goes on meanwhile may be counted
 * in one place and not yet in another. Owns: the caller (neap_free()). Threads: any. Errors: USAGE
 * (it is not started), NOMEM. */
NEAP_API neap_status neap_metrics(neap_runtime *runtime, char **json, size_t *size,
                                  neap_error *error);
/* The same as text in the exposition format of Prometheus, version 0.0.4. */
NEAP_API neap_status neap_metrics_prometheus(neap_runtime *runtime, char **text, size_t *size,
                                             neap_error *error);

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

/* What is wrong, or will be, with what a store keeps beside its events: subscriptions, sagas,
 * commands in the queue, dead letters. Texts are terminated. */
typedef struct neap_kept_finding {
    const struct neap_kept_finding *next;
    bool breaks;    /* something cannot go on; else it is as well to know */
    uint64_t count; /* of what is in the same way wrong */
    neap_text where, what, advice;
} neap_kept_finding;

/* What a domain makes of a store. More fields may come at the end. */
typedef struct neap_store_check {
    uint64_t events; /* all, as of this position */
    uint64_t current, upcast, retired, refused, unreadable;
    const neap_store_finding *findings; /* what cannot be read first; ends with next == NULL */
    const neap_kept_finding *kept;      /* what breaks first; ends with next == NULL */
    uint64_t kept_broken;               /* the sum of their counts that break something */
} neap_store_check;

/* Reads all events of the runtime's store and finds out which of them its domain cannot read, and
 * what of its subscriptions, sagas, queue and dead letters it cannot go on with. Only upcasters
 * run, and the functions that schemas have for fields. The runtime may be started, or only loaded;
 * then its store is opened for reading meanwhile, beside whoever writes. A few seconds for a
 * million events. Owns: the caller (neap_store_check_free). Threads: any. Errors: UNKNOWN (no such
 * store), CORRUPT, STORE, UNAVAILABLE, NOMEM. */
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
