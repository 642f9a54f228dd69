/* CloudEvents 1.0 in JSON, structured mode: how events leave for other systems, and how their
 * messages come in. */
#ifndef NEAPI_MESSAGE_CLOUDEVENT_H
#define NEAPI_MESSAGE_CLOUDEVENT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "neap.h"

#define NEAPI_CLOUDEVENT_TYPE "application/cloudevents+json"

/* Appends the event, canonically: members sorted bytewise, none that is empty. What the
 * specification or one of its documented extensions has a name for goes under that name: id,
 * source, type, subject (the stream), time, datacontenttype, data, correlationid, causationid,
 * traceparent and tracestate (out of the metadata). The rest are attributes of our own, each a
 * text, but for schemaversion: commandid, position, streamversion (CloudEvents' integers have 32
 * bits), tags and meta (JSON: an attribute has no structure). source: a URI reference, not empty.
 * Errors: json->failed. */
void neapi_cloudevent_write(neapi_buffer *json, const neap_event *event, neap_text source);

/* One that came in. Lifetime: texts lie in the JSON or in the arena. */
typedef struct neapi_cloudevent {
    neap_text id, source;  /* not empty */
    neap_text data_schema; /* or empty */
    bool timed;            /* event.recorded_at is when its source says that it happened */
    /* The same as the envelope of an event. What is not given is empty or zero, as are ids that are
     * no UUID. Its data is well-formed, and not canonical yet. */
    neap_event event;
} neapi_cloudevent;

/* Attributes that Neap does not know are passed over, as the specification wants. Errors: INVALID
 * with line, column and path (not JSON, an attribute that is missing or of the wrong kind, another
 * specversion, data that is not JSON), LIMIT (nesting), NOMEM. */
neap_status neapi_cloudevent_read(neap_text json, neapi_arena *arena, neapi_cloudevent *event,
                                  neap_error *error);

#endif
