#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "postgresql.h"
#include "rows.h"

/* How many events one statement goes over. */
#define PIECE 4096

/* Types and categories by number; a stream's number is the position of its first event. */
typedef struct numbered {
    neap_text name;
    uint64_t number;
    struct numbered *next;
} numbered;

typedef struct name_list {
    neapi_map map;
    numbered *all;
} name_list;

typedef struct survey_run {
    neapi_pg_session *session;
    neapi_survey *survey;
    name_list types, categories;
} survey_run;

static bool number_of(name_list *names, neapi_arena *arena, neap_text name, uint64_t *number)
{
    numbered *found = neapi_map_get(&names->map, name);
    if (found == NULL) {
        found = neapi_arena_alloc(arena, sizeof *found);
        if (found == NULL)
            return false;
        *found = (numbered){neapi_arena_text(arena, name), names->map.count + 1, names->all};
        if (found->name.data == NULL || !neapi_map_put(&names->map, found->name, found))
            return false;
        names->all = found;
    }
    *number = found->number;
    return true;
}

static bool see(survey_run *surveying, const PGresult *rows, int row)
{
    neapi_arena *arena = &surveying->survey->arena;
    neap_text stream = neapi_pg_get_text(rows, row, 6);
    neapi_survey_event event = {
        .position = (uint64_t)neapi_pg_get_integer(rows, row, 0),
        .version = (uint64_t)neapi_pg_get_integer(rows, row, 1),
        .schema = (uint32_t)neapi_pg_get_integer(rows, row, 2),
        .recorded_at = neapi_pg_get_integer(rows, row, 3),
        .tagged = neapi_pg_get_bool(rows, row, 4),
        .data_bytes = (size_t)neapi_pg_get_integer(rows, row, 5),
        .stream = (uint64_t)neapi_pg_get_integer(rows, row, 8),
    };
    return number_of(&surveying->categories, arena, neapi_stream_category(stream),
                     &event.category) &&
           number_of(&surveying->types, arena, neapi_pg_get_text(rows, row, 7), &event.type) &&
           neapi_survey_see(surveying->survey, &event);
}

static neap_status see_all(survey_run *surveying, neap_error *error)
{
    int64_t head = (int64_t)surveying->survey->result.events;
    for (int64_t first = 1; first <= head; first += PIECE) {
        PGresult *rows;
        int64_t last = first + PIECE - 1 < head ? first + PIECE - 1 : head;
        neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
        neapi_pg_integer(&params, first);
        neapi_pg_integer(&params, last);
        neap_status status = neapi_pg_ask(&surveying->session->connection, NEAPI_PG_SQL_SURVEY,
                                          &params, &rows, error);
        if (status != NEAP_OK)
            return status;
        for (int i = 0; i < PQntuples(rows); i++)
            if (!see(surveying, rows, i))
                return neapi_nomem(error);
    }
    return neapi_survey_close(surveying->survey) ? NEAP_OK : neapi_nomem(error);
}

static neap_status name_stream(survey_run *surveying, const neapi_survey_name *wanted,
                               neap_error *error)
{
    PGresult *rows;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_integer(&params, (int64_t)wanted->number);
    neap_status status = neapi_pg_ask(&surveying->session->connection, NEAPI_PG_SQL_STREAM_NAME,
                                      &params, &rows, error);
    if (status != NEAP_OK)
        return status;
    if (PQntuples(rows) == 0)
        return neapi_fail(error, NEAP_CORRUPT, "there is no event at position %llu",
                          (unsigned long long)wanted->number);
    *wanted->name = neapi_arena_text(&surveying->survey->arena, neapi_pg_get_text(rows, 0, 0));
    return wanted->name->data != NULL ? NEAP_OK : neapi_nomem(error);
}

static neap_status name_all(survey_run *surveying, neap_error *error)
{
    neap_status status = NEAP_OK;
    const neapi_survey_name *each = surveying->survey->names;
    for (; each != NULL && status == NEAP_OK; each = each->next) {
        const numbered *at =
            each->kind == NEAPI_SURVEY_TYPE ? surveying->types.all : surveying->categories.all;
        if (each->kind == NEAPI_SURVEY_STREAM) {
            status = name_stream(surveying, each, error);
            continue;
        }
        while (at->number != each->number)
            at = at->next;
        *each->name = at->name;
    }
    return status;
}

static neap_status count_beside(neapi_pg_session *session, neap_statistics *result,
                                neap_error *error)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM commands), (SELECT count(*) FROM keys), "
        "(SELECT count(*) FROM snapshots), "
        "(SELECT coalesce(sum(length(state)), 0)::bigint FROM snapshots), "
        "(SELECT count(*) FROM documents), "
        "(SELECT coalesce(sum(length(data)), 0)::bigint FROM documents), "
        "(SELECT count(DISTINCT collection) FROM documents), "
        "(SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
        "WHERE c.relnamespace = (SELECT relnamespace FROM pg_class "
        "WHERE oid = 'events'::regclass) AND c.relkind = 'r')";
    uint64_t *const counts[] = {
        &result->commands,  &result->keys,           &result->snapshots,   &result->snapshot_bytes,
        &result->documents, &result->document_bytes, &result->collections, &result->store_bytes};
    PGresult *rows;
    neap_status status = neapi_pg_ask_text(&session->connection, sql, NULL, &rows, error);
    for (int i = 0; status == NEAP_OK && i < 8; i++)
        *counts[i] = (uint64_t)neapi_pg_get_integer(rows, 0, i);
    return status;
}

neap_status neapi_pg_survey(neapi_session *base, neapi_survey *survey, neap_error *error)
{
    survey_run surveying = {.session = neapi_pg_session_of(base), .survey = survey};
    neapi_map_init(&surveying.types.map);
    neapi_map_init(&surveying.categories.map);
    surveying.session->connection.patient = true;
    neap_status status = see_all(&surveying, error);
    if (status == NEAP_OK)
        status = name_all(&surveying, error);
    if (status == NEAP_OK)
        status = count_beside(surveying.session, &survey->result, error);
    surveying.session->connection.patient = false;
    neapi_map_fini(&surveying.types.map);
    neapi_map_fini(&surveying.categories.map);
    return status;
}
