/* Appends JSON objects of figures to a buffer. Each member and each element ends with a comma, and
 * neapi_write_end() puts the bracket in the place of the last one. */
#ifndef NEAPI_MESSAGE_OBJECT_H
#define NEAPI_MESSAGE_OBJECT_H

#include "message/write.h"

/* name: needs no escapes. */
void neapi_write_count(neapi_buffer *json, const char *name, uint64_t count);
/* The beginning of a member that is an object ('{') or a list ('['). name: any text. */
void neapi_write_begin(neapi_buffer *json, neap_text name, char open);
/* Ends what began with `open`. */
void neapi_write_end(neapi_buffer *json, char open);
/* The same, as a member or an element. */
void neapi_write_member_end(neapi_buffer *json, char open);

#endif
