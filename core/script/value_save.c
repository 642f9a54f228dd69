#include <string.h>

#include "base/error.h"
#include "script/convert.h"
#include "script/value.h"
#include "script/value_form.h"

typedef struct saving {
    lua_State *L;
    neapi_buffer *bytes;
    size_t start, limit;
    unsigned depth;
    int array_metatable; /* its place on the stack */
    int seen;            /* place of the table that leads from each table to its number */
    lua_Integer tables;
    neapi_value_path path;
    neap_error *error;
} saving;

static neap_status save(saving *job, int index, unsigned left);

static neap_status refuse(saving *job, const char *what)
{
    neapi_fail(job->error, NEAP_HANDLER, "the state cannot be kept: %s%s%s",
               job->path.size != 0 ? job->path.text : "it", " ", what);
    if (job->error != NULL)
        NEAPI_ERROR_SET(job->error, path, job->path.text, job->path.size);
    return NEAP_HANDLER;
}

static void put_varint(neapi_buffer *bytes, uint64_t value)
{
    while (value >= 0x80) {
        neapi_buffer_byte(bytes, (char)(value | 0x80));
        value >>= 7;
    }
    neapi_buffer_byte(bytes, (char)value);
}

static void save_number(saving *job, int index)
{
    if (lua_isinteger(job->L, index)) {
        uint64_t integer = (uint64_t)lua_tointeger(job->L, index);
        neapi_buffer_byte(job->bytes, NEAPI_FORM_INTEGER);
        put_varint(job->bytes, integer << 1 ^ (integer >> 63 != 0 ? UINT64_MAX : 0));
        return;
    }
    double real = lua_tonumber(job->L, index);
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    neapi_buffer_byte(job->bytes, NEAPI_FORM_FLOAT);
    for (int i = 0; i < 8; i++)
        neapi_buffer_byte(job->bytes, (char)(bits >> (8 * i)));
}

static neap_status check_limit(const saving *job, size_t more)
{
    size_t taken = job->bytes->size - job->start;
    if (taken <= job->limit && more <= job->limit - taken)
        return NEAP_OK;
    return neapi_fail(job->error, NEAP_LIMIT,
                      "the state takes more than %zu bytes (snapshot_bytes)", job->limit);
}

static neap_status save_text(saving *job, int index)
{
    size_t size;
    const char *text = lua_tolstring(job->L, index, &size);
    neapi_buffer_byte(job->bytes, NEAPI_FORM_TEXT);
    put_varint(job->bytes, size);
    neap_status status = check_limit(job, size);
    if (status == NEAP_OK)
        neapi_buffer_append(job->bytes, text, size);
    return status;
}

/* Elements 1 … n with no hole before n. */
static lua_Integer count_elements(lua_State *L, int index)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    for (lua_Integer i = 1; i <= count; i++) {
        int type = lua_rawgeti(L, index, i);
        lua_pop(L, 1);
        if (type == LUA_TNIL)
            return i - 1;
    }
    return count;
}

static bool is_element(lua_State *L, int key, lua_Integer elements)
{
    return lua_isinteger(L, key) && lua_tointeger(L, key) >= 1 && lua_tointeger(L, key) <= elements;
}

static neap_status save_elements(saving *job, int index, lua_Integer count, unsigned left)
{
    lua_State *L = job->L;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushinteger(L, i);
        size_t before = neapi_value_path_push(&job->path, L, -1);
        lua_rawgeti(L, index, i);
        neap_status status = save(job, lua_gettop(L), left);
        if (status != NEAP_OK)
            return status;
        neapi_value_path_pop(&job->path, before);
        lua_pop(L, 2);
    }
    return NEAP_OK;
}

static neap_status save_pairs(saving *job, int index, lua_Integer elements, unsigned left)
{
    lua_State *L = job->L;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        int key = lua_gettop(L) - 1;
        if (!is_element(L, key, elements)) {
            size_t before = neapi_value_path_push(&job->path, L, key);
            if (lua_type(L, key) == LUA_TTABLE)
                return refuse(job, "is a key that is a table");
            neap_status status = save(job, key, left);
            if (status == NEAP_OK)
                status = save(job, key + 1, left);
            if (status != NEAP_OK)
                return status;
            neapi_value_path_pop(&job->path, before);
        }
        lua_settop(L, key);
    }
    return NEAP_OK;
}

static uint64_t count_pairs(lua_State *L, int index, lua_Integer elements)
{
    uint64_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (!is_element(L, lua_gettop(L), elements))
            count++;
    }
    return count;
}

/* A table that was saved before, or is being saved, is named: a fold that changes it in one place
 * changes it in all. Else it gets its number. */
static bool save_same(saving *job, int index)
{
    lua_State *L = job->L;
    lua_pushvalue(L, index);
    bool seen = lua_rawget(L, job->seen) == LUA_TNUMBER;
    uint64_t number = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (seen) {
        neapi_buffer_byte(job->bytes, NEAPI_FORM_SAME);
        put_varint(job->bytes, number);
        return true;
    }
    lua_pushvalue(L, index);
    lua_pushinteger(L, ++job->tables);
    lua_rawset(L, job->seen);
    return false;
}

static neap_status save_table(saving *job, int index, unsigned left)
{
    lua_State *L = job->L;
    if (left == 0 || !lua_checkstack(L, 10))
        return neapi_fail(job->error, NEAP_LIMIT,
                          "the state is nested more than %u deep (nesting_depth)", job->depth);
    if (save_same(job, index))
        return NEAP_OK;
    neapi_form form = NEAPI_FORM_TABLE;
    if (lua_getmetatable(L, index)) {
        if (!lua_rawequal(L, -1, job->array_metatable))
            return refuse(job, "has a metatable");
        form = NEAPI_FORM_ARRAY;
        lua_pop(L, 1);
    }
    lua_Integer elements = count_elements(L, index);
    neapi_buffer_byte(job->bytes, (char)form);
    put_varint(job->bytes, (uint64_t)elements);
    put_varint(job->bytes, count_pairs(L, index, elements));
    neap_status status = save_elements(job, index, elements, left - 1);
    return status != NEAP_OK ? status : save_pairs(job, index, elements, left - 1);
}

static neap_status save(saving *job, int index, unsigned left)
{
    lua_State *L = job->L;
    neap_status status = check_limit(job, 0);
    if (status != NEAP_OK)
        return status;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        neapi_buffer_byte(job->bytes, lua_toboolean(L, index) ? NEAPI_FORM_TRUE : NEAPI_FORM_FALSE);
        return NEAP_OK;
    case LUA_TNUMBER:
        save_number(job, index);
        return NEAP_OK;
    case LUA_TSTRING:
        return save_text(job, index);
    case LUA_TTABLE:
        return save_table(job, index, left);
    default:
        if (neapi_is_null(L, index)) {
            neapi_buffer_byte(job->bytes, NEAPI_FORM_NULL);
            return NEAP_OK;
        }
        char what[64] = "is a ";
        strcat(what, lua_typename(L, lua_type(L, index)));
        return refuse(job, what);
    }
}

neap_status neapi_value_save_lj(lua_State *L, int index, unsigned depth, size_t bytes_limit,
                                neapi_buffer *bytes, neap_error *error)
{
    index = lua_absindex(L, index);
    int top = lua_gettop(L);
    neapi_push_array_metatable_lj(L);
    lua_newtable(L);
    saving job = {.L = L,
                  .bytes = bytes,
                  .start = bytes->size,
                  .limit = bytes_limit,
                  .depth = depth,
                  .array_metatable = top + 1,
                  .seen = top + 2,
                  .error = error};
    neapi_buffer_byte(bytes, NEAPI_FORM_VERSION);
    neap_status status = save(&job, index, depth);
    lua_settop(L, top);
    return status != NEAP_OK || !bytes->failed ? status : neapi_nomem(error);
}
