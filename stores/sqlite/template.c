#include "template.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_of_name(char c)
{
    return begins_name(c) || (c >= '0' && c <= '9');
}

/* Where the quoted text that begins at `at` ends; a quote twice in it is one of the text. What
 * never ends is left for SQLite to refuse. */
static size_t behind_quoted(neap_text text, size_t at, char end)
{
    for (at++; at < text.size; at++) {
        if (text.data[at] != end)
            continue;
        if (end == ']' || at + 1 == text.size || text.data[at + 1] != end)
            return at + 1;
        at++;
    }
    return text.size;
}

static size_t behind_comment(neap_text text, size_t at)
{
    bool line = text.data[at] == '-';
    for (at += 2; at < text.size; at++) {
        if (line && text.data[at] == '\n')
            return at + 1;
        if (!line && text.data[at] == '/' && text.data[at - 1] == '*')
            return at + 1;
    }
    return text.size;
}

/* Where what is no placeholder, and begins at `at`, ends. */
static size_t behind_piece(neap_text text, size_t at)
{
    char c = text.data[at], next = at + 1 < text.size ? text.data[at + 1] : '\0';
    if (c == '\'' || c == '"' || c == '`')
        return behind_quoted(text, at, c);
    if (c == '[')
        return behind_quoted(text, at, ']');
    if ((c == '-' && next == '-') || (c == '/' && next == '*'))
        return behind_comment(text, at);
    return at + 1;
}

/* Appends the placeholder's table; returns where it ends, or 0: it is none. */
static size_t put_table(neapi_buffer *sql, neap_text text, size_t at, uint32_t build)
{
    size_t end = at + 1;
    while (end < text.size && is_of_name(text.data[end]))
        end++;
    bool named = end > at + 1 && begins_name(text.data[at + 1]);
    if (!named || end == text.size || text.data[end] != '}')
        return 0;
    neapi_buffer_byte(sql, '"');
    neapi_buffer_append(sql, text.data + at + 1, end - at - 1);
    neapi_buffer_format(sql, "@%" PRIu32 "\"", build);
    return end + 1;
}

bool neapi_sqlite_template(neapi_buffer *sql, neap_text text, uint32_t build, char *why,
                           size_t room)
{
    if (memchr(text.data, '\0', text.size) != NULL) {
        snprintf(why, room, "the text has a zero byte");
        return false;
    }
    for (size_t at = 0, end; at < text.size; at = end) {
        if (text.data[at] != '{') {
            end = behind_piece(text, at);
            neapi_buffer_append(sql, text.data + at, end - at);
            continue;
        }
        end = put_table(sql, text, at, build);
        if (end == 0) {
            size_t rest = text.size - at;
            snprintf(why, room, "\"%.*s\" names no table; {name} is expected",
                     (int)(rest < 30 ? rest : 30), text.data + at);
            return false;
        }
    }
    return true;
}

bool neapi_sqlite_table_name(neap_text table, uint32_t build, neap_text *name)
{
    char suffix[16];
    size_t size = (size_t)snprintf(suffix, sizeof suffix, "@%" PRIu32, build);
    if (table.size <= size || memcmp(table.data + table.size - size, suffix, size) != 0)
        return false;
    *name = neapi_text(table.data, table.size - size);
    return true;
}
