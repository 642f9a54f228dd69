/* Changed code: a log that is folded with two versions of a domain side by side; see
 * neap_history_compare() in neap.h. What an instance, document or saga is in the one and the other
 * is compared behind each event, and each command that was recorded is decided again.
 *
 * Nothing of a runtime is used: each version has an engine of its own, and of the store only the
 * log is read. Threads: owner. */
#ifndef NEAPI_RUNTIME_CHANGED_H
#define NEAPI_RUNTIME_CHANGED_H

#include "base/map.h"
#include "runtime/history.h"
#include "script/engine.h"

enum { NEAPI_BEFORE, NEAPI_AFTER, NEAPI_CODES };

#define NEAPI_CHANGED_BYTES ((size_t)1 << 30) /* of a state, a document, a decision: no limit */

/* ---- What was found (changed_found.c) -------------------------------------------------------- */

/* JSON objects about positions: the first so many in the order of the log, whatever the order in
 * which they were found. */
typedef struct neapi_first {
    struct neapi_first_item {
        uint64_t position;
        neapi_buffer json;
    } * items;
    size_t count, capacity;
} neapi_first;

/* Of one aggregate, projection or saga. */
typedef struct neapi_changed_definition {
    const char *kind;
    neap_text name;
    const char *passed_over;      /* why nothing of it is compared; NULL: it is */
    uint64_t compared, differing; /* instances, documents */
    neapi_first first;
    struct neapi_changed_definition *next;
} neapi_changed_definition;

/* Decisions that could not be made again, for one reason. */
typedef struct neapi_undecided {
    neap_text command, why;
    uint64_t count, first; /* position */
    struct neapi_undecided *next;
} neapi_undecided;

typedef struct neapi_decided {
    uint64_t compared;
    uint64_t differing; /* from what was recorded, and from the code before */
    uint64_t as_before; /* from what was recorded, and as the code before */
    neapi_first first, first_as_before;
    neapi_undecided *undecided;
    uint64_t undecided_count;
} neapi_decided;

typedef struct neapi_changed_code {
    neapi_engine *engine;
    const neapi_catalog *catalog;
} neapi_changed_code;

typedef struct neapi_changed {
    neap_history *history; /* whose log it is, and which is asked whether to go on */
    neapi_session *session;
    neapi_changed_code codes[NEAPI_CODES];
    uint64_t from, to;
    size_t limit;
    bool twice;          /* both are one code, which is to come to the same */
    neap_text aggregate; /* the only thing that is wanted; empty: all is */
    uint64_t done, asked, target;
    neapi_arena arena; /* of what was found */
    neapi_changed_definition *definitions, **end;
    neapi_decided decided;
    neapi_arena command;              /* of the command that is decided again */
    neapi_unit *unit;                 /* what it decides */
    neapi_buffer texts[NEAPI_CODES];  /* states, while they are compared */
    neapi_buffer errors[NEAPI_CODES]; /* what came in their place */
} neapi_changed;

void neapi_changed_fini(neapi_changed *it);

/* The one of that name, which is added to what is reported. Errors: NULL, no memory. */
neapi_changed_definition *neapi_changed_define(neapi_changed *it, const char *kind, neap_text name);
/* Reports that nothing of it is compared. why: static. Errors: NEAP_NOMEM. */
neap_status neapi_changed_pass_over(neapi_changed *it, const char *kind, neap_text name,
                                    const char *why, neap_error *error);

/* Whether something at the position would be among the first `limit`. */
bool neapi_first_wants(const neapi_first *first, uint64_t position, size_t limit);
/* Takes the JSON, also on failure. Errors: NEAP_NOMEM. */
neap_status neapi_first_add(neapi_first *first, uint64_t position, size_t limit, neapi_buffer *json,
                            neap_error *error);

/* A decision that cannot be made again. Errors: NEAP_NOMEM. */
neap_status neapi_changed_undecided(neapi_changed *it, neap_text command, const char *why,
                                    uint64_t position, neap_error *error);

/* What differs of an instance, a document or a saga. */
typedef struct neapi_difference {
    neap_text key;
    const neap_event *event; /* from which it does */
    uint64_t equal_at;       /* the version at which it did not yet, if events in between were not
                                looked at; else 0 */
    bool initial;            /* it did before any event */
    /* JSON, or why there is none; both empty: there is nothing. */
    neap_text values[NEAPI_CODES], errors[NEAPI_CODES];
    neap_text places[NEAPI_CODES]; /* of the function that handled the event; may be empty */
} neapi_difference;

/* Counts it, and keeps it if it is one of the first. Errors: NEAP_NOMEM. */
neap_status neapi_changed_differs(neapi_changed *it, neapi_changed_definition *definition,
                                  const neapi_difference *difference, neap_error *error);

/* Appends the whole report as one JSON object. */
void neapi_changed_write(neapi_buffer *json, const neapi_changed *it);

/* So many more events are behind us. Errors: NEAP_UNAVAILABLE, the host wants no more. */
neap_status neapi_changed_go_on(neapi_changed *it, size_t events, neap_error *error);

/* Whether what an engine gave says nothing of the code: then all of it has failed. */
static inline bool neapi_changed_fails(neap_status status)
{
    return status == NEAP_NOMEM;
}

/* ---- Instances (changed_pair.c) -------------------------------------------------------------- */

/* An instance of an aggregate, as both versions have it. */
typedef struct neapi_changed_pair {
    neapi_changed_definition *definition;
    neapi_instance instances[NEAPI_CODES];
    neapi_state states[NEAPI_CODES];
    bool failed[NEAPI_CODES]; /* it cannot be folded any more: errors say why */
    neapi_buffer errors[NEAPI_CODES];
    bool differs, initially;
    uint64_t version;     /* of the event that was folded last; by tags its position */
    uint64_t compared_at; /* the version at which it was compared last */
    uint64_t pause;       /* so many events are folded until it is compared again */
} neapi_changed_pair;

/* Gives it its initial states; instances and definition are set. What else is in it is forgotten,
 * its memory is kept. Errors: those that end all of it. */
neap_status neapi_pair_begin(neapi_changed *it, neapi_changed_pair *pair, neap_error *error);
/* Folds an event, for each version as far as that wants it, and compares. Errors: likewise. */
neap_status neapi_pair_fold(neapi_changed *it, neapi_changed_pair *pair, const neap_event *event,
                            neap_error *error);
/* Compares where that was left out for large states. event: the last one. Errors: likewise. */
neap_status neapi_pair_settle(neapi_changed *it, neapi_changed_pair *pair, const neap_event *event,
                              neap_error *error);
void neapi_pair_free_states(neapi_changed *it, neapi_changed_pair *pair);
void neapi_pair_fini(neapi_changed_pair *pair); /* its states were freed */

/* ---- Decisions (changed_decide.c) ------------------------------------------------------------ */

/* Decides the recorded command of these events again, on the pair's states, which are those before
 * them. Errors: those that end all of it. */
neap_status neapi_changed_decide(neapi_changed *it, neapi_changed_pair *pair,
                                 const neapi_command *command, const neap_event *events,
                                 size_t count, neap_error *error);
/* The command that is recorded of the event; *found: there is one, with its data. Lifetime: until
 * the next one is. Errors: those of the store, NEAP_NOMEM. */
neap_status neapi_changed_command(neapi_changed *it, const neap_event *event,
                                  neapi_command *command, bool *found, neap_error *error);

/* ---- Which events one command decided (changed_reader.c) ------------------------------------- */

/* Events that one command decided, or a single one that none did: a stream's, a category's. */
typedef struct neapi_decision_reader {
    neapi_session *session;
    neapi_range range;
    neapi_page page;
    size_t at;
    bool begun;
} neapi_decision_reader;

/* The range's stream or category, types, from and to are set by the caller. */
void neapi_decision_reader_init(neapi_decision_reader *reader, neapi_session *session,
                                const neapi_range *range);
void neapi_decision_reader_fini(neapi_decision_reader *reader);
/* *count 0: the end. Lifetime: the events' until the next call. Errors: those of the store. */
neap_status neapi_decision_next(neapi_decision_reader *reader, const neap_event **events,
                                size_t *count, neap_error *error);
/* Whether nothing more is at hand up to the position: there may be more nevertheless. */
static inline bool neapi_decision_pauses(const neapi_decision_reader *reader, uint64_t to)
{
    return reader->at == reader->page.count || reader->page.events[reader->at].position > to;
}

/* ---- What is compared ------------------------------------------------------------------------ */

/* An aggregate that both versions have. Errors: those that end all of it. */
neap_status neapi_changed_streams(neapi_changed *it, const neapi_aggregate *const both[NEAPI_CODES],
                                  neap_error *error);
neap_status neapi_changed_by_tags(neapi_changed *it, const neapi_aggregate *const both[NEAPI_CODES],
                                  neap_error *error);

/* A projection, or a saga, that both versions have, through the log. */
typedef struct neapi_changed_fold neapi_changed_fold;

/* Errors: NULL, no memory, or what an engine gave. */
neapi_changed_fold *neapi_changed_fold_new(neapi_changed *it,
                                           const neapi_subscription *const both[NEAPI_CODES],
                                           neap_error *error);
void neapi_changed_fold_free(neapi_changed *it, neapi_changed_fold *fold);
/* Goes on with these events. Errors: those that end all of it. */
neap_status neapi_changed_fold_events(neapi_changed *it, neapi_changed_fold *fold,
                                      const neap_event *events, size_t count, neap_error *error);

#endif
