/* Showing what is kept beside events, as of one moment: a transaction that sees one, in pieces. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "postgresql.h"
#include "rows.h"

#define KEYS_AT_ONCE      1000
#define DOCUMENTS_AT_ONCE 64

#define BEGIN_MOMENT "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
/* Whoever is shown it may take long. */
#define BE_PATIENT "SET LOCAL idle_in_transaction_session_timeout = 0"

/* The last that was shown. */
typedef struct place {
    char bytes[2][NEAPI_STREAM_BYTES];
    neap_text collection, key;
} place;

static neap_text copied(char *bytes, neap_text text)
{
    size_t size = text.size < NEAPI_STREAM_BYTES ? text.size : NEAPI_STREAM_BYTES;
    memcpy(bytes, text.data, size);
    return neapi_text(bytes, size);
}

static neap_status ask(neapi_pg_connection *connection, neapi_pg_sql sql,
                       const neapi_pg_params *params, const PGresult **rows, neap_error *error)
{
    neap_status status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue(connection, sql, params);
    status = neapi_pg_run(connection, error);
    if (status == NEAP_OK)
        *rows = neapi_pg_result(connection, 0);
    return status;
}

static neap_status show_keys(neapi_pg_connection *connection, int64_t now_us,
                             const neapi_kept_sink *sink, neap_error *error)
{
    place last = {.key = {"", 0}};
    for (int count = KEYS_AT_ONCE; count == KEYS_AT_ONCE;) {
        const PGresult *rows;
        neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
        neapi_pg_text(&params, last.key);
        neapi_pg_integer(&params, now_us);
        neapi_pg_integer(&params, KEYS_AT_ONCE);
        neap_status status = ask(connection, NEAPI_PG_SQL_KEYS_SHOW, &params, &rows, error);
        count = status == NEAP_OK ? PQntuples(rows) : 0;
        for (int i = 0; i < count && status == NEAP_OK; i++) {
            neapi_key key = neapi_pg_get_key(rows, i);
            key.key = neapi_pg_get_text(rows, i, NEAPI_PG_KEY_COLUMNS);
            last.key = copied(last.bytes[1], key.key);
            status = sink->key(sink->user, &key, error);
        }
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

/* Shows rows up to one of a collection that is not wanted: all of that is passed over, as no key
 * comes behind the byte FF. */
static neap_status show_rows(const PGresult *rows, const neapi_kept_sink *sink, place *last,
                             bool *passed, neap_error *error)
{
    neap_status status = NEAP_OK;
    *passed = false;
    for (int i = 0; i < PQntuples(rows) && status == NEAP_OK && !*passed; i++) {
        neap_text collection = neapi_pg_get_text(rows, i, 0), key = neapi_pg_get_text(rows, i, 1);
        bool begins = !neapi_text_equal(collection, last->collection);
        last->collection = copied(last->bytes[0], collection);
        *passed = begins && !sink->wants(sink->user, collection);
        last->key = *passed ? NEAPI_LITERAL("\xFF") : copied(last->bytes[1], key);
        if (!*passed)
            status =
                sink->document(sink->user, collection, key, neapi_pg_get_text(rows, i, 2), error);
    }
    return status;
}

static neap_status show_documents(neapi_pg_connection *connection, const neapi_kept_sink *sink,
                                  neap_error *error)
{
    place last = {.collection = {"", 0}, .key = {"", 0}};
    bool more = true;
    while (more) {
        const PGresult *rows;
        bool passed = false;
        neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
        neapi_pg_text(&params, last.collection);
        neapi_pg_text(&params, last.key);
        neapi_pg_integer(&params, DOCUMENTS_AT_ONCE);
        neap_status status = ask(connection, NEAPI_PG_SQL_DOCUMENTS_SHOW, &params, &rows, error);
        if (status == NEAP_OK)
            status = show_rows(rows, sink, &last, &passed, error);
        if (status != NEAP_OK)
            return status;
        more = passed || PQntuples(rows) == DOCUMENTS_AT_ONCE;
    }
    return NEAP_OK;
}

static neap_status begin(neapi_pg_connection *connection, uint64_t *head, neap_error *error)
{
    bool again = connection->pg != NULL;
    neap_status status;
    do {
        status = neapi_pg_begin(connection, error);
        if (status != NEAP_OK)
            return status;
        neapi_pg_queue_text(connection, BEGIN_MOMENT, NULL);
        neapi_pg_queue_text(connection, BE_PATIENT, NULL);
        neapi_pg_queue(connection, NEAPI_PG_SQL_HEAD, NULL);
        status = neapi_pg_run(connection, error);
    } while (connection->lost && again && !(again = false));
    if (status != NEAP_OK)
        return status;
    const PGresult *rows = neapi_pg_result(connection, 2);
    *head = PQntuples(rows) != 0 ? (uint64_t)neapi_pg_get_integer(rows, 0, 0) : 0;
    return NEAP_OK;
}

neap_status neapi_pg_show_kept(neapi_session *base, int64_t now_us, const neapi_kept_sink *sink,
                               uint64_t *head, neap_error *error)
{
    neapi_pg_connection *connection = &neapi_pg_session_of(base)->connection;
    uint64_t last = 0;
    neap_status status = begin(connection, &last, error);
    if (status == NEAP_OK)
        status = show_keys(connection, now_us, sink, error);
    if (status == NEAP_OK)
        status = show_documents(connection, sink, error);
    neapi_pg_rollback(connection);
    if (status == NEAP_OK)
        *head = last;
    return status;
}
