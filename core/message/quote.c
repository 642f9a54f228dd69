#include "base/text.h"
#include "message/json.h"
#include "message/scan.h"
#include "message/write.h"

bool neapi_json_unquote(neap_text raw, neapi_buffer *text)
{
    neapi_scan scan = neapi_scan_of(raw, 0);
    neap_text content;
    bool escaped;
    if (raw.size < 2 || raw.data[0] != '"' || !neapi_scan_string(&scan, &content, &escaped) ||
        scan.at != scan.end)
        return false;
    if (!escaped)
        neapi_buffer_text(text, content);
    else if (neapi_buffer_reserve(text, content.size))
        text->size += neapi_unescape(content, text->data + text->size);
    return true;
}

bool neapi_json_take_text(neap_text raw, neapi_arena *arena, neap_text *text, bool *refused)
{
    neapi_buffer content = NEAPI_BUFFER_INIT;
    bool read = neapi_json_unquote(raw, &content);
    if (read)
        *text = neapi_arena_text(arena, neapi_text(content.data, content.size));
    *refused = *refused || content.failed || (read && text->data == NULL);
    neapi_buffer_fini(&content);
    return read && !*refused;
}

/* Bytes of the character at `at`, or 0 if it is not well-formed. */
static size_t character(const char *at, const char *end)
{
    for (size_t size = 1; size <= 4 && size <= (size_t)(end - at); size++)
        if (neapi_utf8_valid(at, size))
            return size;
    return 0;
}

void neapi_json_quote(neapi_buffer *json, neap_text text)
{
    if (neapi_write_string(json, text))
        return;
    const char *at = text.data, *end = at + text.size;
    neapi_buffer_byte(json, '"');
    while (at < end) {
        const char *first = at;
        size_t size = 0;
        while (at < end && (size = character(at, end)) > 0)
            at += size;
        neapi_write_content(json, neapi_text(first, (size_t)(at - first)));
        if (at < end) {
            NEAPI_BUFFER_LITERAL(json, "\xEF\xBF\xBD");
            at++;
        }
    }
    neapi_buffer_byte(json, '"');
}
