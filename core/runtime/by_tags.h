/* Commands of aggregates by tags.
 *
 * Such a decision rests on all events with one of its tags, whatever their streams, so its unit
 * carries a condition: nobody appended another one meanwhile. Decisions that share a tag would only
 * refuse each other; so they take turns (turns.h), and one of them at a time is with the writer.
 * What other lanes and processes append is left to the condition: the decision is made again. */
#ifndef NEAPI_RUNTIME_BY_TAGS_H
#define NEAPI_RUNTIME_BY_TAGS_H

#include "runtime/lane.h"

/* Decides a command now, or lets it wait for its turn. */
void neapi_by_tags_decide(neapi_lane *lane, neapi_request *request);

/* What the writer made of its unit. */
void neapi_by_tags_judged(neapi_lane *lane, neapi_request *request, neapi_unit *unit);

/* The request was begun: gives its turn up, unless it is waiting for that, or for the writer. */
void neapi_by_tags_begun(neapi_lane *lane, neapi_request *request);

#endif
