#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/skip.h"

static neap_json_member *find(neap_json_member *members, size_t count, const neapi_member *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (neapi_raw_equal(wanted->raw, neapi_text_of(members[i].name)))
            return &members[i];
    return NULL;
}

/* Calls for a member that nobody named. */
static neap_status refuse_unknown(const neapi_scan *scan, const neapi_member *unknown,
                                  const neap_json_member *members, size_t count, neap_error *error)
{
    const char *names[32], *nearest;
    char problem[256] = "an unknown member";
    size_t known = count < 32 ? count : 32;
    for (size_t i = 0; i < known; i++)
        names[i] = members[i].name;
    nearest = neapi_nearest(unknown->raw, names, known);
    if (nearest != NULL)
        snprintf(problem, sizeof problem, "an unknown member; did you mean '%s'?", nearest);
    return neapi_scan_refuse_member(scan, unknown->raw.data - 1, problem, error);
}

static neap_status check_members(neap_text json, neap_json_member *members, size_t count,
                                 neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, NEAPI_JSON_DEPTH);
    neapi_member member;
    neap_text value;
    if (neapi_scan_peek(&scan) != '{')
        return neapi_scan_refuse(&scan, scan.at, (neap_text){0}, "expected an object", error);
    const char *opening = scan.at;
    while (neapi_scan_next_member(&scan, &member))
        if (find(members, count, &member) == NULL)
            return refuse_unknown(&scan, &member, members, count, error);
    for (size_t i = 0; i < count; i++)
        if (members[i].required && !neapi_json_member(json, neapi_text_of(members[i].name), &value))
            return neapi_scan_refuse(&scan, opening, neapi_text_of(members[i].name),
                                     "expected a value, got nothing", error);
    return NEAP_OK;
}

neap_status neap_json_members(const char *json, size_t size, neap_json_member *members,
                              size_t count, neap_error *error)
{
    neap_text text = neapi_text(json, size);
    neapi_member member;
    neap_status status = neapi_json_check(text, NEAPI_JSON_DEPTH, error);
    if (status == NEAP_OK)
        status = check_members(text, members, count, error);
    if (status != NEAP_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        members[i].value = (neap_text){0};
    neapi_scan scan = neapi_scan_of(text, NEAPI_JSON_DEPTH);
    while (neapi_scan_next_member(&scan, &member))
        find(members, count, &member)->value = member.value;
    return NEAP_OK;
}

static neap_status take(neapi_buffer *buffer, char **text, size_t *size, neap_error *error)
{
    size_t length;
    char *taken = neapi_buffer_take(buffer, &length);
    neapi_buffer_fini(buffer);
    if (taken == NULL)
        return neapi_nomem(error);
    *text = taken;
    if (size != NULL)
        *size = length;
    return NEAP_OK;
}

neap_status neap_json_string(neap_text raw, char **text, size_t *size, neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    if (!neapi_json_unquote(raw, &buffer)) {
        char found[128];
        neapi_scan scan = neapi_scan_of(raw, NEAPI_JSON_DEPTH);
        neapi_scan_describe(&scan, scan.at, found, sizeof found);
        return neapi_fail(error, NEAP_INVALID, "expected a JSON string, got %s", found);
    }
    return take(&buffer, text, size, error);
}

neap_status neap_json_quote(const char *text, size_t size, char **json, size_t *json_size,
                            neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neapi_json_quote(&buffer, neapi_text(text, size));
    return take(&buffer, json, json_size, error);
}

static void write_member(neapi_buffer *json, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    neapi_buffer_format(json, ",\"%s\":", name);
    neapi_json_quote(json, neapi_text_of(text));
}

/* The domain's details are JSON; cut to the field's size they may be broken, and are then shown as
 * text. */
static void write_details(neapi_buffer *json, const char *details)
{
    neap_text raw = neapi_text_of(details);
    if (raw.size == 0 || neapi_json_check(raw, NEAPI_JSON_DEPTH, NULL) != NEAP_OK) {
        write_member(json, "details", details);
    } else {
        NEAPI_BUFFER_LITERAL(json, ",\"details\":");
        neapi_buffer_text(json, raw);
    }
}

neap_status neap_error_json(const neap_error *error, char **json, size_t *size)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    NEAPI_BUFFER_LITERAL(&buffer, "{\"code\":");
    neapi_json_quote(&buffer, neapi_text_of(error->code));
    write_member(&buffer, "message", error->message);
    write_member(&buffer, "path", error->path);
    if (error->line > 0)
        neapi_buffer_format(&buffer, ",\"line\":%u", error->line);
    if (error->column > 0)
        neapi_buffer_format(&buffer, ",\"column\":%u", error->column);
    write_details(&buffer, error->details);
    write_member(&buffer, "traceback", error->traceback);
    if (error->outcome_unknown)
        NEAPI_BUFFER_LITERAL(&buffer, ",\"outcome\":\"unknown\"");
    neapi_buffer_byte(&buffer, '}');
    return take(&buffer, json, size, NULL);
}

void neap_free(void *memory)
{
    neapi_free(memory);
}
