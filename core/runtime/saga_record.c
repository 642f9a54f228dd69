#include "runtime/saga_record.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/write.h"

static const char *const status_names[] = {
    "absent", "running", "completed", "compensating", "failed", "compensation_failed", "stopped"};

const char *neapi_saga_status_name(neapi_saga_status status)
{
    return status_names[status];
}

bool neapi_saga_status_named(neap_text name, neapi_saga_status *status)
{
    for (int i = NEAPI_SAGA_RUNNING; i <= NEAPI_SAGA_STOPPED; i++)
        if (neapi_text_equal(name, neapi_text_of(status_names[i]))) {
            *status = (neapi_saga_status)i;
            return true;
        }
    return false;
}

neapi_saga *neapi_saga_new(neap_text key)
{
    neapi_saga *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->key = neapi_arena_text(&made->arena, key);
    if (made->key.data != NULL)
        return made;
    neapi_saga_free(made);
    return NULL;
}

void neapi_saga_free(neapi_saga *saga)
{
    if (saga == NULL)
        return;
    neapi_arena_fini(&saga->arena);
    neapi_buffer_fini(&saga->saved);
    neapi_free(saga);
}

void neapi_saga_collection(neapi_buffer *name, neap_text saga)
{
    NEAPI_BUFFER_LITERAL(name, "$saga:");
    neapi_buffer_text(name, saga);
}

void neapi_saga_stopped_collection(neapi_buffer *name, neap_text saga)
{
    NEAPI_BUFFER_LITERAL(name, "$saga_stopped:");
    neapi_buffer_text(name, saga);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static bool keep(neapi_saga *saga, neap_text *text)
{
    *text = neapi_arena_text(&saga->arena, *text);
    return text->data != NULL;
}

neap_status neapi_saga_add_sent(neapi_saga *saga, const neapi_saga_sent *sent)
{
    neapi_saga_sent *added = neapi_arena_alloc(&saga->arena, sizeof *added);
    if (added == NULL)
        return NEAP_NOMEM;
    *added = *sent;
    if (!keep(saga, &added->timeout) || !keep(saga, &added->command) || !keep(saga, &added->name))
        return NEAP_NOMEM;
    added->next = saga->sent;
    saga->sent = added;
    saga->sent_count++;
    return NEAP_OK;
}

neap_status neapi_saga_add_compensation(neapi_saga *saga,
                                        const neapi_saga_compensation *compensation)
{
    neapi_saga_compensation *added = neapi_arena_alloc(&saga->arena, sizeof *added);
    if (added == NULL)
        return NEAP_NOMEM;
    *added = *compensation;
    if (!keep(saga, &added->command) || !keep(saga, &added->data) || !keep(saga, &added->meta))
        return NEAP_NOMEM;
    added->next = saga->compensations;
    saga->compensations = added;
    saga->compensation_count++;
    return NEAP_OK;
}

neap_status neapi_saga_add_failure(neapi_saga *saga, const neapi_saga_failure *failure)
{
    neapi_saga_failure *added = neapi_arena_alloc(&saga->arena, sizeof *added);
    if (added == NULL)
        return NEAP_NOMEM;
    *added = *failure;
    if (!keep(saga, &added->command) || !keep(saga, &added->code) || !keep(saga, &added->message))
        return NEAP_NOMEM;
    added->next = saga->failures;
    saga->failures = added;
    return NEAP_OK;
}

bool neapi_saga_forget_sent(neapi_saga *saga, neap_text key)
{
    for (neapi_saga_sent **at = &saga->sent; *at != NULL; at = &(*at)->next)
        if (neapi_text_equal(neapi_queued_key_text(&(*at)->key), key)) {
            *at = (*at)->next;
            saga->sent_count--;
            return true;
        }
    return false;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_number(neapi_fields *to, const char *name, int64_t number)
{
    if (number != 0)
        neapi_fields_number(to, name, number);
}

static void write_id(neapi_fields *to, const char *name, neap_uuid id)
{
    char text[37];
    neap_uuid_format(id, text);
    neapi_fields_text(to, name, neapi_text(text, 36));
}

static void write_hex(neapi_fields *to, const char *name, const neapi_buffer *bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (bytes->size == 0)
        return;
    neapi_fields_name(to, name);
    if (!neapi_buffer_reserve(to->json, 2 * bytes->size + 2))
        return;
    char *at = to->json->data + to->json->size;
    *at++ = '"';
    for (size_t i = 0; i < bytes->size; i++) {
        *at++ = digits[(unsigned char)bytes->data[i] >> 4];
        *at++ = digits[(unsigned char)bytes->data[i] & 15];
    }
    *at++ = '"';
    to->json->size += 2 * bytes->size + 2;
}

static void separate(neapi_buffer *json, bool more)
{
    neapi_buffer_byte(json, more ? ',' : ']');
}

static void write_compensations(neapi_fields *to, const neapi_saga_compensation *first)
{
    if (first == NULL)
        return;
    neapi_fields_name(to, "compensations");
    neapi_buffer_byte(to->json, '[');
    for (const neapi_saga_compensation *it = first; it != NULL; it = it->next) {
        neapi_fields element = {.json = to->json};
        neapi_fields_text(&element, "command", it->command);
        neapi_fields_raw(&element, "data", it->data);
        write_id(&element, "id", it->id);
        neapi_fields_raw(&element, "meta", it->meta);
        neapi_buffer_byte(to->json, '}');
        separate(to->json, it->next != NULL);
    }
}

static void write_failures(neapi_fields *to, const neapi_saga_failure *first)
{
    if (first == NULL)
        return;
    neapi_fields_name(to, "failures");
    neapi_buffer_byte(to->json, '[');
    for (const neapi_saga_failure *it = first; it != NULL; it = it->next) {
        neapi_fields element = {.json = to->json};
        neapi_fields_text(&element, "code", it->code);
        neapi_fields_text(&element, "command", it->command);
        neapi_fields_text(&element, "message", it->message);
        neapi_buffer_byte(to->json, '}');
        separate(to->json, it->next != NULL);
    }
}

static void write_sent(neapi_fields *to, const neapi_saga_sent *first)
{
    if (first == NULL)
        return;
    neapi_fields_name(to, "sent");
    neapi_buffer_byte(to->json, '[');
    for (const neapi_saga_sent *it = first; it != NULL; it = it->next) {
        neapi_fields element = {.json = to->json};
        neapi_fields_text(&element, "command", it->command);
        neapi_fields_text(&element, "key", neapi_queued_key_text(&it->key));
        neapi_fields_text(&element, "name", it->name);
        neapi_fields_text(&element, "timeout", it->timeout);
        neapi_buffer_byte(to->json, '}');
        separate(to->json, it->next != NULL);
    }
}

void neapi_saga_write(neapi_buffer *json, const neapi_saga *saga, neap_text state)
{
    neapi_fields to = {.json = json};
    write_compensations(&to, saga->compensations);
    write_id(&to, "correlation_id", saga->correlation_id);
    write_number(&to, "ended_at", saga->ended_at);
    write_failures(&to, saga->failures);
    write_number(&to, "go_on_at", (int64_t)saga->go_on_at);
    write_number(&to, "position", (int64_t)saga->position);
    neapi_fields_text(&to, "reason", saga->reason);
    write_hex(&to, "saved", &saga->saved);
    write_sent(&to, saga->sent);
    write_number(&to, "started_at", saga->started_at);
    neapi_fields_raw(&to, "state", state);
    neapi_fields_text(&to, "status", neapi_text_of(neapi_saga_status_name(saga->status)));
    neapi_fields_text(&to, "stopped_by", saga->stopped_by);
    neapi_fields_text(&to, "traceback", saga->traceback);
    write_number(&to, "updated_at", saga->updated_at);
    neapi_buffer_byte(json, '}');
}

/* ---- Reading --------------------------------------------------------------------------------- */

typedef struct reader {
    neapi_saga *saga;
    bool refused; /* an allocation was */
} reader;

static bool read_text(reader *job, neap_text raw, neap_text *text)
{
    return neapi_json_take_text(raw, &job->saga->arena, text, &job->refused);
}

static bool read_raw(reader *job, neap_text raw, neap_text *text)
{
    *text = neapi_arena_text(&job->saga->arena, raw);
    job->refused = job->refused || text->data == NULL;
    return !job->refused;
}

static bool read_id(neap_text raw, neap_uuid *id)
{
    return raw.size == 38 && neapi_uuid_parse(neapi_text(raw.data + 1, 36), id);
}

static bool read_integer(neap_text raw, int64_t *number)
{
    int64_t value = 0;
    for (size_t i = 0; i < raw.size; i++) {
        int digit = raw.data[i] - '0';
        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return raw.size != 0;
}

static bool read_position(neap_text raw, uint64_t *position)
{
    int64_t number;
    bool read = read_integer(raw, &number);
    if (read)
        *position = (uint64_t)number;
    return read;
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_hex(reader *job, neap_text raw, neapi_buffer *bytes)
{
    if (raw.size < 2 || raw.size % 2 != 0)
        return false;
    neapi_buffer_clear(bytes);
    if (!neapi_buffer_reserve(bytes, raw.size / 2)) {
        job->refused = true;
        return false;
    }
    for (size_t i = 1; i + 1 < raw.size; i += 2) {
        int high = hex_digit(raw.data[i]), low = hex_digit(raw.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        neapi_buffer_byte(bytes, (char)(high << 4 | low));
    }
    return true;
}

/* Goes through a list of well-formed JSON. false: there are no more elements. */
static bool next_element(neapi_scan *scan, neap_text *element)
{
    int next = neapi_scan_peek(scan);
    if (next != '[' && next != ',')
        return false;
    scan->at++;
    if (neapi_scan_peek(scan) == ']')
        return false;
    const char *first = scan->at;
    if (!neapi_scan_value(scan, NEAPI_JSON_DEPTH))
        return false;
    *element = neapi_text(first, (size_t)(scan->at - first));
    return true;
}

static bool is(neap_text name, const char *wanted)
{
    return neapi_text_equal(name, neapi_text_of(wanted));
}

static bool read_sent_member(reader *job, neapi_saga_sent *sent, const neapi_member *member)
{
    neap_text key;
    neapi_queued entry;
    if (is(member->raw, "command"))
        return read_text(job, member->value, &sent->command);
    if (is(member->raw, "name"))
        return read_text(job, member->value, &sent->name);
    if (is(member->raw, "timeout"))
        return read_text(job, member->value, &sent->timeout);
    if (!is(member->raw, "key"))
        return true;
    if (!read_text(job, member->value, &key) || !neapi_queued_read_key(key, &entry))
        return false;
    neapi_queued_key_of(&entry, &sent->key);
    return true;
}

static bool read_compensation_member(reader *job, neapi_saga_compensation *compensation,
                                     const neapi_member *member)
{
    if (is(member->raw, "command"))
        return read_text(job, member->value, &compensation->command);
    if (is(member->raw, "data"))
        return read_raw(job, member->value, &compensation->data);
    if (is(member->raw, "meta"))
        return read_raw(job, member->value, &compensation->meta);
    return !is(member->raw, "id") || read_id(member->value, &compensation->id);
}

static bool read_failure_member(reader *job, neapi_saga_failure *failure,
                                const neapi_member *member)
{
    if (is(member->raw, "command"))
        return read_text(job, member->value, &failure->command);
    if (is(member->raw, "code"))
        return read_text(job, member->value, &failure->code);
    return !is(member->raw, "message") || read_text(job, member->value, &failure->message);
}

/* The lists stand in the order in which they are kept. */
#define READ_LIST(list, type, read_one, count)                                                     \
    type **end = &job->saga->list;                                                                 \
    neapi_scan scan = neapi_scan_of(raw, NEAPI_JSON_DEPTH);                                        \
    for (neap_text element; next_element(&scan, &element);) {                                      \
        neapi_scan inner = neapi_scan_of(element, 0);                                              \
        neapi_member member;                                                                       \
        type *added = neapi_arena_alloc(&job->saga->arena, sizeof *added);                         \
        job->refused = added == NULL;                                                              \
        if (job->refused)                                                                          \
            return false;                                                                          \
        *added = (type){0};                                                                        \
        while (neapi_scan_next_member(&inner, &member))                                            \
            if (!read_one(job, added, &member))                                                    \
                return false;                                                                      \
        *end = added;                                                                              \
        end = &added->next;                                                                        \
        count;                                                                                     \
    }                                                                                              \
    return true

static bool read_sent(reader *job, neap_text raw)
{
    READ_LIST(sent, neapi_saga_sent, read_sent_member, job->saga->sent_count++);
}

static bool read_compensations(reader *job, neap_text raw)
{
    READ_LIST(compensations, neapi_saga_compensation, read_compensation_member,
              job->saga->compensation_count++);
}

static bool read_failures(reader *job, neap_text raw)
{
    READ_LIST(failures, neapi_saga_failure, read_failure_member, (void)0);
}

static bool read_status(reader *job, neap_text raw)
{
    neap_text name = {0};
    return read_text(job, raw, &name) && neapi_saga_status_named(name, &job->saga->status);
}

/* What it does not know is passed over. */
static bool read_member(reader *job, const neapi_member *member)
{
    neapi_saga *saga = job->saga;
    neap_text name = member->raw, raw = member->value;
    if (is(name, "compensations"))
        return read_compensations(job, raw);
    if (is(name, "correlation_id"))
        return read_id(raw, &saga->correlation_id);
    if (is(name, "ended_at"))
        return read_integer(raw, &saga->ended_at);
    if (is(name, "failures"))
        return read_failures(job, raw);
    if (is(name, "go_on_at"))
        return read_position(raw, &saga->go_on_at);
    if (is(name, "position"))
        return read_position(raw, &saga->position);
    if (is(name, "reason"))
        return read_text(job, raw, &saga->reason);
    if (is(name, "saved"))
        return read_hex(job, raw, &saga->saved);
    if (is(name, "sent"))
        return read_sent(job, raw);
    if (is(name, "started_at"))
        return read_integer(raw, &saga->started_at);
    if (is(name, "status"))
        return read_status(job, raw);
    if (is(name, "stopped_by"))
        return read_text(job, raw, &saga->stopped_by);
    if (is(name, "traceback"))
        return read_text(job, raw, &saga->traceback);
    return !is(name, "updated_at") || read_integer(raw, &saga->updated_at);
}

neap_status neapi_saga_read(neap_text json, neapi_saga *saga, neap_error *error)
{
    reader job = {.saga = saga};
    neapi_scan scan = neapi_scan_of(json, 0);
    neapi_member member;
    bool read = neapi_json_check(json, NEAPI_JSON_DEPTH + 3, NULL) == NEAP_OK;
    while (read && neapi_scan_next_member(&scan, &member))
        read = read_member(&job, &member);
    if (job.refused)
        return neapi_nomem(error);
    if (read && saga->status != NEAPI_SAGA_ABSENT)
        return NEAP_OK;
    return neapi_fail(error, NEAP_CORRUPT, "what the store keeps of saga '%.*s' is damaged",
                      NEAPI_TEXT(saga->key));
}
