/* The tables of a projection's builds. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "projected.h"
#include "sqlite.h"
#include "template.h"

static bool is_of(const neapi_sqlite_owned *owned, const neapi_tables *tables)
{
    return owned->build == tables->build && neapi_text_equal(owned->projection, tables->projection);
}

static neap_status refuse(neapi_sqlite_projected *projected, neap_status *verdict,
                          const char *format, neap_text name)
{
    *verdict = NEAP_USAGE;
    snprintf(projected->why, sizeof projected->why, format, NEAPI_TEXT(name));
    return NEAP_OK;
}

/* ---- Making them ----------------------------------------------------------------------------- */

/* Runs one statement after another. */
static neap_status run_all(neapi_sqlite_projected *projected, const char *text,
                           neap_status *verdict, neap_error *error)
{
    sqlite3 *db = projected->session->connection.db;
    while (*text != '\0') {
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(db, text, -1, &statement, &text);
        if (code == SQLITE_OK && statement == NULL)
            continue; /* a comment, or blanks */
        while (code == SQLITE_OK || code == SQLITE_ROW)
            code = sqlite3_step(statement);
        neap_status status = NEAP_OK;
        if (code != SQLITE_DONE)
            status = neapi_sqlite_blame(projected, code, verdict, error);
        sqlite3_finalize(statement);
        if (status != NEAP_OK || *verdict != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

/* Whether something in the store, other than the projection's own, is called so. */
static neap_status is_taken(neapi_sqlite_projected *projected, const neapi_sqlite_owned *wanted,
                            bool *taken, neap_error *error)
{
    const neapi_sqlite_owned *each = projected->owned;
    bool own = false;
    *taken = false;
    for (; each != NULL && !*taken; each = each->next) {
        bool same = neapi_sqlite_names_equal(each->name, wanted->name);
        *taken = same && !neapi_text_equal(each->projection, wanted->projection);
        own = own || (same && each->shown);
    }
    if (*taken || own)
        return NEAP_OK;
    neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_NAME_TAKEN);
    neapi_query_text(&query, wanted->name);
    neap_status status = neapi_query_step(&query, taken, error);
    neapi_query_end(&query);
    return status;
}

/* Notes in the file whose the new tables are. */
static neap_status keep_new(neapi_sqlite_projected *projected, size_t *count, neap_status *verdict,
                            neap_error *error)
{
    neap_status status = NEAP_OK;
    for (neapi_sqlite_owned *each = projected->owned; each != NULL && status == NEAP_OK;
         each = each->next) {
        bool taken;
        if (each->kept)
            continue;
        status = is_taken(projected, each, &taken, error);
        if (status != NEAP_OK)
            return status;
        if (taken)
            return refuse(projected, verdict,
                          "the store has something else that is called \"%.*s\"; another name is "
                          "needed",
                          each->name);
        neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_OWNED_ADD);
        neapi_query_text(&query, each->name);
        neapi_query_integer(&query, each->build);
        neapi_query_text(&query, each->projection);
        status = neapi_query_finish(&query, error);
        each->kept = true;
        ++*count;
    }
    return status;
}

static neap_status create(neapi_sqlite_projected *projected, const neapi_tables *tables,
                          neap_status *verdict, neap_error *error)
{
    size_t count = 0;
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    if (!neapi_sqlite_is_of_no_zone(projected, tables->text) ||
        !neapi_sqlite_template(sql, tables->text, tables->build, projected->why,
                               sizeof projected->why)) {
        *verdict = NEAP_USAGE;
        return NEAP_OK;
    }
    const char *text = neapi_buffer_terminated(sql);
    if (text == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_sqlite_guard(projected, NEAPI_SQLITE_MAY_CREATE, tables->projection,
                                            tables->build, error);
    if (status == NEAP_OK)
        status = run_all(projected, text, verdict, error);
    neapi_sqlite_unguard(projected);
    if (status == NEAP_OK && *verdict == NEAP_OK)
        status = neapi_sqlite_check_defaults(projected, tables, verdict, error);
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    status = keep_new(projected, &count, verdict, error);
    if (status == NEAP_OK && *verdict == NEAP_OK && count == 0)
        return refuse(projected, verdict, "its schema makes no table: %.*s", tables->text);
    return status;
}

/* ---- Showing and dropping them --------------------------------------------------------------- */

/* Runs what the names of a table are put into; they are letters, digits and underscores. */
static neap_status change(neapi_sqlite_projected *projected, const char *format,
                          const neapi_sqlite_owned *owned, neap_error *error)
{
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    for (; *format != '\0'; format++) {
        if (*format != '#' && *format != '@') {
            neapi_buffer_byte(sql, *format);
            continue;
        }
        neapi_buffer_byte(sql, '"');
        neapi_buffer_text(sql, owned->name);
        if (*format == '@')
            neapi_buffer_format(sql, "@%" PRIu32, owned->build);
        neapi_buffer_byte(sql, '"');
    }
    const char *text = neapi_buffer_terminated(sql);
    if (text == NULL)
        return neapi_nomem(error);
    return neapi_connection_run(&projected->session->connection, text, error);
}

static neap_status mark_shown(neapi_sqlite_projected *projected, neapi_sqlite_owned *owned,
                              bool shown, neap_error *error)
{
    neapi_query query = neapi_query_begin(&projected->session->connection, NEAPI_SQL_OWNED_SHOW);
    neapi_query_text(&query, owned->name);
    neapi_query_integer(&query, owned->build);
    neapi_query_integer(&query, shown);
    owned->shown = shown;
    return neapi_query_finish(&query, error);
}

static neap_status hide(neapi_sqlite_projected *projected, neapi_sqlite_owned *owned,
                        neap_error *error)
{
    if (!owned->shown)
        return NEAP_OK;
    neap_status status = change(projected, "DROP VIEW IF EXISTS #", owned, error);
    return status == NEAP_OK ? mark_shown(projected, owned, false, error) : status;
}

static neap_status show_one(neapi_sqlite_projected *projected, neapi_sqlite_owned *owned,
                            neap_error *error)
{
    neap_status status = change(projected, "CREATE VIEW # AS SELECT * FROM @", owned, error);
    return status == NEAP_OK ? mark_shown(projected, owned, true, error) : status;
}

static neap_status show(neapi_sqlite_projected *projected, const neapi_tables *tables,
                        neap_status *verdict, neap_error *error)
{
    size_t count = 0;
    neap_status status = NEAP_OK;
    neapi_sqlite_owned *each = projected->owned;
    for (; each != NULL && status == NEAP_OK; each = each->next)
        if (neapi_text_equal(each->projection, tables->projection))
            status = hide(projected, each, error);
    for (each = projected->owned; each != NULL && status == NEAP_OK; each = each->next) {
        if (!is_of(each, tables))
            continue;
        status = show_one(projected, each, error);
        count++;
    }
    if (status == NEAP_OK && count == 0)
        return refuse(projected, verdict, "%.*s has no tables of that build", tables->projection);
    return status;
}

static neap_status drop(neapi_sqlite_projected *projected, const neapi_tables *tables,
                        neap_error *error)
{
    neap_status status = NEAP_OK;
    for (neapi_sqlite_owned **at = &projected->owned; *at != NULL && status == NEAP_OK;) {
        neapi_sqlite_owned *owned = *at;
        if (!is_of(owned, tables)) {
            at = &owned->next;
            continue;
        }
        status = hide(projected, owned, error);
        if (status == NEAP_OK)
            status = change(projected, "DROP TABLE IF EXISTS @", owned, error);
        neapi_query query =
            neapi_query_begin(&projected->session->connection, NEAPI_SQL_OWNED_DROP);
        neapi_query_text(&query, owned->name);
        neapi_query_integer(&query, owned->build);
        if (status == NEAP_OK)
            status = neapi_query_finish(&query, error);
        *at = owned->next;
    }
    return status;
}

neap_status neapi_sqlite_change_tables(neapi_sqlite_projected *projected,
                                       const neapi_tables *tables, neap_status *verdict,
                                       neap_error *error)
{
    projected->why[0] = '\0';
    neap_status status = neapi_sqlite_owned_load(projected, error);
    if (status != NEAP_OK)
        return status;
    if (tables->change == NEAPI_TABLES_CREATE)
        status = create(projected, tables, verdict, error);
    else if (tables->change == NEAPI_TABLES_SHOW)
        status = show(projected, tables, verdict, error);
    else
        status = drop(projected, tables, error);
    neapi_sqlite_projected_forget(projected);
    neapi_sqlite_statements_forget(projected);
    return status;
}
