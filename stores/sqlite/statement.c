/* The statements of projections: prepared once for their text, with values bound. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "projected.h"
#include "sqlite.h"
#include "template.h"

#define STATEMENTS_MOST 256 /* prepared at a time */

/* In one allocation with its key. */
typedef struct prepared {
    neap_text key;
    sqlite3_stmt *statement;
    size_t parameters;
} prepared;

static void let_go(neapi_map *statements)
{
    size_t at = 0;
    prepared *each;
    while ((each = neapi_map_next(statements, &at)) != NULL) {
        sqlite3_finalize(each->statement);
        neapi_free(each);
    }
    neapi_map_fini(statements);
    neapi_map_init(statements);
}

void neapi_sqlite_projected_init(neapi_sqlite_projected *projected, neapi_sqlite_session *session)
{
    *projected = (neapi_sqlite_projected){.session = session};
    neapi_map_init(&projected->statements);
}

void neapi_sqlite_projected_forget(neapi_sqlite_projected *projected)
{
    projected->loaded = false;
}

void neapi_sqlite_statements_forget(neapi_sqlite_projected *projected)
{
    let_go(&projected->statements);
}

void neapi_sqlite_projected_fini(neapi_sqlite_projected *projected)
{
    let_go(&projected->statements);
    neapi_map_fini(&projected->statements);
    neapi_arena_fini(&projected->arena);
    neapi_buffer_fini(&projected->names);
    neapi_buffer_fini(&projected->text);
}

neap_status neapi_sqlite_blame(neapi_sqlite_projected *projected, int code, neap_status *verdict,
                               neap_error *error)
{
    neapi_connection *connection = &projected->session->connection;
    bool own = projected->why[0] != '\0';
    if (projected->no_memory)
        return neapi_nomem(error);
    switch (code & 0xFF) {
    case SQLITE_INTERRUPT:
        if (!own)
            return neapi_connection_fail(connection, code, error);
        *verdict = NEAP_LIMIT;
        return NEAP_OK;
    case SQLITE_AUTH:
        *verdict = NEAP_USAGE;
        break;
    case SQLITE_TOOBIG:
        *verdict = NEAP_LIMIT;
        break;
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_SCHEMA:
        *verdict = NEAP_STORE;
        break;
    default:
        return neapi_connection_fail(connection, code, error);
    }
    if (!own)
        snprintf(projected->why, sizeof projected->why, "%s", sqlite3_errmsg(connection->db));
    return NEAP_OK;
}

/* Whether there is no statement in the rest of the text. */
static bool is_rest_empty(sqlite3 *db, const char *rest)
{
    sqlite3_stmt *another = NULL;
    int code = SQLITE_OK;
    const char *before = NULL;
    while (code == SQLITE_OK && another == NULL && rest != before && *rest != '\0') {
        before = rest;
        code = sqlite3_prepare_v2(db, rest, -1, &another, &rest);
    }
    bool empty = code == SQLITE_OK && another == NULL;
    sqlite3_finalize(another);
    return empty;
}

/* What is wrong with a statement that SQLite has prepared; NULL: nothing. */
static const char *fault_of(sqlite3 *db, sqlite3_stmt *statement, const char *rest,
                            neapi_sqlite_may may)
{
    if (statement == NULL)
        return "there is no statement in it";
    if (!is_rest_empty(db, rest))
        return "it is more than one statement";
    bool reads = sqlite3_stmt_readonly(statement) != 0;
    if (may == NEAPI_SQLITE_MAY_READ)
        return reads ? NULL : "it changes something";
    return reads || sqlite3_stmt_isexplain(statement) != 0 ? "it changes nothing" : NULL;
}

/* Prepares projected->text. */
static neap_status compile(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                           sqlite3_stmt **statement, neap_status *verdict, neap_error *error)
{
    sqlite3 *db = projected->session->connection.db;
    const char *text = neapi_buffer_terminated(&projected->text), *rest;
    if (text == NULL)
        return neapi_nomem(error);
    *statement = NULL;
    int code = sqlite3_prepare_v3(db, text, (int)projected->text.size + 1,
                                  SQLITE_PREPARE_PERSISTENT, statement, &rest);
    if (code != SQLITE_OK) {
        neap_status status = neapi_sqlite_blame(projected, code, verdict, error);
        if (status == NEAP_OK && *verdict == NEAP_STORE)
            *verdict = NEAP_USAGE;
        return status;
    }
    const char *fault = fault_of(db, *statement, rest, may);
    if (fault == NULL)
        return NEAP_OK;
    sqlite3_finalize(*statement);
    *statement = NULL;
    *verdict = NEAP_USAGE;
    if (projected->why[0] == '\0')
        snprintf(projected->why, sizeof projected->why, "%s", fault);
    return NEAP_OK;
}

static void write_key(neapi_buffer *key, neapi_sqlite_may may, const neapi_statement *given)
{
    neapi_buffer_clear(key);
    neapi_buffer_append(key, &may, sizeof may);
    neapi_buffer_append(key, &given->build, sizeof given->build);
    neapi_buffer_text(key, given->projection);
    neapi_buffer_byte(key, '\0');
    neapi_buffer_text(key, given->text);
}

/* Keeps the statement under the key. Owns: takes the statement. */
static prepared *keep(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                      const neapi_statement *given, sqlite3_stmt *statement)
{
    neapi_buffer *key = &projected->text;
    if (projected->statements.count >= STATEMENTS_MOST)
        let_go(&projected->statements);
    write_key(key, may, given);
    prepared *kept = key->failed ? NULL : neapi_alloc(sizeof *kept + key->size);
    if (kept != NULL) {
        char *copy = memcpy(kept + 1, key->data, key->size);
        *kept = (prepared){.key = {copy, key->size},
                           .statement = statement,
                           .parameters = (size_t)sqlite3_bind_parameter_count(statement)};
        if (neapi_map_put(&projected->statements, kept->key, kept))
            return kept;
    }
    neapi_free(kept);
    sqlite3_finalize(statement);
    return NULL;
}

/* *found NULL: it is refused. */
static neap_status find(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                        const neapi_statement *given, prepared **found, neap_status *verdict,
                        neap_error *error)
{
    neapi_buffer *text = &projected->text;
    write_key(text, may, given);
    if (text->failed)
        return neapi_nomem(error);
    *found = neapi_map_get(&projected->statements, neapi_text(text->data, text->size));
    if (*found != NULL)
        return NEAP_OK;
    sqlite3_stmt *statement = NULL;
    neapi_buffer_clear(text);
    if ((may != NEAPI_SQLITE_MAY_READ && !neapi_sqlite_is_of_no_zone(projected, given->text)) ||
        !neapi_sqlite_template(text, given->text, given->build, projected->why,
                               sizeof projected->why)) {
        *verdict = NEAP_USAGE;
        return NEAP_OK;
    }
    neap_status status = compile(projected, may, &statement, verdict, error);
    if (status != NEAP_OK || statement == NULL)
        return status;
    *found = keep(projected, may, given, statement);
    return *found != NULL ? NEAP_OK : neapi_nomem(error);
}

static int bind(sqlite3_stmt *statement, int at, const neapi_value *value)
{
    const char *data =
        value->kind >= NEAPI_VALUE_TEXT && value->bytes.size != 0 ? value->bytes.data : "";
    switch (value->kind) {
    case NEAPI_VALUE_NULL:
        break;
    case NEAPI_VALUE_INTEGER:
    case NEAPI_VALUE_BOOLEAN:
        return sqlite3_bind_int64(statement, at, value->integer);
    case NEAPI_VALUE_FLOAT:
        return sqlite3_bind_double(statement, at, value->number);
    case NEAPI_VALUE_TEXT:
        return sqlite3_bind_text64(statement, at, data, value->bytes.size, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case NEAPI_VALUE_BLOB:
        return sqlite3_bind_blob64(statement, at, data, value->bytes.size, SQLITE_STATIC);
    }
    return sqlite3_bind_null(statement, at);
}

neap_status neapi_sqlite_prepare(neapi_sqlite_projected *projected, neapi_sqlite_may may,
                                 const neapi_statement *given, sqlite3_stmt **statement,
                                 neap_status *verdict, neap_error *error)
{
    prepared *found = NULL;
    neap_status status = find(projected, may, given, &found, verdict, error);
    *statement = NULL;
    if (status != NEAP_OK || found == NULL)
        return status;
    if (found->parameters != given->value_count) {
        snprintf(projected->why, sizeof projected->why,
                 "it has %zu parameter%s, and %zu value%s given", found->parameters,
                 found->parameters == 1 ? "" : "s", given->value_count,
                 given->value_count == 1 ? " is" : "s are");
        *verdict = NEAP_USAGE;
        return NEAP_OK;
    }
    int code = SQLITE_OK;
    for (size_t i = 0; i < given->value_count && code == SQLITE_OK; i++)
        code = bind(found->statement, (int)i + 1, &given->values[i]);
    if (code != SQLITE_OK)
        return neapi_sqlite_blame(projected, code, verdict, error);
    *statement = found->statement;
    return NEAP_OK;
}
