#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"

void neapi_buffer_fini(neapi_buffer *buffer)
{
    neapi_free(buffer->data);
    *buffer = NEAPI_BUFFER_INIT;
}

bool neapi_buffer_grow(neapi_buffer *buffer, size_t more)
{
    if (buffer->failed || more > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4) {
        buffer->failed = true;
        return false;
    }
    size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
    while (capacity - buffer->size < more)
        capacity *= 2;
    char *data = neapi_realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

void neapi_buffer_text(neapi_buffer *buffer, neap_text text)
{
    neapi_buffer_append(buffer, text.data, text.size);
}

void neapi_buffer_format(neapi_buffer *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size > 0 && neapi_buffer_reserve(buffer, (size_t)size + 1)) {
        vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
    va_end(arguments);
}

const char *neapi_buffer_terminated(neapi_buffer *buffer)
{
    if (buffer->failed || !neapi_buffer_reserve(buffer, 1))
        return NULL;
    buffer->data[buffer->size] = '\0';
    return buffer->data;
}

char *neapi_buffer_take(neapi_buffer *buffer, size_t *size)
{
    if (neapi_buffer_terminated(buffer) == NULL)
        return NULL;
    char *data = buffer->data;
    if (size != NULL)
        *size = buffer->size;
    *buffer = NEAPI_BUFFER_INIT;
    return data;
}

neap_status neapi_buffer_give(neapi_buffer *buffer, neap_status status, char **text, size_t *size,
                              neap_error *error)
{
    char *taken = status == NEAP_OK ? neapi_buffer_take(buffer, size) : NULL;
    neapi_buffer_fini(buffer);
    if (status == NEAP_OK && taken == NULL)
        return neapi_nomem(error);
    if (status == NEAP_OK)
        *text = taken;
    return status;
}
