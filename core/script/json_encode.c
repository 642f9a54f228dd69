#include <math.h>

#include "base/error.h"
#include "message/path.h"
#include "message/write.h"
#include "script/convert.h"
#include "script/json_sort.h"
#include "script/json_values.h"

static neap_status invalid(neapi_encoder *encoder, const char *problem)
{
    return neapi_fail(encoder->error, NEAP_INVALID, "%s", problem);
}

neap_status neapi_encode_string_lj(neapi_encoder *encoder, int index)
{
    neap_text text;
    text.data = lua_tolstring(encoder->L, index, &text.size);
    if (neapi_encode_spend(encoder, text.size + 2) != NEAP_OK)
        return NEAP_LIMIT;
    if (neapi_write_text(encoder->json, text))
        return NEAP_OK;
    return invalid(encoder, "a string is not valid UTF-8");
}

neap_status neapi_encode_number_lj(neapi_encoder *encoder, int index)
{
    if (neapi_encode_spend(encoder, 1) != NEAP_OK)
        return NEAP_LIMIT;
    if (lua_isinteger(encoder->L, index)) {
        neapi_write_integer(encoder->json, lua_tointeger(encoder->L, index));
        return NEAP_OK;
    }
    double value = lua_tonumber(encoder->L, index);
    if (!isfinite(value))
        return invalid(encoder, isnan(value) ? "JSON has no NaN" : "JSON has no infinity");
    neapi_write_float(encoder->json, value);
    return NEAP_OK;
}

/* A comma or an opening brace, the name, a colon and the value. */
static neap_status encode_member_lj(neapi_encoder *encoder, char before, neap_text name, int index)
{
    if (!neapi_write_name(encoder->json, before, name))
        return invalid(encoder, "a name is not valid UTF-8");
    neap_status status = neapi_encode_value_lj(encoder, index);
    return status == NEAP_OK ? NEAP_OK : neapi_encode_within_name(encoder, name, status);
}

/* An object with more members than wait on the stack. */
static neap_status encode_many_lj(neapi_encoder *encoder, int table)
{
    lua_State *L = encoder->L;
    size_t count;
    neap_status status = NEAP_OK;
    const neapi_entry *sorted = neapi_sorted_names_lj(L, table, &count);
    if (sorted == NULL)
        return neapi_encode_refuse_key_lj(encoder, lua_gettop(L), true);
    for (size_t i = 0; status == NEAP_OK && i < count; i++) {
        neap_text name = sorted[i].name;
        lua_pushlstring(L, name.data, name.size);
        lua_rawget(L, table);
        status = encode_member_lj(encoder, i == 0 ? '{' : ',', name, lua_gettop(L));
        lua_pop(L, 1);
    }
    neapi_buffer_byte(encoder->json, '}');
    return status;
}

/* The first key is at `key`, its value above it, on top. All pairs are left on the stack, and where
 * they are is sorted by name. */
static neap_status encode_object_lj(neapi_encoder *encoder, int table, int key)
{
    lua_State *L = encoder->L;
    neapi_sorting sorting;
    sorting.count = 0;
    do {
        if (lua_type(L, key) != LUA_TSTRING)
            return neapi_encode_refuse_key_lj(encoder, key, sorting.count > 0);
        if (sorting.count == NEAPI_HELD)
            return encode_many_lj(encoder, table);
        neapi_sorting_add(&sorting, L, key);
        lua_pushvalue(L, key);
        key += 2;
    } while (lua_next(L, table) != 0);
    for (unsigned i = 0; i < sorting.count; i++) {
        const neapi_sorted *member = &sorting.members[sorting.order[i].member];
        neap_status status =
            encode_member_lj(encoder, i == 0 ? '{' : ',', member->name, member->value);
        if (status != NEAP_OK)
            return status;
    }
    neapi_buffer_byte(encoder->json, '}');
    return NEAP_OK;
}

static neap_status encode_element_lj(neapi_encoder *encoder, int index, const void *context)
{
    (void)context;
    return neapi_encode_value_lj(encoder, index);
}

static bool is_marked_array_lj(neapi_encoder *encoder, int table)
{
    lua_State *L = encoder->L;
    if (!lua_getmetatable(L, table))
        return false;
    if (encoder->array_mark == NULL) {
        neapi_push_array_metatable_lj(L);
        encoder->array_mark = lua_topointer(L, -1);
        lua_pop(L, 1);
    }
    bool is_array = lua_topointer(L, -1) == encoder->array_mark;
    lua_pop(L, 1);
    return is_array;
}

static neap_status encode_table_lj(neapi_encoder *encoder, int table)
{
    lua_State *L = encoder->L;
    neap_status status = neapi_encode_enter(encoder, table);
    if (status != NEAP_OK)
        return status;
    int key = lua_gettop(L) + 1;
    lua_pushnil(L);
    if (lua_next(L, table) == 0) {
        neapi_buffer_append(encoder->json, is_marked_array_lj(encoder, table) ? "[]" : "{}", 2);
    } else {
        if (lua_type(L, key) == LUA_TNUMBER || is_marked_array_lj(encoder, table))
            status = neapi_encode_list_lj(encoder, table, encode_element_lj, NULL);
        else
            status = encode_object_lj(encoder, table, key);
        lua_settop(L, key - 1);
    }
    encoder->level--;
    return status;
}

static neap_status encode_other_lj(neapi_encoder *encoder, int index, int type)
{
    if (neapi_encode_spend(encoder, 4) != NEAP_OK)
        return NEAP_LIMIT;
    if (type == LUA_TBOOLEAN) {
        if (lua_toboolean(encoder->L, index))
            NEAPI_BUFFER_LITERAL(encoder->json, "true");
        else
            NEAPI_BUFFER_LITERAL(encoder->json, "false");
        return NEAP_OK;
    }
    if (!neapi_is_null(encoder->L, index))
        return neapi_fail(encoder->error, NEAP_INVALID, "JSON has no %s",
                          lua_typename(encoder->L, type));
    NEAPI_BUFFER_LITERAL(encoder->json, "null");
    return NEAP_OK;
}

neap_status neapi_encode_value_lj(neapi_encoder *encoder, int index)
{
    int type = lua_type(encoder->L, index);
    switch (type) {
    case LUA_TSTRING:
        return neapi_encode_string_lj(encoder, index);
    case LUA_TNUMBER:
        return neapi_encode_number_lj(encoder, index);
    case LUA_TTABLE:
        return encode_table_lj(encoder, index);
    default:
        return encode_other_lj(encoder, index, type);
    }
}

neap_status neapi_encode_lj(lua_State *L, int index, unsigned depth, neapi_buffer *json,
                            neap_error *error)
{
    neapi_encoder encoder;
    int top = lua_gettop(L);
    neapi_encoder_init(&encoder, L, json, depth, error);
    neap_status status = neapi_encode_value_lj(&encoder, lua_absindex(L, index));
    lua_settop(L, top);
    if (status != NEAP_OK && error != NULL)
        neapi_path_into_message(error);
    return status;
}
