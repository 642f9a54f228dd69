#include "outgoing.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"

typedef enum outgoing_array {
    EVENT_POSITION,
    EVENT_VERSION,
    EVENT_RECORDED_AT,
    EVENT_SCHEMA,
    EVENT_ID,
    EVENT_COMMAND_ID,
    EVENT_CORRELATION_ID,
    EVENT_CAUSATION_ID,
    EVENT_STREAM,
    EVENT_TYPE,
    EVENT_TAGS,
    EVENT_META,
    EVENT_DATA,
    TAG_TAG,
    TAG_POSITION,
    TAG_TYPE,
    COMMAND_FIRST,
    COMMAND_LAST,
    COMMAND_ID,
    COMMAND_CORRELATION_ID,
    COMMAND_CAUSATION_ID,
    COMMAND_RECORDED_AT,
    COMMAND_NAME,
    COMMAND_DATA,
    COMMAND_META,
    KEY_KEY,
    KEY_HASH,
    KEY_COMMAND_ID,
    KEY_EXPIRES_AT,
    KEY_STREAM,
    KEY_TYPES,
    KEY_VERSION,
    KEY_POSITION,
    SNAPSHOT_NAME,
    SNAPSHOT_VERSION,
    SNAPSHOT_FINGERPRINT,
    SNAPSHOT_STATE,
    SNAPSHOT_KEEP,
    PUT_COLLECTION,
    PUT_KEY,
    PUT_DATA,
    DROP_COLLECTION,
    DROP_KEY,
    ARRAYS
} outgoing_array;

/* The arrays of one statement, which are sent together. */
typedef struct outgoing_group {
    neapi_pg_sql sql, one; /* the one for a single item; the same: there is none */
    outgoing_array first;
    int count;
} outgoing_group;

static const outgoing_group of_events = {NEAPI_PG_SQL_EVENTS_ADD, NEAPI_PG_SQL_EVENT_ADD,
                                         EVENT_POSITION, 13};
static const outgoing_group of_tags = {NEAPI_PG_SQL_TAGS_ADD, NEAPI_PG_SQL_TAGS_ADD, TAG_TAG, 3};
static const outgoing_group of_commands = {NEAPI_PG_SQL_COMMANDS_ADD, NEAPI_PG_SQL_COMMAND_ADD,
                                           COMMAND_FIRST, 9};
static const outgoing_group of_keys = {NEAPI_PG_SQL_KEYS_ADD, NEAPI_PG_SQL_KEY_ADD, KEY_KEY, 8};
static const outgoing_group of_new_keys = {NEAPI_PG_SQL_KEYS_NEW, NEAPI_PG_SQL_KEY_NEW, KEY_KEY, 8};
static const outgoing_group of_snapshots = {NEAPI_PG_SQL_SNAPSHOTS_ADD, NEAPI_PG_SQL_SNAPSHOTS_ADD,
                                            SNAPSHOT_NAME, 4};
static const outgoing_group of_puts = {NEAPI_PG_SQL_DOCUMENTS_PUT, NEAPI_PG_SQL_DOCUMENTS_PUT,
                                       PUT_COLLECTION, 3};
static const outgoing_group of_drops = {NEAPI_PG_SQL_DOCUMENTS_DROP, NEAPI_PG_SQL_DOCUMENTS_DROP,
                                        DROP_COLLECTION, 2};

struct neapi_pg_outgoing {
    neapi_pg_array arrays[ARRAYS];
    neapi_buffer text;
    neapi_map keys, snapshots; /* those that are in their arrays */
    size_t statements;         /* queued since the last run */
};

neapi_pg_outgoing *neapi_pg_outgoing_new(void)
{
    neapi_pg_outgoing *writes = neapi_alloc_zero(1, sizeof *writes);
    if (writes == NULL)
        return NULL;
    neapi_map_init(&writes->keys);
    neapi_map_init(&writes->snapshots);
    return writes;
}

void neapi_pg_outgoing_free(neapi_pg_outgoing *writes)
{
    if (writes == NULL)
        return;
    for (int i = 0; i < ARRAYS; i++)
        neapi_pg_array_fini(&writes->arrays[i]);
    neapi_buffer_fini(&writes->text);
    neapi_map_fini(&writes->keys);
    neapi_map_fini(&writes->snapshots);
    neapi_free(writes);
}

bool neapi_pg_array_text(neapi_buffer *text, const neap_text *items, size_t count)
{
    neapi_buffer_clear(text);
    for (size_t i = 0; i < count; i++) {
        neapi_buffer_byte(text, i == 0 ? '{' : ',');
        neapi_buffer_byte(text, '"');
        for (size_t n = 0; n < items[i].size; n++) {
            char c = items[i].data[n];
            if (c == '"' || c == '\\')
                neapi_buffer_byte(text, '\\');
            neapi_buffer_byte(text, c);
        }
        neapi_buffer_byte(text, '"');
    }
    if (count != 0)
        neapi_buffer_byte(text, '}');
    return !text->failed;
}

/* ---- Statements ------------------------------------------------------------------------------ */

static neapi_pg_type type_of(outgoing_array array)
{
    static const neapi_pg_type types[ARRAYS] = {
        [EVENT_POSITION] = NEAPI_PG_INT8,
        [EVENT_VERSION] = NEAPI_PG_INT8,
        [EVENT_RECORDED_AT] = NEAPI_PG_INT8,
        [EVENT_SCHEMA] = NEAPI_PG_INT8,
        [EVENT_ID] = NEAPI_PG_UUID,
        [EVENT_COMMAND_ID] = NEAPI_PG_UUID,
        [EVENT_CORRELATION_ID] = NEAPI_PG_UUID,
        [EVENT_CAUSATION_ID] = NEAPI_PG_UUID,
        [TAG_POSITION] = NEAPI_PG_INT8,
        [COMMAND_FIRST] = NEAPI_PG_INT8,
        [COMMAND_LAST] = NEAPI_PG_INT8,
        [COMMAND_ID] = NEAPI_PG_UUID,
        [COMMAND_CORRELATION_ID] = NEAPI_PG_UUID,
        [COMMAND_CAUSATION_ID] = NEAPI_PG_UUID,
        [COMMAND_RECORDED_AT] = NEAPI_PG_INT8,
        [KEY_HASH] = NEAPI_PG_INT8,
        [KEY_COMMAND_ID] = NEAPI_PG_UUID,
        [KEY_EXPIRES_AT] = NEAPI_PG_INT8,
        [KEY_VERSION] = NEAPI_PG_INT8,
        [KEY_POSITION] = NEAPI_PG_INT8,
        [SNAPSHOT_VERSION] = NEAPI_PG_INT8,
        [SNAPSHOT_FINGERPRINT] = NEAPI_PG_BYTEA,
        [SNAPSHOT_STATE] = NEAPI_PG_BYTEA,
        [SNAPSHOT_KEEP] = NEAPI_PG_INT8,
        [PUT_DATA] = NEAPI_PG_BYTEA,
        [PUT_KEY] = NEAPI_PG_BYTEA,
        [DROP_KEY] = NEAPI_PG_BYTEA,
    };
    return types[array] != 0 ? types[array] : NEAPI_PG_TEXT;
}

static void begin(neapi_pg_outgoing *writes, const outgoing_group *group)
{
    for (int i = 0; i < group->count; i++) {
        outgoing_array array = group->first + (outgoing_array)i;
        neapi_pg_array_begin(&writes->arrays[array], type_of(array));
    }
}

/* alone: the statement takes single values, which are the arrays' only ones. */
static void queue(neapi_pg_session *session, neapi_pg_sql sql, const outgoing_array *arrays,
                  int count, bool alone)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    for (int i = 0; i < count; i++) {
        neapi_pg_array *array = &session->writes->arrays[arrays[i]];
        if (alone)
            neapi_pg_array_only(&params, array);
        else
            neapi_pg_array_param(&params, array);
    }
    neapi_pg_queue(&session->connection, sql, &params);
    session->writes->statements++;
}

/* Sends what is queued if there is much of it. */
static neap_status relieve(neapi_pg_session *session, neap_error *error)
{
    if (session->writes->statements < NEAPI_PG_RESULTS / 2)
        return NEAP_OK;
    session->writes->statements = 0;
    neap_status status = neapi_pg_run(&session->connection, error);
    return status == NEAP_OK ? neapi_pg_go_on(&session->connection, error) : status;
}

/* Queues the group's statement, if there is anything in its arrays, and begins them anew. */
static neap_status flush(neapi_pg_session *session, const outgoing_group *group, neap_error *error)
{
    neapi_pg_outgoing *writes = session->writes;
    outgoing_array arrays[NEAPI_PG_PARAMS_MOST];
    for (int i = 0; i < group->count; i++) {
        arrays[i] = group->first + (outgoing_array)i;
        if (writes->arrays[arrays[i]].bytes.failed)
            return neapi_nomem(error);
    }
    uint32_t items = writes->arrays[group->first].count;
    if (items == 0)
        return NEAP_OK;
    bool alone = items == 1 && group->one != group->sql;
    queue(session, alone ? group->one : group->sql, arrays, group->count, alone);
    begin(writes, group);
    return relieve(session, error);
}

static neap_status flush_if_much(neapi_pg_session *session, const outgoing_group *group,
                                 outgoing_array heaviest, neap_error *error)
{
    bool much = session->writes->arrays[heaviest].bytes.size > NEAPI_PG_STATEMENT_BYTES;
    return much ? flush(session, group, error) : NEAP_OK;
}

static neapi_pg_array *array_of(neapi_pg_session *session, outgoing_array array)
{
    return &session->writes->arrays[array];
}

static void add_integer(neapi_pg_session *session, outgoing_array array, uint64_t value)
{
    neapi_pg_add_integer(array_of(session, array), (int64_t)value);
}

static void add_text(neapi_pg_session *session, outgoing_array array, neap_text text)
{
    neapi_pg_add_text(array_of(session, array), text);
}

static void add_text_or_null(neapi_pg_session *session, outgoing_array array, neap_text text)
{
    if (text.size != 0)
        neapi_pg_add_text(array_of(session, array), text);
    else
        neapi_pg_add_null(array_of(session, array));
}

static void add_uuid_or_null(neapi_pg_session *session, outgoing_array array, const neap_uuid *id)
{
    if (neapi_uuid_is_zero(*id))
        neapi_pg_add_null(array_of(session, array));
    else
        neapi_pg_add_uuid(array_of(session, array), id);
}

/* ---- What a unit brings ---------------------------------------------------------------------- */

static neap_status add_event(neapi_pg_session *session, const neap_event *event, neap_error *error)
{
    neapi_buffer *tags = &session->writes->text;
    if (!neapi_pg_array_text(tags, event->tags, event->tag_count))
        return neapi_nomem(error);
    add_integer(session, EVENT_POSITION, event->position);
    add_integer(session, EVENT_VERSION, event->version);
    add_integer(session, EVENT_RECORDED_AT, (uint64_t)event->recorded_at);
    add_integer(session, EVENT_SCHEMA, event->schema);
    add_uuid_or_null(session, EVENT_ID, &event->id);
    add_uuid_or_null(session, EVENT_COMMAND_ID, &event->command_id);
    add_uuid_or_null(session, EVENT_CORRELATION_ID, &event->correlation_id);
    add_uuid_or_null(session, EVENT_CAUSATION_ID, &event->causation_id);
    add_text(session, EVENT_STREAM, event->stream);
    add_text(session, EVENT_TYPE, event->type);
    add_text_or_null(session, EVENT_TAGS, neapi_text(tags->data, tags->size));
    add_text_or_null(session, EVENT_META, event->meta);
    add_text(session, EVENT_DATA, event->data);
    for (uint32_t i = 0; i < event->tag_count; i++) {
        add_text(session, TAG_TAG, event->tags[i]);
        add_integer(session, TAG_POSITION, event->position);
        add_text(session, TAG_TYPE, event->type);
    }
    return flush_if_much(session, &of_events, EVENT_DATA, error);
}

/* It is found from the positions of the unit's events; without any it is not kept. */
static neap_status add_command(neapi_pg_session *session, const neapi_unit *unit,
                               const neapi_command *command, neap_error *error)
{
    if (unit->event_count == 0)
        return NEAP_OK;
    add_integer(session, COMMAND_FIRST, unit->verdict.first_position);
    add_integer(session, COMMAND_LAST, unit->verdict.last_position);
    add_uuid_or_null(session, COMMAND_ID, &command->id);
    add_uuid_or_null(session, COMMAND_CORRELATION_ID, &command->correlation_id);
    add_uuid_or_null(session, COMMAND_CAUSATION_ID, &command->causation_id);
    add_integer(session, COMMAND_RECORDED_AT, (uint64_t)command->recorded_at);
    add_text(session, COMMAND_NAME, command->name);
    add_text_or_null(session, COMMAND_DATA, command->data);
    add_text_or_null(session, COMMAND_META, command->meta);
    return flush_if_much(session, &of_commands, COMMAND_DATA, error);
}

static void forget(neapi_map *map)
{
    neapi_map_fini(map);
    neapi_map_init(map);
}

/* Of those that nobody asked for it was guessed that they are not there. */
static const outgoing_group *keys_of(const neapi_pg_session *session)
{
    return session->batch->guessed ? &of_new_keys : &of_keys;
}

/* With the receipt of its unit. One that has expired when it comes may come twice in a batch: each
 * has its turn. */
static neap_status add_key(neapi_pg_session *session, const neapi_unit *unit, const neapi_key *key,
                           neap_error *error)
{
    neapi_pg_outgoing *writes = session->writes;
    if (neapi_map_get(&writes->keys, key->key) != NULL) {
        forget(&writes->keys);
        neap_status status = flush(session, keys_of(session), error);
        if (status != NEAP_OK)
            return status;
    }
    if (!neapi_map_put(&writes->keys, key->key, writes))
        return neapi_nomem(error);
    uint64_t version = key->version, position = key->position;
    if (unit->event_count != 0)
        position = unit->verdict.last_position;
    for (size_t i = 0; i < unit->event_count; i++)
        if (neapi_text_equal(unit->events[i].stream, key->stream))
            version = unit->events[i].version;
    add_text(session, KEY_KEY, key->key);
    add_integer(session, KEY_HASH, key->hash);
    add_uuid_or_null(session, KEY_COMMAND_ID, &key->command_id);
    add_integer(session, KEY_EXPIRES_AT, (uint64_t)key->expires_at);
    add_text(session, KEY_STREAM, key->stream);
    add_text(session, KEY_TYPES, key->types);
    add_integer(session, KEY_VERSION, version);
    add_integer(session, KEY_POSITION, position);
    return NEAP_OK;
}

/* One statement puts snapshots in their place, the next drops what is too old then. */
static neap_status flush_snapshots(neapi_pg_session *session, neap_error *error)
{
    static const outgoing_array trim[] = {SNAPSHOT_NAME, SNAPSHOT_KEEP};
    neapi_pg_outgoing *writes = session->writes;
    forget(&writes->snapshots);
    if (array_of(session, SNAPSHOT_KEEP)->bytes.failed ||
        array_of(session, SNAPSHOT_NAME)->bytes.failed)
        return neapi_nomem(error);
    if (array_of(session, SNAPSHOT_NAME)->count == 0)
        return NEAP_OK;
    static const outgoing_array add[] = {SNAPSHOT_NAME, SNAPSHOT_VERSION, SNAPSHOT_FINGERPRINT,
                                         SNAPSHOT_STATE};
    for (size_t i = 0; i < 4; i++)
        if (array_of(session, add[i])->bytes.failed)
            return neapi_nomem(error);
    queue(session, NEAPI_PG_SQL_SNAPSHOTS_ADD, add, 4, false);
    queue(session, NEAPI_PG_SQL_SNAPSHOTS_TRIM, trim, 2, false);
    begin(writes, &of_snapshots);
    neapi_pg_array_begin(array_of(session, SNAPSHOT_KEEP), NEAPI_PG_INT8);
    return relieve(session, error);
}

/* Several of a name take their turns: each leaves what the next one finds. */
static neap_status add_snapshot(neapi_pg_session *session, const neapi_snapshot *snapshot,
                                neap_error *error)
{
    neapi_pg_outgoing *writes = session->writes;
    bool much = array_of(session, SNAPSHOT_STATE)->bytes.size > NEAPI_PG_STATEMENT_BYTES;
    if (much || neapi_map_get(&writes->snapshots, snapshot->name) != NULL) {
        neap_status status = flush_snapshots(session, error);
        if (status != NEAP_OK)
            return status;
    }
    if (!neapi_map_put(&writes->snapshots, snapshot->name, writes))
        return neapi_nomem(error);
    add_text(session, SNAPSHOT_NAME, snapshot->name);
    add_integer(session, SNAPSHOT_VERSION, snapshot->version);
    add_text(session, SNAPSHOT_FINGERPRINT, snapshot->fingerprint);
    add_text(session, SNAPSHOT_STATE, snapshot->state);
    add_integer(session, SNAPSHOT_KEEP, snapshot->keep);
    return NEAP_OK;
}

static neap_status add_unit(neapi_pg_session *session, const neapi_unit *unit, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < unit->event_count && status == NEAP_OK; i++)
        status = add_event(session, &unit->events[i], error);
    for (size_t i = 0; i < unit->op_count && status == NEAP_OK; i++) {
        const neapi_op *op = &unit->ops[i];
        if (op->kind == NEAPI_OP_COMMAND)
            status = add_command(session, unit, &op->command, error);
        else if (op->kind == NEAPI_OP_KEY)
            status = add_key(session, unit, &op->key, error);
        else if (op->kind == NEAPI_OP_SNAPSHOT)
            status = add_snapshot(session, &op->snapshot, error);
    }
    return status;
}

/* Documents are written once, as the whole batch left them. */
static neap_status add_documents(neapi_pg_session *session, neap_error *error)
{
    neap_status status = NEAP_OK;
    const neapi_pg_document *each = session->batch->documents;
    for (; each != NULL && status == NEAP_OK; each = each->next) {
        if (!each->changed)
            continue;
        add_text(session, each->value.present ? PUT_COLLECTION : DROP_COLLECTION, each->collection);
        add_text(session, each->value.present ? PUT_KEY : DROP_KEY, each->key);
        if (each->value.present)
            add_text(session, PUT_DATA, each->value.data);
        status = flush_if_much(session, &of_puts, PUT_DATA, error);
    }
    return status;
}

neap_status neapi_pg_outgoing_queue(neapi_pg_session *session, neapi_unit *const *units,
                                    size_t count, neap_error *error)
{
    const outgoing_group *const groups[] = {&of_events, &of_tags,  &of_commands, keys_of(session),
                                            &of_puts,   &of_drops, &of_snapshots};
    neapi_pg_outgoing *writes = session->writes;
    for (size_t i = 0; i < 7; i++)
        begin(writes, groups[i]);
    neapi_pg_array_begin(array_of(session, SNAPSHOT_KEEP), NEAPI_PG_INT8);
    forget(&writes->keys);
    forget(&writes->snapshots);
    writes->statements = 0;
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < count && status == NEAP_OK; i++)
        if (units[i]->verdict.status == NEAP_OK)
            status = add_unit(session, units[i], error);
    if (status == NEAP_OK)
        status = add_documents(session, error);
    if (status == NEAP_OK)
        status = flush_snapshots(session, error);
    for (size_t i = 0; i < 6 && status == NEAP_OK; i++)
        status = flush(session, groups[i], error);
    return status;
}
