/* Stored events as statements of a projection that keeps rows. */
#include <ctype.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "script/context.h"
#include "script/event_key.h"
#include "script/failure.h"
#include "script/trace.h"

/* How many values one statement has, at most. */
#define MOST_VALUES 200
/* How much of a statement an error shows. */
#define SHOWN_BYTES 80

/* ---- sql(text, …) ---------------------------------------------------------------------------- */

static neap_text shown(neap_text text)
{
    return neapi_text(text.data, text.size < SHOWN_BYTES ? text.size : SHOWN_BYTES);
}

/* Where a comment, or a blank, that begins at `i` ends; `i`: none does. */
static size_t skip(neap_text text, size_t i)
{
    if (i < text.size && isspace((unsigned char)text.data[i]))
        return i + 1;
    if (text.size - i < 2)
        return i;
    if (memcmp(text.data + i, "--", 2) == 0) {
        const char *end = memchr(text.data + i, '\n', text.size - i);
        return end != NULL ? (size_t)(end - text.data) + 1 : text.size;
    }
    if (memcmp(text.data + i, "/*", 2) != 0)
        return i;
    for (i += 2; i + 2 <= text.size && memcmp(text.data + i, "*/", 2) != 0; i++)
        continue;
    return i + 2 <= text.size ? i + 2 : text.size;
}

static neap_text first_word(neap_text text)
{
    size_t start = 0, next, end;
    while ((next = skip(text, start)) != start)
        start = next;
    for (end = start; end < text.size && isalpha((unsigned char)text.data[end]);)
        end++;
    return neapi_text(text.data + start, end - start);
}

/* Which one it is. The store looks closer. */
static bool may_be_run(neap_text word)
{
    static const char *const words[] = {"INSERT", "REPLACE", "UPDATE", "DELETE", "WITH"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (word.size == strlen(words[i]) && strncasecmp(word.data, words[i], word.size) == 0)
            return true;
    return false;
}

static void check_statement_lj(lua_State *L, neap_text text)
{
    if (!neapi_utf8_valid(text.data, text.size))
        neapi_misuse_lj(L, "sql: the statement is not UTF-8");
    neap_text word = first_word(text);
    if (!may_be_run(word))
        neapi_misuse_lj(L,
                        "sql: a statement is one INSERT, REPLACE, UPDATE, DELETE or WITH, but no "
                        "'%.*s': %.*s",
                        NEAPI_TEXT(shown(word)), NEAPI_TEXT(shown(text)));
}

/* `index`: of an argument of sql(). */
static int refuse_value(lua_State *L, int index, const char *what)
{
    neap_text statement;
    statement.data = lua_tolstring(L, 1, &statement.size);
    return neapi_misuse_lj(L,
                           "sql: value %d is %s; values are texts, numbers, booleans, and nil or "
                           "neap.null: %.*s",
                           index - 1, what, NEAPI_TEXT(shown(statement)));
}

static neapi_value value_lj(lua_State *L, int index)
{
    neapi_value value = {.kind = NEAPI_VALUE_NULL};
    char what[64];
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return value;
    case LUA_TBOOLEAN:
        return (neapi_value){.kind = NEAPI_VALUE_BOOLEAN, .integer = lua_toboolean(L, index)};
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            return (neapi_value){.kind = NEAPI_VALUE_INTEGER, .integer = lua_tointeger(L, index)};
        value = (neapi_value){.kind = NEAPI_VALUE_FLOAT, .number = lua_tonumber(L, index)};
        if (!isfinite(value.number))
            refuse_value(L, index, isnan(value.number) ? "NaN" : "infinite");
        return value;
    case LUA_TSTRING:
        value.kind = NEAPI_VALUE_TEXT;
        value.bytes.data = lua_tolstring(L, index, &value.bytes.size);
        if (!neapi_utf8_valid(value.bytes.data, value.bytes.size))
            refuse_value(L, index, "a text that is not UTF-8");
        return value;
    default:
        if (neapi_is_null(L, index))
            return value;
        snprintf(what, sizeof what, "a %s", luaL_typename(L, index));
        refuse_value(L, index, what);
        return value;
    }
}

/* The engine, if it is a fold that says it. */
static neapi_engine *check_lj(lua_State *L)
{
    const neapi_context *context = lua_touserdata(L, lua_upvalueindex(1));
    neapi_engine *engine = context->engine;
    if (engine == NULL || engine->scope.rows == NULL)
        neapi_misuse_lj(L, "sql: the fold that it belongs to has ended");
    return engine;
}

/* Adds it to what the event said so far. */
static neap_status say(neapi_engine *engine, const neapi_statement *statement, neap_error *error)
{
    neapi_scope *scope = &engine->scope;
    const neapi_engine_options *options = &engine->options;
    scope->statement_bytes += statement->text.size;
    for (size_t i = 0; i < statement->value_count; i++)
        if (statement->values[i].kind == NEAPI_VALUE_TEXT)
            scope->statement_bytes += statement->values[i].bytes.size;
    if (++scope->statements > options->unit_events)
        return neapi_fail(error, NEAP_LIMIT, "sql: one event makes at most %u statements",
                          options->unit_events);
    if (scope->statement_bytes > options->unit_bytes)
        return neapi_fail(error, NEAP_LIMIT,
                          "sql: the statements of one event have at most %zu "
                          "bytes",
                          options->unit_bytes);
    if (neapi_unit_sql(scope->rows->unit, statement) == NEAP_OK)
        return NEAP_OK;
    scope->unsaid = true;
    return neapi_nomem(error);
}

static int sql(lua_State *L)
{
    neapi_engine *engine = check_lj(L);
    const neapi_scope *scope = &engine->scope;
    neapi_value values[MOST_VALUES];
    int count = lua_gettop(L) - 1;
    if (lua_type(L, 1) != LUA_TSTRING)
        return neapi_misuse_lj(L, "sql needs a statement, a text, but got %s",
                               count < 0 ? "nothing" : luaL_typename(L, 1));
    if (count > MOST_VALUES)
        return neapi_misuse_lj(L, "sql: a statement has at most %d values, but got %d", MOST_VALUES,
                               count);
    neapi_statement statement = {.projection = scope->subscription->name,
                                 .build = scope->rows->build,
                                 .values = values,
                                 .value_count = (size_t)count,
                                 .position = scope->event->position};
    statement.text.data = lua_tolstring(L, 1, &statement.text.size);
    check_statement_lj(L, statement.text);
    for (int i = 0; i < count; i++)
        values[i] = value_lj(L, i + 2);
    if (say(engine, &statement, &engine->failure) == NEAP_OK)
        return 0;
    return neapi_context_raise_lj(L, engine, &engine->failure);
}

/* ---- Folding --------------------------------------------------------------------------------- */

typedef struct projecting_rows {
    const neapi_projecting_rows *where;
    const neapi_planned_subscription *planned;
    const neap_event *const *events;
    size_t count, at;
} projecting_rows;

/* Where sql is on the stack. */
enum { SQL = 1 };

/* Whether the event, whose table is on top, is of the partition. */
static neap_status belongs_lj(lua_State *L, neapi_engine *engine, const projecting_rows *job,
                              uint32_t message, bool *belongs, neap_error *error)
{
    const neapi_projecting_rows *where = job->where;
    int count, fields = lua_gettop(L);
    *belongs = where->partitions <= 1;
    if (*belongs)
        return NEAP_OK;
    neap_status status =
        neapi_event_keys_lj(L, engine, where->projection, message, fields, &count, error);
    if (status == NEAP_OK && count != 0) {
        neap_text key;
        key.data = lua_tolstring(L, fields + 1, &key.size);
        *belongs = neapi_partition_of(key, where->partitions) == where->partition;
    }
    lua_settop(L, fields);
    return status;
}

static neap_status fold_event_lj(lua_State *L, neapi_engine *engine, void *user, uint32_t message,
                                 const neap_event *event, neap_error *error)
{
    projecting_rows *job = user;
    bool belongs;
    engine->scope.event = event;
    neap_status status = neapi_event_push_lj(L, engine, job->planned, message, event, error);
    if (status == NEAP_OK)
        status = belongs_lj(L, engine, job, message, &belongs, error);
    if (status == NEAP_OK && belongs && job->where->partitions > 1 &&
        !job->planned->key_reads[message]) {
        lua_settop(L, SQL); /* the key's function may have changed it */
        status = neapi_event_push_lj(L, engine, job->planned, message, event, error);
    }
    if (status == NEAP_OK && belongs) {
        lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), job->planned->handlers[message]);
        lua_insert(L, -2);
        lua_pushvalue(L, SQL);
        lua_insert(L, -2);
        lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_PROJECTION));
        lua_call(L, 3, 1);
        if (engine->scope.unsaid) { /* the fold may have caught that */
            status = neapi_nomem(error);
        } else if (!lua_isnil(L, -1)) {
            lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                        job->planned->handlers[message]);
            status =
                neapi_fail_at(L, -1, error,
                              "the fold of '%.*s' gave a %s; what keeps rows gives nothing: it "
                              "calls sql(…)",
                              NEAPI_TEXT(event->type), luaL_typename(L, -2));
        }
    }
    lua_settop(L, SQL);
    return status;
}

static neap_status project_rows(lua_State *L, neapi_engine *engine, void *arguments,
                                neap_error *error)
{
    projecting_rows *job = arguments;
    const neapi_subscription *projection = job->where->projection;
    luaL_checkstack(L, 30, "a projection");
    engine->vm.pure = NEAPI_PURE_PROJECTION;
    engine->scope = (neapi_scope){
        .handling = NEAPI_HANDLING_PROJECTION, .subscription = projection, .rows = job->where};
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_PROJECTION));
    lua_pushcclosure(L, sql, 1);
    for (; job->at < job->count; job->at++) {
        const neap_event *stored = job->events[job->at];
        engine->scope.event = stored;
        engine->scope.derived = 0;
        engine->scope.statements = 0;
        engine->scope.statement_bytes = 0;
        neap_status status =
            neapi_event_today_lj(L, engine, projection, stored, fold_event_lj, job, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

neap_status neapi_engine_project_rows(neapi_engine *engine, const neapi_projecting_rows *where,
                                      const neap_event *const *events, size_t count, size_t *failed,
                                      neap_error *error)
{
    neap_error own;
    projecting_rows job = {.where = where,
                           .planned = &engine->plan.subscriptions[where->projection->index],
                           .events = events,
                           .count = count};
    if (error == NULL)
        error = &own;
    neap_status status = neapi_engine_enter(engine, project_rows, &job, error);
    if (status == NEAP_OK)
        return status;
    *failed = job.at;
    if (status != NEAP_NOMEM && job.at < count)
        neapi_event_prefix(where->projection, events[job.at], error);
    return status;
}
