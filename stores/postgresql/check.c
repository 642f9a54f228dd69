/* What statements of projections may be, and preparing those that may. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/platform.h"
#include "base/text.h"
#include "check_sql.h"
#include "projected.h"
#include "rows.h"

/* ---- What they may be ------------------------------------------------------------------------ */

static bool is_among(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

static void refuse_word(neapi_pg_projected *projected, neapi_pg_use use, const char *word)
{
    static const char *const transactions[] = {
        "BEGIN",   "START", "COMMIT", "END",       "ROLLBACK", "ABORT", "RELEASE",
        "PREPARE", "LOCK",  "SET",    "SAVEPOINT", "RESET",    NULL};
    static const char *const reads[] = {"SELECT", "VALUES", "TABLE", "SHOW", "EXPLAIN", NULL};
    size_t room = sizeof projected->why;
    const char *wanted =
        use == NEAPI_PG_USE_READ ? "SELECT, VALUES or WITH" : "INSERT, UPDATE, DELETE or WITH";
    if (projected->template.words == 0)
        snprintf(projected->why, room, "there is no statement in it");
    else if (is_among(word, transactions))
        snprintf(projected->why, room, "it may not control transactions: \"%s\"", word);
    else if (use == NEAPI_PG_USE_WRITE && is_among(word, reads))
        snprintf(projected->why, room, "it changes nothing");
    else
        snprintf(projected->why, room, "it may not begin with \"%s\"; expected is %s", word,
                 wanted);
}

/* Translates what has to be the text's only statement. */
static bool translate(neapi_pg_projected *projected, neapi_pg_use use, const neapi_statement *given)
{
    static const char *const writes[] = {"INSERT", "UPDATE", "DELETE", "WITH", NULL};
    static const char *const reads[] = {"SELECT", "VALUES", "WITH", NULL};
    neapi_pg_template *template = &projected->template;
    size_t at = 0;
    projected->why[0] = '\0';
    if (!neapi_pg_translate(template, given, &at, projected->why, sizeof projected->why))
        return false;
    if (!is_among(template->first[0], use == NEAPI_PG_USE_READ ? reads : writes)) {
        refuse_word(projected, use, template->first[0]);
        return false;
    }
    neapi_pg_template rest = {.words = 0};
    bool more = false, good = true;
    while (good && !more && at < given->text.size) {
        good = neapi_pg_translate(&rest, given, &at, projected->why, sizeof projected->why);
        more = rest.words != 0;
    }
    neapi_pg_template_fini(&rest);
    if (more)
        snprintf(projected->why, sizeof projected->why, "it is more than one statement");
    return good && !more;
}

/* Whether nothing is wrong with it, by what was answered. */
static bool judge_answer(neapi_pg_projected *projected, const PGresult *row)
{
    static const struct {
        const char *what, *says;
    } reasons[] = {
        {"use", "it may not use \"%s\": it is no table of this build"},
        {"call", "it may not call \"%s\": it is no function of PostgreSQL's own"},
        {"unsteady", "it may not call what answers differently each time, or does something (give "
                     "it a parameter instead): \"%s\""},
        {"clock", "it may not make a %s of a text, which could say 'now': give it "
                  "to_timestamp(seconds), make_date(year, month, day) or to_date(text, format)"},
        {"key", "it may not refer to \"%s\": it is no table of this build"},
        {"inherit", "it may not inherit from \"%s\""},
        {"sequence", "the column \"%s\" is numbered by a sequence, which answers differently each "
                     "time"},
    };
    neap_text what = neapi_pg_get_text(row, 0, 1);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (!neapi_text_equal(what, neapi_text_of(reasons[i].what)))
            continue;
        char name[200];
        snprintf(name, sizeof name, "%s", neapi_pg_get_text(row, 0, 2).data);
        const char *mark = strstr(reasons[i].says, "%s");
        snprintf(projected->why, sizeof projected->why, "%.*s%s%s", (int)(mark - reasons[i].says),
                 reasons[i].says, name, mark + 2);
        return false;
    }
    return what.size == 0;
}

/* ---- Asking PostgreSQL ----------------------------------------------------------------------- */

neap_status neapi_pg_projected_run(neapi_pg_projected *projected, neap_error *error)
{
    const neapi_platform *platform = neapi_platform_machine();
    int64_t began_us = neapi_monotonic_us(platform);
    neap_status status = neapi_pg_run(projected->connection, error);
    projected->took_us = neapi_monotonic_us(platform) - began_us;
    return status;
}

/* A statement was stopped, because it went on for too long or because somebody has cancelled it:
 * both have one code, and the words are in the server's language. Two clocks may differ by a
 * little. */
static bool was_too_long(const neapi_pg_projected *projected, const neap_error *error)
{
    return projected->took_us >= (int64_t)NEAPI_PG_STATEMENT_SECONDS * 990000 &&
           strstr(error->message, "user request") == NULL;
}

bool neapi_pg_blame(neapi_pg_projected *projected, const neap_error *error, neap_status *verdict)
{
    /* 21 to 23 values and constraints, 2B what others depend on, 54 too much, 57014 stopped. */
    static const char *const ours[] = {"0A", "21", "22", "23", "25001", "2B", "2F",
                                       "38", "39", "42", "44", "55000", "P0", NULL};
    const char *state = projected->connection->state;
    bool late = strcmp(state, "57014") == 0 && was_too_long(projected, error);
    bool limit = late || strncmp(state, "54", 2) == 0, blamed = limit;
    for (size_t i = 0; ours[i] != NULL && !blamed; i++)
        blamed = strncmp(state, ours[i], strlen(ours[i])) == 0;
    if (!blamed || projected->connection->lost)
        return false;
    *verdict = limit ? NEAP_LIMIT : NEAP_STORE;
    if (late)
        snprintf(projected->why, sizeof projected->why, "it goes on for more than %d seconds",
                 NEAPI_PG_STATEMENT_SECONDS);
    else
        snprintf(projected->why, sizeof projected->why, "%.*s", NEAPI_PG_WHY - 1, error->message);
    return true;
}

static neap_status check_version(neapi_pg_projected *projected, neap_status *verdict)
{
    int version = PQserverVersion(projected->connection->pg);
    if (version >= 140000)
        return NEAP_OK;
    snprintf(projected->why, sizeof projected->why,
             "SQL of projections needs PostgreSQL 14 or later; the server is %d.%d",
             version / 10000, version % 10000);
    *verdict = NEAP_USAGE;
    return NEAP_OK;
}

static void queue_check(neapi_pg_projected *projected, const char *sql,
                        const neapi_statement *given, bool reads)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, given->projection);
    neapi_pg_integer(&params, given->build);
    neapi_pg_bool(&params, reads);
    neapi_pg_bool(&params, projected->template.may_tell);
    neapi_pg_queue_text(projected->connection, sql, &params);
}

/* The function whose body it is. NULL: refused. */
static const char *function_text(neapi_pg_projected *projected, const char *schema)
{
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    neapi_buffer_format(sql,
                        "CREATE FUNCTION %sneap_statement() RETURNS void LANGUAGE sql BEGIN "
                        "ATOMIC\n",
                        schema);
    neapi_buffer_append(sql, projected->template.check.data, projected->template.check.size);
    NEAPI_BUFFER_LITERAL(sql, "\n; END");
    return neapi_buffer_terminated(sql);
}

static neap_status ask(neapi_pg_projected *projected, size_t check_at, neapi_pg_use use,
                       neap_status *verdict, neap_error *error)
{
    neap_status status = neapi_pg_projected_run(projected, error);
    if (status != NEAP_OK) {
        if (!neapi_pg_blame(projected, error, verdict))
            return status;
        *verdict = *verdict == NEAP_STORE ? NEAP_USAGE : *verdict;
        projected->stale = true;
        return NEAP_OK;
    }
    const PGresult *row = neapi_pg_result(projected->connection, check_at);
    bool writes = neapi_pg_get_bool(row, 0, 0);
    bool good = judge_answer(projected, row);
    if (good && writes != (use == NEAPI_PG_USE_WRITE))
        snprintf(projected->why, sizeof projected->why, "it changes %s",
                 writes ? "something" : "nothing");
    good = good && writes == (use == NEAPI_PG_USE_WRITE);
    if (!good) {
        *verdict = NEAP_USAGE;
        projected->stale = true;
    }
    return NEAP_OK;
}

static bool count_values(neapi_pg_projected *projected, const neapi_statement *given)
{
    size_t count = projected->template.parameters;
    if (count == given->value_count)
        return true;
    snprintf(projected->why, sizeof projected->why, "it has %zu parameter%s, and %zu value%s given",
             count, count == 1 ? "" : "s", given->value_count,
             given->value_count == 1 ? " is" : "s are");
    return false;
}

neap_status neapi_pg_check_statement(neapi_pg_projected *projected, const neapi_statement *given,
                                     neap_status *verdict, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    bool good = translate(projected, NEAPI_PG_USE_WRITE, given) && count_values(projected, given);
    if (projected->template.run.failed || projected->template.check.failed)
        return neapi_nomem(error);
    if (!good) {
        *verdict = NEAP_USAGE;
        return NEAP_OK;
    }
    neap_status status = neapi_pg_go_on(connection, error);
    const char *function = function_text(projected, "");
    if (status != NEAP_OK || function == NULL)
        return function == NULL ? neapi_nomem(error) : status;
    neapi_pg_queue_text(connection, function, NULL);
    queue_check(projected, neapi_pg_check_statement_sql, given, false);
    neapi_pg_queue_text(connection, "DROP FUNCTION neap_statement()", NULL);
    return ask(projected, 1, NEAPI_PG_USE_WRITE, verdict, error);
}

/* Types of the values; NULL: refused. */
static const neapi_pg_type *types_of(neapi_pg_projected *projected, const neapi_statement *given)
{
    static const neapi_pg_type types[] = {
        [NEAPI_VALUE_NULL] = NEAPI_PG_UNKNOWN, [NEAPI_VALUE_INTEGER] = NEAPI_PG_INT8,
        [NEAPI_VALUE_FLOAT] = NEAPI_PG_FLOAT8, [NEAPI_VALUE_BOOLEAN] = NEAPI_PG_BOOL,
        [NEAPI_VALUE_TEXT] = NEAPI_PG_TEXT,    [NEAPI_VALUE_BLOB] = NEAPI_PG_BYTEA,
    };
    neapi_arena_clear(&projected->arena);
    neapi_pg_type *all =
        neapi_arena_alloc(&projected->arena, (given->value_count + 1) * sizeof *all);
    for (size_t i = 0; i < given->value_count && all != NULL; i++)
        all[i] = types[given->values[i].kind];
    return all;
}

static neap_status queue_all(neapi_pg_projected *projected, neapi_pg_use use,
                             const neapi_statement *given, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    neapi_buffer *run = &projected->template.run;
    bool reads = use == NEAPI_PG_USE_READ;
    char name[24];
    snprintf(name, sizeof name, "neapr%u", ++projected->number);
    const neapi_pg_type *types = types_of(projected, given);
    const char *text = neapi_buffer_terminated(run);
    const char *function = function_text(projected, reads ? "pg_temp." : "");
    if (types == NULL || text == NULL || function == NULL)
        return neapi_nomem(error);
    neapi_pg_queue_prepare(connection, reads ? "" : name, text, types, given->value_count);
    neapi_pg_queue_text(connection, function, NULL);
    queue_check(projected, reads ? neapi_pg_check_reading_sql : neapi_pg_check_statement_sql, given,
                reads);
    if (!reads) {
        neapi_pg_queue_text(connection, "DROP FUNCTION neap_statement()", NULL);
        return NEAP_OK;
    }
    neapi_buffer *whole = &projected->text;
    neapi_buffer_clear(whole);
    neapi_buffer_format(whole, "SELECT * FROM (%s\n) AS neap LIMIT $%zu::bigint", text,
                        given->value_count + 1);
    text = neapi_buffer_terminated(whole);
    if (text == NULL)
        return neapi_nomem(error);
    neapi_pg_queue_prepare(connection, name, text, types, given->value_count);
    return NEAP_OK;
}

neap_status neapi_pg_prepare(neapi_pg_projected *projected, neapi_pg_use use,
                             const neapi_statement *given, neapi_pg_prepared **found,
                             neap_status *verdict, neap_error *error)
{
    *found = NULL;
    bool good = translate(projected, use, given) && count_values(projected, given);
    if (projected->template.run.failed || projected->template.check.failed)
        return neapi_nomem(error);
    if (!good) {
        *verdict = NEAP_USAGE;
        return NEAP_OK;
    }
    neap_status status = check_version(projected, verdict);
    if (status == NEAP_OK && *verdict == NEAP_OK)
        status = neapi_pg_projected_make_room(projected, error);
    if (status == NEAP_OK && *verdict == NEAP_OK)
        status = queue_all(projected, use, given, error);
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    status = ask(projected, 2, use, verdict, error);
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    *found = neapi_pg_prepared_keep(projected, use, given);
    return *found != NULL ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_pg_check_tables(neapi_pg_projected *projected, const neapi_tables *tables,
                                  neap_status *verdict, neap_error *error)
{
    neap_status status = neapi_pg_go_on(projected->connection, error);
    if (status != NEAP_OK)
        return status;
    const neapi_statement given = {.projection = tables->projection, .build = tables->build};
    queue_check(projected, neapi_pg_check_tables_sql, &given, false);
    status = neapi_pg_run(projected->connection, error);
    if (status == NEAP_OK && !judge_answer(projected, neapi_pg_result(projected->connection, 0)))
        *verdict = NEAP_USAGE;
    return status;
}
