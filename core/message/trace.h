/* W3C Trace Context in the metadata of messages: `traceparent` and `tracestate`. */
#ifndef NEAPI_MESSAGE_TRACE_H
#define NEAPI_MESSAGE_TRACE_H

#include "base/buffer.h"

/* Whether it is a traceparent as the W3C has it: of version 00 exactly, of a later one what is
 * known of that. */
bool neapi_traceparent_valid(neap_text text);
/* The same of a tracestate. */
bool neapi_tracestate_valid(neap_text text);

/* The trace that the metadata (a flat JSON object, canonical, or empty) belongs to: 32 characters
 * within it, or empty. */
neap_text neapi_trace_id(neap_text meta);

/* Takes out of the metadata what is not as it must be: a traceparent, and with it the tracestate,
 * which means nothing alone; or the tracestate. *dropped: the name of what was wrong, or NULL.
 * Errors: meta->failed. */
void neapi_trace_clean(neapi_buffer *meta, const char **dropped);

#endif
