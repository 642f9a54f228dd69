#include "store/check.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "store/store.h"

static bool has_control(neap_text text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        bool c1 = c == 0xC2 && i + 1 < text.size && (unsigned char)text.data[i + 1] < 0xA0;
        if (c < 0x20 || c == 0x7F || c1)
            return true;
    }
    return false;
}

neap_status neapi_name_check(neap_text name, const char *what, neap_error *error)
{
    if (name.size == 0)
        return neapi_fail(error, NEAP_INVALID, "%s is empty", what);
    if (name.size > NEAPI_STREAM_BYTES)
        return neapi_fail(error, NEAP_INVALID, "%s has %zu bytes; at most %d are allowed: %.40s…",
                          what, name.size, NEAPI_STREAM_BYTES, name.data);
    if (!neapi_utf8_valid(name.data, name.size))
        return neapi_fail(error, NEAP_INVALID, "%s is not UTF-8", what);
    if (has_control(name))
        return neapi_fail(error, NEAP_INVALID, "%s contains a control character", what);
    return NEAP_OK;
}

neap_status neapi_stream_check(neap_text stream, neap_error *error)
{
    return neapi_name_check(stream, "a stream's name", error);
}

neap_status neapi_tag_check(neap_text tag, neap_error *error)
{
    neap_status status = neapi_name_check(tag, "a tag", error);
    if (status != NEAP_OK)
        return status;
    const char *colon = memchr(tag.data, ':', tag.size);
    if (colon == NULL || colon == tag.data)
        return neapi_fail(error, NEAP_INVALID, "the tag \"%.*s\" is not of the form name:value",
                          NEAPI_TEXT(tag));
    return NEAP_OK;
}

neap_status neapi_tags_check(neap_text type, const neap_text *tags, size_t count, neap_error *error)
{
    for (size_t i = 0; i < count; i++) {
        neap_status status = neapi_tag_check(tags[i], error);
        if (status != NEAP_OK)
            return status;
        if (i > 0 && neapi_text_compare(tags[i - 1], tags[i]) >= 0)
            return neapi_fail(error, NEAP_USAGE,
                              "the tags of %.*s are not in bytewise order, each once",
                              NEAPI_TEXT(type));
    }
    return NEAP_OK;
}

neap_status neapi_event_check(const neap_event *event, neap_text stream, neap_error *error)
{
    neap_status status = neapi_name_check(event->type, "an event type's name", error);
    if (status != NEAP_OK)
        return status;
    if (event->data.size == 0)
        return neapi_fail(error, NEAP_INVALID, "%.*s has no data", NEAPI_TEXT(event->type));
    if (event->schema == 0)
        return neapi_fail(error, NEAP_USAGE, "%.*s has schema version 0; they count from 1",
                          NEAPI_TEXT(event->type));
    if (neapi_uuid_is_zero(event->id))
        return neapi_fail(error, NEAP_USAGE, "%.*s has no id", NEAPI_TEXT(event->type));
    if (event->recorded_at <= 0)
        return neapi_fail(error, NEAP_USAGE, "%.*s has no recorded time", NEAPI_TEXT(event->type));
    if (event->stream.data != stream.data && !neapi_text_equal(event->stream, stream))
        return neapi_fail(error, NEAP_USAGE, "an event of %.*s is appended to %.*s",
                          NEAPI_TEXT(event->stream), NEAPI_TEXT(stream));
    return neapi_tags_check(event->type, event->tags, event->tag_count, error);
}

static neap_status check_append(const neapi_unit *unit, const neapi_op *op, size_t *events,
                                neap_error *error)
{
    neap_status status = neapi_stream_check(op->append.stream, error);
    if (status != NEAP_OK)
        return status;
    size_t count = op->append.count;
    if (count == 0 || op->append.first != *events || count > unit->event_count - *events)
        return neapi_fail(error, NEAP_USAGE, "the unit's appends and its events do not match");
    *events += count;
    for (size_t i = op->append.first; i < *events && status == NEAP_OK; i++)
        status = neapi_event_check(&unit->events[i], op->append.stream, error);
    return status;
}

static neap_status check_key(const neapi_unit *unit, size_t at, neap_error *error)
{
    const neapi_key *key = &unit->ops[at].key;
    neap_status status = neapi_name_check(key->key, "an idempotency key", error);
    if (status == NEAP_OK && key->stream.size != 0)
        status = neapi_stream_check(key->stream, error);
    if (status != NEAP_OK)
        return status;
    for (size_t i = 0; i < at; i++)
        if (unit->ops[i].kind == NEAPI_OP_KEY && neapi_text_equal(unit->ops[i].key.key, key->key))
            return neapi_fail(error, NEAP_USAGE, "the unit has the key \"%.*s\" twice",
                              NEAPI_TEXT(key->key));
    return NEAP_OK;
}

static neap_status check_command(const neapi_unit *unit, size_t at, neap_error *error)
{
    const neapi_command *command = &unit->ops[at].command;
    neap_status status = neapi_name_check(command->name, "a command's name", error);
    if (status != NEAP_OK)
        return status;
    if (neapi_uuid_is_zero(command->id))
        return neapi_fail(error, NEAP_USAGE, "the command %.*s has no id",
                          NEAPI_TEXT(command->name));
    for (size_t i = 0; i < at; i++)
        if (unit->ops[i].kind == NEAPI_OP_COMMAND)
            return neapi_fail(error, NEAP_USAGE, "the unit has two commands, %.*s and %.*s",
                              NEAPI_TEXT(unit->ops[i].command.name), NEAPI_TEXT(command->name));
    return NEAP_OK;
}

/* Names of types and tags, as a range or a condition wants them. */
static neap_status check_wanted(const neap_text *types, size_t type_count, const neap_text *tags,
                                size_t tag_count, neap_error *error)
{
    if (tag_count > NEAPI_TAGS_MOST)
        return neapi_fail(error, NEAP_USAGE, "%zu tags are asked for; at most %d are allowed",
                          tag_count, NEAPI_TAGS_MOST);
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < type_count && status == NEAP_OK; i++)
        status = neapi_name_check(types[i], "an event type's name", error);
    for (size_t i = 0; i < tag_count && status == NEAP_OK; i++)
        status = neapi_tag_check(tags[i], error);
    return status;
}

static neap_status check_condition(const neapi_condition *condition, neap_error *error)
{
    if (condition->tag_count == 0)
        return neapi_fail(error, NEAP_USAGE, "a condition names no tag; at least 1 is needed");
    return check_wanted(condition->types, condition->type_count, condition->tags,
                        condition->tag_count, error);
}

static neap_status check_snapshot(const neapi_snapshot *snapshot, neap_error *error)
{
    neap_status status = neapi_name_check(snapshot->name, "a snapshot's name", error);
    if (status != NEAP_OK)
        return status;
    if (snapshot->version == 0 || snapshot->keep == 0)
        return neapi_fail(error, NEAP_USAGE, "a snapshot of %.*s %s", NEAPI_TEXT(snapshot->name),
                          snapshot->version == 0 ? "has version 0; they count from 1"
                                                 : "keeps none; at least 1 has to stay");
    return NEAP_OK;
}

static neap_status check_collection(neap_text collection, neap_error *error)
{
    return neapi_name_check(collection, "a collection's name", error);
}

neap_status neapi_document_check(neap_text collection, neap_text key, neap_error *error)
{
    neap_status status = check_collection(collection, error);
    return status == NEAP_OK ? neapi_name_check(key, "a document's key", error) : status;
}

/* Of a document that comes behind another of the same collection, only the key is looked at. */
static neap_status check_document(const neapi_unit *unit, size_t at, neap_error *error)
{
    const neapi_document *document = &unit->ops[at].document;
    const neapi_op *before = at != 0 ? &unit->ops[at - 1] : NULL;
    bool known = before != NULL && before->kind == NEAPI_OP_DOCUMENT &&
                 before->document.collection.data == document->collection.data &&
                 before->document.collection.size == document->collection.size;
    neap_status status = known ? neapi_name_check(document->key, "a document's key", error)
                               : neapi_document_check(document->collection, document->key, error);
    if (status == NEAP_OK &&
        (document->write > NEAPI_DOCUMENT_DROP || document->expect > NEAPI_DOCUMENT_EQUAL))
        return neapi_fail(error, NEAP_USAGE,
                          "what is to become of the document %.*s of %.*s is not known",
                          NEAPI_TEXT(document->key), NEAPI_TEXT(document->collection));
    return status;
}

static neap_status check_clear(const neapi_op *op, neap_error *error)
{
    neap_status status = check_collection(op->clear.collection, error);
    if (status == NEAP_OK && op->clear.most == 0)
        return neapi_fail(error, NEAP_USAGE, "at most 0 documents of %.*s are to be dropped",
                          NEAPI_TEXT(op->clear.collection));
    return status;
}

static neap_status check_build(neap_text projection, uint32_t build, neap_error *error)
{
    neap_status status = neapi_name_check(projection, "a projection's name", error);
    if (status == NEAP_OK && build == 0)
        return neapi_fail(error, NEAP_USAGE, "%.*s has build 0; they count from 1",
                          NEAPI_TEXT(projection));
    return status;
}

neap_status neapi_statement_check(const neapi_statement *statement, neap_error *error)
{
    neap_status status = check_build(statement->projection, statement->build, error);
    if (status == NEAP_OK && statement->text.size == 0)
        return neapi_fail(error, NEAP_USAGE, "a statement of %.*s is empty",
                          NEAPI_TEXT(statement->projection));
    for (size_t i = 0; i < statement->value_count && status == NEAP_OK; i++) {
        const neapi_value *value = &statement->values[i];
        if (value->kind == NEAPI_VALUE_TEXT &&
            !neapi_utf8_valid(value->bytes.data, value->bytes.size))
            return neapi_fail(error, NEAP_INVALID, "value %zu of a statement of %.*s is not UTF-8",
                              i + 1, NEAPI_TEXT(statement->projection));
        if (value->kind > NEAPI_VALUE_BLOB)
            return neapi_fail(error, NEAP_USAGE, "value %zu of a statement of %.*s is of no kind",
                              i + 1, NEAPI_TEXT(statement->projection));
    }
    return status;
}

static neap_status check_tables(const neapi_tables *tables, neap_error *error)
{
    neap_status status = check_build(tables->projection, tables->build, error);
    if (status == NEAP_OK && tables->change > NEAPI_TABLES_DROP)
        return neapi_fail(error, NEAP_USAGE, "what is to become of the tables of %.*s is not known",
                          NEAPI_TEXT(tables->projection));
    return status;
}

neap_status neapi_unit_check(const neapi_unit *unit, size_t *op, neap_error *error)
{
    neap_status status = NEAP_OK;
    size_t events = 0, i = 0;
    for (; i < unit->op_count && status == NEAP_OK; i++) {
        switch (unit->ops[i].kind) {
        case NEAPI_OP_EXPECT:
            status = neapi_stream_check(unit->ops[i].expect.stream, error);
            break;
        case NEAPI_OP_APPEND:
            status = check_append(unit, &unit->ops[i], &events, error);
            break;
        case NEAPI_OP_CONDITION:
            status = check_condition(&unit->ops[i].condition, error);
            break;
        case NEAPI_OP_KEY:
            status = check_key(unit, i, error);
            break;
        case NEAPI_OP_COMMAND:
            status = check_command(unit, i, error);
            break;
        case NEAPI_OP_SNAPSHOT:
            status = check_snapshot(&unit->ops[i].snapshot, error);
            break;
        case NEAPI_OP_DOCUMENT:
            status = check_document(unit, i, error);
            break;
        case NEAPI_OP_CLEAR:
            status = check_clear(&unit->ops[i], error);
            break;
        case NEAPI_OP_SQL:
            status = neapi_statement_check(&unit->ops[i].statement, error);
            break;
        case NEAPI_OP_TABLES:
            status = check_tables(&unit->ops[i].tables, error);
            break;
        default: /* A kind that this front does not know may be known to a store. */
            break;
        }
    }
    *op = i != 0 ? i - 1 : 0;
    if (status == NEAP_OK && events != unit->event_count)
        return neapi_fail(error, NEAP_USAGE, "the unit's appends and its events do not match");
    return status;
}

neap_status neapi_range_check(const neapi_range *range, neap_error *error)
{
    if (range->stream.size != 0 && range->category.size != 0)
        return neapi_fail(error, NEAP_USAGE,
                          "either one stream is read or one category, not both: %.*s, %.*s",
                          NEAPI_TEXT(range->stream), NEAPI_TEXT(range->category));
    neap_text place = range->stream.size != 0 ? range->stream : range->category;
    if (range->tag_count != 0 && place.size != 0)
        return neapi_fail(error, NEAP_USAGE, "either tags are read or one %s, not both: %.*s, %.*s",
                          range->stream.size != 0 ? "stream" : "category",
                          NEAPI_TEXT(range->tags[0]), NEAPI_TEXT(place));
    neap_status status = NEAP_OK;
    if (range->stream.size != 0)
        status = neapi_stream_check(range->stream, error);
    if (range->category.size != 0)
        status = neapi_name_check(range->category, "a category's name", error);
    if (status == NEAP_OK)
        status =
            check_wanted(range->types, range->type_count, range->tags, range->tag_count, error);
    if (status != NEAP_OK)
        return status;
    if (range->category.size != 0 && memchr(range->category.data, '-', range->category.size))
        return neapi_fail(error, NEAP_USAGE,
                          "\"%.*s\" is not a category: that ends before the first '-'",
                          NEAPI_TEXT(range->category));
    if (range->max_events == 0)
        return neapi_fail(error, NEAP_USAGE, "a page of at most 0 events was asked for");
    if ((range->backward ? range->to : range->from) == 0)
        return neapi_fail(error, NEAP_USAGE,
                          "what is read begins at 0; versions and positions "
                          "count from 1");
    return NEAP_OK;
}

neap_status neapi_document_range_check(const neapi_document_range *range, neap_error *error)
{
    neap_status status = check_collection(range->collection, error);
    if (status != NEAP_OK)
        return status;
    if (range->limit == 0)
        return neapi_fail(error, NEAP_USAGE, "a page of at most 0 documents was asked for");
    size_t longest =
        range->prefix.size > range->behind.size ? range->prefix.size : range->behind.size;
    if (longest > NEAPI_STREAM_BYTES)
        return neapi_fail(error, NEAP_INVALID, "a document's key has at most %d bytes, not %zu",
                          NEAPI_STREAM_BYTES, longest);
    return NEAP_OK;
}
