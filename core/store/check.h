/* What no store could hold or answer, found before a backend is asked. */
#ifndef NEAPI_STORE_CHECK_H
#define NEAPI_STORE_CHECK_H

#include "store/backend.h"

/* Whether a unit could be accepted by some store. error may be NULL: nothing is formatted then.
 * *op is the operation that could not. Errors: NEAP_INVALID (a name, data), NEAP_USAGE (how the
 * unit is put together). */
neap_status neapi_unit_check(const neapi_unit *unit, size_t *op, neap_error *error);

/* Whether the event could be appended to the stream, whose name was checked. Errors: the same. */
neap_status neapi_event_check(const neap_event *event, neap_text stream, neap_error *error);

/* Errors: NEAP_USAGE, NEAP_INVALID (a name). */
neap_status neapi_range_check(const neapi_range *range, neap_error *error);

/* Whether these can name a document. Errors: NEAP_INVALID. */
neap_status neapi_document_check(neap_text collection, neap_text key, neap_error *error);
/* Errors: NEAP_USAGE, NEAP_INVALID (a name). */
neap_status neapi_document_range_check(const neapi_document_range *range, neap_error *error);

/* Errors: NEAP_USAGE, NEAP_INVALID (a name, a value). */
neap_status neapi_statement_check(const neapi_statement *statement, neap_error *error);

/* Whether text can name a stream, a type or a key: UTF-8, 1 to NEAPI_STREAM_BYTES, no control
 * characters. what: "a stream's name". Errors: NEAP_INVALID. */
neap_status neapi_name_check(neap_text name, const char *what, neap_error *error);

/* The same for an event's tag, which is name:value. */
neap_status neapi_tag_check(neap_text tag, neap_error *error);
/* All tags of an event of that type. Errors: NEAP_INVALID, NEAP_USAGE (their order). */
neap_status neapi_tags_check(neap_text type, const neap_text *tags, size_t count,
                             neap_error *error);

#endif
