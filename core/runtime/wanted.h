/* Whether an event is one that a range asks for: what stores decide when they read, for events that
 * are in memory. */
#ifndef NEAPI_RUNTIME_WANTED_H
#define NEAPI_RUNTIME_WANTED_H

#include "store/page.h"

/* The event's number in the range's count: its version in the one stream, else its position. */
static inline uint64_t neapi_number_of(const neapi_range *range, const neap_event *event)
{
    return range->stream.size != 0 ? event->version : event->position;
}

/* Forward ranges only. Threads: any. */
bool neapi_is_wanted(const neapi_range *range, const neap_event *event);

#endif
