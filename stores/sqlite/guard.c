/* What SQL of projections may do: SQLite asks while it prepares a statement. */
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "projected.h"
#include "sqlite.h"
#include "template.h"

/* A statement may go on for so many rounds of so many of SQLite's own instructions: a few seconds.
 */
#define ROUND       100000
#define ROUNDS_MOST 2000

static int refuse(neapi_sqlite_projected *projected, const char *what, const char *name)
{
    if (projected->why[0] == '\0')
        snprintf(projected->why, sizeof projected->why, "it may not %s \"%.200s\"", what, name);
    return SQLITE_DENY;
}

static bool begins_with(const char *name, const char *with)
{
    return strncasecmp(name, with, strlen(with)) == 0;
}

static bool is_own(const neapi_sqlite_projected *projected, const char *table)
{
    neap_text name;
    if (!neapi_sqlite_table_name(neapi_text_of(table), projected->build, &name))
        return false;
    const neapi_sqlite_owned *owned = neapi_sqlite_owned_find(projected, name, projected->build);
    return owned != NULL && neapi_text_equal(owned->projection, projected->projection);
}

/* The schema's own table is read and written by what makes a table; SQLite itself sees to it that
 * nobody else writes there. */
static bool is_schema(const neapi_sqlite_projected *projected, const char *table)
{
    return projected->may == NEAPI_SQLITE_MAY_CREATE &&
           (strcmp(table, "sqlite_master") == 0 || strcmp(table, "sqlite_schema") == 0);
}

/* Without a column it may be the name of a part of the statement itself, which hides a table. */
static int judge_read(neapi_sqlite_projected *projected, const char *table, const char *column)
{
    if (is_own(projected, table) || is_schema(projected, table) ||
        strcmp(table, "json_each") == 0 || strcmp(table, "json_tree") == 0)
        return SQLITE_OK;
    bool reserved = begins_with(table, "sqlite_") || begins_with(table, "pragma_") ||
                    begins_with(table, "neap_");
    if (column[0] == '\0' && !reserved && !neapi_sqlite_is_table(projected, table))
        return SQLITE_OK;
    return refuse(projected, "read", table);
}

static int judge_write(neapi_sqlite_projected *projected, const char *table)
{
    bool writes =
        projected->may == NEAPI_SQLITE_MAY_WRITE || projected->may == NEAPI_SQLITE_MAY_CREATE;
    if (writes && (is_own(projected, table) || is_schema(projected, table)))
        return SQLITE_OK;
    return refuse(projected, "write to", table);
}

static int judge_table(neapi_sqlite_projected *projected, const char *table)
{
    neap_text name;
    if (projected->may != NEAPI_SQLITE_MAY_CREATE)
        return refuse(projected, "make the table", table);
    if (!neapi_sqlite_table_name(neapi_text_of(table), projected->build, &name))
        return refuse(projected, "make a table other than {name}:", table);
    if (neapi_sqlite_owned_find(projected, name, projected->build) != NULL)
        return is_own(projected, table)
                   ? SQLITE_OK
                   : refuse(projected, "make the table of another projection", table);
    if (neapi_sqlite_owned_add(projected, name, projected->projection, projected->build) != NULL)
        return SQLITE_OK;
    projected->no_memory = true;
    return SQLITE_DENY;
}

static int judge_index(neapi_sqlite_projected *projected, const char *index, const char *table)
{
    neap_text name;
    if (projected->may != NEAPI_SQLITE_MAY_CREATE || !is_own(projected, table))
        return refuse(projected, "make an index of", table);
    if (begins_with(index, "sqlite_autoindex_") ||
        neapi_sqlite_table_name(neapi_text_of(index), projected->build, &name))
        return SQLITE_OK;
    return refuse(projected, "make an index other than {name}:", index);
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names != NULL && strcasecmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* What is written must come out the same when it is built again. */
static int judge_function(neapi_sqlite_projected *projected, const char *name)
{
    static const char *const unsafe[] = {"load_extension", "fts3_tokenizer", NULL};
    static const char *const unsteady[] = {
        "random",         "randomblob", "current_time",  "current_date",      "current_timestamp",
        "localtimestamp", "changes",    "total_changes", "last_insert_rowid", NULL};
    bool writes = projected->may != NEAPI_SQLITE_MAY_READ;
    if (begins_with(name, "neap_") || is_among(name, unsafe))
        return refuse(projected, "call", name);
    if (writes && is_among(name, unsteady))
        return refuse(
            projected,
            "call what answers differently each time (give it a parameter instead):", name);
    return SQLITE_OK;
}

/* What else there is, for the message's sake. */
static int refuse_action(neapi_sqlite_projected *projected, int action, const char *name)
{
    switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
        return refuse(projected, "control transactions:", name);
    case SQLITE_PRAGMA:
        return refuse(projected, "use the pragma", name);
    case SQLITE_ATTACH:
    case SQLITE_DETACH:
        return refuse(projected, "attach or detach", name);
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
        return refuse(projected, "make something temporary:", name);
    case SQLITE_CREATE_VIEW:
        return refuse(projected, "make the view", name);
    case SQLITE_CREATE_TRIGGER:
        return refuse(projected, "make the trigger", name);
    case SQLITE_CREATE_VTABLE:
        return refuse(projected, "make the virtual table", name);
    default:
        return refuse(projected, "make or change anything but tables, indexes and rows:", name);
    }
}

static int authorize(void *user, int action, const char *first, const char *second,
                     const char *database, const char *inner)
{
    (void)inner;
    neapi_sqlite_projected *projected = user;
    if (projected->may == NEAPI_SQLITE_MAY_ALL)
        return SQLITE_OK;
    const char *name = first != NULL ? first : "", *other = second != NULL ? second : "";
    bool temporary = database != NULL && strcmp(database, "main") != 0;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return judge_function(projected, other);
    case SQLITE_READ:
        return temporary ? refuse(projected, "read", name) : judge_read(projected, name, other);
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return temporary ? refuse(projected, "write to", name) : judge_write(projected, name);
    case SQLITE_CREATE_TABLE:
        return judge_table(projected, name);
    case SQLITE_CREATE_INDEX:
        return judge_index(projected, name, other);
    case SQLITE_REINDEX: /* what a new index is filled with */
        if (projected->may == NEAPI_SQLITE_MAY_CREATE)
            return SQLITE_OK;
        return refuse_action(projected, action, name);
    default:
        return refuse_action(projected, action, name);
    }
}

static int progress(void *user)
{
    neapi_sqlite_projected *projected = user;
    if (projected->may == NEAPI_SQLITE_MAY_ALL || ++projected->rounds < ROUNDS_MOST)
        return 0;
    snprintf(projected->why, sizeof projected->why,
             "it goes on for more than %d million of SQLite's instructions",
             ROUND / 1000 * ROUNDS_MOST / 1000);
    return 1;
}

neap_status neapi_sqlite_guard(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                               neap_text projection, uint32_t build, neap_error *error)
{
    neapi_connection *connection = &projected->session->connection;
    if (!projected->guarded) {
        int code = sqlite3_set_authorizer(connection->db, authorize, projected);
        if (code != SQLITE_OK)
            return neapi_connection_fail(connection, code, error);
        sqlite3_progress_handler(connection->db, ROUND, progress, projected);
        projected->guarded = true;
    }
    neap_status status = neapi_sqlite_owned_load(projected, error);
    if (status != NEAP_OK)
        return status;
    projected->projection = projection;
    projected->build = build;
    projected->rounds = 0;
    projected->no_memory = false;
    projected->why[0] = '\0';
    projected->may = may;
    return NEAP_OK;
}

void neapi_sqlite_unguard(neapi_sqlite_projected *projected)
{
    projected->may = NEAPI_SQLITE_MAY_ALL;
}
