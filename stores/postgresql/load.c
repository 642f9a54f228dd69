/* Reads what a batch is about: a statement for each kind, all in one question. */
#include "base/error.h"
#include "base/text.h"
#include "outgoing.h"
#include "projected.h"
#include "rows.h"

/* ---- Asking the database --------------------------------------------------------------------- */

/* Arrays of what is asked, and what was queued: -1, nothing had to be. */
typedef struct questions {
    neapi_pg_session *session;
    neapi_pg_batch *batch;
    neapi_pg_array arrays[4];
    int count;
    int head, known, streams, keys, documents, collections, conditions, tables;
} questions;

static neapi_pg_array *array(questions *asked, int n, neapi_pg_type type)
{
    neapi_pg_array_begin(&asked->arrays[n], type);
    return &asked->arrays[n];
}

/* Queues the statement with the first `arrays` arrays, unless they are empty. */
static bool queue(questions *asked, neapi_pg_sql sql, int arrays, int *place)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    *place = -1;
    for (int i = 0; i < arrays; i++) {
        if (asked->arrays[i].bytes.failed)
            return false;
        neapi_pg_array_param(&params, &asked->arrays[i]);
    }
    if (arrays != 0 && asked->arrays[0].count == 0)
        return true;
    neapi_pg_queue(&asked->session->connection, sql, &params);
    *place = asked->count++;
    return true;
}

/* The same for names: `one` asks for a single one of them. */
static bool queue_names(questions *asked, neapi_pg_sql sql, neapi_pg_sql one, int *place)
{
    const neapi_pg_array *names = &asked->arrays[0];
    if (names->count != 1 || names->bytes.failed)
        return queue(asked, sql, 1, place);
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_array_only(&params, names);
    neapi_pg_queue(&asked->session->connection, one, &params);
    *place = asked->count++;
    return true;
}

static bool ask_known(questions *asked)
{
    neapi_pg_store *store = neapi_pg_store_of(asked->session);
    asked->known = -1;
    if (neapi_pg_seen_queue_known(&store->seen, &asked->session->connection))
        asked->known = asked->count++;
    return true;
}

static bool ask_streams(questions *asked)
{
    neapi_pg_array *names = array(asked, 0, NEAPI_PG_TEXT);
    for (const neapi_pg_stream *each = asked->batch->streams; each != NULL; each = each->next)
        neapi_pg_add_text(names, each->name);
    return queue_names(asked, NEAPI_PG_SQL_STREAM_VERSIONS, NEAPI_PG_SQL_STREAM_VERSION,
                       &asked->streams);
}

static bool ask_keys(questions *asked)
{
    neapi_pg_array *names = array(asked, 0, NEAPI_PG_TEXT);
    for (const neapi_pg_key *each = asked->batch->keys; each != NULL; each = each->next)
        neapi_pg_add_text(names, each->name);
    return queue_names(asked, NEAPI_PG_SQL_KEY_EXPIRIES, NEAPI_PG_SQL_KEY_EXPIRY, &asked->keys);
}

static bool ask_documents(questions *asked)
{
    neapi_pg_array *collections = array(asked, 0, NEAPI_PG_TEXT);
    neapi_pg_array *keys = array(asked, 1, NEAPI_PG_BYTEA);
    neapi_pg_array *whole = array(asked, 2, NEAPI_PG_BOOL);
    for (const neapi_pg_document *each = asked->batch->documents; each != NULL; each = each->next) {
        if (!each->asked)
            continue;
        neapi_pg_add_text(collections, each->collection);
        neapi_pg_add_text(keys, each->key);
        neapi_pg_add_bool(whole, each->whole);
    }
    return queue(asked, NEAPI_PG_SQL_DOCUMENTS_KNOWN, 3, &asked->documents);
}

static bool ask_collections(questions *asked)
{
    neapi_pg_array *names = array(asked, 0, NEAPI_PG_TEXT);
    neapi_pg_array *most = array(asked, 1, NEAPI_PG_INT8);
    const neapi_pg_collection *each = asked->batch->collections;
    for (; each != NULL; each = each->next) {
        neapi_pg_add_text(names, each->name);
        neapi_pg_add_integer(most, neapi_pg_number(each->most));
    }
    return queue(asked, NEAPI_PG_SQL_COLLECTION_KEYS, 2, &asked->collections);
}

static bool ask_conditions(questions *asked)
{
    neapi_pg_array *numbers = array(asked, 0, NEAPI_PG_INT8);
    neapi_pg_array *tags = array(asked, 1, NEAPI_PG_TEXT);
    neapi_pg_array *after = array(asked, 2, NEAPI_PG_INT8);
    neapi_pg_array *types = array(asked, 3, NEAPI_PG_TEXT);
    neapi_buffer text = NEAPI_BUFFER_INIT;
    int64_t number = 1;
    const neapi_pg_condition *each = asked->batch->conditions;
    for (; each != NULL; each = each->next, number++) {
        const neapi_condition *condition = each->condition;
        neapi_pg_array_text(&text, condition->types, condition->type_count);
        for (size_t i = 0; i < condition->tag_count; i++) {
            neapi_pg_add_integer(numbers, number);
            neapi_pg_add_text(tags, condition->tags[i]);
            neapi_pg_add_integer(after, neapi_pg_number(condition->after));
            if (condition->type_count == 0)
                neapi_pg_add_null(types);
            else
                neapi_pg_add_text(types, neapi_text(text.data, text.size));
        }
    }
    bool failed = text.failed;
    neapi_buffer_fini(&text);
    return !failed && queue(asked, NEAPI_PG_SQL_NEWEST_TAGGED, 4, &asked->conditions);
}

static bool ask_tables(questions *asked)
{
    asked->tables = -1;
    return !asked->batch->has_sql || queue(asked, NEAPI_PG_SQL_TABLES_STATE, 0, &asked->tables);
}

/* ---- What it answers ------------------------------------------------------------------------- */

/* Goes through a result's rows, ordered by number, beside the list that was asked for: whatever is
 * asked of the database comes back in order, because every join is a nested loop over what was
 * given; and if not, the walk begins anew. */
typedef struct answer_walk {
    const PGresult *rows;
    int row, count;
    int64_t number; /* of the list's item that the walk is at */
} answer_walk;

static answer_walk answers(const questions *asked, int place)
{
    answer_walk walk = {.number = 0};
    if (place >= 0) {
        walk.rows = neapi_pg_result(&asked->session->connection, (size_t)place);
        walk.count = PQntuples(walk.rows);
    }
    return walk;
}

/* Whether there is one more row; it is about the item `number` that then is ahead, from 1. */
static bool next(answer_walk *walk, int64_t *ahead, bool *anew)
{
    if (walk->row == walk->count)
        return false;
    int64_t number = neapi_pg_get_integer(walk->rows, walk->row, 0);
    *anew = number < walk->number || walk->number == 0;
    *ahead = *anew ? number - 1 : number - walk->number;
    walk->number = number;
    return true;
}

static void take_streams(const questions *asked)
{
    int64_t ahead;
    bool anew;
    neapi_pg_stream *at = NULL;
    for (answer_walk rows = answers(asked, asked->streams); next(&rows, &ahead, &anew);
         rows.row++) {
        for (at = anew ? asked->batch->streams : at; ahead > 0; ahead--)
            at = at->next;
        at->version = (uint64_t)neapi_pg_get_integer(rows.rows, rows.row, 1);
    }
}

static void take_keys(const questions *asked)
{
    int64_t ahead;
    bool anew;
    neapi_pg_key *at = NULL;
    for (answer_walk rows = answers(asked, asked->keys); next(&rows, &ahead, &anew); rows.row++) {
        for (at = anew ? asked->batch->keys : at; ahead > 0; ahead--)
            at = at->next;
        at->expires_at = neapi_pg_get_integer(rows.rows, rows.row, 1);
    }
}

static neapi_pg_document *next_asked(neapi_pg_document *at)
{
    while (at != NULL && !at->asked)
        at = at->next;
    return at;
}

static bool take_documents(const questions *asked)
{
    int64_t ahead;
    bool anew;
    neapi_pg_document *at = NULL;
    for (answer_walk rows = answers(asked, asked->documents); next(&rows, &ahead, &anew);
         rows.row++) {
        for (at = anew ? next_asked(asked->batch->documents) : at; ahead > 0; ahead--)
            at = next_asked(at->next);
        at->value.present = true;
        if (!at->whole)
            continue;
        at->value.data =
            neapi_arena_text(&asked->batch->arena, neapi_pg_get_text(rows.rows, rows.row, 1));
        if (at->value.data.data == NULL)
            return false;
    }
    return true;
}

/* What is listed of a collection becomes known, whether or not another operation is about it. */
static bool take_collections(const questions *asked)
{
    int64_t ahead;
    bool anew;
    const neapi_pg_collection *at = NULL;
    for (answer_walk rows = answers(asked, asked->collections); next(&rows, &ahead, &anew);
         rows.row++) {
        for (at = anew ? asked->batch->collections : at; ahead > 0; ahead--)
            at = at->next;
        neapi_pg_document *document = neapi_pg_batch_document(
            asked->batch, at->name, neapi_pg_get_text(rows.rows, rows.row, 1));
        if (document == NULL)
            return false;
        document->value.present = true;
    }
    return true;
}

static void take_conditions(const questions *asked)
{
    int64_t ahead;
    bool anew;
    neapi_pg_condition *at = NULL;
    for (answer_walk rows = answers(asked, asked->conditions); next(&rows, &ahead, &anew);
         rows.row++) {
        for (at = anew ? asked->batch->conditions : at; ahead > 0; ahead--)
            at = at->next;
        uint64_t position = (uint64_t)neapi_pg_get_integer(rows.rows, rows.row, 1);
        at->newest = position > at->newest ? position : at->newest;
    }
}

static neap_status ask(questions *asked, neap_error *error)
{
    neapi_pg_connection *connection = &asked->session->connection;
    asked->count = 2; /* behind the beginning and the lock */
    bool well = queue(asked, NEAPI_PG_SQL_HEAD, 0, &asked->head) && ask_known(asked) &&
                ask_streams(asked) && ask_keys(asked) && ask_documents(asked) &&
                ask_collections(asked) && ask_conditions(asked) && ask_tables(asked);
    /* What is queued already is sent in any case, so that the connection can go on. */
    neap_status status = neapi_pg_run(connection, error);
    if (status != NEAP_OK || !well)
        return well ? status : neapi_nomem(error);
    const PGresult *head = neapi_pg_result(connection, (size_t)asked->head);
    const PGresult *known =
        asked->known >= 0 ? neapi_pg_result(connection, (size_t)asked->known) : NULL;
    status = neapi_pg_seen_head(&neapi_pg_store_of(asked->session)->seen, connection, head, known,
                                error);
    if (status != NEAP_OK)
        return status;
    asked->batch->head = PQntuples(head) != 0 ? (uint64_t)neapi_pg_get_integer(head, 0, 0) : 0;
    if (asked->tables >= 0)
        neapi_pg_projected_note(asked->session->projected,
                                neapi_pg_result(connection, (size_t)asked->tables));
    take_streams(asked);
    take_keys(asked);
    take_conditions(asked);
    if (!take_documents(asked) || !take_collections(asked))
        return neapi_nomem(error);
    asked->batch->next_condition = asked->batch->conditions;
    return NEAP_OK;
}

neap_status neapi_pg_batch_load(neapi_pg_session *session, neapi_unit *const *units, size_t count,
                                int64_t now_us, neap_error *error)
{
    neapi_pg_batch *batch = session->batch;
    if (!neapi_pg_batch_gather(batch, units, count))
        return neapi_nomem(error);
    batch->now_us = now_us;
    questions asked = {.session = session, .batch = batch};
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, neapi_text_of(session->connection.target->schema));
    neapi_pg_queue(&session->connection, NEAPI_PG_SQL_BEGIN, NULL);
    neapi_pg_queue(&session->connection, NEAPI_PG_SQL_LOCK, &params);
    neap_status status = ask(&asked, error);
    for (size_t i = 0; i < sizeof asked.arrays / sizeof *asked.arrays; i++)
        neapi_pg_array_fini(&asked.arrays[i]);
    return status;
}
