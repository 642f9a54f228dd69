#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [NEAP_OK] = "ok",
    [NEAP_REJECTED] = "rejected",
    [NEAP_INVALID] = "invalid",
    [NEAP_UNKNOWN] = "unknown",
    [NEAP_CONFLICT] = "conflict",
    [NEAP_DUPLICATE] = "duplicate",
    [NEAP_HANDLER] = "handler",
    [NEAP_LIMIT] = "limit",
    [NEAP_TIMEOUT] = "timeout",
    [NEAP_BUSY] = "busy",
    [NEAP_UNAVAILABLE] = "unavailable",
    [NEAP_CORRUPT] = "corrupt",
    [NEAP_STORE] = "store",
    [NEAP_CLOSED] = "closed",
    [NEAP_USAGE] = "usage",
    [NEAP_NOMEM] = "nomem",
};

const char *neap_status_name(neap_status status)
{
    if ((unsigned)status >= sizeof names / sizeof *names)
        return "unknown status";
    return names[status];
}

void neapi_text_copy(char *field, size_t capacity, const char *text, size_t size)
{
    if (size >= capacity) {
        size = capacity - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
            size--;
    }
    if (size > 0)
        memmove(field, text, size);
    field[size] = '\0';
}

neap_status neapi_fail(neap_error *error, neap_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    char message[sizeof error->message + 4];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    error->status = status;
    error->outcome_unknown = false;
    error->line = error->column = 0;
    error->path[0] = error->details[0] = error->traceback[0] = '\0';
    NEAPI_ERROR_SET(error, code, neap_status_name(status), strlen(neap_status_name(status)));
    NEAPI_ERROR_SET(error, message, message, strlen(message));
    return status;
}

neap_status neapi_error_as(neap_error *error, neap_status status)
{
    if (error == NULL)
        return status;
    error->status = status;
    NEAPI_ERROR_SET(error, code, neap_status_name(status), strlen(neap_status_name(status)));
    return status;
}

neap_status neapi_error_settle(neap_error *error, neap_status status)
{
    bool own_code = status == NEAP_REJECTED && error->code[0] != '\0' &&
                    strcmp(error->code, neap_status_name(error->status)) != 0;
    if (error->status != status && !own_code)
        neapi_error_as(error, status);
    error->status = status;
    error->outcome_unknown = false;
    return status;
}

void neapi_error_prefix(neap_error *error, const char *format, ...)
{
    if (error == NULL)
        return;
    char message[2 * sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t used = written < 0 ? 0 : (size_t)written;
    if (used >= sizeof error->message)
        used = sizeof error->message - 1;
    snprintf(message + used, sizeof message - used, ": %s", error->message);
    NEAPI_ERROR_SET(error, message, message, strlen(message));
}

neap_status neapi_nomem(neap_error *error)
{
    return neapi_fail(error, NEAP_NOMEM, "an allocation was refused");
}
