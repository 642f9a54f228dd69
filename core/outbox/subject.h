/* What an event is distributed by at a broker: a template with the event's own words in it. */
#ifndef NEAPI_OUTBOX_SUBJECT_H
#define NEAPI_OUTBOX_SUBJECT_H

#include "base/buffer.h"

/* Checks a template: text, and in braces type, category, stream or id (the stream's name behind the
 * category). Its own words make a subject of NATS: tokens that are not empty, with dots between
 * them. Errors: USAGE. */
neap_status neapi_subject_check(neap_text subject, neap_error *error);

/* Appends the pattern of all subjects that the template can make: '*' for each token with a word of
 * an event's. */
void neapi_subject_pattern(neapi_buffer *text, neap_text subject);

/* Appends the template with the event's words. Each becomes one token, whatever is in it: bytes
 * that a token cannot hold are written as '%' and two hexadecimal digits. */
void neapi_subject_write(neapi_buffer *text, neap_text subject, const neap_event *event);

#endif
