#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "runtime/transfer_fields.h"

#define SHOWN_BYTES 160

static bool same_tags(const neap_event *a, const neap_event *b)
{
    if (a->tag_count != b->tag_count)
        return false;
    for (uint32_t i = 0; i < a->tag_count; i++)
        if (!neapi_text_equal(a->tags[i], b->tags[i]))
            return false;
    return true;
}

static bool same_field(const neapi_transfer_field *field, const neapi_transfer_line *here,
                       const neapi_transfer_line *there)
{
    const void *a = neapi_transfer_value(here, field), *b = neapi_transfer_value(there, field);
    switch (field->type) {
    case NEAPI_TRANSFER_COUNT:
    case NEAPI_TRANSFER_HASH:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case NEAPI_TRANSFER_SMALL:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case NEAPI_TRANSFER_FLAG:
        return *(const bool *)a == *(const bool *)b;
    case NEAPI_TRANSFER_TIME:
        return *(const int64_t *)a == *(const int64_t *)b;
    case NEAPI_TRANSFER_ID:
        return neapi_uuid_equal(*(const neap_uuid *)a, *(const neap_uuid *)b);
    case NEAPI_TRANSFER_TEXT:
    case NEAPI_TRANSFER_BYTES:
        return neapi_text_equal(*(const neap_text *)a, *(const neap_text *)b);
    case NEAPI_TRANSFER_TAGS:
        return same_tags(&here->event, &there->event);
    }
    return false;
}

/* Cut where it is long, as one line. */
static void show_text(neapi_buffer *words, neap_text text)
{
    size_t shown = text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES;
    while (shown < text.size && shown > 0 && (text.data[shown] & 0xC0) == 0x80)
        shown--;
    if (text.size == 0) {
        NEAPI_BUFFER_LITERAL(words, "empty");
        return;
    }
    size_t first = words->size;
    neapi_buffer_text(words, neapi_text(text.data, shown));
    for (size_t i = first; i < words->size; i++)
        if ((unsigned char)words->data[i] < ' ' || words->data[i] == 0x7F)
            words->data[i] = '?';
    if (shown < text.size)
        NEAPI_BUFFER_LITERAL(words, "…");
}

static void show_tags(neapi_buffer *words, const neap_event *event)
{
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_buffer_text(words, i == 0 ? neapi_text_of("") : NEAPI_LITERAL(", "));
        show_text(words, event->tags[i]);
    }
    if (event->tag_count == 0)
        NEAPI_BUFFER_LITERAL(words, "empty");
}

static void show_id(neapi_buffer *words, neap_uuid id)
{
    char text[37];
    neap_uuid_format(id, text);
    neapi_buffer_text(words, neapi_uuid_is_zero(id) ? neapi_text_of("empty") : neapi_text_of(text));
}

static void show_field(neapi_buffer *words, const neapi_transfer_field *field,
                       const neapi_transfer_line *line)
{
    const void *value = neapi_transfer_value(line, field);
    switch (field->type) {
    case NEAPI_TRANSFER_COUNT:
        neapi_buffer_format(words, "%" PRIu64, *(const uint64_t *)value);
        break;
    case NEAPI_TRANSFER_HASH:
        neapi_buffer_format(words, "%016" PRIx64, *(const uint64_t *)value);
        break;
    case NEAPI_TRANSFER_SMALL:
        neapi_buffer_format(words, "%" PRIu32, *(const uint32_t *)value);
        break;
    case NEAPI_TRANSFER_FLAG:
        neapi_buffer_text(words, neapi_text_of(*(const bool *)value ? "true" : "false"));
        break;
    case NEAPI_TRANSFER_TIME:
        neapi_json_time(words, *(const int64_t *)value);
        break;
    case NEAPI_TRANSFER_ID:
        show_id(words, *(const neap_uuid *)value);
        break;
    case NEAPI_TRANSFER_TEXT:
    case NEAPI_TRANSFER_BYTES:
        show_text(words, *(const neap_text *)value);
        break;
    case NEAPI_TRANSFER_TAGS:
        show_tags(words, &line->event);
        break;
    }
}

bool neapi_transfer_same(const neapi_transfer_line *here, const neapi_transfer_line *there,
                         bool placed, neapi_buffer *difference)
{
    const neapi_transfer_table *table = neapi_transfer_table_of(here->kind);
    for (size_t i = 0; i < table->count; i++) {
        const neapi_transfer_field *field = &table->fields[i];
        if ((field->place && !placed) || same_field(field, here, there))
            continue;
        neapi_buffer_format(difference, "%s is ", field->name);
        show_field(difference, field, here);
        NEAPI_BUFFER_LITERAL(difference, " here and ");
        show_field(difference, field, there);
        NEAPI_BUFFER_LITERAL(difference, " there");
        return false;
    }
    return true;
}

void neapi_transfer_describe(neapi_buffer *words, const neapi_transfer_line *line)
{
    switch (line->kind) {
    case NEAPI_TRANSFER_HEADER:
        NEAPI_BUFFER_LITERAL(words, "the first line");
        break;
    case NEAPI_TRANSFER_COMMAND:
        NEAPI_BUFFER_LITERAL(words, "the command ");
        show_text(words, line->command.name);
        NEAPI_BUFFER_LITERAL(words, " ");
        show_id(words, line->command.id);
        break;
    case NEAPI_TRANSFER_EVENT:
        neapi_buffer_format(words, "event %" PRIu64 " (version %" PRIu64 " of ",
                            line->event.position, line->event.version);
        show_text(words, line->event.stream);
        NEAPI_BUFFER_LITERAL(words, ")");
        break;
    case NEAPI_TRANSFER_KEY:
        NEAPI_BUFFER_LITERAL(words, "the idempotency key ");
        show_text(words, line->key.key);
        break;
    case NEAPI_TRANSFER_DOCUMENT:
        NEAPI_BUFFER_LITERAL(words, "the document ");
        show_text(words, line->document.key);
        NEAPI_BUFFER_LITERAL(words, " of ");
        show_text(words, line->document.collection);
        break;
    case NEAPI_TRANSFER_CHECK:
        NEAPI_BUFFER_LITERAL(words, "the end of the events");
        break;
    case NEAPI_TRANSFER_END:
    case NEAPI_TRANSFER_KINDS:
        NEAPI_BUFFER_LITERAL(words, "the end");
        break;
    }
}
