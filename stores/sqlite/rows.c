#include "rows.h"

#include "sqlite.h"

typedef struct rows_table {
    sqlite3_vtab base;
    const neapi_sqlite_table *table;
} rows_table;

typedef struct rows_cursor {
    sqlite3_vtab_cursor base;
    size_t at;
} rows_cursor;

static const neapi_sqlite_table *table_of(const sqlite3_vtab_cursor *cursor)
{
    return ((const rows_table *)cursor->pVtab)->table;
}

static int connect_table(sqlite3 *db, void *table, int count, const char *const *arguments,
                         sqlite3_vtab **result, char **why)
{
    (void)count, (void)arguments, (void)why;
    int code = sqlite3_declare_vtab(db, ((const neapi_sqlite_table *)table)->rows->columns);
    if (code == SQLITE_OK)
        code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (code != SQLITE_OK)
        return code;
    rows_table *connected = sqlite3_malloc(sizeof *connected);
    if (connected == NULL)
        return SQLITE_NOMEM;
    *connected = (rows_table){.table = table};
    *result = &connected->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
    sqlite3_free(table);
    return SQLITE_OK;
}

static int plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    info->estimatedCost = 100;
    info->estimatedRows = 100;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **result)
{
    (void)table;
    rows_cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (cursor == NULL)
        return SQLITE_NOMEM;
    *cursor = (rows_cursor){.at = 0};
    *result = &cursor->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int rewind_cursor(sqlite3_vtab_cursor *cursor, int number, const char *text, int count,
                         sqlite3_value **values)
{
    (void)number, (void)text, (void)count, (void)values;
    ((rows_cursor *)cursor)->at = 0;
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    ((rows_cursor *)cursor)->at++;
    return SQLITE_OK;
}

static int is_behind_rows(sqlite3_vtab_cursor *cursor)
{
    const neapi_sqlite_table *table = table_of(cursor);
    return ((rows_cursor *)cursor)->at >= table->rows->count(table->session);
}

static int column_of_row(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    const neapi_sqlite_table *table = table_of(cursor);
    table->rows->column(table->session, ((rows_cursor *)cursor)->at, column, context);
    return SQLITE_OK;
}

static int id_of_row(sqlite3_vtab_cursor *cursor, sqlite3_int64 *id)
{
    *id = (sqlite3_int64)((rows_cursor *)cursor)->at;
    return SQLITE_OK;
}

neap_status neapi_sqlite_rows_enable(neapi_sqlite_table *table, neapi_sqlite_session *session,
                                     const neapi_sqlite_rows *rows, neap_error *error)
{
    static const sqlite3_module module = {
        .xConnect = connect_table,
        .xBestIndex = plan,
        .xDisconnect = disconnect_table,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = rewind_cursor,
        .xNext = next_row,
        .xEof = is_behind_rows,
        .xColumn = column_of_row,
        .xRowid = id_of_row,
    };
    *table = (neapi_sqlite_table){session, rows};
    int code = sqlite3_create_module_v2(session->connection.db, rows->name, &module, table, NULL);
    return code == SQLITE_OK ? NEAP_OK : neapi_connection_fail(&session->connection, code, error);
}
