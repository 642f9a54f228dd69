#include "sqlite.h"

#include "base/alloc.h"
#include "base/error.h"
#include "path.h"

/* How many events one statement goes over, so that no transaction is long. */
#define PIECE 16384

static neap_status see_row(const neapi_query *query, neapi_survey *survey, neap_error *error)
{
    const neapi_survey_event event = {
        .position = (uint64_t)neapi_query_column_integer(query, 0),
        .version = (uint64_t)neapi_query_column_integer(query, 1),
        .stream = (uint64_t)neapi_query_column_integer(query, 2),
        .category = (uint64_t)neapi_query_column_integer(query, 3),
        .type = (uint64_t)neapi_query_column_integer(query, 4),
        .schema = (uint32_t)neapi_query_column_integer(query, 5),
        .recorded_at = neapi_query_column_integer(query, 6),
        .tagged = neapi_query_column_integer(query, 7) != 0,
        .data_bytes = neapi_query_column_bytes(query, 8).size,
    };
    return neapi_survey_see(survey, &event) ? NEAP_OK : neapi_nomem(error);
}

static neap_status see_piece(neapi_sqlite_session *session, neapi_survey *survey, int64_t first,
                             int64_t last, neap_error *error)
{
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, NEAPI_SQL_SURVEY);
    neapi_query_integer(&query, first);
    neapi_query_integer(&query, last);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        status = see_row(&query, survey, error);
        if (status == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

static neap_status see_all(neapi_sqlite_session *session, neapi_survey *survey, neap_error *error)
{
    int64_t head = (int64_t)survey->result.events;
    for (int64_t first = 1; first <= head; first += PIECE) {
        int64_t last = first + PIECE - 1;
        neap_status status = see_piece(session, survey, first, last < head ? last : head, error);
        if (status != NEAP_OK)
            return status;
    }
    return neapi_survey_close(survey) ? NEAP_OK : neapi_nomem(error);
}

static neap_status name_one(neapi_sqlite_session *session, neapi_arena *arena,
                            const neapi_survey_name *wanted, neap_error *error)
{
    static const neapi_sql statements[] = {[NEAPI_SURVEY_TYPE] = NEAPI_SQL_TYPE_NAME,
                                           [NEAPI_SURVEY_CATEGORY] = NEAPI_SQL_CATEGORY_NAME,
                                           [NEAPI_SURVEY_STREAM] = NEAPI_SQL_STREAM_NAME};
    static const char *const missing[] = {
        [NEAPI_SURVEY_TYPE] = "there is no name of the type with the number",
        [NEAPI_SURVEY_CATEGORY] = "there is no name of the category with the number",
        [NEAPI_SURVEY_STREAM] = "there is no name of the stream with the number"};
    bool row;
    neapi_query query = neapi_query_begin(&session->connection, statements[wanted->kind]);
    neapi_query_integer(&query, (int64_t)wanted->number);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && !row)
        return neapi_sqlite_damaged(error, missing[wanted->kind], (int64_t)wanted->number);
    if (status == NEAP_OK)
        status = neapi_query_column_copy(&query, 0, arena, wanted->name, error);
    neapi_query_end(&query);
    return status;
}

/* A command's row is never deleted, so the last number counts them. */
static neap_status count_beside(neapi_connection *connection, neap_statistics *result,
                                neap_error *error)
{
    const struct {
        const char *sql;
        uint64_t *count;
    } counts[] = {
        {"SELECT coalesce(max(number), 0) FROM commands", &result->commands},
        {"SELECT count(*) FROM keys", &result->keys},
        {"SELECT count(*) FROM snapshots", &result->snapshots},
        {"SELECT coalesce(sum(length(state)), 0) FROM snapshots", &result->snapshot_bytes},
        {"SELECT count(*) FROM document_rows", &result->documents},
        {"SELECT coalesce(sum(length(CAST(data AS BLOB))), 0) FROM document_rows",
         &result->document_bytes},
        {"SELECT count(*) FROM collections "
         "WHERE EXISTS (SELECT 1 FROM document_rows WHERE collection = id)",
         &result->collections},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t count;
        neap_status status = neapi_connection_integer(connection, counts[i].sql, &count, error);
        if (status != NEAP_OK)
            return status;
        *counts[i].count = (uint64_t)count;
    }
    return NEAP_OK;
}

static neap_status measure_files(const neapi_sqlite_store *store, neap_statistics *result,
                                 neap_error *error)
{
    neapi_sqlite_mark mark;
    char *log = neapi_sqlite_path_beside(store->real, "-wal");
    if (log == NULL)
        return neapi_nomem(error);
    if (neapi_sqlite_mark_of(log, &mark))
        result->log_bytes = (uint64_t)mark.size;
    neapi_free(log);
    result->store_bytes = result->log_bytes;
    if (neapi_sqlite_mark_of(store->real, &mark))
        result->store_bytes += (uint64_t)mark.size;
    return NEAP_OK;
}

neap_status neapi_sqlite_survey(neapi_session *base, neapi_survey *survey, neap_error *error)
{
    neapi_sqlite_session *session = neapi_sqlite_session_of(base);
    neap_status status = see_all(session, survey, error);
    for (const neapi_survey_name *each = survey->names; status == NEAP_OK && each != NULL;
         each = each->next)
        status = name_one(session, &survey->arena, each, error);
    if (status == NEAP_OK)
        status = count_beside(&session->connection, &survey->result, error);
    if (status == NEAP_OK)
        status = measure_files(neapi_sqlite_store_of(session), &survey->result, error);
    return status;
}
