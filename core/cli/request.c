#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMAND, DATA, KEY, META, CORRELATION_ID, CAUSATION_ID, AFTER, AT, NAME, MEMBERS };

/* A hundred years. */
#define MOST_SECONDS (100.0 * 366 * 24 * 60 * 60)

neap_status cli_fail(neap_error *error, neap_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *error = (neap_error){.status = status};
    snprintf(error->code, sizeof error->code, "%s", neap_status_name(status));
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

static neap_status fail_member(neap_error *error, const neap_json_member *member, const char *line,
                               const char *what)
{
    cli_fail(error, NEAP_INVALID, "%s: %s", member->name, what);
    snprintf(error->path, sizeof error->path, "%s", member->name);
    error->line = 1;
    error->column = (uint32_t)(member->value.data - line) + 1;
    return NEAP_INVALID;
}

/* Programs that write every member write null for what they do not have. */
static bool is_absent(const neap_json_member *member)
{
    return member->value.data == NULL ||
           (member->value.size == 4 && memcmp(member->value.data, "null", 4) == 0);
}

static neap_status take_text(const neap_json_member *member, const char *line, char **text,
                             neap_error *error)
{
    if (!member->required && is_absent(member))
        return NEAP_OK;
    size_t size;
    neap_status status = neap_json_string(member->value, text, &size, error);
    if (status == NEAP_INVALID)
        return fail_member(error, member, line, "expected a string");
    if (status == NEAP_OK && strlen(*text) != size)
        return fail_member(error, member, line, "a NUL character cannot be part of it");
    return status;
}

static neap_status take_meta(const neap_json_member *member, char **meta, neap_error *error)
{
    if (is_absent(member))
        return NEAP_OK;
    *meta = strndup(member->value.data, member->value.size);
    return *meta != NULL ? NEAP_OK : cli_fail(error, NEAP_NOMEM, "out of memory");
}

/* A JSON number, which no more is read of than one has. */
static bool read_number(const neap_json_member *member, double *number)
{
    char text[64], *end;
    size_t size = member->value.size;
    if (size == 0 || size >= sizeof text || strchr("-0123456789", member->value.data[0]) == NULL)
        return false;
    memcpy(text, member->value.data, size);
    text[size] = '\0';
    *number = strtod(text, &end);
    return *end == '\0';
}

static neap_status take_after(const neap_json_member *member, const char *line,
                              cli_request *request, neap_error *error)
{
    double seconds;
    if (is_absent(member))
        return NEAP_OK;
    if (!read_number(member, &seconds) || !(seconds >= 0) || seconds > MOST_SECONDS)
        return fail_member(error, member, line,
                           "expected a number of seconds from 0 to a hundred years");
    request->queued = true;
    request->after_ms = (uint64_t)(seconds * 1000);
    return NEAP_OK;
}

static neap_status take_at(const neap_json_member *member, const char *line, cli_request *request,
                           neap_error *error)
{
    double moment;
    if (is_absent(member))
        return NEAP_OK;
    if (!read_number(member, &moment) || !(moment >= 1) || moment > 9e15)
        return fail_member(error, member, line, "expected microseconds since 1970, an integer");
    request->queued = true;
    request->at_us = (int64_t)moment;
    return NEAP_OK;
}

neap_status cli_request_read(cli_request *request, const char *line, size_t size, neap_error *error)
{
    neap_json_member members[MEMBERS] = {
        [COMMAND] = {.name = "command", .required = true},
        [DATA] = {.name = "data"},
        [KEY] = {.name = "key"},
        [META] = {.name = "meta"},
        [CORRELATION_ID] = {.name = "correlation_id"},
        [CAUSATION_ID] = {.name = "causation_id"},
        [AFTER] = {.name = "after"},
        [AT] = {.name = "at"},
        [NAME] = {.name = "name"},
    };
    *request = (cli_request){.data = {"{}", 2}};
    neap_status status = neap_json_members(line, size, members, MEMBERS, error);
    if (status == NEAP_OK)
        status = take_text(&members[COMMAND], line, &request->command, error);
    if (status == NEAP_OK)
        status = take_text(&members[KEY], line, &request->key, error);
    if (status == NEAP_OK)
        status = take_text(&members[CORRELATION_ID], line, &request->correlation_id, error);
    if (status == NEAP_OK)
        status = take_text(&members[CAUSATION_ID], line, &request->causation_id, error);
    if (status == NEAP_OK)
        status = take_meta(&members[META], &request->meta, error);
    if (status == NEAP_OK)
        status = take_text(&members[NAME], line, &request->name, error);
    if (status == NEAP_OK)
        status = take_after(&members[AFTER], line, request, error);
    if (status == NEAP_OK)
        status = take_at(&members[AT], line, request, error);
    if (status == NEAP_OK && !is_absent(&members[DATA]))
        request->data = members[DATA].value;
    return status;
}

void cli_request_fini(cli_request *request)
{
    neap_free(request->command);
    neap_free(request->key);
    neap_free(request->correlation_id);
    neap_free(request->causation_id);
    neap_free(request->name);
    free(request->meta);
}
