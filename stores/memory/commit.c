#include "memory.h"

#include "base/error.h"
#include "base/text.h"

/* One unit while it is judged. What it did is taken back if an operation is refused. */
typedef struct judgement {
    neapi_memory_store *store;
    neapi_unit *unit;
    int64_t now_us;
    uint64_t start; /* the head before it */
    const neapi_command *command;
    neapi_memory_key *keys;
    neapi_memory_snapshot *snapshots; /* in the order of the operations */
    neapi_memory_snapshot **last_snapshot;
    uint64_t actual; /* version or position that a refused operation found */
} judgement;

static neap_status judge_version(judgement *judging, uint64_t actual, uint64_t expected)
{
    if (expected == NEAP_ANY_VERSION || actual == expected)
        return NEAP_OK;
    judging->actual = actual;
    return NEAP_CONFLICT;
}

static neap_status expect(judgement *judging, neap_text name, uint64_t expected)
{
    const neapi_memory_stream *stream = neapi_memory_stream_get(&judging->store->log, name);
    return judge_version(judging, stream != NULL ? stream->positions.count : 0, expected);
}

static bool has_one_of(neap_text type, const neap_text *types, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (neapi_text_equal(type, types[i]))
            return true;
    return count == 0;
}

/* The newest position behind `after` at which others appended what the condition is about, or
 * `after`. */
static uint64_t newest_of(const judgement *judging, const neapi_condition *condition, neap_text tag,
                          uint64_t after)
{
    const neapi_memory_log *log = &judging->store->log;
    const neapi_memory_index *index = neapi_map_get(&log->tags, tag);
    if (index == NULL)
        return after;
    const uint64_t *items = index->positions.items;
    size_t at = neapi_positions_below(&index->positions, judging->start + 1);
    for (; at > 0 && items[at - 1] > after; at--)
        if (has_one_of(neapi_memory_at(log, items[at - 1])->event.type, condition->types,
                       condition->type_count))
            return items[at - 1];
    return after;
}

static neap_status judge_condition(judgement *judging, const neapi_condition *condition)
{
    uint64_t newest = condition->after;
    for (size_t i = 0; i < condition->tag_count; i++)
        newest = newest_of(judging, condition, condition->tags[i], newest);
    if (newest == condition->after)
        return NEAP_OK;
    judging->actual = newest;
    return NEAP_CONFLICT;
}

static neap_status append(judgement *judging, const neapi_op *op)
{
    neapi_memory_log *log = &judging->store->log;
    neapi_memory_stream *stream = neapi_memory_stream_get(log, op->append.stream);
    neap_status status =
        judge_version(judging, stream != NULL ? stream->positions.count : 0, op->append.expected);
    if (status != NEAP_OK)
        return status;
    if (stream == NULL && (stream = neapi_memory_stream_make(log, op->append.stream)) == NULL)
        return NEAP_NOMEM;
    const neap_event *events = judging->unit->events + op->append.first;
    for (size_t i = 0; i < op->append.count; i++)
        if (!neapi_memory_push(log, stream, &events[i], judging->command))
            return NEAP_NOMEM;
    return NEAP_OK;
}

static neap_status add_key(judgement *judging, const neapi_key *key)
{
    neapi_memory_keys *keys = &judging->store->keys;
    if (neapi_memory_keys_find(keys, key->key, judging->now_us) != NULL)
        return NEAP_DUPLICATE;
    neapi_memory_key *added = neapi_memory_keys_add(keys, key);
    if (added == NULL)
        return NEAP_NOMEM;
    added->next = judging->keys;
    judging->keys = added;
    return NEAP_OK;
}

static neap_status prepare_snapshot(judgement *judging, const neapi_snapshot *snapshot)
{
    neapi_memory_snapshot *prepared =
        neapi_memory_snapshot_new(&judging->store->snapshots, snapshot);
    if (prepared == NULL)
        return NEAP_NOMEM;
    *judging->last_snapshot = prepared;
    judging->last_snapshot = &prepared->next;
    return NEAP_OK;
}

static neap_status refuse_sql(neapi_unit *unit, neap_text projection)
{
    neapi_unit_say(unit, "projection %.*s keeps rows with SQL; a store in memory has none",
                   NEAPI_TEXT(projection));
    return NEAP_USAGE;
}

static neap_status judge_op(judgement *judging, const neapi_op *op)
{
    switch (op->kind) {
    case NEAPI_OP_EXPECT:
        return expect(judging, op->expect.stream, op->expect.version);
    case NEAPI_OP_CONDITION:
        return judge_condition(judging, &op->condition);
    case NEAPI_OP_APPEND:
        return append(judging, op);
    case NEAPI_OP_KEY:
        return add_key(judging, &op->key);
    case NEAPI_OP_COMMAND:
        return NEAP_OK; /* It was kept before the first event, which points to it. */
    case NEAPI_OP_SNAPSHOT:
        return prepare_snapshot(judging, &op->snapshot);
    case NEAPI_OP_DOCUMENT:
        return neapi_memory_document_write(&judging->store->documents, &op->document);
    case NEAPI_OP_SQL:
        return refuse_sql(judging->unit, op->statement.projection);
    case NEAPI_OP_TABLES:
        return refuse_sql(judging->unit, op->tables.projection);
    case NEAPI_OP_CLEAR:
        return neapi_memory_collection_clear(&judging->store->documents, op->clear.collection,
                                             op->clear.most);
    }
    return NEAP_USAGE;
}

/* Keeps the unit's command, if it has one and events to find it from. */
static neap_status keep_command(judgement *judging, size_t *op)
{
    const neapi_unit *unit = judging->unit;
    for (size_t i = 0; i < unit->op_count && unit->event_count != 0; i++) {
        if (unit->ops[i].kind != NEAPI_OP_COMMAND)
            continue;
        neapi_arena *arena = &judging->store->log.texts;
        neapi_command *command = neapi_arena_alloc(arena, sizeof *command);
        *op = i;
        if (command == NULL || !neapi_memory_copy_command(arena, &unit->ops[i].command, command))
            return NEAP_NOMEM;
        judging->command = command;
        return NEAP_OK;
    }
    return NEAP_OK;
}

static void take_back(judgement *judging)
{
    while (judging->keys != NULL) {
        neapi_memory_key *key = judging->keys;
        judging->keys = key->next;
        neapi_memory_keys_remove(&judging->store->keys, key);
    }
    while (judging->snapshots != NULL) {
        neapi_memory_snapshot *snapshot = judging->snapshots;
        judging->snapshots = snapshot->next;
        neapi_memory_snapshot_drop(&judging->store->snapshots, snapshot);
    }
    neapi_memory_documents_take_back(&judging->store->documents);
    neapi_memory_take_back(&judging->store->log);
}

/* What can no longer fail: keys get the receipt, snapshots their place, events their numbers. */
static void settle(judgement *judging)
{
    neapi_memory_store *store = judging->store;
    neapi_unit *unit = judging->unit;
    for (size_t i = 0; i < unit->event_count; i++) {
        unit->events[i].position = judging->start + 1 + i;
        unit->events[i].version =
            neapi_memory_at(&store->log, judging->start + 1 + i)->event.version;
    }
    uint64_t head = store->log.head;
    for (neapi_memory_key *key = judging->keys; key != NULL; key = key->next) {
        if (head != judging->start)
            key->key.position = head;
        for (size_t i = 0; i < unit->event_count; i++)
            if (neapi_text_equal(unit->events[i].stream, key->key.stream))
                key->key.version = unit->events[i].version;
    }
    while (judging->snapshots != NULL) {
        neapi_memory_snapshot *snapshot = judging->snapshots;
        judging->snapshots = snapshot->next;
        neapi_memory_snapshot_link(&store->snapshots, snapshot);
    }
    neapi_memory_documents_settle(&store->documents);
    store->commands += judging->command != NULL;
    bool appended = head != judging->start;
    neapi_unit_accept(unit, appended ? judging->start + 1 : 0, appended ? head : 0);
}

static void judge(neapi_memory_store *store, neapi_unit *unit, int64_t now_us)
{
    judgement judging = {.store = store, .unit = unit, .now_us = now_us, .start = store->log.head};
    neapi_memory_begin(&store->log);
    judging.last_snapshot = &judging.snapshots;
    size_t op = 0;
    neap_status status = neapi_unit_blocked(unit) ? NEAP_CONFLICT : keep_command(&judging, &op);
    for (size_t i = 0; i < unit->op_count && status == NEAP_OK; i++) {
        op = i;
        status = judge_op(&judging, &unit->ops[i]);
    }
    if (status == NEAP_OK) {
        settle(&judging);
    } else {
        take_back(&judging);
        neapi_unit_refuse(unit, status, op, judging.actual);
    }
}

/* Units are judged and applied one by one: what is refused for want of memory is that unit alone.
 */
neap_status neapi_memory_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    (void)outcome;
    (void)error;
    neapi_memory_store *store = neapi_memory_of(session);
    pthread_rwlock_wrlock(&store->lock);
    for (size_t i = 0; i < count; i++)
        judge(store, units[i], now_us);
    atomic_store_explicit(&store->head, store->log.head, memory_order_release);
    pthread_rwlock_unlock(&store->lock);
    return NEAP_OK;
}
