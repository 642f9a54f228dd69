/* Members of JSON objects that Neap itself wrote: read one by one, and checked. The JSON comes from
 * a store, and may be damaged. */
#ifndef NEAPI_MESSAGE_FIELD_H
#define NEAPI_MESSAGE_FIELD_H

#include "base/buffer.h"

/* A whole number without a sign, up to `most`. false: it is not there, or is something else. */
bool neapi_field_number(neap_text json, const char *name, uint64_t most, uint64_t *number);
bool neapi_field_small(neap_text json, const char *name, uint32_t *number);
bool neapi_field_flag(neap_text json, const char *name, bool *flag);
/* A text, decoded behind what the buffer has; room for all of the JSON was reserved there, so that
 * what was decoded before does not move. */
bool neapi_field_text(neap_text json, const char *name, neapi_buffer *texts, neap_text *text);

/* An object that is being written: its members in the order in which they come, which is the
 * bytewise one of their names where the JSON is to be canonical. Who begins it ends it, with a '}'.
 */
typedef struct neapi_fields {
    neapi_buffer *json;
    bool begun;
} neapi_fields;

void neapi_fields_name(neapi_fields *fields, const char *name); /* its value is the caller's */
void neapi_fields_number(neapi_fields *fields, const char *name, int64_t number);
/* What is empty is left out. raw: JSON. */
void neapi_fields_raw(neapi_fields *fields, const char *name, neap_text raw);
void neapi_fields_text(neapi_fields *fields, const char *name, neap_text text);

/* Appends a member that is a text, with a comma behind it. name: needs no escapes. */
void neapi_field_write_text(neapi_buffer *json, const char *name, neap_text text);

#endif
