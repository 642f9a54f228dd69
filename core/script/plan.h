/* What the engine needs of a loaded domain to run it without looking anything up by name. */
#ifndef NEAPI_SCRIPT_PLAN_H
#define NEAPI_SCRIPT_PLAN_H

#include <lua.h>

#include "bus/catalog.h"
#include "script/convert.h"

/* The most tags that one event may have. */
#define NEAPI_MOST_TAGS 16

typedef struct neapi_planned_message {
    neapi_schema *schema; /* the plan's list of values keeps it alive */
    const void *instance; /* the identity of its metatable: marks what its constructor made */
    int handler;          /* in the list of functions; 0: none */
    int mark;             /* and that metatable */
    unsigned decisions;   /* handled so far: which of them are sampled */
    const char **tags;    /* fields, sorted bytewise by name; in the catalog's arena */
    unsigned tag_count;
    /* Of an event, in the list of functions: each leads from one schema version to the next, the
     * last to today's. */
    int *upcasters;
    uint32_t upcaster_count;
} neapi_planned_message;

/* What stored events of a type are read as that no event has as its name today. */
typedef struct neapi_former {
    neap_text name;
    uint32_t message; /* the event that was renamed; NEAPI_NONE: it is retired */
    int upcaster;     /* of what is retired, in the list of functions; 0: it is passed over */
} neapi_former;

typedef struct neapi_planned_aggregate {
    int initial; /* in the list of functions: a table or a function */
    bool integer_key;
    bool integer_tags[NEAPI_MOST_TAGS]; /* as the catalog's tags */
    int *folds;     /* by message index, in the list of functions; 0: it is not folded */
    uint32_t *seen; /* likewise, which fields of an event with a flat schema its fold can see */
} neapi_planned_aggregate;

#define NEAPI_NO_FIELD UINT8_MAX

/* Of a projection, a subscriber or a saga. All by message index, in the list of functions, 0: there
 * is none. */
typedef struct neapi_planned_subscription {
    int *handlers;
    int *keys;      /* a field's name, or a function */
    uint32_t *seen; /* which fields of an event with a flat schema key and handler can see */
    uint32_t *handler_seen; /* which the handler can */
    uint8_t *key_fields; /* of an event with a flat schema, the number of the field that is its key;
                            NEAPI_NO_FIELD: none is */
    /* Whether they only read fields that are no tables, so that another may have the same event. */
    bool *key_reads, *handler_reads;
    /* Of a saga. */
    bool *starts;             /* by message index: the event begins one */
    int initial;              /* in the list of functions: a table or a function */
    int timeouts, rejections; /* likewise: tables of functions by name */
    int publish;              /* of an outbox, in the list of functions; 0: it has none */
} neapi_planned_subscription;

typedef struct neapi_plan {
    neapi_planned_message *messages;           /* as in the catalog */
    neapi_planned_aggregate *aggregates;       /* as in the catalog */
    neapi_planned_subscription *subscriptions; /* as in the catalog */
    neapi_former *formers;
    uint32_t former_count;
    neapi_map former_by_name;
} neapi_plan;

/* Reads what neap.plan made (the table at `index`) into catalog and plan; the functions go into the
 * list at `functions`, with all else that must stay alive. Memory: the catalog's arena. Errors:
 * NEAP_NOMEM, NEAP_USAGE. */
neap_status neapi_plan_read_lj(lua_State *L, int index, int functions, neapi_catalog *catalog,
                               neapi_plan *plan, neap_error *error);

#endif
