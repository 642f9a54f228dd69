#include "message/field.h"

#include "base/text.h"
#include "message/json.h"
#include "message/write.h"

bool neapi_field_number(neap_text json, const char *name, uint64_t most, uint64_t *number)
{
    neap_text raw;
    if (!neapi_json_member(json, neapi_text_of(name), &raw) || raw.size == 0 || raw.size > 19)
        return false;
    *number = 0;
    for (size_t i = 0; i < raw.size; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return false;
        *number = *number * 10 + (uint64_t)(raw.data[i] - '0');
    }
    return *number <= most;
}

bool neapi_field_small(neap_text json, const char *name, uint32_t *number)
{
    uint64_t read;
    if (!neapi_field_number(json, name, UINT32_MAX, &read))
        return false;
    *number = (uint32_t)read;
    return true;
}

bool neapi_field_flag(neap_text json, const char *name, bool *flag)
{
    neap_text raw;
    if (!neapi_json_member(json, neapi_text_of(name), &raw))
        return false;
    *flag = neapi_text_equal(raw, NEAPI_LITERAL("true"));
    return *flag || neapi_text_equal(raw, NEAPI_LITERAL("false"));
}

bool neapi_field_text(neap_text json, const char *name, neapi_buffer *texts, neap_text *text)
{
    neap_text raw;
    size_t at = texts->size;
    if (!neapi_json_member(json, neapi_text_of(name), &raw) || !neapi_json_unquote(raw, texts) ||
        texts->failed)
        return false;
    *text = neapi_text(texts->data + at, texts->size - at);
    return true;
}

void neapi_field_write_text(neapi_buffer *json, const char *name, neap_text text)
{
    neapi_buffer_byte(json, '"');
    neapi_buffer_text(json, neapi_text_of(name));
    NEAPI_BUFFER_LITERAL(json, "\":");
    neapi_json_quote(json, text);
    neapi_buffer_byte(json, ',');
}

void neapi_fields_name(neapi_fields *fields, const char *name)
{
    neapi_write_name(fields->json, fields->begun ? ',' : '{', neapi_text_of(name));
    fields->begun = true;
}

void neapi_fields_number(neapi_fields *fields, const char *name, int64_t number)
{
    neapi_fields_name(fields, name);
    neapi_write_integer(fields->json, number);
}

void neapi_fields_raw(neapi_fields *fields, const char *name, neap_text raw)
{
    if (raw.size == 0)
        return;
    neapi_fields_name(fields, name);
    neapi_buffer_text(fields->json, raw);
}

void neapi_fields_text(neapi_fields *fields, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    neapi_fields_name(fields, name);
    neapi_json_quote(fields->json, text);
}
