#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/skip.h"

/* Moves behind a value by counting brackets. */
static bool pass_value(neapi_scan *scan)
{
    size_t level = 0;
    const char *first = scan->at;
    for (; scan->at < scan->end; scan->at++) {
        neap_text raw;
        bool escaped;
        switch (*scan->at) {
        case '"':
            if (!neapi_scan_string(scan, &raw, &escaped))
                return false;
            if (level == 0)
                return true;
            scan->at--;
            break;
        case '{':
        case '[':
            level++;
            break;
        case '}':
        case ']':
            if (level == 0)
                return scan->at > first;
            if (--level == 0) {
                scan->at++;
                return true;
            }
            break;
        case ',':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
            if (level == 0)
                return scan->at > first;
            break;
        default:
            break;
        }
    }
    return level == 0 && scan->at > first;
}

bool neapi_scan_next_member(neapi_scan *scan, neapi_member *member)
{
    int next = neapi_scan_peek(scan);
    if (next != '{' && next != ',')
        return false;
    scan->at++;
    if (neapi_scan_peek(scan) != '"' || !neapi_scan_string(scan, &member->raw, &member->escaped) ||
        !neapi_scan_separator(scan, ':', ""))
        return false;
    const char *value = scan->at;
    if (!pass_value(scan))
        return false;
    member->value = neapi_text(value, (size_t)(scan->at - value));
    return true;
}

bool neapi_json_member(neap_text json, neap_text name, neap_text *value)
{
    neapi_scan scan = neapi_scan_of(json, 0);
    neapi_member member;
    if (neapi_scan_peek(&scan) != '{')
        return false;
    while (neapi_scan_next_member(&scan, &member)) {
        if (member.escaped ? neapi_raw_equal(member.raw, name)
                           : neapi_text_equal(member.raw, name)) {
            *value = member.value;
            return true;
        }
    }
    return false;
}

static void describe_string(neapi_scan *scan, char *text, size_t room)
{
    neap_text raw;
    bool escaped;
    if (!neapi_scan_string(scan, &raw, &escaped)) {
        snprintf(text, room, "string");
    } else if (raw.size <= 40) {
        snprintf(text, room, "string \"%.*s\"", NEAPI_TEXT(raw));
    } else {
        char cut[41];
        neapi_text_copy(cut, sizeof cut, raw.data, raw.size);
        snprintf(text, room, "string \"%s…\"", cut);
    }
}

void neapi_scan_describe(const neapi_scan *scan, const char *at, char *text, size_t room)
{
    neapi_scan again = *scan;
    neapi_number number;
    again.at = at;
    int first = neapi_scan_peek(&again);
    if (first == '"') {
        describe_string(&again, text, room);
    } else if (first == '-' || (first >= '0' && first <= '9')) {
        const char *digits = again.at;
        bool known = neapi_scan_number(&again, &number);
        int size = again.at - digits < 40 ? (int)(again.at - digits) : 40;
        snprintf(text, room, "%s %.*s", known && number.is_float ? "float" : "integer", size,
                 digits);
    } else {
        snprintf(text, room, "%s",
                 first == '{'   ? "table"
                 : first == '[' ? "list"
                 : first == 'n' ? "null"
                 : first == 't' ? "boolean true"
                 : first == 'f' ? "boolean false"
                                : "nothing");
    }
}
