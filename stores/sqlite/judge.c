#include "writer.h"

#include "base/error.h"
#include "base/text.h"

/* SQLite's limit for one row is 1,000,000,000 bytes; this leaves room for what is beside the
 * data. */
#define ROW_BYTES 999000000u

static void refuse(neapi_verdict *verdict, neap_status status, uint64_t actual)
{
    verdict->status = status;
    verdict->actual = actual;
}

/* The version that the unit's operations so far would leave. */
static uint64_t version_in_unit(const neapi_sqlite_session *session, const neapi_sqlite_name *name)
{
    return name->unit == session->writer->unit ? name->unit_version : name->version;
}

static neap_status judge_version(neapi_sqlite_session *session, neap_text stream, uint64_t expected,
                                 uint64_t added, neapi_verdict *verdict, neap_error *error)
{
    neapi_sqlite_name *name;
    neap_status status = neapi_sqlite_stream(session, stream, &name, error);
    if (status != NEAP_OK)
        return status;
    uint64_t version = version_in_unit(session, name);
    if (expected != NEAP_ANY_VERSION && expected != version) {
        refuse(verdict, NEAP_CONFLICT, version);
        return NEAP_OK;
    }
    name->unit = session->writer->unit;
    name->unit_version = version + added;
    return NEAP_OK;
}

static bool fits(const neap_event *event)
{
    size_t size = event->data.size + event->meta.size;
    for (uint32_t i = 0; i < event->tag_count && size <= ROW_BYTES; i++)
        size += 6 * event->tags[i].size + 3;
    return size <= ROW_BYTES;
}

static neap_status judge_append(neapi_sqlite_session *session, const neapi_unit *unit,
                                const neapi_op *op, neapi_verdict *verdict, neap_error *error)
{
    for (size_t i = 0; i < op->append.count; i++) {
        if (fits(&unit->events[op->append.first + i]))
            continue;
        refuse(verdict, NEAP_LIMIT, 0);
        return NEAP_OK;
    }
    return judge_version(session, op->append.stream, op->append.expected, op->append.count, verdict,
                         error);
}

/* Has the connection want those of the types that there are. */
static neap_status want_types(neapi_sqlite_session *session, const neapi_condition *condition,
                              neap_error *error)
{
    neap_status status = neapi_sqlite_wanted_begin(session, condition->type_count, error);
    for (size_t i = 0; i < condition->type_count && status == NEAP_OK; i++) {
        int64_t type;
        status = neapi_sqlite_type(session, condition->types[i], &type, error);
        if (status == NEAP_OK && type != 0)
            neapi_sqlite_wanted_add(session, type);
    }
    neapi_sqlite_wanted_end(session);
    return status;
}

/* Raises *newest to the position of the tag's last event behind it that is of a wanted type. */
static neap_status find_newer(neapi_sqlite_session *session, const neapi_sqlite_name *tag,
                              uint64_t *newest, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_TAG_LAST_OF_TYPE);
    neapi_query_integer(&query, tag->id);
    neapi_query_integer(&query, (int64_t)*newest);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row)
        *newest = (uint64_t)neapi_query_column_integer(&query, 0);
    neapi_query_end(&query);
    return status;
}

/* What the tags' last positions tell, which are known by heart, mostly decides: then the file is
 * not asked. */
static neap_status judge_condition(neapi_sqlite_session *session, const neapi_condition *condition,
                                   neapi_verdict *verdict, neap_error *error)
{
    bool types_are_wanted = false;
    uint64_t newest = condition->after;
    for (size_t i = 0; i < condition->tag_count; i++) {
        neapi_sqlite_name *tag;
        neap_status status = neapi_sqlite_tag(session, condition->tags[i], &tag, error);
        if (status != NEAP_OK)
            return status;
        if (tag->last <= newest)
            continue;
        if (condition->type_count == 0) {
            newest = tag->last;
            continue;
        }
        if (!types_are_wanted)
            status = want_types(session, condition, error);
        types_are_wanted = true;
        if (status == NEAP_OK)
            status = find_newer(session, tag, &newest, error);
        if (status != NEAP_OK)
            return status;
    }
    if (newest != condition->after)
        refuse(verdict, NEAP_CONFLICT, newest);
    return NEAP_OK;
}

/* A key of an accepted unit of this batch is found as well: it is written already. */
static neap_status judge_key(neapi_sqlite_session *session, const neapi_unit *unit, size_t at,
                             int64_t now_us, neapi_verdict *verdict, neap_error *error)
{
    bool row;
    neap_text key = unit->ops[at].key.key;
    for (size_t i = 0; i < at; i++) {
        if (unit->ops[i].kind != NEAPI_OP_KEY || !neapi_text_equal(unit->ops[i].key.key, key))
            continue;
        refuse(verdict, NEAP_DUPLICATE, 0);
        return NEAP_OK;
    }
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_KEY_EXPIRY);
    neapi_query_text(&query, key);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status != NEAP_OK || !row)
        return status;
    if (now_us < neapi_query_column_integer(&query, 0))
        refuse(verdict, NEAP_DUPLICATE, 0);
    neapi_query_end(&query);
    return NEAP_OK;
}

static neap_status judge_op(neapi_sqlite_session *session, const neapi_unit *unit, size_t at,
                            int64_t now_us, neapi_verdict *verdict, neap_error *error)
{
    const neapi_op *op = &unit->ops[at];
    switch (op->kind) {
    case NEAPI_OP_EXPECT:
        return judge_version(session, op->expect.stream, op->expect.version, 0, verdict, error);
    case NEAPI_OP_APPEND:
        return judge_append(session, unit, op, verdict, error);
    case NEAPI_OP_KEY:
        return judge_key(session, unit, at, now_us, verdict, error);
    case NEAPI_OP_CONDITION:
        return judge_condition(session, &op->condition, verdict, error);
    case NEAPI_OP_COMMAND:
        if (op->command.data.size > ROW_BYTES || op->command.meta.size > ROW_BYTES)
            refuse(verdict, NEAP_LIMIT, 0);
        return NEAP_OK;
    case NEAPI_OP_DOCUMENT:
        if (op->document.data.size > ROW_BYTES) {
            refuse(verdict, NEAP_LIMIT, 0);
            return NEAP_OK;
        }
        return neapi_sqlite_judge_document(session, &op->document, verdict, error);
    case NEAPI_OP_CLEAR:
        return neapi_sqlite_judge_clear(session, op->clear.collection, op->clear.most, error);
    case NEAPI_OP_SQL:
    case NEAPI_OP_TABLES:
        session->writer->unit_has_sql = true;
        return NEAP_OK;
    case NEAPI_OP_SNAPSHOT:
        if (op->snapshot.state.size > ROW_BYTES || op->snapshot.version > INT64_MAX)
            refuse(verdict, NEAP_LIMIT, 0);
        return NEAP_OK;
    }
    refuse(verdict, NEAP_USAGE, 0);
    return NEAP_OK;
}

neap_status neapi_sqlite_judge(neapi_sqlite_session *session, const neapi_unit *unit,
                               int64_t now_us, neapi_verdict *verdict, neap_error *error)
{
    *verdict = (neapi_verdict){.status = NEAP_OK};
    session->writer->unit++;
    session->writer->documents.written = NULL;
    session->writer->unit_has_sql = false;
    if (neapi_unit_blocked(unit)) {
        refuse(verdict, NEAP_CONFLICT, 0);
        return NEAP_OK;
    }
    for (size_t i = 0; i < unit->op_count; i++) {
        neap_status status = judge_op(session, unit, i, now_us, verdict, error);
        if (status != NEAP_OK)
            return status;
        if (verdict->status != NEAP_OK) {
            verdict->op = i;
            return NEAP_OK;
        }
    }
    return NEAP_OK;
}
