#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "batch.h"
#include "projected.h"

/* What is refused is in the verdict; false: an allocation was refused. */
typedef struct judgement {
    neapi_pg_batch *batch;
    neapi_unit *unit;
    neapi_verdict verdict;
    size_t events;
} judgement;

static bool refuse(judgement *judging, neap_status status, uint64_t actual)
{
    judging->verdict.status = status;
    judging->verdict.actual = actual;
    return true;
}

static bool fits(judgement *judging, size_t size)
{
    if (size > NEAPI_PG_FIELD_BYTES)
        refuse(judging, NEAP_LIMIT, 0);
    return size <= NEAPI_PG_FIELD_BYTES;
}

/* What PostgreSQL takes as text: it has no zero bytes. */
static bool is_text(judgement *judging, neap_text text, const char *what)
{
    if (text.size == 0 ||
        (memchr(text.data, '\0', text.size) == NULL && neapi_utf8_valid(text.data, text.size)))
        return true;
    neapi_unit_say(judging->unit, "%s is not UTF-8 without zero bytes", what);
    refuse(judging, NEAP_INVALID, 0);
    return false;
}

/* ---- Streams --------------------------------------------------------------------------------- */

static bool judge_version(judgement *judging, neap_text name, uint64_t expected, uint64_t added)
{
    neapi_pg_stream *stream = neapi_pg_batch_stream(judging->batch, name);
    uint64_t version =
        stream->unit == judging->batch->unit ? stream->unit_version : stream->version;
    if (expected != NEAP_ANY_VERSION && expected != version)
        return refuse(judging, NEAP_CONFLICT, version);
    stream->unit = judging->batch->unit;
    stream->unit_version = version + added;
    return true;
}

static bool judge_append(judgement *judging, const neapi_op *op)
{
    const neap_event *events = judging->unit->events + op->append.first;
    for (size_t i = 0; i < op->append.count; i++)
        if (!fits(judging, events[i].data.size) || !fits(judging, events[i].meta.size) ||
            !is_text(judging, events[i].data, "an event's data") ||
            !is_text(judging, events[i].meta, "an event's meta"))
            return true;
    judging->events += op->append.count;
    return judge_version(judging, op->append.stream, op->append.expected, op->append.count);
}

/* ---- Conditions ------------------------------------------------------------------------------ */

static bool is_among(neap_text type, const neap_text *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (neapi_text_equal(type, types[i]))
            return true;
    return count == 0;
}

static bool judge_condition(judgement *judging, const neapi_pg_condition *asked)
{
    const neapi_condition *condition = asked->condition;
    uint64_t newest = asked->newest > condition->after ? asked->newest : condition->after;
    for (size_t i = 0; i < condition->tag_count; i++) {
        const neapi_pg_tagged *at = neapi_map_get(&judging->batch->tag_map, condition->tags[i]);
        for (; at != NULL && at->position > newest; at = at->before)
            if (is_among(at->type, condition->types, condition->type_count))
                newest = at->position;
    }
    return newest == condition->after || refuse(judging, NEAP_CONFLICT, newest);
}

/* ---- Documents ------------------------------------------------------------------------------- */

neapi_pg_value *neapi_pg_document_value(const neapi_pg_batch *batch, neapi_pg_document *document)
{
    return document->unit == batch->unit ? &document->unit_value : &document->value;
}

static void change(neapi_pg_batch *batch, neapi_pg_document *document, bool present, neap_text data)
{
    if (document->unit != batch->unit) {
        document->unit = batch->unit;
        document->next_touched = batch->touched;
        batch->touched = document;
    }
    document->unit_value = (neapi_pg_value){present, data};
}

static bool judge_document(judgement *judging, const neapi_document *given)
{
    neapi_pg_batch *batch = judging->batch;
    neapi_pg_document *document = neapi_pg_batch_document(batch, given->collection, given->key);
    const neapi_pg_value *value = neapi_pg_document_value(batch, document);
    bool good = given->expect == NEAPI_DOCUMENT_ANY ||
                (given->expect == NEAPI_DOCUMENT_ABSENT && !value->present) ||
                (given->expect == NEAPI_DOCUMENT_PRESENT && value->present) ||
                (given->expect == NEAPI_DOCUMENT_EQUAL && value->present &&
                 neapi_text_equal(value->data, given->expected));
    if (!good)
        return refuse(judging, NEAP_CONFLICT, 0);
    if (!fits(judging, given->data.size))
        return true;
    if (given->write != NEAPI_DOCUMENT_KEEP)
        change(batch, document, given->write == NEAPI_DOCUMENT_PUT, given->data);
    return true;
}

static int by_key(const void *a, const void *b)
{
    neapi_pg_document *const *one = a, *const *two = b;
    return neapi_text_compare((*one)->key, (*two)->key);
}

/* Of the collection's documents as many are known as the batch can clear, and more. */
static bool clear_collection(judgement *judging, neap_text collection, uint32_t most)
{
    neapi_pg_batch *batch = judging->batch;
    size_t count = 0;
    for (neapi_pg_document *each = batch->documents; each != NULL; each = each->next)
        count += neapi_text_equal(each->collection, collection);
    neapi_pg_document **found = neapi_arena_alloc(&batch->arena, count * sizeof *found);
    if (found == NULL)
        return false;
    count = 0;
    for (neapi_pg_document *each = batch->documents; each != NULL; each = each->next)
        if (neapi_text_equal(each->collection, collection) &&
            neapi_pg_document_value(batch, each)->present)
            found[count++] = each;
    qsort(found, count, sizeof *found, by_key);
    for (size_t i = 0; i < count && i < most; i++)
        change(batch, found[i], false, (neap_text){"", 0});
    return true;
}

/* ---- Units ----------------------------------------------------------------------------------- */

static bool judge_key(judgement *judging, const neapi_key *given)
{
    const neapi_pg_key *key = neapi_map_get(&judging->batch->key_map, given->key);
    if (!is_text(judging, given->types, "a key's types"))
        return true;
    return judging->batch->now_us >= key->expires_at || refuse(judging, NEAP_DUPLICATE, 0);
}

static bool judge_command(judgement *judging, const neapi_command *command)
{
    if (fits(judging, command->data.size) && fits(judging, command->meta.size) &&
        is_text(judging, command->data, "a command's data"))
        is_text(judging, command->meta, "a command's meta");
    return true;
}

static bool judge_snapshot(judgement *judging, const neapi_snapshot *snapshot)
{
    if (snapshot->version > INT64_MAX)
        return refuse(judging, NEAP_LIMIT, 0);
    fits(judging, snapshot->state.size);
    return true;
}

static bool judge_op(judgement *judging, const neapi_op *op, const neapi_pg_condition *condition)
{
    switch (op->kind) {
    case NEAPI_OP_EXPECT:
        return judge_version(judging, op->expect.stream, op->expect.version, 0);
    case NEAPI_OP_APPEND:
        return judge_append(judging, op);
    case NEAPI_OP_CONDITION:
        return judge_condition(judging, condition);
    case NEAPI_OP_KEY:
        return judge_key(judging, &op->key);
    case NEAPI_OP_COMMAND:
        return judge_command(judging, &op->command);
    case NEAPI_OP_SNAPSHOT:
        return judge_snapshot(judging, &op->snapshot);
    case NEAPI_OP_DOCUMENT:
        return judge_document(judging, &op->document);
    case NEAPI_OP_CLEAR:
        return clear_collection(judging, op->clear.collection, op->clear.most);
    case NEAPI_OP_SQL:
    case NEAPI_OP_TABLES:
        return true; /* they are run behind all others */
    }
    return refuse(judging, NEAP_USAGE, 0);
}

static bool tag_events(neapi_pg_batch *batch, const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->event_count; i++)
        for (uint32_t n = 0; n < unit->events[i].tag_count; n++) {
            neap_text tag = unit->events[i].tags[n];
            neapi_pg_tagged *tagged = neapi_arena_alloc(&batch->arena, sizeof *tagged);
            if (tagged == NULL)
                return false;
            *tagged = (neapi_pg_tagged){.type = unit->events[i].type,
                                        .position = unit->events[i].position,
                                        .before = neapi_map_get(&batch->tag_map, tag)};
            if (!neapi_map_put(&batch->tag_map, tag, tagged))
                return false;
        }
    return true;
}

static bool changes_something(const neapi_op *op)
{
    return op->kind != NEAPI_OP_EXPECT && op->kind != NEAPI_OP_CONDITION &&
           (op->kind != NEAPI_OP_DOCUMENT || op->document.write != NEAPI_DOCUMENT_KEEP);
}

static void settle_append(judgement *judging, const neapi_op *op)
{
    neapi_pg_stream *stream = neapi_pg_batch_stream(judging->batch, op->append.stream);
    neap_event *events = judging->unit->events + op->append.first;
    for (size_t i = 0; i < op->append.count; i++) {
        events[i].position = ++judging->batch->head;
        events[i].version = ++stream->version;
    }
}

/* What the unit leaves behind is what the next ones see. */
static bool settle(judgement *judging)
{
    neapi_pg_batch *batch = judging->batch;
    const neapi_unit *unit = judging->unit;
    if (judging->events != 0)
        judging->verdict.first_position = batch->head + 1;
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_op *op = &unit->ops[i];
        batch->writes = batch->writes || changes_something(op);
        if (op->kind == NEAPI_OP_APPEND) {
            settle_append(judging, op);
        } else if (op->kind == NEAPI_OP_KEY) {
            neapi_pg_key *key = neapi_map_get(&batch->key_map, op->key.key);
            key->expires_at = op->key.expires_at;
        }
    }
    for (neapi_pg_document *each = batch->touched; each != NULL; each = each->next_touched) {
        each->value = each->unit_value;
        each->changed = true;
    }
    if (judging->events != 0)
        judging->verdict.last_position = batch->head;
    return tag_events(batch, unit);
}

neap_status neapi_pg_judge(neapi_pg_session *session, neapi_unit *unit, neap_error *error)
{
    neapi_pg_batch *batch = session->batch;
    neap_status status = NEAP_OK;
    judgement judging = {.batch = batch, .unit = unit};
    bool well = true;
    batch->unit++;
    batch->touched = NULL;
    if (neapi_unit_blocked(unit))
        refuse(&judging, NEAP_CONFLICT, 0);
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_pg_condition *condition = batch->next_condition;
        if (unit->ops[i].kind == NEAPI_OP_CONDITION)
            batch->next_condition = condition->next;
        if (!well || judging.verdict.status != NEAP_OK)
            continue;
        judging.verdict.op = i;
        well = judge_op(&judging, &unit->ops[i], condition);
    }
    if (well && judging.verdict.status == NEAP_OK && batch->has_sql && neapi_pg_has_sql(unit))
        status = neapi_pg_run_unit(session, unit, &judging.verdict, error);
    if (status != NEAP_OK)
        return status;
    if (judging.verdict.status == NEAP_OK) {
        judging.verdict.op = 0;
        well = well && settle(&judging);
    }
    unit->verdict = judging.verdict;
    return well ? NEAP_OK : neapi_nomem(error);
}
