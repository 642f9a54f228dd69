/* Who waits for which events: readers by stream, type or category, so that what is committed costs
 * nothing for those who do not want it.
 *
 * Threads: whoever uses it sees to it that nobody else does. */
#ifndef NEAPI_RUNTIME_TOPICS_H
#define NEAPI_RUNTIME_TOPICS_H

#include "base/map.h"
#include "store/page.h"

typedef struct neapi_topic neapi_topic;
typedef struct neapi_interest neapi_interest;

/* An interest's place among those that wait for one topic. */
typedef struct neapi_interest_place {
    neapi_topic *topic;
    neapi_interest *interest;
    struct neapi_interest_place *next, **link;
} neapi_interest_place;

/* What one reader wants; within the reader. */
struct neapi_interest {
    const neapi_range *range;
    neapi_interest_place *places;
    size_t place_count;
};

/* The topics of one kind by name, and how many places wait in them. */
typedef struct neapi_topic_index {
    neapi_map topics;
    size_t waiting;
} neapi_topic_index;

typedef struct neapi_topics {
    neapi_topic_index streams, types, categories;
    neapi_topic_index all; /* a single topic without a name: of those who look at every event */
} neapi_topics;

void neapi_topics_init(neapi_topics *topics);
void neapi_topics_fini(neapi_topics *topics); /* nobody is in them */

/* Makes places for what the range asks for, which outlives the interest. Errors: NEAP_NOMEM. */
neap_status neapi_topics_enter(neapi_topics *topics, neapi_interest *interest,
                               const neapi_range *range);
/* It does not wait. */
void neapi_topics_leave(neapi_interest *interest);

/* It does not wait yet. */
void neapi_topics_wait(neapi_interest *interest);
/* It waits. */
void neapi_topics_stop_waiting(neapi_interest *interest);

/* Calls `found` for each that waits for the event, once; it may let that one stop waiting. `hint`
 * is all zero at first, and kept as long as the events that it was shown. */
typedef struct neapi_topics_hint {
    neap_text type;
    const neapi_topic *topic; /* of that type */
} neapi_topics_hint;
typedef void (*neapi_topics_found)(void *user, neapi_interest *interest, const neap_event *event);
void neapi_topics_match(const neapi_topics *topics, const neap_event *event,
                        neapi_topics_hint *hint, neapi_topics_found found, void *user);

#endif
