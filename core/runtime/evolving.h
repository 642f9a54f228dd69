/* What evolves with events: an aggregate's instance, a projection's document, a saga. One that is
 * put down is bytes, so that it outlasts a lane's engine and can be copied.
 *
 * Threads: who drives the lane. */
#ifndef NEAPI_RUNTIME_EVOLVING_H
#define NEAPI_RUNTIME_EVOLVING_H

#include "runtime/lane.h"
#include "runtime/saga_record.h"

/* What it is. Lifetime: the texts outlive it. */
typedef struct neapi_evolved {
    neapi_instance instance;                /* of an aggregate */
    const neapi_subscription *subscription; /* NULL: it is one */
    neap_text key;
    neap_text field; /* what is shown of it, a JSON list; empty: all */
} neapi_evolved;

/* Whether its events have places by version, and not by position. */
static inline bool neapi_evolved_by_version(const neapi_evolved *evolved)
{
    return evolved->subscription == NULL && evolved->instance.tag_count == 0;
}

static inline uint64_t neapi_evolved_place(const neapi_evolved *evolved, const neap_event *event)
{
    return neapi_evolved_by_version(evolved) ? event->version : event->position;
}

/* The events that it may be folded from; from, to and the page's size are to be filled. */
neapi_range neapi_evolved_range(const neapi_evolved *evolved);

/* Taken up by an engine. */
typedef struct neapi_evolving {
    neapi_lane *lane;
    const neapi_evolved *evolved;
    neap_text saved;           /* of a document: what it was */
    neapi_state state;         /* of an aggregate, a saga */
    neapi_documents documents; /* of a projection */
    bool begun;                /* an event was folded */
    neapi_saga_status status;
    bool compensates; /* the saga would if it failed */
    neapi_effects effects;
} neapi_evolving;

/* saved: as neapi_evolving_save() wrote it, which outlives it; empty: before its first event. Ends
 * with neapi_evolving_end(), also after a failure. Errors: of the engine. */
neap_status neapi_evolving_begin(neapi_evolving *evolving, neapi_lane *lane,
                                 const neapi_evolved *evolved, neap_text saved, neap_error *error);
/* Errors: of the fold; it is then to be ended. */
neap_status neapi_evolving_fold(neapi_evolving *evolving, const neap_event *event,
                                neap_error *error);
/* Appends its JSON, or its field's. *there: there is something. */
neap_status neapi_evolving_show(neapi_evolving *evolving, neapi_buffer *json, bool *there,
                                neap_error *error);
neap_status neapi_evolving_save(neapi_evolving *evolving, neapi_buffer *saved, neap_error *error);
void neapi_evolving_end(neapi_evolving *evolving);

/* What is kept of it behind the last place at or before *place: a snapshot, or what its past's
 * history keeps. Nothing: *place becomes 0, and nothing is appended. */
neap_status neapi_evolved_nearest(neapi_lane *lane, const neapi_evolved *evolved, uint64_t *place,
                                  neapi_buffer *saved, neap_error *error);

#endif
