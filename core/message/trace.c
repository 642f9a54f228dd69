#include "message/trace.h"

#include "base/text.h"
#include "message/json.h"
#include "message/skip.h"

#define PARENT NEAPI_LITERAL("traceparent")
#define STATE  NEAPI_LITERAL("tracestate")

/* 00-<32>-<16>-<2> */
#define VERSION_SIZE 2
#define TRACE_AT     3
#define TRACE_SIZE   32
#define SPAN_AT      36
#define SPAN_SIZE    16
#define FLAGS_AT     53
#define PARENT_SIZE  55

#define STATE_MEMBERS 32
#define STATE_KEY     256

static bool is_hex(neap_text text, size_t at, size_t size)
{
    for (size_t i = at; i < at + size; i++)
        if ((text.data[i] < '0' || text.data[i] > '9') &&
            (text.data[i] < 'a' || text.data[i] > 'f'))
            return false;
    return true;
}

static bool is_zero(neap_text text, size_t at, size_t size)
{
    for (size_t i = at; i < at + size; i++)
        if (text.data[i] != '0')
            return false;
    return true;
}

bool neapi_traceparent_valid(neap_text text)
{
    if (text.size < PARENT_SIZE || !is_hex(text, 0, VERSION_SIZE) ||
        (text.data[0] == 'f' && text.data[1] == 'f'))
        return false;
    if (text.size > PARENT_SIZE &&
        (is_zero(text, 0, VERSION_SIZE) || text.data[PARENT_SIZE] != '-'))
        return false;
    return text.data[TRACE_AT - 1] == '-' && is_hex(text, TRACE_AT, TRACE_SIZE) &&
           !is_zero(text, TRACE_AT, TRACE_SIZE) && text.data[SPAN_AT - 1] == '-' &&
           is_hex(text, SPAN_AT, SPAN_SIZE) && !is_zero(text, SPAN_AT, SPAN_SIZE) &&
           text.data[FLAGS_AT - 1] == '-' && is_hex(text, FLAGS_AT, 2);
}

static bool is_key(neap_text text)
{
    if (text.size == 0 || text.size > STATE_KEY)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
        if (!letter && (i == 0 || strchr("_-*/@", byte) == NULL))
            return false;
    }
    return true;
}

static bool is_value(neap_text text)
{
    if (text.size == 0 || text.size > STATE_KEY || text.data[text.size - 1] == ' ')
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < ' ' || text.data[i] > '~' || text.data[i] == '=')
            return false;
    return true;
}

static neap_text trimmed(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
        to--;
    return neapi_text(from, (size_t)(to - from));
}

bool neapi_tracestate_valid(neap_text text)
{
    const char *at = text.data, *end = text.data + text.size;
    for (unsigned members = 0; at <= end && text.size != 0; members++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        neap_text member = trimmed(at, comma != NULL ? comma : end);
        const char *equals = member.size != 0 ? memchr(member.data, '=', member.size) : NULL;
        if (member.size != 0 && equals == NULL)
            return false;
        if (member.size != 0) {
            size_t key = (size_t)(equals - member.data);
            if (members >= STATE_MEMBERS || !is_key(neapi_text(member.data, key)) ||
                !is_value(neapi_text(equals + 1, member.size - key - 1)))
                return false;
        }
        if (comma == NULL)
            return true;
        at = comma + 1;
    }
    return false;
}

/* The text of a member as it stands there: a traceparent has no escapes. */
static neap_text plain_member(neap_text meta, neap_text name, bool *there)
{
    neap_text raw;
    *there = meta.size != 0 && neapi_json_member(meta, name, &raw);
    return *there ? neapi_text(raw.data + 1, raw.size - 2) : (neap_text){0};
}

neap_text neapi_trace_id(neap_text meta)
{
    bool there;
    neap_text parent = plain_member(meta, PARENT, &there);
    if (!there || !neapi_traceparent_valid(parent))
        return (neap_text){0};
    return neapi_text(parent.data + TRACE_AT, TRACE_SIZE);
}

/* Keeps the members of other names. The metadata is canonical: names have no needless escapes. */
static void remove_members(neapi_buffer *meta, bool parent)
{
    neapi_buffer kept = NEAPI_BUFFER_INIT;
    neapi_scan scan = neapi_scan_of(neapi_text(meta->data, meta->size), 1);
    neapi_member member;
    neapi_buffer_byte(&kept, '{');
    while (neapi_scan_next_member(&scan, &member)) {
        if (neapi_text_equal(member.raw, STATE) || (parent && neapi_text_equal(member.raw, PARENT)))
            continue;
        if (kept.size > 1)
            neapi_buffer_byte(&kept, ',');
        neapi_buffer_byte(&kept, '"');
        neapi_buffer_text(&kept, member.raw);
        NEAPI_BUFFER_LITERAL(&kept, "\":");
        neapi_buffer_text(&kept, member.value);
    }
    neapi_buffer_byte(&kept, '}');
    neapi_buffer_fini(meta);
    *meta = kept;
}

/* Of the raw text between the quotes. */
static bool is_state(neap_text raw, neapi_buffer *meta)
{
    neapi_buffer text = NEAPI_BUFFER_INIT;
    bool valid = neapi_json_unquote(neapi_text(raw.data - 1, raw.size + 2), &text) &&
                 neapi_tracestate_valid(neapi_text(text.data, text.size));
    meta->failed = meta->failed || text.failed;
    neapi_buffer_fini(&text);
    return valid;
}

void neapi_trace_clean(neapi_buffer *meta, const char **dropped)
{
    bool has_parent, has_state;
    neap_text json = neapi_text(meta->data, meta->size);
    neap_text parent = plain_member(json, PARENT, &has_parent);
    neap_text state = plain_member(json, STATE, &has_state);
    bool wrong_parent = has_parent && !neapi_traceparent_valid(parent);
    *dropped = NULL;
    if (wrong_parent)
        *dropped = "traceparent";
    else if (has_state && (!has_parent || !is_state(state, meta)))
        *dropped = "tracestate";
    if (*dropped != NULL && !meta->failed)
        remove_members(meta, wrong_parent);
}
