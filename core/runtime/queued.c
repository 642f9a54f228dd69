#include "runtime/queued.h"

#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/write.h"
#include "store/check.h"

/* ---- Keys ------------------------------------------------------------------------------------ */

void neapi_queued_key_of(const neapi_queued *entry, neapi_queued_key *key)
{
    char id[37];
    neap_uuid_format(entry->id, id);
    snprintf(key->text, sizeof key->text, "%020llu/%020llu/%s", (unsigned long long)entry->due_us,
             (unsigned long long)entry->order, id);
}

/* Twenty digits. */
static bool read_number(const char *digits, uint64_t most, uint64_t *number)
{
    uint64_t value = 0;
    for (int i = 0; i < 20; i++) {
        unsigned digit = (unsigned)(digits[i] - '0');
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool neapi_queued_due_of(neap_text key, int64_t *due_us)
{
    uint64_t number;
    if (key.size != NEAPI_QUEUED_KEY_BYTES || !read_number(key.data, INT64_MAX, &number))
        return false;
    *due_us = (int64_t)number;
    return true;
}

bool neapi_queued_read_key(neap_text key, neapi_queued *entry)
{
    return neapi_queued_due_of(key, &entry->due_us) && key.data[20] == '/' &&
           read_number(key.data + 21, UINT64_MAX, &entry->order) && key.data[41] == '/' &&
           neapi_uuid_parse(neapi_text(key.data + 42, 36), &entry->id);
}

/* What stands between owner and name is in no name. */
static bool add_escaped(neapi_queued_name *key, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    bool escaped = byte == '/' || byte == '%';
    if (key->size + (escaped ? 3 : 1) > NEAPI_STREAM_BYTES)
        return false;
    if (!escaped) {
        key->text[key->size++] = byte;
        return true;
    }
    key->text[key->size++] = '%';
    key->text[key->size++] = digits[(unsigned char)byte >> 4];
    key->text[key->size++] = digits[byte & 15];
    return true;
}

neap_status neapi_queued_name_of(neap_text owner, neap_text name, neapi_queued_name *key,
                                 neap_error *error)
{
    neap_status status = neapi_name_check(name, "a name in the queue", error);
    if (status != NEAP_OK)
        return status;
    bool fits = owner.size < NEAPI_STREAM_BYTES;
    key->size = 0;
    if (fits && owner.size != 0)
        memcpy(key->text, owner.data, owner.size);
    if (fits)
        key->size = owner.size;
    key->text[key->size++] = '/';
    for (size_t i = 0; i < name.size && fits; i++)
        fits = add_escaped(key, name.data[i]);
    if (!fits)
        return neapi_fail(
            error, NEAP_INVALID,
            "the name in the queue \"%.64s…\" is too long: with its owner, and each '/' "
            "as three bytes, at most %d bytes are allowed",
            name.data, NEAPI_STREAM_BYTES - 1);
    key->text[key->size] = '\0';
    return NEAP_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void write_id(neapi_fields *to, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    neapi_fields_text(to, name, neapi_text(text, 36));
}

void neapi_queued_write(neapi_buffer *json, const neapi_queued *entry)
{
    neapi_fields to = {.json = json};
    if (entry->again_at != 0)
        neapi_fields_number(&to, "again_at", entry->again_at);
    neapi_fields_number(&to, "attempts", entry->attempts);
    write_id(&to, "causation_id", entry->causation_id);
    neapi_fields_text(&to, "command", entry->command);
    write_id(&to, "correlation_id", entry->correlation_id);
    neapi_fields_raw(&to, "data", entry->data);
    neapi_fields_raw(&to, "failure", entry->failure);
    if (entry->first_us != 0)
        neapi_fields_number(&to, "first_due", entry->first_us);
    neapi_fields_text(&to, "kind",
                      entry->is_timeout ? NEAPI_LITERAL("timeout") : NEAPI_LITERAL("command"));
    neapi_fields_raw(&to, "meta", entry->meta);
    neapi_fields_text(&to, "name", entry->name);
    neapi_fields_text(&to, "owner", entry->owner);
    neapi_fields_number(&to, "queued_at", entry->queued_at);
    neapi_buffer_byte(json, '}');
}

typedef struct reader {
    neapi_arena *arena;
    neapi_queued *entry;
    bool refused; /* an allocation was */
} reader;

static bool read_text(reader *job, neap_text raw, neap_text *text)
{
    return neapi_json_take_text(raw, job->arena, text, &job->refused);
}

static bool read_id(neap_text raw, neap_uuid *id)
{
    return raw.size == 38 && neapi_uuid_parse(neapi_text(raw.data + 1, 36), id);
}

static bool read_integer(neap_text raw, int64_t most, int64_t *number)
{
    int64_t value = 0;
    for (size_t i = 0; i < raw.size; i++) {
        int digit = raw.data[i] - '0';
        if (digit < 0 || digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return raw.size != 0;
}

static bool read_kind(neap_text raw, bool *is_timeout)
{
    *is_timeout = neapi_text_equal(raw, NEAPI_LITERAL("\"timeout\""));
    return *is_timeout || neapi_text_equal(raw, NEAPI_LITERAL("\"command\""));
}

/* What it does not know is passed over. */
static bool read_member(reader *job, neap_text name, neap_text raw)
{
    neapi_queued *entry = job->entry;
    int64_t attempts;
    if (neapi_text_equal(name, NEAPI_LITERAL("again_at")))
        return read_integer(raw, INT64_MAX, &entry->again_at);
    if (neapi_text_equal(name, NEAPI_LITERAL("attempts"))) {
        bool read = read_integer(raw, UINT32_MAX, &attempts);
        entry->attempts = read ? (uint32_t)attempts : 0;
        return read;
    }
    if (neapi_text_equal(name, NEAPI_LITERAL("causation_id")))
        return read_id(raw, &entry->causation_id);
    if (neapi_text_equal(name, NEAPI_LITERAL("command")))
        return read_text(job, raw, &entry->command);
    if (neapi_text_equal(name, NEAPI_LITERAL("correlation_id")))
        return read_id(raw, &entry->correlation_id);
    if (neapi_text_equal(name, NEAPI_LITERAL("data")))
        entry->data = raw;
    else if (neapi_text_equal(name, NEAPI_LITERAL("failure")))
        entry->failure = raw;
    else if (neapi_text_equal(name, NEAPI_LITERAL("first_due")))
        return read_integer(raw, INT64_MAX, &entry->first_us);
    else if (neapi_text_equal(name, NEAPI_LITERAL("kind")))
        return read_kind(raw, &entry->is_timeout);
    else if (neapi_text_equal(name, NEAPI_LITERAL("meta")))
        entry->meta = raw;
    else if (neapi_text_equal(name, NEAPI_LITERAL("name")))
        return read_text(job, raw, &entry->name);
    else if (neapi_text_equal(name, NEAPI_LITERAL("owner")))
        return read_text(job, raw, &entry->owner);
    else if (neapi_text_equal(name, NEAPI_LITERAL("queued_at")))
        return read_integer(raw, INT64_MAX, &entry->queued_at);
    return true;
}

neap_status neapi_queued_read(neap_text key, neap_text json, neapi_arena *arena,
                              neapi_queued *entry, neap_error *error)
{
    *entry = (neapi_queued){0};
    reader job = {.arena = arena, .entry = entry};
    neapi_scan scan = neapi_scan_of(json, 0);
    neapi_member member;
    bool read = neapi_queued_read_key(key, entry) &&
                neapi_json_check(json, NEAPI_JSON_DEPTH + 1, NULL) == NEAP_OK;
    while (read && neapi_scan_next_member(&scan, &member))
        read = read_member(&job, member.raw, member.value);
    if (job.refused)
        return neapi_nomem(error);
    bool whole = entry->is_timeout ? entry->name.size != 0 && entry->owner.size != 0
                                   : entry->command.size != 0 && entry->data.size != 0;
    if (read && whole)
        return NEAP_OK;
    return neapi_fail(error, NEAP_CORRUPT, "the document %.*s of $queue is no entry of the queue",
                      NEAPI_TEXT(key));
}
