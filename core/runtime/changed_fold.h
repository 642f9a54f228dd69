/* A projection, or a saga, that two versions of a domain fold side by side: what both of the files
 * for that share. */
#ifndef NEAPI_RUNTIME_CHANGED_FOLD_H
#define NEAPI_RUNTIME_CHANGED_FOLD_H

#include "runtime/changed.h"
#include "runtime/saga_record.h"

/* What one version has of a document, or of a saga. */
typedef struct neapi_changed_side {
    neapi_buffer json; /* the document, or the saga's state; empty: there is none */
    /* Of a document: what the events at hand make of it, until that is kept. */
    neap_text written;
    bool is_written;
    /* Of a saga. */
    neapi_saga_status status;
    neapi_buffer saved;  /* the state, for the engine */
    neapi_buffer wanted; /* what the event had it do, as JSON */
    neapi_buffer why;    /* it has stopped */
} neapi_changed_side;

typedef struct neapi_changed_kept {
    neap_text key;
    neapi_changed_side sides[NEAPI_CODES];
    bool touched, counted, differs;
    struct neapi_changed_kept *next; /* of those that the event has touched */
} neapi_changed_kept;

struct neapi_changed_fold {
    neapi_changed_definition *definition;
    const neapi_subscription *both[NEAPI_CODES];
    bool over; /* it has stopped at an event, in one of the versions at least */
    bool stopped[NEAPI_CODES];
    neapi_buffer why[NEAPI_CODES];
    neapi_arena named; /* what is kept, and its keys */
    neapi_map by_key;  /* of what is kept */
    neapi_changed_kept *touched;
    /* Of a projection. */
    int code; /* which asks for a document */
    neapi_documents documents[NEAPI_CODES];
    neapi_unit *units[NEAPI_CODES]; /* what the events at hand have changed */
    size_t batch;                   /* so many events are folded at once */
    size_t events;                  /* since documents were let go of */
    /* Of a saga. */
    neapi_arena keys; /* of the event */
    neapi_effects effects;
};

/* What is kept of the key, as touched by the event. Errors: NULL, no memory. */
neapi_changed_kept *neapi_changed_touch(neapi_changed_fold *fold, neap_text key);

/* Whether the subscription wants events of that type. */
bool neapi_changed_wants(const neapi_subscription *subscription, const neap_event *event);

/* The most events that a projection folds at once. */
#define NEAPI_CHANGED_BATCH 512

/* Has both versions fold the events, at most as many as fold->batch says, and compares. Errors:
 * those that end all of it. */
neap_status neapi_changed_project(neapi_changed *it, neapi_changed_fold *fold,
                                  const neap_event *events, size_t count, neap_error *error);
/* Has one version handle the event. Errors: likewise. */
neap_status neapi_changed_saga(neapi_changed *it, neapi_changed_fold *fold, int code,
                               const neap_event *event, neap_error *error);

/* Compares what the event has touched, or how it has stopped. Errors: likewise. */
neap_status neapi_changed_compare(neapi_changed *it, neapi_changed_fold *fold,
                                  const neap_event *event, neap_error *error);

/* This version handles nothing any more. Errors: NEAP_NOMEM, or the failure if it ends all of it.
 */
neap_status neapi_changed_stop(neapi_changed_fold *fold, int code, const neap_error *why,
                               neap_error *error);

/* Writes what a version has of a saga. */
void neapi_changed_saga_write(neapi_buffer *json, const neapi_changed_side *side);

#endif
