/* Filling a neap_error, and handing it upwards with more context. */
#ifndef NEAPI_BASE_ERROR_H
#define NEAPI_BASE_ERROR_H

#include "neap.h"

/* Fills *error (NULL is allowed) with the status, its name as code and the message, and returns
 * status. */
neap_status neapi_fail(neap_error *error, neap_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Gives the error another status, and its name as code; returns status. NULL is allowed. */
neap_status neapi_error_as(neap_error *error, neap_status status);
/* What a callback of the host failed with: the status that it returned, beside the message, and for
 * a rejection the code, that it wrote, whatever else it left in the error. Returns status. */
neap_status neapi_error_settle(neap_error *error, neap_status status);

/* Puts "<formatted>: " before the message: `append Order-7: sqlite: disk full`. Cuts at the end
 * what is too long. */
void neapi_error_prefix(neap_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Copies text into a fixed field, cut at a character's boundary, always terminated. */
void neapi_text_copy(char *field, size_t capacity, const char *text, size_t size);
#define NEAPI_ERROR_SET(error, field, text, size)                                                  \
    neapi_text_copy((error)->field, sizeof(error)->field, text, size)

/* For a refused allocation; always returns NEAP_NOMEM. */
neap_status neapi_nomem(neap_error *error);

/* printf's "%.*s" of a neap_text. */
#define NEAPI_TEXT(text) (int)(text).size, (text).data

#endif
