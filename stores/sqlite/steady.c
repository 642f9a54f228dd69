/* What must come out the same whenever and wherever it is built, and SQLite's authorizer is not
 * asked about: the defaults of columns, and the zone of the machine. */
#include <stdio.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "projected.h"
#include "sqlite.h"

static bool contains(neap_text text, const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i + size <= text.size; i++)
        if (strncasecmp(text.data + i, word, size) == 0)
            return true;
    return false;
}

bool neapi_sqlite_is_of_no_zone(neapi_sqlite_projected *projected, neap_text text)
{
    static const char *const modifiers[] = {"'localtime'", "'utc'"};
    for (size_t i = 0; i < sizeof modifiers / sizeof *modifiers; i++) {
        if (!contains(text, modifiers[i]))
            continue;
        snprintf(projected->why, sizeof projected->why,
                 "%s depends on the zone of the machine; times are in UTC already", modifiers[i]);
        return false;
    }
    return true;
}

/* Has the authorizer judge an expression: by itself it may be none, as a word that stands for a
 * text; what else is wrong with it SQLite has said before. */
static neap_status judge(neapi_sqlite_projected *projected, const neapi_tables *tables,
                         neap_text expression, neap_status *verdict, neap_error *error)
{
    sqlite3_stmt *statement = NULL;
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    NEAPI_BUFFER_LITERAL(sql, "SELECT (");
    neapi_buffer_text(sql, expression);
    NEAPI_BUFFER_LITERAL(sql, ")");
    const char *text = neapi_buffer_terminated(sql);
    if (text == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_sqlite_guard(projected, NEAPI_SQLITE_MAY_WRITE, tables->projection,
                                            tables->build, error);
    if (status != NEAP_OK)
        return status;
    int code = sqlite3_prepare_v2(projected->session->connection.db, text, -1, &statement, NULL);
    sqlite3_finalize(statement);
    neapi_sqlite_unguard(projected);
    if (code == SQLITE_NOMEM)
        return neapi_nomem(error);
    if (projected->why[0] != '\0')
        *verdict = NEAP_USAGE;
    return NEAP_OK;
}

/* Of one table, as SQLite has kept them. */
static neap_status judge_all(neapi_sqlite_projected *projected, const neapi_tables *tables,
                             neap_text table, neap_status *verdict, neap_error *error)
{
    bool row = false;
    neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_DEFAULTS);
    neapi_query_text(&query, table);
    neapi_query_integer(&query, tables->build);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row && *verdict == NEAP_OK) {
        status = judge(projected, tables, neapi_query_column_bytes(&query, 0), verdict, error);
        if (status == NEAP_OK && *verdict == NEAP_OK)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}

neap_status neapi_sqlite_check_defaults(neapi_sqlite_projected *projected,
                                        const neapi_tables *tables, neap_status *verdict,
                                        neap_error *error)
{
    neap_status status = NEAP_OK;
    const neapi_sqlite_owned *each = projected->owned;
    for (; each != NULL && status == NEAP_OK && *verdict == NEAP_OK; each = each->next)
        if (each->build == tables->build && neapi_text_equal(each->projection, tables->projection))
            status = judge_all(projected, tables, each->name, verdict, error);
    return status;
}
