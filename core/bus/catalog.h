/* What a domain defines: its messages, who handles each, its aggregates, its subscriptions. Built
 * while the domain is loaded, then completed with the host's handlers, then immutable. It knows
 * nothing of Lua. */
#ifndef NEAPI_BUS_CATALOG_H
#define NEAPI_BUS_CATALOG_H

#include "base/arena.h"
#include "base/map.h"
#include "neap.h"

#define NEAPI_NONE UINT32_MAX

typedef enum neapi_handled_by {
    NEAPI_BY_NOBODY,
    NEAPI_BY_AGGREGATE, /* a command */
    NEAPI_BY_LUA,       /* a command's plain handler, a query's answer */
    NEAPI_BY_HOST,      /* a C function */
} neapi_handled_by;

/* Where a function stands; file empty: there is none. */
typedef struct neapi_function_place {
    neap_text file;
    int line;
} neapi_function_place;

typedef struct neapi_message {
    neap_kind kind; /* command, event or query */
    uint32_t index; /* in catalog->messages */
    neap_text name;
    neap_text file; /* where it was defined */
    int line;
    uint32_t schema; /* the version of its schema, from 1 */
    neapi_handled_by by;
    neapi_function_place handler;         /* in Lua, of a command or a query */
    bool transient;                       /* an event that is never stored */
    uint32_t aggregate;                   /* which one decides it, or NEAPI_NONE */
    neap_command_handler command_handler; /* by the host */
    neap_query_handler query_handler;
    void *user;
} neapi_message;

typedef struct neapi_aggregate {
    uint32_t index;
    neap_text name;
    neap_text file;
    int line;
    neap_text key;         /* the commands' field that names the instance; empty: by tags */
    const neap_text *tags; /* the commands' fields that name it, bytewise sorted; NULL: by key */
    unsigned tag_count;
    unsigned first_tag;     /* the one whose value the stream has in its name */
    const neap_text *types; /* of stored events that it folds */
    size_t type_count;
    const neapi_function_place *folds; /* by message index; NULL: not read */
    uint32_t snapshot_every;           /* a snapshot is due after so many events; 0: not for that */
    int64_t snapshot_after_us;         /* and when the last is so old; 0: not for that */
    uint32_t snapshot_keep;            /* how many stay of a stream, at least 1 */
    neap_text snapshot_version;        /* empty: the hash of the domain's sources */
} neapi_aggregate;

/* One instance of an aggregate. */
typedef struct neapi_instance {
    const neapi_aggregate *aggregate;
    neap_text name;        /* tells it from all others: by key the stream's name, by tags the
                              aggregate's with the tags' values as a JSON object behind it */
    neap_text id;          /* within name: the key, or that JSON object */
    neap_text stream;      /* where its events go */
    const neap_text *tags; /* by tags: "name:value", bytewise sorted by name */
    size_t tag_count;      /* 0: by key */
} neapi_instance;

typedef enum neapi_subscription_kind {
    NEAPI_PROJECTION,
    NEAPI_SUBSCRIBER,
    NEAPI_SAGA,
    NEAPI_OUTBOX,
} neapi_subscription_kind;

/* A named reader of the log. */
typedef struct neapi_subscription {
    uint32_t index; /* in catalog->subscriptions */
    neap_text name; /* no other subscription has it; without '-', '/', '@', ':' and '$' */
    neap_text file; /* where it was defined */
    int line;
    neapi_subscription_kind kind;
    const neap_text *types;      /* of stored events that it wants, or that may become such */
    size_t type_count;           /* 0: every type */
    const neap_text *categories; /* of a subscriber: events of these only */
    size_t category_count;       /* 0: of all */
    bool only_transient;         /* it wants no stored event at all, whatever `types` says */
    bool from_now;               /* it begins with what comes after it was first started */
    uint32_t partitions;         /* at least 1 */
    const neapi_function_place *handlers; /* by message index; NULL: not read */

    /* Of a projection. */
    uint32_t version; /* from 1 */
    bool is_inline;   /* folded in the command's own unit */
    bool is_live;     /* folded on demand, kept nowhere */
    bool is_sql;      /* keeps rows of its own */
    neap_text schema; /* the SQL that makes their tables */

    /* Of a subscriber and an outbox: what becomes of an event that fails. */
    bool stops;        /* nothing more is handled; else it becomes a dead letter */
    uint32_t attempts; /* at least 1 */
    int64_t first_delay_us, max_delay_us; /* from one attempt to the next */
    double factor;                        /* by which the delay grows, at least 1 */
    double jitter;                        /* by which part of it chance moves it, 0 to 1 */
    int64_t timeout_us; /* of a subscriber: for an attempt, 0: none; of an outbox: for an
                           acknowledgement, or a connection */

    /* Of a subscriber: what holds it back. */
    uint32_t limit;            /* partitions that may be at an event at once; 0: all */
    uint32_t breaker_failures; /* so many in a row open the circuit; 0: there is none */
    uint32_t breaker_probes;
    int64_t breaker_open_us;
    const neap_text *breaker_on; /* codes of errors that count */
    size_t breaker_on_count;

    /* Of an outbox. */
    bool publishes;    /* the domain itself does, with a function; it has no `to` */
    neap_text to;      /* a broker's URL, or the name of a publisher of the host's */
    neap_text subject; /* a template; empty: not said */
    neap_text source;  /* of its CloudEvents; empty: not said */
    unsigned pending;  /* events that may wait for their acknowledgement at once */
} neapi_subscription;

/* What retries are unless the domain says otherwise. */
#define NEAPI_RETRY_ATTEMPTS       5
#define NEAPI_RETRY_FIRST_DELAY_US 200000
#define NEAPI_RETRY_MAX_DELAY_US   30000000
#define NEAPI_RETRY_FACTOR         2.0
#define NEAPI_RETRY_JITTER         0.25

typedef struct neapi_catalog {
    neapi_arena arena;
    neap_text domain;
    neapi_message **messages; /* in order of definition */
    uint32_t message_count;
    neapi_aggregate **aggregates;
    uint32_t aggregate_count;
    neapi_subscription **subscriptions;
    uint32_t subscription_count;
    neapi_map message_by_name, aggregate_by_name, subscription_by_name;
} neapi_catalog;

void neapi_catalog_init(neapi_catalog *catalog);
void neapi_catalog_fini(neapi_catalog *catalog);

/* Add a copy, with all text; set index. Errors: NULL with NEAP_NOMEM or NEAP_USAGE (the name is
 * taken). */
neapi_message *neapi_catalog_add_message(neapi_catalog *catalog, const neapi_message *message,
                                         neap_error *error);
neapi_aggregate *neapi_catalog_add_aggregate(neapi_catalog *catalog,
                                             const neapi_aggregate *aggregate, neap_error *error);
neapi_subscription *neapi_catalog_add_subscription(neapi_catalog *catalog,
                                                   const neapi_subscription *subscription,
                                                   neap_error *error);

/* By name. Errors: NEAP_UNKNOWN with "did you mean", or naming the kind that it is instead. */
neap_status neapi_catalog_message(const neapi_catalog *catalog, neap_kind kind, neap_text name,
                                  const neapi_message **message, neap_error *error);
neap_status neapi_catalog_aggregate(const neapi_catalog *catalog, neap_text name,
                                    const neapi_aggregate **aggregate, neap_error *error);
neap_status neapi_catalog_subscription(const neapi_catalog *catalog, neap_text name,
                                       const neapi_subscription **subscription, neap_error *error);
/* Whether what it cannot handle becomes a dead letter. */
static inline bool neapi_subscription_has_letters(const neapi_subscription *subscription)
{
    return subscription->kind == NEAPI_SUBSCRIBER || subscription->kind == NEAPI_OUTBOX;
}

/* "projection", "subscriber" … Lifetime: static. */
const char *neapi_subscription_kind_name(neapi_subscription_kind kind);
/* An event's definition, or NULL: what a store holds may be older than the domain. No error is
 * made. */
const neapi_message *neapi_catalog_event(const neapi_catalog *catalog, neap_text name);

/* Registers the host's handler. Errors: NEAP_UNKNOWN, NEAP_USAGE (somebody handles it). */
neap_status neapi_catalog_handle(neapi_catalog *catalog, neap_kind kind, neap_text name,
                                 neap_command_handler command_handler,
                                 neap_query_handler query_handler, void *user, neap_error *error);
/* Errors: NEAP_USAGE naming the first command or query, and its place, that nobody handles. */
neap_status neapi_catalog_complete(const neapi_catalog *catalog, neap_error *error);

/* Whether both define the same in the same order, as copies of one domain do. Errors: NEAP_HANDLER
 * naming the first difference. */
neap_status neapi_catalog_same(const neapi_catalog *catalog, const neapi_catalog *other,
                               neap_error *error);

#endif
