#include "runtime/instance.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/skip.h"
#include "store/check.h"
#include "store/store.h"

/* The first text, a separator and the second, in the arena; terminated. */
static neap_text joined(neapi_arena *arena, neap_text first, const char *separator,
                        neap_text second)
{
    size_t middle = strlen(separator), size = first.size + middle + second.size;
    char *text = neapi_arena_alloc(arena, size + 1);
    if (text == NULL)
        return (neap_text){0};
    memcpy(text, first.data, first.size);
    memcpy(text + first.size, separator, middle);
    if (second.size != 0)
        memcpy(text + first.size + middle, second.data, second.size);
    text[size] = '\0';
    return neapi_text(text, size);
}

static neap_status at_field(neap_text field, neap_error *error)
{
    if (error != NULL)
        NEAPI_ERROR_SET(error, path, field.data, field.size);
    return NEAP_INVALID;
}

static neap_status check_not_empty(const neapi_aggregate *aggregate, neap_text field,
                                   neap_text value, neap_error *error)
{
    if (value.size != 0)
        return NEAP_OK;
    neapi_fail(error, NEAP_INVALID, "%.*s: is empty, expected the id of a %.*s", NEAPI_TEXT(field),
               NEAPI_TEXT(aggregate->name));
    return at_field(field, error);
}

/* ---- Values in JSON -------------------------------------------------------------------------- */

typedef enum found {
    FOUND_TEXT,     /* a text or an integer */
    FOUND_NOTHING,  /* no such member, or null */
    FOUND_SOMETHING /* what cannot name an instance */
} found;

static bool is_integer(neap_text raw)
{
    for (size_t i = raw.data[0] == '-'; i < raw.size; i++)
        if (raw.data[i] < '0' || raw.data[i] > '9')
            return false;
    return true;
}

/* The member's value as text: borrowed from the JSON, or in the arena if it was escaped. */
static neap_status find_value(neapi_arena *arena, neap_text json, neap_text field, neap_text *value,
                              found *what, neap_error *error)
{
    neap_text raw;
    *what = FOUND_NOTHING;
    if (!neapi_json_member(json, field, &raw) || raw.size == 0 ||
        neapi_text_equal(raw, NEAPI_LITERAL("null")))
        return NEAP_OK;
    *what = FOUND_SOMETHING;
    if (raw.data[0] != '"') {
        *value = neapi_text_equal(raw, NEAPI_LITERAL("-0")) ? NEAPI_LITERAL("0") : raw;
        *what = is_integer(raw) ? FOUND_TEXT : FOUND_SOMETHING;
        return NEAP_OK;
    }
    if (memchr(raw.data, '\\', raw.size) == NULL) {
        *value = neapi_text(raw.data + 1, raw.size - 2);
        *what = FOUND_TEXT;
        return NEAP_OK;
    }
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (neapi_json_unquote(raw, &text)) {
        *value = neapi_arena_text(arena, neapi_text(text.data, text.size));
        *what = FOUND_TEXT;
    }
    bool refused = text.failed || (*what == FOUND_TEXT && value->data == NULL);
    neapi_buffer_fini(&text);
    return refused ? neapi_nomem(error) : NEAP_OK;
}

/* ---- By key ---------------------------------------------------------------------------------- */

static neap_status by_key(neapi_arena *arena, const neapi_aggregate *aggregate, neap_text key,
                          neapi_instance *instance, neap_error *error)
{
    neap_status status = check_not_empty(aggregate, aggregate->key, key, error);
    if (status != NEAP_OK)
        return status;
    neap_text stream = joined(arena, aggregate->name, "-", key);
    if (stream.data == NULL)
        return neapi_nomem(error);
    if (neapi_stream_check(stream, error) != NEAP_OK)
        return at_field(aggregate->key, error);
    *instance = (neapi_instance){
        .aggregate = aggregate,
        .name = stream,
        .stream = stream,
        .id = neapi_text(stream.data + stream.size - key.size, key.size),
    };
    return NEAP_OK;
}

/* ---- By tags --------------------------------------------------------------------------------- */

typedef struct tagging {
    neapi_arena *arena;
    const neapi_aggregate *aggregate;
    neap_text *tags;
    size_t count;
    neapi_buffer id; /* the JSON of what was found */
    neap_text first; /* the first tag's value */
    bool has_first;
    neap_text unclear; /* the name of a tag whose value cannot be one */
} tagging;

static neap_status add_tag(tagging *job, unsigned index, neap_text value, neap_error *error)
{
    neap_text name = job->aggregate->tags[index];
    neap_text tag = joined(job->arena, name, ":", value);
    if (tag.data == NULL)
        return neapi_nomem(error);
    if (neapi_tag_check(tag, error) != NEAP_OK) {
        neapi_error_as(error, NEAP_INVALID);
        return at_field(name, error);
    }
    neapi_buffer_byte(&job->id, job->count == 0 ? '{' : ',');
    neapi_json_quote(&job->id, name);
    neapi_buffer_byte(&job->id, ':');
    neapi_json_quote(&job->id, value);
    job->tags[job->count++] = tag;
    if (index == job->aggregate->first_tag) {
        job->first = value;
        job->has_first = true;
    }
    return NEAP_OK;
}

static neap_status find_tags(tagging *job, neap_text json, neap_error *error)
{
    const neapi_aggregate *aggregate = job->aggregate;
    for (unsigned i = 0; i < aggregate->tag_count; i++) {
        neap_text value;
        found what;
        neap_status status = find_value(job->arena, json, aggregate->tags[i], &value, &what, error);
        if (status == NEAP_OK && what == FOUND_TEXT)
            status = add_tag(job, i, value, error);
        if (status != NEAP_OK)
            return status;
        if (what == FOUND_SOMETHING)
            job->unclear = aggregate->tags[i];
    }
    neapi_buffer_byte(&job->id, '}');
    return job->id.failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status complete(const tagging *job, neapi_instance *instance, neap_error *error)
{
    const neapi_aggregate *aggregate = job->aggregate;
    neap_text first_name = aggregate->tags[aggregate->first_tag];
    neap_status status = check_not_empty(aggregate, first_name, job->first, error);
    if (status != NEAP_OK)
        return status;
    neap_text id = neapi_text(job->id.data, job->id.size);
    neap_text stream = joined(job->arena, aggregate->name, "-", job->first);
    neap_text name = joined(job->arena, aggregate->name, "", id);
    if (stream.data == NULL || name.data == NULL)
        return neapi_nomem(error);
    if (neapi_stream_check(stream, error) != NEAP_OK)
        return at_field(first_name, error);
    *instance = (neapi_instance){
        .aggregate = aggregate,
        .name = name,
        .id = neapi_text(name.data + aggregate->name.size, id.size),
        .stream = stream,
        .tags = job->tags,
        .tag_count = job->count,
    };
    return NEAP_OK;
}

/* Leaves *instance without a stream if the JSON does not say which one it is; *unclear: the tag
 * whose value is at fault, or empty if the first is missing. */
static neap_status by_tags(neapi_arena *arena, const neapi_aggregate *aggregate, neap_text json,
                           neapi_instance *instance, neap_text *unclear, neap_error *error)
{
    tagging job = {.arena = arena, .aggregate = aggregate};
    job.tags = neapi_arena_alloc(arena, aggregate->tag_count * sizeof *job.tags);
    neap_status status = job.tags != NULL ? find_tags(&job, json, error) : neapi_nomem(error);
    *unclear = job.unclear;
    if (status == NEAP_OK && job.has_first && unclear->size == 0)
        status = complete(&job, instance, error);
    neapi_buffer_fini(&job.id);
    return status;
}

neap_status neapi_instance_of_command(neapi_arena *arena, const neapi_aggregate *aggregate,
                                      neap_text json, neapi_instance *instance, neap_error *error)
{
    *instance = (neapi_instance){.aggregate = aggregate};
    neap_text key, unclear;
    if (aggregate->tag_count != 0)
        return by_tags(arena, aggregate, json, instance, &unclear, error);
    found what;
    neap_status status = find_value(arena, json, aggregate->key, &key, &what, error);
    if (status != NEAP_OK || what != FOUND_TEXT)
        return status;
    return by_key(arena, aggregate, key, instance, error);
}

static bool is_tag(const neapi_aggregate *aggregate, const neapi_member *member)
{
    for (unsigned i = 0; i < aggregate->tag_count; i++)
        if (member->escaped ? neapi_raw_equal(member->raw, aggregate->tags[i])
                            : neapi_text_equal(member->raw, aggregate->tags[i]))
            return true;
    return false;
}

/* Whether each member of the object is one of the tags. */
static neap_status check_members(const neapi_aggregate *aggregate, neap_text json,
                                 neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, 0);
    neapi_member member;
    while (neapi_scan_next_member(&scan, &member))
        if (!is_tag(aggregate, &member))
            return neapi_fail(error, NEAP_INVALID, "%.*s has no tag '%.*s'",
                              NEAPI_TEXT(aggregate->name), NEAPI_TEXT(member.raw));
    return NEAP_OK;
}

static bool is_object(neap_text json)
{
    neapi_scan scan = neapi_scan_of(json, 0);
    return neapi_scan_peek(&scan) == '{';
}

neap_status neapi_instance_named(neapi_arena *arena, const neapi_aggregate *aggregate, neap_text id,
                                 neapi_instance *instance, neap_error *error)
{
    *instance = (neapi_instance){.aggregate = aggregate};
    if (aggregate->tag_count == 0)
        return by_key(arena, aggregate, id, instance, error);
    const neap_text first = aggregate->tags[aggregate->first_tag];
    if (!is_object(id))
        return neapi_fail(
            error, NEAP_INVALID,
            "%.*s is an aggregate by tags: expected a JSON object of their values, as "
            "{\"%.*s\":\"…\"}, got %.*s",
            NEAPI_TEXT(aggregate->name), NEAPI_TEXT(first), id.size > 64 ? 64 : (int)id.size,
            id.data);
    neap_text unclear = {0};
    neap_status status = neapi_json_check(id, NEAPI_JSON_DEPTH, error);
    if (status == NEAP_OK)
        status = check_members(aggregate, id, error);
    if (status == NEAP_OK)
        status = by_tags(arena, aggregate, id, instance, &unclear, error);
    if (status != NEAP_OK || instance->stream.size != 0)
        return status;
    if (unclear.size != 0) {
        neapi_fail(error, NEAP_INVALID, "%.*s: a tag of %.*s is a text or an integer",
                   NEAPI_TEXT(unclear), NEAPI_TEXT(aggregate->name));
        return at_field(unclear, error);
    }
    neapi_fail(error, NEAP_INVALID, "%.*s needs the tag '%.*s'; each tag is a text or an integer",
               NEAPI_TEXT(aggregate->name), NEAPI_TEXT(first));
    return at_field(first, error);
}
