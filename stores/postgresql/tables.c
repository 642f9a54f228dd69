/* The tables of a projection's builds. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "lexer.h"
#include "projected.h"
#include "rows.h"

/* A table of the projection, as the store has it noted. */
typedef struct owned {
    neap_text name;
    bool shown, here; /* of the build that it is about */
} owned;

#define SCHEMA_OF_STORE "(SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass)"

static neap_status refuse(neapi_pg_projected *projected, neap_status *verdict, const char *what,
                          neap_text name)
{
    *verdict = NEAP_USAGE;
    snprintf(projected->why, sizeof projected->why, "%s \"%.*s\"", what, NEAPI_TEXT(name));
    return NEAP_OK;
}

/* Runs what is queued; what it says is wrong with it is the projection's. */
static neap_status run(neapi_pg_projected *projected, neap_status *verdict, neap_error *error)
{
    neap_status status = neapi_pg_projected_run(projected, error);
    if (status == NEAP_OK || neapi_pg_blame(projected, error, verdict))
        return NEAP_OK;
    return status;
}

static neap_status run_text(neapi_pg_projected *projected, neapi_buffer *sql, neap_status *verdict,
                            neap_error *error)
{
    const char *text = neapi_buffer_terminated(sql);
    if (text == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_pg_go_on(projected->connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(projected->connection, text, NULL);
    return run(projected, verdict, error);
}

/* ---- Making them ----------------------------------------------------------------------------- */

/* The tokens of a schema, without what is blank. */
typedef struct token_walk {
    neap_text text;
    size_t at;
    neapi_pg_token token;
} token_walk;

static void step(token_walk *walk)
{
    do {
        walk->token = neapi_pg_token_at(walk->text, walk->at);
        walk->at += walk->token.text.size;
    } while (walk->token.kind == NEAPI_PG_TOKEN_BLANK && walk->at < walk->text.size);
}

static bool is_word(const token_walk *walk, const char *word)
{
    return walk->token.kind == NEAPI_PG_TOKEN_WORD && walk->token.text.size == strlen(word) &&
           strncasecmp(walk->token.text.data, word, walk->token.text.size) == 0;
}

/* The name of a placeholder, in small letters; empty: it is none. */
static neap_text name_at(const token_walk *walk, neapi_arena *arena)
{
    neap_text text = walk->token.text;
    if (walk->token.kind != NEAPI_PG_TOKEN_BRACE || text.size < 3)
        return (neap_text){"", 0};
    neap_text name = neapi_arena_text(arena, neapi_text(text.data + 1, text.size - 2));
    for (size_t i = 0; name.data != NULL && i < name.size; i++) {
        char *c = (char *)name.data + i;
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    }
    return name;
}

#define NOTED                                                                                      \
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM projection_tables WHERE name = $1::text AND build = "  \
    "$3::bigint AND projection <> $2::text) THEN 2 WHEN EXISTS (SELECT 1 FROM projection_tables "  \
    "WHERE name = $1::text AND projection <> $2::text) OR EXISTS (SELECT 1 FROM pg_class c WHERE " \
    "c.relnamespace = " SCHEMA_OF_STORE " AND lower(c.relname) = $1::text AND NOT EXISTS (SELECT " \
    "1 FROM projection_tables p WHERE p.name = $1::text AND p.projection = $2::text AND "          \
    "p.shown)) THEN 1 ELSE 0 END::bigint"
#define NOTE                                                                                       \
    "INSERT INTO projection_tables (name, projection, build) VALUES ($1::text, $2::text, "         \
    "$3::bigint) ON CONFLICT (name, build) DO NOTHING"

/* Notes whose the table is, unless the name is somebody else's. */
static neap_status note(neapi_pg_projected *projected, const neapi_tables *tables, neap_text name,
                        neap_status *verdict, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, name);
    neapi_pg_text(&params, tables->projection);
    neapi_pg_integer(&params, tables->build);
    neap_status status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(connection, NOTED, &params);
    status = neapi_pg_run(connection, error);
    if (status != NEAP_OK)
        return status;
    int64_t taken = neapi_pg_get_integer(neapi_pg_result(connection, 0), 0, 0);
    if (taken == 2)
        return refuse(projected, verdict, "it may not make the table of another projection:", name);
    if (taken == 1)
        return refuse(projected, verdict,
                      "another name is needed: the store has something else that is called", name);
    status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(connection, NOTE, &params);
    return neapi_pg_run(connection, error);
}

/* Behind CREATE TABLE. */
static neap_status note_table(neapi_pg_projected *projected, const neapi_tables *tables,
                              token_walk *walk, size_t *count, neap_status *verdict,
                              neap_error *error)
{
    step(walk);
    neap_text name = name_at(walk, &projected->arena);
    if (name.data == NULL)
        return neapi_nomem(error);
    if (name.size == 0)
        return refuse(projected, verdict,
                      "it may not make a table other than {name}:", walk->token.text);
    if (projected->template.selects)
        return refuse(projected, verdict, "it may not read to make the table", name);
    ++*count;
    return note(projected, tables, name, verdict, error);
}

#define IS_OWN                                                                                     \
    "SELECT count(*) FROM projection_tables WHERE name = $1::text AND projection = $2::text AND "  \
    "build = $3::bigint"

/* Behind CREATE INDEX: {index} ON {table}, which is one of the build's. */
static neap_status check_index(neapi_pg_projected *projected, const neapi_tables *tables,
                               token_walk *walk, neap_status *verdict, neap_error *error)
{
    step(walk);
    if (walk->token.kind != NEAPI_PG_TOKEN_BRACE)
        return refuse(projected, verdict,
                      "it may not make an index other than {name}:", walk->token.text);
    step(walk);
    if (is_word(walk, "ON"))
        step(walk);
    if (is_word(walk, "ONLY"))
        step(walk);
    neap_text name = name_at(walk, &projected->arena), shown = walk->token.text;
    if (name.data == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_pg_go_on(projected->connection, error);
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, name);
    neapi_pg_text(&params, tables->projection);
    neapi_pg_integer(&params, tables->build);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(projected->connection, IS_OWN, &params);
    status = neapi_pg_run(projected->connection, error);
    if (status == NEAP_OK &&
        neapi_pg_get_integer(neapi_pg_result(projected->connection, 0), 0, 0) == 0)
        return refuse(projected, verdict, "it may not make an index of", shown);
    return status;
}

/* What the schema's statement is, before it is run. */
static neap_status judge_statement(neapi_pg_projected *projected, const neapi_tables *tables,
                                   neap_text text, size_t *count, neap_status *verdict,
                                   neap_error *error)
{
    token_walk walk = {.text = text};
    step(&walk);
    neap_text first = walk.token.text;
    if (is_word(&walk, "INSERT") || is_word(&walk, "UPDATE") || is_word(&walk, "DELETE") ||
        is_word(&walk, "WITH")) {
        const neapi_statement given = {
            .projection = tables->projection, .build = tables->build, .text = text};
        return neapi_pg_check_statement(projected, &given, verdict, error);
    }
    if (!is_word(&walk, "CREATE"))
        return refuse(projected, verdict, "expected is CREATE TABLE or CREATE INDEX, not", first);
    step(&walk);
    if (is_word(&walk, "TABLE"))
        return note_table(projected, tables, &walk, count, verdict, error);
    if (is_word(&walk, "UNIQUE"))
        step(&walk);
    if (is_word(&walk, "INDEX"))
        return check_index(projected, tables, &walk, verdict, error);
    return refuse(projected, verdict,
                  "it may not make anything but tables and indexes:", walk.token.text);
}

static neap_status create(neapi_pg_projected *projected, const neapi_tables *tables,
                          neap_status *verdict, neap_error *error)
{
    const neapi_statement given = {
        .projection = tables->projection, .build = tables->build, .text = tables->text};
    neapi_pg_template *template = &projected->template;
    size_t at = 0, count = 0;
    bool may_tell = false;
    neap_status status = NEAP_OK;
    while (at < given.text.size && status == NEAP_OK && *verdict == NEAP_OK) {
        size_t before = at;
        bool good =
            neapi_pg_translate(template, &given, &at, projected->why, sizeof projected->why);
        may_tell = may_tell || template->may_tell;
        if (template->run.failed || template->check.failed)
            return neapi_nomem(error);
        if (good && template->words == 0)
            continue;
        if (good && template->parameters != 0)
            refuse(projected, verdict, "there are no values for what stands in", given.text);
        *verdict = good ? *verdict : NEAP_USAGE;
        if (*verdict != NEAP_OK)
            return NEAP_OK;
        status =
            judge_statement(projected, tables, neapi_text(given.text.data + before, at - before),
                            &count, verdict, error);
        if (status == NEAP_OK && *verdict == NEAP_OK)
            status = run_text(projected, &template->run, verdict, error);
    }
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    if (count == 0)
        return refuse(projected, verdict, "its schema makes no table:", tables->text);
    template->may_tell = may_tell;
    return neapi_pg_check_tables(projected, tables, verdict, error);
}

/* ---- Those that there are -------------------------------------------------------------------- */

#define LIST                                                                                       \
    "SELECT name, shown, build = $2::bigint FROM projection_tables WHERE projection = $1::text "   \
    "AND (shown OR build = $2::bigint) ORDER BY made"

/* *all: in the arena; those of the build, and others that are shown. */
static neap_status list(neapi_pg_projected *projected, const neapi_tables *tables, owned **all,
                        size_t *count, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, tables->projection);
    neapi_pg_integer(&params, tables->build);
    neap_status status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(connection, LIST, &params);
    status = neapi_pg_run(connection, error);
    if (status != NEAP_OK)
        return status;
    const PGresult *rows = neapi_pg_result(connection, 0);
    *count = (size_t)PQntuples(rows);
    *all = neapi_arena_alloc(&projected->arena, (*count + 1) * sizeof **all);
    for (size_t i = 0; *all != NULL && i < *count; i++) {
        (*all)[i] = (owned){neapi_arena_text(&projected->arena, neapi_pg_get_text(rows, (int)i, 0)),
                            neapi_pg_get_bool(rows, (int)i, 1), neapi_pg_get_bool(rows, (int)i, 2)};
        if ((*all)[i].name.data == NULL)
            return neapi_nomem(error);
    }
    return *all != NULL ? NEAP_OK : neapi_nomem(error);
}

/* Puts the names of a table in: # its view's, @ its own. They are letters, digits, underscores. */
static neap_status change(neapi_pg_projected *projected, const char *format, neap_text name,
                          uint32_t build, neap_status *verdict, neap_error *error)
{
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    for (; *format != '\0'; format++) {
        if (*format != '#' && *format != '@') {
            neapi_buffer_byte(sql, *format);
            continue;
        }
        neapi_buffer_byte(sql, '"');
        neapi_buffer_text(sql, name);
        if (*format == '@')
            neapi_buffer_format(sql, "@%" PRIu32, build);
        neapi_buffer_byte(sql, '"');
    }
    return run_text(projected, sql, verdict, error);
}

static neap_status mark(neapi_pg_projected *projected, const char *sql, const neapi_tables *tables,
                        neap_error *error)
{
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, tables->projection);
    neapi_pg_integer(&params, tables->build);
    neap_status status = neapi_pg_go_on(projected->connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(projected->connection, sql, &params);
    return neapi_pg_run(projected->connection, error);
}

/* ---- Showing them ---------------------------------------------------------------------------- */

#define GRANTS                                                                                     \
    "SELECT format('GRANT %s ON %I TO %s%s', a.privilege_type, c.relname, CASE a.grantee WHEN 0 "  \
    "THEN 'PUBLIC' ELSE quote_ident(r.rolname) END, CASE WHEN a.is_grantable THEN ' WITH GRANT "   \
    "OPTION' ELSE '' END) FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a "              \
    "LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE c.relnamespace = " SCHEMA_OF_STORE            \
    " AND c.relname = $1::text AND a.grantee <> c.relowner"

/* Whoever may read the view may read the one in its place. */
static neap_status replace(neapi_pg_projected *projected, neap_text name, uint32_t build,
                           neap_status *verdict, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    neapi_pg_params params = NEAPI_PG_PARAMS_INIT;
    neapi_pg_text(&params, name);
    neap_status status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(connection, GRANTS, &params);
    status = neapi_pg_run(connection, error);
    if (status != NEAP_OK)
        return status;
    const PGresult *rows = neapi_pg_result(connection, 0);
    size_t count = (size_t)PQntuples(rows);
    neap_text *grants = neapi_arena_alloc(&projected->arena, (count + 1) * sizeof *grants);
    for (size_t i = 0; grants != NULL && i < count; i++) {
        grants[i] = neapi_arena_text(&projected->arena, neapi_pg_get_text(rows, (int)i, 0));
        if (grants[i].data == NULL)
            return neapi_nomem(error);
    }
    if (grants == NULL)
        return neapi_nomem(error);
    status = change(projected, "DROP VIEW #", name, build, verdict, error);
    if (status == NEAP_OK && *verdict == NEAP_OK)
        status = change(projected, "CREATE VIEW # AS SELECT * FROM @", name, build, verdict, error);
    for (size_t i = 0; i < count && status == NEAP_OK && *verdict == NEAP_OK; i++) {
        neapi_buffer_clear(&projected->text);
        neapi_buffer_text(&projected->text, grants[i]);
        status = run_text(projected, &projected->text, verdict, error);
    }
    return status;
}

/* A view whose columns go on as before is left in its place, with what depends on it. */
static neap_status show_one(neapi_pg_projected *projected, neap_text name, uint32_t build,
                            neap_status *verdict, neap_error *error)
{
    neapi_pg_connection *connection = projected->connection;
    neap_status status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    neapi_pg_queue_text(connection, "SAVEPOINT neap_view", NULL);
    status = neapi_pg_run(connection, error);
    if (status == NEAP_OK)
        status = change(projected, "CREATE OR REPLACE VIEW # AS SELECT * FROM @", name, build,
                        verdict, error);
    bool replaces = *verdict != NEAP_OK && strcmp(connection->state, "42P16") == 0;
    if (status != NEAP_OK || (*verdict != NEAP_OK && !replaces))
        return status;
    status = neapi_pg_go_on(connection, error);
    if (status != NEAP_OK)
        return status;
    if (replaces)
        neapi_pg_queue_text(connection, "ROLLBACK TO SAVEPOINT neap_view", NULL);
    neapi_pg_queue_text(connection, "RELEASE SAVEPOINT neap_view", NULL);
    status = neapi_pg_run(connection, error);
    if (status != NEAP_OK || !replaces)
        return status;
    *verdict = NEAP_OK;
    return replace(projected, name, build, verdict, error);
}

static bool has(const owned *all, size_t count, neap_text name)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].here && neapi_text_equal(all[i].name, name))
            return true;
    return false;
}

static neap_status show(neapi_pg_projected *projected, const neapi_tables *tables,
                        neap_status *verdict, neap_error *error)
{
    owned *all;
    size_t count, here = 0;
    neap_status status = list(projected, tables, &all, &count, error);
    for (size_t i = 0; i < count && status == NEAP_OK && *verdict == NEAP_OK; i++) {
        here += all[i].here;
        if (all[i].here)
            status = show_one(projected, all[i].name, tables->build, verdict, error);
        else if (!has(all, count, all[i].name))
            status = change(projected, "DROP VIEW IF EXISTS #", all[i].name, tables->build, verdict,
                            error);
    }
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    if (here == 0) {
        *verdict = NEAP_USAGE;
        snprintf(projected->why, sizeof projected->why, "%.*s has no tables of that build",
                 NEAPI_TEXT(tables->projection));
        return NEAP_OK;
    }
    return mark(projected,
                "UPDATE projection_tables SET shown = (build = $2::bigint) "
                "WHERE projection = $1::text",
                tables, error);
}

/* ---- Dropping them --------------------------------------------------------------------------- */

static neap_status drop(neapi_pg_projected *projected, const neapi_tables *tables,
                        neap_status *verdict, neap_error *error)
{
    owned *all;
    size_t count;
    neap_status status = list(projected, tables, &all, &count, error);
    if (status != NEAP_OK)
        return status;
    for (size_t i = 0; i < count && status == NEAP_OK && *verdict == NEAP_OK; i++)
        if (all[i].here && all[i].shown)
            status = change(projected, "DROP VIEW IF EXISTS #", all[i].name, tables->build, verdict,
                            error);
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    /* Together: they may refer to each other. */
    neapi_buffer *sql = &projected->text;
    neapi_buffer_clear(sql);
    for (size_t i = 0, n = 0; i < count; i++) {
        if (!all[i].here)
            continue;
        neapi_buffer_text(sql, neapi_text_of(n++ == 0 ? "DROP TABLE IF EXISTS " : ", "));
        neapi_buffer_byte(sql, '"');
        neapi_pg_table_text(sql, all[i].name, tables->build);
        neapi_buffer_byte(sql, '"');
    }
    if (sql->size != 0 || sql->failed)
        status = run_text(projected, sql, verdict, error);
    if (status != NEAP_OK || *verdict != NEAP_OK)
        return status;
    return mark(projected,
                "DELETE FROM projection_tables WHERE projection = $1::text AND build = $2::bigint",
                tables, error);
}

neap_status neapi_pg_change_tables(neapi_pg_projected *projected, const neapi_tables *tables,
                                   neap_status *verdict, neap_error *error)
{
    projected->why[0] = '\0';
    neapi_arena_clear(&projected->arena);
    if (tables->change == NEAPI_TABLES_CREATE)
        return create(projected, tables, verdict, error);
    if (tables->change == NEAPI_TABLES_SHOW)
        return show(projected, tables, verdict, error);
    return drop(projected, tables, verdict, error);
}
