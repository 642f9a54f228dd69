/* A unit of work: everything that one handler wants made durable, with its preconditions. Accepted
 * or refused whole.
 *
 * A unit is a list of operations that a store judges and applies in order. More kinds of operations
 * may come; a store refuses a kind that it does not know with NEAP_USAGE, never by ignoring it. All
 * memory is the unit's arena. */
#ifndef NEAPI_STORE_UNIT_H
#define NEAPI_STORE_UNIT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "neap.h"

/* The longest name of a stream, type, key, tag, collection and document. */
#define NEAPI_STREAM_BYTES 512

typedef enum neapi_op_kind {
    NEAPI_OP_EXPECT,    /* precondition only: the stream has exactly this version */
    NEAPI_OP_CONDITION, /* precondition only: nobody else has appended, meanwhile, an event that the
                           decision would have had to see */
    NEAPI_OP_APPEND,    /* events for one stream, behind an expected version */
    NEAPI_OP_KEY, /* an idempotency key, which must not be there; kept with the unit's receipt */
    NEAPI_OP_COMMAND,  /* the command that decided: found again from any event of the unit */
    NEAPI_OP_SNAPSHOT, /* a folded state as of a version; older ones of the name beyond `keep` go */
    NEAPI_OP_DOCUMENT, /* one document: a precondition, and what becomes of it */
    NEAPI_OP_CLEAR,    /* the first documents of a collection go, in the order of their keys */
    NEAPI_OP_SQL,      /* one statement of a projection that keeps rows */
    NEAPI_OP_TABLES,   /* what becomes of the tables of such a projection */
} neapi_op_kind;

/* The command that decided a unit. */
typedef struct neapi_command {
    neap_uuid id, correlation_id, causation_id; /* causation all zero: came from outside */
    int64_t recorded_at;                        /* µs; what context:now() said */
    neap_text name;
    neap_text data; /* canonical JSON; empty: recording is turned off */
    neap_text meta; /* flat JSON object of texts, or empty */
} neapi_command;

/* What a key remembers: enough to give the first receipt again. */
typedef struct neapi_key {
    neap_text key;
    uint64_t hash; /* of the command's name and data */
    neap_uuid command_id;
    int64_t expires_at; /* µs, wall clock; a key is there while now < expires_at */
    neap_text stream;   /* the receipt's; may be empty */
    neap_text types;    /* the receipt's event types, JSON array */
    uint64_t
        version; /* the receipt's. Set by the store at commit if the unit appends to `stream` */
    uint64_t position; /* the receipt's. Set by the store at commit if the unit appends */
} neapi_key;

/* The name is whatever a stream could be called, but need not be one: what is folded from several
 * streams has snapshots too. */
typedef struct neapi_snapshot {
    neap_text name;
    uint64_t version;      /* of the stream; a position where there is none. At least 1 */
    neap_text fingerprint; /* which code's fold this is: only equal ones are found again */
    neap_text state;       /* bytes, not text */
    uint32_t keep;         /* how many of this name stay, at least 1; of the same version one */
} neapi_snapshot;

/* Refused with NEAP_CONFLICT if an event behind `after` has one of the types and carries one of the
 * tags. It is about what others did: an event of the same unit never counts, wherever in the unit
 * the condition stands. Accepted units before it in the batch count as all others do. */
typedef struct neapi_condition {
    const neap_text *types; /* any of these; type_count 0: any type */
    size_t type_count;
    const neap_text *tags; /* any of these, "name:value"; 1 to NEAPI_TAGS_MOST */
    size_t tag_count;
    uint64_t after; /* the position up to which the decision knew the log, so best the last one that
                       was looked at, wanted or not: what lies behind it is looked at again */
} neapi_condition;

typedef enum neapi_document_write {
    NEAPI_DOCUMENT_KEEP, /* as it is: for the precondition's sake */
    NEAPI_DOCUMENT_PUT,  /* made, or given other data */
    NEAPI_DOCUMENT_DROP, /* is there no more, and need not have been */
} neapi_document_write;

typedef enum neapi_document_expect {
    NEAPI_DOCUMENT_ANY,
    NEAPI_DOCUMENT_ABSENT,
    NEAPI_DOCUMENT_PRESENT,
    NEAPI_DOCUMENT_EQUAL, /* it is there, with the expected data */
} neapi_document_expect;

/* Bytes under a key in a collection: what a projection keeps, and everything else that is durable
 * beside events. A collection is there as long as it has documents. Not as expected: NEAP_CONFLICT.
 * It sees what the operations before it in its unit, and accepted units before it, left behind. */
typedef struct neapi_document {
    neap_text collection, key; /* as a stream's name */
    neapi_document_write write;
    neapi_document_expect expect;
    neap_text expected; /* of EQUAL */
    neap_text data;     /* of PUT: bytes, not looked at; may be empty */
} neapi_document;

typedef enum neapi_value_kind {
    NEAPI_VALUE_NULL,
    NEAPI_VALUE_INTEGER,
    NEAPI_VALUE_FLOAT,
    NEAPI_VALUE_BOOLEAN, /* `integer` is 0 or 1; a store without such a type keeps that */
    NEAPI_VALUE_TEXT,    /* UTF-8 */
    NEAPI_VALUE_BLOB,
} neapi_value_kind;

typedef struct neapi_value {
    neapi_value_kind kind;
    union {
        int64_t integer;
        double number;
        neap_text bytes; /* of TEXT and BLOB */
    };
} neapi_value;

/* One INSERT, REPLACE, UPDATE or DELETE, with or without WITH. {name} in the text stands for the
 * build's own table of that name; of tables it may read and write no others. Values are bound to
 * the parameters ?1, ?2, … in order, as many as there are. It sees what the statements before it in
 * its unit, and accepted units before it, left behind. A statement that fails refuses its unit
 * alone, with NEAP_USAGE (it is none that may be run), NEAP_STORE (it failed) or NEAP_LIMIT (it
 * goes on for too long), and unit->message says why. A store without SQL: NEAP_USAGE. */
typedef struct neapi_statement {
    neap_text projection; /* as a stream's name */
    uint32_t build;       /* from 1 */
    neap_text text;
    const neapi_value *values;
    size_t value_count;
    uint64_t position; /* of the event that it is about, for the message; 0: none */
} neapi_statement;

typedef enum neapi_tables_change {
    NEAPI_TABLES_CREATE, /* the build's tables and indexes are made, by one or more CREATE */
    NEAPI_TABLES_SHOW, /* the view `name` shows what this build has in {name}, and no other does */
    NEAPI_TABLES_DROP, /* and views that show them; there need not be any */
} neapi_tables_change;

/* The tables of one build of a projection. Refused as a statement is. */
typedef struct neapi_tables {
    neap_text projection;
    uint32_t build;
    neapi_tables_change change;
    neap_text text; /* of CREATE: names of tables and indexes are {name} */
} neapi_tables;

typedef struct neapi_op {
    neapi_op_kind kind;
    union {
        struct {
            neap_text stream;
            uint64_t version;
        } expect;
        struct {
            neap_text stream;
            uint64_t
                expected; /* version before the first event; 0: no such stream; NEAP_ANY_VERSION */
            size_t first, count; /* which of unit->events; count is at least 1 */
        } append;
        neapi_condition condition;
        neapi_key key;
        neapi_command command; /* at most one a unit */
        neapi_snapshot snapshot;
        neapi_document document;
        struct {
            neap_text collection;
            uint32_t most; /* how many go at most, at least 1 */
        } clear;
        neapi_statement statement;
        neapi_tables tables;
    };
} neapi_op;

typedef enum neapi_unit_state {
    NEAPI_UNIT_BUILDING,
    NEAPI_UNIT_ACCEPTED, /* durable */
    NEAPI_UNIT_REFUSED,  /* without any effect; see verdict */
    NEAPI_UNIT_UNKNOWN,  /* the store could not say: to be resolved before anything is answered */
} neapi_unit_state;

/* Why a unit was refused, or where it went. */
typedef struct neapi_verdict {
    neap_status status; /* NEAP_OK, NEAP_CONFLICT (a version, a condition, a document),
                           NEAP_DUPLICATE (the key), NEAP_USAGE (operation), NEAP_INVALID (a name,
                           data), NEAP_NOMEM (this unit alone), NEAP_LIMIT (more than this store
                           holds), or what made the whole batch fail */
    size_t op;          /* the operation that was refused */
    uint64_t actual;    /* of NEAP_CONFLICT: the stream's version at that moment; of a condition the
                           position of the newest event that is against it */
    uint64_t first_position; /* of an accepted unit that appended; else 0 */
    uint64_t last_position;
} neapi_verdict;

typedef struct neapi_unit {
    atomic_uint references;
    neapi_arena arena;
    neap_uuid id;
    neapi_op *ops;
    size_t op_count, op_capacity;
    /* Of all APPEND operations, in order. The store sets position and version when it accepts the
     * unit. */
    neap_event *events;
    size_t event_count, event_capacity;
    size_t event_bytes; /* of data, meta and tags */
    /* The unit, submitted earlier, whose outcome this one was decided on; NULL: none. Holds a
     * reference. If it was not accepted this one is refused with NEAP_CONFLICT, whatever the
     * versions say: another writer may have brought the stream to the very version that is expected
     * here. */
    struct neapi_unit *after;
    neapi_unit_state state;
    neapi_verdict verdict;
    int64_t due_us;    /* the earliest moment for which it puts something into the queue, µs since
                          1970; 0: it puts nothing there */
    bool tells;        /* other processes are to look at once at what it changes */
    neap_text message; /* what a refused unit's SQL was refused for; empty: nothing to say. In the
                          unit's memory */
    struct neapi_unit *next; /* for whoever owns the unit: a queue */
    void *owner;
} neapi_unit;

/* Owns: one reference. Errors: NULL, an allocation was refused. */
neapi_unit *neapi_unit_new(neap_uuid id);
neapi_unit *neapi_unit_hold(neapi_unit *unit); /* Threads: any. */
void neapi_unit_release(neapi_unit *unit);     /* Threads: any. NULL is allowed. */

/* The memory that it takes, all of it. */
size_t neapi_unit_bytes(const neapi_unit *unit);

/* Sets unit->after and holds it; after may be NULL. A chain does not grow: what `after` itself
 * waited for, it lets go once it has been judged. */
void neapi_unit_follow(neapi_unit *unit, neapi_unit *after);

/* Whether unit->after stands in its way: it was refused, or its outcome is unknown, or a store that
 * judges a batch before it makes it durable has given it a verdict other than NEAP_OK. Called by
 * stores in judging order. */
bool neapi_unit_blocked(const neapi_unit *unit);

/* The following copy all text into the arena and add one operation. Errors: NEAP_NOMEM. */
neap_status neapi_unit_expect(neapi_unit *unit, neap_text stream, uint64_t version);
neap_status neapi_unit_condition(neapi_unit *unit, const neap_text *types, size_t type_count,
                                 const neap_text *tags, size_t tag_count, uint64_t after);
neap_status neapi_unit_key(neapi_unit *unit, const neapi_key *key);
neap_status neapi_unit_command(neapi_unit *unit, const neapi_command *command);
neap_status neapi_unit_snapshot(neapi_unit *unit, const neapi_snapshot *snapshot);
neap_status neapi_unit_document(neapi_unit *unit, const neapi_document *document);
neap_status neapi_unit_clear_collection(neapi_unit *unit, neap_text collection, uint32_t most);
neap_status neapi_unit_sql(neapi_unit *unit, const neapi_statement *statement);
neap_status neapi_unit_tables(neapi_unit *unit, const neapi_tables *tables);

/* Adds an event: to the last operation, if that is an APPEND of the same stream (expected is then
 * not looked at), else with a new one. Of `event` position and version are ignored. Errors:
 * NEAP_NOMEM. */
neap_status neapi_unit_append(neapi_unit *unit, neap_text stream, uint64_t expected,
                              const neap_event *event);

/* Takes back all operations and events and the verdict, keeps id, `after` and memory: to decide
 * again. */
void neapi_unit_clear(neapi_unit *unit);

/* Judgement, by stores and the writer. neapi_unit_say sets the message; if there is no memory for
 * it it is empty. */
void neapi_unit_say(neapi_unit *unit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void neapi_unit_accept(neapi_unit *unit, uint64_t first_position, uint64_t last_position);
void neapi_unit_refuse(neapi_unit *unit, neap_status status, size_t op, uint64_t actual);

#endif
