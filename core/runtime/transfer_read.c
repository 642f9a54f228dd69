#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/time.h"
#include "runtime/transfer_fields.h"

/* The line's object and the one in it lie around what was stored. */
#define DEPTH (NEAPI_JSON_DEPTH + 2)

typedef struct reading {
    neapi_scan scan;
    neapi_arena *arena;
    neapi_transfer_line *line;
    const neapi_transfer_table *table;
    uint32_t seen; /* a bit for each field */
    size_t next;   /* the field that would come next, if they come as they are written */
    neap_error *error;
} reading;

static neap_status refuse(const reading *it, neap_text value, const char *expected)
{
    char found[128], problem[256];
    neapi_scan_describe(&it->scan, value.data, found, sizeof found);
    snprintf(problem, sizeof problem, "expected %s, got %s", expected, found);
    return neapi_scan_refuse(&it->scan, value.data, (neap_text){0}, problem, it->error);
}

/* The text of a checked string; not copied where it stands for itself. */
static neap_status read_text(const reading *it, neap_text value, neap_text *text)
{
    if (value.data[0] != '"')
        return refuse(it, value, "string");
    *text = neapi_text(value.data + 1, value.size - 2);
    if (memchr(text->data, '\\', text->size) == NULL)
        return NEAP_OK;
    char *room = neapi_arena_alloc(it->arena, text->size);
    if (room == NULL)
        return neapi_nomem(it->error);
    *text = neapi_text(room, neapi_unescape(*text, room));
    return NEAP_OK;
}

static bool read_digits(neap_text digits, uint64_t most, uint64_t *count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.size; i++) {
        unsigned digit = (unsigned)(digits.data[i] - '0');
        if (digit > 9 || value > most / 10 || digit > most - value * 10)
            return false;
        value = value * 10 + digit;
    }
    *count = value;
    return digits.size != 0;
}

static neap_status read_count(const reading *it, neap_text value, uint64_t most, uint64_t *count)
{
    return read_digits(value, most, count) ? NEAP_OK : refuse(it, value, "a count");
}

static neap_status read_small(const reading *it, neap_text value, uint32_t *small)
{
    uint64_t count = 0;
    neap_status status = read_count(it, value, UINT32_MAX, &count);
    *small = (uint32_t)count;
    return status;
}

static neap_status read_time(const reading *it, neap_text value, int64_t *us)
{
    neap_text text = value;
    uint64_t count;
    bool negative = value.data[0] == '-';
    neap_text digits = {value.data + negative, value.size - negative};
    if (read_digits(digits, (uint64_t)INT64_MAX + negative, &count)) {
        *us = negative ? (int64_t)(0 - count) : (int64_t)count;
        return NEAP_OK;
    }
    if (value.data[0] == '"' && read_text(it, value, &text) == NEAP_OK && neapi_time_read(text, us))
        return NEAP_OK;
    return refuse(it, value, "a time as in RFC 3339, or µs since 1970");
}

static neap_status read_id(const reading *it, neap_text value, neap_uuid *id)
{
    if (value.data[0] == '"' && neapi_uuid_parse(neapi_text(value.data + 1, value.size - 2), id))
        return NEAP_OK;
    return refuse(it, value, "a UUID");
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static neap_status read_hash(const reading *it, neap_text value, uint64_t *hash)
{
    uint64_t read = 0;
    bool valid = value.size == 18 && value.data[0] == '"';
    for (size_t i = 1; i < 17 && valid; i++) {
        int digit = hex_digit(value.data[i]);
        valid = digit >= 0;
        read = read << 4 | (unsigned)digit;
    }
    *hash = read;
    return valid ? NEAP_OK : refuse(it, value, "16 hexadecimal digits");
}

static neap_status read_hex(const reading *it, neap_text value, neap_text *bytes)
{
    neap_text digits = {value.data + 1, value.size - 2};
    bool valid = value.data[0] == '"' && digits.size % 2 == 0;
    char *room = valid ? neapi_arena_alloc(it->arena, digits.size / 2 + 1) : NULL;
    if (valid && room == NULL)
        return neapi_nomem(it->error);
    for (size_t i = 0; valid && i < digits.size; i += 2) {
        int high = hex_digit(digits.data[i]), low = hex_digit(digits.data[i + 1]);
        valid = high >= 0 && low >= 0;
        room[i / 2] = (char)((unsigned)high << 4 | (unsigned)low);
    }
    if (!valid)
        return refuse(it, value, "bytes in hexadecimal");
    *bytes = neapi_text(room, digits.size / 2);
    return NEAP_OK;
}

static size_t count_elements(neap_text list)
{
    size_t count = 0;
    neapi_scan scan = neapi_scan_of(list, 1);
    bool done = false, escaped;
    neap_text raw;
    scan.at++;
    if (neapi_scan_peek(&scan) != '"')
        return 0;
    while (!done && neapi_scan_peek(&scan) == '"' && neapi_scan_string(&scan, &raw, &escaped)) {
        count++;
        neapi_scan_more(&scan, ']', &done);
    }
    return done ? count : 0;
}

static neap_status read_tags(const reading *it, neap_text value)
{
    size_t count = value.data[0] == '[' ? count_elements(value) : 0;
    if (count == 0 || count > UINT32_MAX)
        return refuse(it, value, "a list of texts that is not empty");
    neap_text *tags = neapi_arena_alloc(it->arena, count * sizeof *tags);
    if (tags == NULL)
        return neapi_nomem(it->error);
    neapi_scan scan = neapi_scan_of(value, 1);
    scan.at++;
    for (size_t i = 0; i < count; i++) {
        neap_text raw;
        bool escaped, done = false;
        neapi_scan_peek(&scan);
        const char *quote = scan.at;
        neapi_scan_string(&scan, &raw, &escaped);
        neap_status status = read_text(it, neapi_text(quote, (size_t)(scan.at - quote)), &tags[i]);
        if (status != NEAP_OK)
            return status;
        neapi_scan_more(&scan, ']', &done);
    }
    it->line->event.tags = tags;
    it->line->event.tag_count = (uint32_t)count;
    return NEAP_OK;
}

static neap_status read_flag(const reading *it, neap_text value, bool *flag)
{
    *flag = value.data[0] == 't';
    return value.data[0] == 't' || value.data[0] == 'f' ? NEAP_OK : refuse(it, value, "a boolean");
}

/* suffix: what stands behind the field's name. */
static neap_status read_field(const reading *it, const neapi_transfer_field *field,
                              neap_text suffix, neap_text value)
{
    void *place = (char *)it->line + field->offset;
    switch (field->type) {
    case NEAPI_TRANSFER_COUNT:
        return read_count(it, value, UINT64_MAX, place);
    case NEAPI_TRANSFER_SMALL:
        return read_small(it, value, place);
    case NEAPI_TRANSFER_HASH:
        return read_hash(it, value, place);
    case NEAPI_TRANSFER_FLAG:
        return read_flag(it, value, place);
    case NEAPI_TRANSFER_TIME:
        return read_time(it, value, place);
    case NEAPI_TRANSFER_ID:
        return read_id(it, value, place);
    case NEAPI_TRANSFER_TEXT:
        return read_text(it, value, place);
    case NEAPI_TRANSFER_TAGS:
        return read_tags(it, value);
    case NEAPI_TRANSFER_BYTES:
        break;
    }
    if (suffix.size == 0) {
        *(neap_text *)place = value;
        return NEAP_OK;
    }
    return suffix.data[1] == 't' ? read_text(it, value, place) : read_hex(it, value, place);
}

/* Whether the name is the field's; *suffix: what it has behind that. */
static bool is_named(const neapi_transfer_field *field, neap_text name, neap_text *suffix)
{
    neap_text whole = neapi_text_of(field->name);
    if (!neapi_text_begins(name, whole))
        return false;
    *suffix = neapi_text(name.data + whole.size, name.size - whole.size);
    return suffix->size == 0 || (field->type == NEAPI_TRANSFER_BYTES &&
                                 (neapi_text_equal(*suffix, NEAPI_LITERAL("_text")) ||
                                  neapi_text_equal(*suffix, NEAPI_LITERAL("_hex"))));
}

static neap_status refuse_unknown(const reading *it, const neapi_member *member)
{
    const char *names[16];
    char problem[256] = "an unknown member";
    for (size_t i = 0; i < it->table->count; i++)
        names[i] = it->table->fields[i].name;
    const char *nearest = neapi_nearest(member->raw, names, it->table->count);
    if (nearest != NULL)
        snprintf(problem, sizeof problem, "an unknown member; did you mean '%s'?", nearest);
    return neapi_scan_refuse_member(&it->scan, member->raw.data - 1, problem, it->error);
}

static neap_status take_member(reading *it, const neapi_member *member)
{
    neap_text suffix;
    size_t count = it->table->count, i = 0;
    while (i < count && !is_named(&it->table->fields[(it->next + i) % count], member->raw, &suffix))
        i++;
    if (i == count)
        return refuse_unknown(it, member);
    size_t at = (it->next + i) % count;
    if ((it->seen & 1u << at) != 0)
        return neapi_scan_refuse_member(&it->scan, member->raw.data - 1, "the field is given twice",
                                        it->error);
    it->seen |= 1u << at;
    it->next = at + 1;
    return read_field(it, &it->table->fields[at], suffix, member->value);
}

static neap_status read_members(reading *it, neap_text object)
{
    neapi_member member;
    if (object.data[0] != '{')
        return refuse(it, object, "an object");
    neapi_scan scan = it->scan;
    scan.at = object.data;
    while (neapi_scan_next_member(&scan, &member)) {
        neap_status status = take_member(it, &member);
        if (status != NEAP_OK)
            return status;
    }
    for (size_t i = 0; i < it->table->count; i++)
        if (it->table->fields[i].required && (it->seen & 1u << i) == 0)
            return neapi_scan_refuse(&it->scan, object.data,
                                     neapi_text_of(it->table->fields[i].name),
                                     "expected a value, got nothing", it->error);
    return NEAP_OK;
}

static bool find_kind(neap_text name, neapi_transfer_kind *kind)
{
    for (int i = 0; i < NEAPI_TRANSFER_KINDS; i++) {
        *kind = (neapi_transfer_kind)i;
        if (neapi_text_equal(name, neapi_text_of(neapi_transfer_kind_name(*kind))))
            return true;
    }
    return false;
}

neap_status neapi_transfer_read(neap_text text, neapi_arena *arena, neapi_transfer_line *line,
                                neap_error *error)
{
    static const char expected[] =
        "expected one member: neap_export, command, event, key, document, check or end";
    reading it = {.scan = neapi_scan_of(text, DEPTH), .arena = arena, .line = line, .error = error};
    neapi_scan scan = it.scan;
    neapi_member member, other;
    if (!neapi_scan_value(&scan, scan.depth) || !neapi_scan_end(&scan))
        return neapi_scan_report(&scan, error);
    scan.at = scan.begin;
    neapi_scan_peek(&scan);
    const char *begin = scan.at;
    if (!neapi_scan_next_member(&scan, &member) || !find_kind(member.raw, &line->kind) ||
        neapi_scan_next_member(&scan, &other))
        return neapi_scan_refuse(&it.scan, begin, (neap_text){0}, expected, error);
    neapi_transfer_kind kind = line->kind;
    *line = (neapi_transfer_line){.kind = kind};
    it.table = neapi_transfer_table_of(kind);
    return read_members(&it, member.value);
}
