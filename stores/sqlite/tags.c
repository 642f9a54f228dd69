#include "tags.h"

#include "base/alloc.h"
#include "base/error.h"

void neapi_sqlite_tags_write(const neap_text *tags, uint32_t count, neapi_buffer *buffer)
{
    neapi_buffer_byte(buffer, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0)
            neapi_buffer_byte(buffer, ',');
        neapi_buffer_byte(buffer, '"');
        for (size_t at = 0; at < tags[i].size; at++) {
            char c = tags[i].data[at];
            if ((unsigned char)c < 0x20) {
                neapi_buffer_format(buffer, "\\u%04x", (unsigned)(unsigned char)c);
                continue;
            }
            if (c == '"' || c == '\\')
                neapi_buffer_byte(buffer, '\\');
            neapi_buffer_byte(buffer, c);
        }
        neapi_buffer_byte(buffer, '"');
    }
    neapi_buffer_byte(buffer, ']');
}

void neapi_sqlite_tags_fini(neapi_sqlite_tags *tags)
{
    neapi_free(tags->items);
    neapi_free(tags->bytes);
    *tags = (neapi_sqlite_tags){0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What the escape at text[*at], behind its backslash, stands for; -1: nothing. */
static int unescape(neap_text text, size_t *at)
{
    char c = text.data[*at];
    if (c == '"' || c == '\\')
        return c;
    if (c != 'u' || text.size - *at < 5 || memcmp(text.data + *at + 1, "00", 2) != 0)
        return -1;
    int high = hex_digit(text.data[*at + 3]), low = hex_digit(text.data[*at + 4]);
    *at += 4;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Reads one string that begins at text[*at]; leaves *at behind it. False: it is none. */
static bool read_string(neap_text text, size_t *at, char **out)
{
    if (*at >= text.size || text.data[*at] != '"')
        return false;
    for (size_t i = *at + 1; i < text.size; i++) {
        if (text.data[i] == '"') {
            *at = i + 1;
            return true;
        }
        int c = (unsigned char)text.data[i];
        if (c == '\\') {
            i++;
            c = i < text.size ? unescape(text, &i) : -1;
        }
        if (c < 0)
            return false;
        *(*out)++ = (char)c;
    }
    return false;
}

static bool make_room(neapi_sqlite_tags *tags, size_t bytes)
{
    if (tags->byte_capacity < bytes) {
        char *wider = neapi_realloc(tags->bytes, bytes);
        if (wider == NULL)
            return false;
        tags->bytes = wider;
        tags->byte_capacity = bytes;
    }
    /* Every tag takes at least three bytes: its quotes, and the comma or bracket before it. */
    uint32_t most = (uint32_t)(bytes / 3) + 1;
    if (tags->capacity < most) {
        neap_text *more = neapi_realloc(tags->items, most * sizeof *more);
        if (more == NULL)
            return false;
        tags->items = more;
        tags->capacity = most;
    }
    return true;
}

neap_status neapi_sqlite_tags_read(neapi_sqlite_tags *tags, neap_text json, neap_error *error)
{
    tags->count = 0;
    if (json.size == 0)
        return NEAP_OK;
    if (!make_room(tags, json.size))
        return neapi_nomem(error);
    char *out = tags->bytes;
    size_t at = 0;
    do {
        char expected = at == 0 ? '[' : ',';
        char *start = out;
        if (json.data[at++] != expected || !read_string(json, &at, &out))
            return neapi_fail(error, NEAP_CORRUPT, "an event's tags are damaged");
        tags->items[tags->count++] = (neap_text){start, (size_t)(out - start)};
    } while (at < json.size && json.data[at] == ',');
    if (at + 1 != json.size || json.data[at] != ']')
        return neapi_fail(error, NEAP_CORRUPT, "an event's tags are damaged");
    return NEAP_OK;
}
