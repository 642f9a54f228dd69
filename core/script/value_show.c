#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "message/write.h"
#include "script/convert.h"
#include "script/json_values.h"
#include "script/value.h"

typedef struct showing {
    lua_State *L;
    neapi_buffer *json;
    int array_metatable; /* its place on the stack */
    size_t start;        /* of what is shown, in the buffer */
} showing;

typedef struct within {
    const void *table;
    const struct within *outer;
} within;

/* A member's name as it is shown; its text is on the Lua stack's table of names. */
typedef struct member {
    neap_text name;
    lua_Integer place; /* of its key in the list of keys */
} member;

static void show(showing *job, int index, const within *outer, unsigned left);

static void show_number(showing *job, int index)
{
    double real = lua_tonumber(job->L, index);
    if (lua_isinteger(job->L, index))
        neapi_write_integer(job->json, lua_tointeger(job->L, index));
    else if (isfinite(real))
        neapi_write_float(job->json, real);
    else if (isnan(real))
        NEAPI_BUFFER_LITERAL(job->json, "\"nan\"");
    else
        neapi_buffer_text(job->json,
                          real > 0 ? NEAPI_LITERAL("\"inf\"") : NEAPI_LITERAL("\"-inf\""));
}

static void show_word(showing *job, const char *word)
{
    neapi_json_quote(job->json, neapi_text_of(word));
}

/* Replaces the key on top by the text that it is shown as. */
static void name_of_key(lua_State *L)
{
    char text[64];
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, -1));
        else
            snprintf(text, sizeof text, "%.17g", lua_tonumber(L, -1));
        break;
    case LUA_TBOOLEAN:
        snprintf(text, sizeof text, "%s", lua_toboolean(L, -1) ? "true" : "false");
        break;
    default:
        snprintf(text, sizeof text, "(%s)", luaL_typename(L, -1));
    }
    lua_pop(L, 1);
    lua_pushstring(L, text);
}

static int by_name(const void *a, const void *b)
{
    const member *one = a, *other = b;
    int order = neapi_text_compare(one->name, other->name);
    return order != 0 ? order : (one->place > other->place) - (one->place < other->place);
}

static bool is_list(lua_State *L, int index)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, index), seen = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > count) {
            lua_pop(L, 1);
            return false;
        }
        seen++;
    }
    return seen > 0 && seen == count;
}

static void show_list(showing *job, int index, const within *here, unsigned left)
{
    lua_Integer count = (lua_Integer)lua_rawlen(job->L, index);
    neapi_buffer_byte(job->json, '[');
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1)
            neapi_buffer_byte(job->json, ',');
        lua_rawgeti(job->L, index, i);
        show(job, lua_gettop(job->L), here, left);
        lua_pop(job->L, 1);
    }
    neapi_buffer_byte(job->json, ']');
}

/* Pushes a list of the table's keys, a list of their names, and a userdata of members sorted. */
static member *push_members(lua_State *L, int index, size_t *count)
{
    lua_newtable(L);
    lua_newtable(L);
    int keys = lua_gettop(L) - 1, names = keys + 1;
    lua_Integer size = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        size++;
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, size);
        lua_pushvalue(L, -1);
        name_of_key(L);
        lua_rawseti(L, names, size);
    }
    member *members = lua_newuserdatauv(L, ((size_t)size + 1) * sizeof *members, 0);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, names, i);
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        members[i - 1] = (member){neapi_text(text, length), i};
        lua_pop(L, 1); /* the list of names keeps it */
    }
    qsort(members, (size_t)size, sizeof *members, by_name);
    *count = (size_t)size;
    return members;
}

/* Names that are the same once they are text are told apart by a number behind. */
static void show_name(showing *job, const member *members, size_t i)
{
    size_t same = 0;
    while (i > same && neapi_text_equal(members[i].name, members[i - same - 1].name))
        same++;
    if (same == 0) {
        neapi_json_quote(job->json, members[i].name);
        return;
    }
    lua_pushlstring(job->L, members[i].name.data, members[i].name.size);
    const char *name = lua_pushfstring(job->L, "%s (%d)", lua_tostring(job->L, -1), (int)same + 1);
    show_word(job, name);
    lua_pop(job->L, 2);
}

static void show_object(showing *job, int index, const within *here, unsigned left)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    size_t count;
    const member *members = push_members(L, index, &count);
    neapi_buffer_byte(job->json, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            neapi_buffer_byte(job->json, ',');
        show_name(job, members, i);
        neapi_buffer_byte(job->json, ':');
        lua_rawgeti(L, top + 1, members[i].place);
        lua_rawget(L, index);
        show(job, lua_gettop(L), here, left);
        lua_pop(L, 1);
    }
    neapi_buffer_byte(job->json, '}');
    lua_settop(L, top);
}

static void show_table(showing *job, int index, const within *outer, unsigned left)
{
    lua_State *L = job->L;
    within here = {lua_topointer(L, index), outer};
    for (const within *at = outer; at != NULL; at = at->outer) {
        if (at->table == here.table) {
            show_word(job, "(contains itself)");
            return;
        }
    }
    if (left == 0 || !lua_checkstack(L, 20)) {
        show_word(job, "(nested too deep)");
        return;
    }
    bool marked = false;
    if (lua_getmetatable(L, index)) {
        marked = lua_rawequal(L, -1, job->array_metatable);
        lua_pop(L, 1);
    }
    if (is_list(L, index) || (marked && lua_rawlen(L, index) == 0))
        show_list(job, index, &here, left - 1);
    else
        show_object(job, index, &here, left - 1);
}

static void show(showing *job, int index, const within *outer, unsigned left)
{
    lua_State *L = job->L;
    size_t size;
    const char *text;
    if (job->json->size - job->start > NEAPI_ENCODED_MOST) {
        show_word(job, "(too large)");
        return;
    }
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        NEAPI_BUFFER_LITERAL(job->json, "null");
        break;
    case LUA_TBOOLEAN:
        neapi_buffer_text(job->json,
                          lua_toboolean(L, index) ? NEAPI_LITERAL("true") : NEAPI_LITERAL("false"));
        break;
    case LUA_TNUMBER:
        show_number(job, index);
        break;
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &size);
        neapi_json_quote(job->json, neapi_text(text, size));
        break;
    case LUA_TTABLE:
        show_table(job, index, outer, left);
        break;
    default:
        if (neapi_is_null(L, index))
            NEAPI_BUFFER_LITERAL(job->json, "null");
        else
            show_word(job, luaL_typename(L, index));
    }
}

void neapi_value_show_lj(lua_State *L, int index, unsigned depth, neapi_buffer *json)
{
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    neapi_push_array_metatable_lj(L);
    showing job = {L, json, top + 1, json->size};
    show(&job, index, NULL, depth);
    lua_settop(L, top);
}
