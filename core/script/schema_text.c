#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "script/schema.h"

const neapi_field *neapi_field_find(const neapi_fields *fields, neap_text name)
{
    unsigned from = 0, to = fields->count;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        int order = neapi_text_compare(name, fields->list[middle].name);
        if (order == 0)
            return &fields->list[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

void neapi_field_unknown(const neapi_fields *fields, neap_text name, char *text, size_t room)
{
    const char *known[NEAPI_FIELDS_MOST];
    for (unsigned i = 0; i < fields->count; i++)
        known[i] = fields->list[i].name.data;
    const char *nearest = neapi_nearest(name, known, fields->count);
    if (nearest != NULL)
        snprintf(text, room, "unknown field; did you mean '%s'?", nearest);
    else
        snprintf(text, room, "unknown field");
}

const char *neapi_type_name(const neapi_type *type)
{
    static const char *const names[] = {"string",  "integer", "number",
                                        "boolean", "table",   "any",
                                        "list",    "table",   "a value that its check accepts"};
    return names[type->kind];
}

static void describe_string(neap_text string, char *text, size_t room)
{
    if (string.size <= 40) {
        snprintf(text, room, "string \"%.*s\"", NEAPI_TEXT(string));
    } else {
        char cut[41];
        neapi_text_copy(cut, sizeof cut, string.data, string.size);
        snprintf(text, room, "string \"%s…\"", cut);
    }
}

static void describe_float(double value, char *text, size_t room)
{
    char number[NEAPI_NUMBER_ROOM + 1];
    if (isnan(value) || isinf(value))
        snprintf(number, sizeof number, "%s", isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf");
    else
        number[neapi_float_write(value, number)] = '\0';
    snprintf(text, room, "float %s", number);
}

void neapi_value_describe(lua_State *L, int index, char *text, size_t room)
{
    neap_text string;
    int type = lua_type(L, index);
    if (type == LUA_TNIL || type == LUA_TNONE) {
        snprintf(text, room, "nothing");
    } else if (type == LUA_TSTRING) {
        string.data = lua_tolstring(L, index, &string.size);
        describe_string(string, text, room);
    } else if (lua_isinteger(L, index)) {
        snprintf(text, room, "integer %lld", (long long)lua_tointeger(L, index));
    } else if (type == LUA_TNUMBER) {
        describe_float(lua_tonumber(L, index), text, room);
    } else if (type == LUA_TBOOLEAN) {
        snprintf(text, room, "boolean %s", lua_toboolean(L, index) ? "true" : "false");
    } else if (neapi_is_null(L, index)) {
        snprintf(text, room, "null");
    } else {
        bool list = type == LUA_TTABLE && lua_rawlen(L, index) > 0;
        snprintf(text, room, "%s", list ? "list" : lua_typename(L, type));
    }
}

bool neapi_type_accepts_lj(lua_State *L, const neapi_schema *schema, const neapi_type *type,
                           char *problem, size_t room)
{
    int top = lua_gettop(L);
    neapi_push_checks_lj(L, schema);
    lua_rawgeti(L, -1, type->check);
    lua_pushvalue(L, top);
    lua_call(L, 1, 2);
    bool accepted = lua_toboolean(L, -2);
    const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (!accepted)
        snprintf(problem, room, "%s%s", why != NULL ? why : "expected ",
                 why != NULL ? "" : neapi_type_name(type));
    lua_settop(L, top);
    return accepted;
}
