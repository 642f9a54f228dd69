/* Bytes that grow at the end. A refused allocation sticks: later appends do nothing, and `failed`
 * says so once, at the end, instead of after every append. */
#ifndef NEAPI_BASE_BUFFER_H
#define NEAPI_BASE_BUFFER_H

#include <string.h>

#include "neap.h"

typedef struct neapi_buffer {
    char *data; /* not terminated; see neapi_buffer_terminated */
    size_t size;
    size_t capacity;
    bool failed;
} neapi_buffer;

#define NEAPI_BUFFER_INIT ((neapi_buffer){0})

void neapi_buffer_fini(neapi_buffer *buffer);

/* Makes room for `more` bytes behind `size`; false (and `failed`) if refused. */
bool neapi_buffer_grow(neapi_buffer *buffer, size_t more);

static inline bool neapi_buffer_reserve(neapi_buffer *buffer, size_t more)
{
    return buffer->capacity - buffer->size >= more || neapi_buffer_grow(buffer, more);
}

static inline void neapi_buffer_append(neapi_buffer *buffer, const void *data, size_t size)
{
    if (size != 0 && neapi_buffer_reserve(buffer, size)) {
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
    }
}

static inline void neapi_buffer_byte(neapi_buffer *buffer, char byte)
{
    if (neapi_buffer_reserve(buffer, 1))
        buffer->data[buffer->size++] = byte;
}

#define NEAPI_BUFFER_LITERAL(buffer, literal)                                                      \
    neapi_buffer_append((buffer), "" literal, sizeof(literal) - 1)

void neapi_buffer_text(neapi_buffer *buffer, neap_text text);
void neapi_buffer_format(neapi_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content with a terminator behind it; NULL if an allocation was refused. Lifetime: until the
 * next change. */
const char *neapi_buffer_terminated(neapi_buffer *buffer);

/* Moves the terminated content out (neapi_free); the buffer is empty afterwards. NULL if an
 * allocation was refused. */
char *neapi_buffer_take(neapi_buffer *buffer, size_t *size);

/* Ends the buffer, and with NEAP_OK moves its terminated content to who called (neap_free()): gives
 * the status on, or NEAP_NOMEM. text: untouched on failure; size may be NULL. */
neap_status neapi_buffer_give(neapi_buffer *buffer, neap_status status, char **text, size_t *size,
                              neap_error *error);

static inline void neapi_buffer_clear(neapi_buffer *buffer)
{
    buffer->size = 0;
    buffer->failed = false;
}

#endif
