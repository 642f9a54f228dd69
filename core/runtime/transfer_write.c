#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/write.h"
#include "runtime/transfer_fields.h"

/* Beyond the year 9999 a time is written as the number that it is. */
#define LAST_WRITTEN_US INT64_C(253402300799999999)

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether the very bytes can stand in a line, and are found there again. */
static bool fits_as_json(neap_text bytes)
{
    return !is_space(bytes.data[0]) && !is_space(bytes.data[bytes.size - 1]) &&
           memchr(bytes.data, '\n', bytes.size) == NULL &&
           memchr(bytes.data, '\r', bytes.size) == NULL &&
           neapi_json_check(bytes, NEAPI_JSON_DEPTH, NULL) == NEAP_OK;
}

static void write_hex(neapi_buffer *json, neap_text bytes)
{
    neapi_buffer_byte(json, '"');
    for (size_t i = 0; i < bytes.size; i++)
        neapi_buffer_format(json, "%02x", (unsigned char)bytes.data[i]);
    neapi_buffer_byte(json, '"');
}

static void write_suffixed_name(neapi_buffer *json, char before, const char *name,
                                const char *suffix)
{
    neapi_buffer_byte(json, before);
    neapi_buffer_format(json, "\"%s%s\":", name, suffix);
}

static bool write_bytes(neapi_buffer *json, char before, const char *name, neap_text bytes)
{
    if (bytes.size == 0)
        return false;
    if (fits_as_json(bytes)) {
        neapi_write_name(json, before, neapi_text_of(name));
        neapi_buffer_text(json, bytes);
    } else if (neapi_utf8_valid(bytes.data, bytes.size)) {
        write_suffixed_name(json, before, name, "_text");
        neapi_write_text(json, bytes);
    } else {
        write_suffixed_name(json, before, name, "_hex");
        write_hex(json, bytes);
    }
    return true;
}

static bool write_id(neapi_buffer *json, char before, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return false;
    neap_uuid_format(id, text);
    neapi_write_name(json, before, neapi_text_of(name));
    return neapi_write_text(json, neapi_text(text, 36));
}

static bool write_time(neapi_buffer *json, char before, const char *name, int64_t us)
{
    neapi_write_name(json, before, neapi_text_of(name));
    if (us >= 0 && us <= LAST_WRITTEN_US)
        neapi_json_time(json, us);
    else
        neapi_write_integer(json, us);
    return true;
}

static bool write_count(neapi_buffer *json, char before, const char *name, uint64_t count)
{
    neapi_write_name(json, before, neapi_text_of(name));
    if (count <= INT64_MAX)
        neapi_write_integer(json, (int64_t)count);
    else
        neapi_buffer_format(json, "%" PRIu64, count);
    return true;
}

static bool write_flag(neapi_buffer *json, char before, const char *name, bool flag)
{
    if (!flag)
        return false;
    neapi_write_name(json, before, neapi_text_of(name));
    NEAPI_BUFFER_LITERAL(json, "true");
    return true;
}

/* valid: becomes false if one is not UTF-8. */
static bool write_tags(neapi_buffer *json, char before, const char *name, const neap_event *event,
                       bool *valid)
{
    if (event->tag_count == 0)
        return false;
    neapi_write_name(json, before, neapi_text_of(name));
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_buffer_byte(json, i == 0 ? '[' : ',');
        *valid = neapi_write_text(json, event->tags[i]) && *valid;
    }
    neapi_buffer_byte(json, ']');
    return true;
}

/* Whether it was written: what is empty is not. */
static bool write_field(neapi_buffer *json, char before, const neapi_transfer_line *line,
                        const neapi_transfer_field *field, bool *valid)
{
    const void *value = neapi_transfer_value(line, field);
    neap_text text;
    switch (field->type) {
    case NEAPI_TRANSFER_COUNT:
        return write_count(json, before, field->name, *(const uint64_t *)value);
    case NEAPI_TRANSFER_SMALL:
        return write_count(json, before, field->name, *(const uint32_t *)value);
    case NEAPI_TRANSFER_HASH:
        neapi_write_name(json, before, neapi_text_of(field->name));
        neapi_buffer_format(json, "\"%016" PRIx64 "\"", *(const uint64_t *)value);
        return true;
    case NEAPI_TRANSFER_FLAG:
        return write_flag(json, before, field->name, *(const bool *)value);
    case NEAPI_TRANSFER_TIME:
        return write_time(json, before, field->name, *(const int64_t *)value);
    case NEAPI_TRANSFER_ID:
        return write_id(json, before, field->name, *(const neap_uuid *)value);
    case NEAPI_TRANSFER_TEXT:
        text = *(const neap_text *)value;
        if (text.size == 0)
            return false;
        neapi_write_name(json, before, neapi_text_of(field->name));
        *valid = neapi_write_text(json, text) && *valid;
        return true;
    case NEAPI_TRANSFER_BYTES:
        return write_bytes(json, before, field->name, *(const neap_text *)value);
    case NEAPI_TRANSFER_TAGS:
        return write_tags(json, before, field->name, &line->event, valid);
    }
    return false;
}

neap_status neapi_transfer_write(neapi_buffer *json, const neapi_transfer_line *line,
                                 neap_error *error)
{
    const neapi_transfer_table *table = neapi_transfer_table_of(line->kind);
    bool valid = true;
    char before = '{';
    neapi_write_name(json, '{', neapi_text_of(table->name));
    for (size_t i = 0; i < table->count; i++) {
        const neapi_transfer_field *field = &table->fields[i];
        if (write_field(json, before, line, field, &valid))
            before = ',';
        if (!valid)
            return neapi_fail(error, NEAP_CORRUPT,
                              "the store is damaged: the %s of a%s %s is not UTF-8", field->name,
                              line->kind == NEAPI_TRANSFER_EVENT ? "n" : "", table->name);
    }
    NEAPI_BUFFER_LITERAL(json, "}}");
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}
