#include <string.h>

#include "base/error.h"
#include "script/convert.h"
#include "script/value.h"
#include "script/value_form.h"

#define LARGEST_PREALLOCATION 1024

typedef struct loading {
    lua_State *L;
    const unsigned char *at, *end;
    int array_metatable; /* its place on the stack */
    int made;            /* place of the list of tables */
    lua_Integer tables;
} loading;

static bool load(loading *job, unsigned left);

static bool take_varint(loading *job, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && job->at < job->end; shift += 7) {
        uint64_t byte = *job->at++;
        if (shift == 63 && byte > 1)
            return false;
        *value |= (byte & 0x7F) << shift;
        if (byte < 0x80)
            return shift == 0 || byte != 0; /* the shortest form only */
    }
    return false;
}

static bool load_integer(loading *job)
{
    uint64_t zigzag;
    if (!take_varint(job, &zigzag))
        return false;
    lua_pushinteger(job->L, (lua_Integer)(zigzag >> 1 ^ (zigzag & 1 ? UINT64_MAX : 0)));
    return true;
}

static bool load_float(loading *job)
{
    if (job->end - job->at < 8)
        return false;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)job->at[i] << (8 * i);
    job->at += 8;
    double real;
    memcpy(&real, &bits, sizeof real);
    lua_pushnumber(job->L, real);
    return true;
}

static bool load_text(loading *job)
{
    uint64_t size;
    if (!take_varint(job, &size) || size > (uint64_t)(job->end - job->at))
        return false;
    lua_pushlstring(job->L, (const char *)job->at, (size_t)size);
    job->at += size;
    return true;
}

/* Whether the value on top can be a key that is not in the table yet. */
static bool is_new_key(lua_State *L, int table)
{
    if (lua_type(L, -1) == LUA_TTABLE || lua_isnil(L, -1))
        return false;
    if (lua_type(L, -1) == LUA_TNUMBER && lua_tonumber(L, -1) != lua_tonumber(L, -1))
        return false;
    lua_pushvalue(L, -1);
    bool absent = lua_rawget(L, table) == LUA_TNIL;
    lua_pop(L, 1);
    return absent;
}

static bool load_members(loading *job, int table, uint64_t elements, uint64_t pairs, unsigned left)
{
    lua_State *L = job->L;
    for (uint64_t i = 1; i <= elements; i++) {
        if (!load(job, left))
            return false;
        lua_rawseti(L, table, (lua_Integer)i);
    }
    for (uint64_t i = 0; i < pairs; i++) {
        if (!load(job, left) || !is_new_key(L, table) || !load(job, left))
            return false;
        lua_rawset(L, table);
    }
    return true;
}

static bool load_table(loading *job, bool array, unsigned left)
{
    uint64_t elements, pairs, bytes = (uint64_t)(job->end - job->at);
    if (left == 0 || !lua_checkstack(job->L, 10) || !take_varint(job, &elements) ||
        !take_varint(job, &pairs) || elements > bytes || pairs > bytes)
        return false;
    uint64_t most = LARGEST_PREALLOCATION;
    lua_createtable(job->L, (int)(elements < most ? elements : most),
                    (int)(pairs < most ? pairs : most));
    lua_pushvalue(job->L, -1);
    lua_rawseti(job->L, job->made, ++job->tables);
    if (array) {
        lua_pushvalue(job->L, job->array_metatable);
        lua_setmetatable(job->L, -2);
    }
    return load_members(job, lua_gettop(job->L), elements, pairs, left - 1);
}

static bool load_same(loading *job)
{
    uint64_t number;
    if (!take_varint(job, &number) || number == 0 || number > (uint64_t)job->tables)
        return false;
    lua_rawgeti(job->L, job->made, (lua_Integer)number);
    return true;
}

/* Pushes one value; false: the bytes are damaged, and the stack holds whatever it held then. */
static bool load(loading *job, unsigned left)
{
    if (job->at == job->end)
        return false;
    switch (*job->at++) {
    case NEAPI_FORM_FALSE:
        lua_pushboolean(job->L, 0);
        return true;
    case NEAPI_FORM_TRUE:
        lua_pushboolean(job->L, 1);
        return true;
    case NEAPI_FORM_NULL:
        neapi_push_null(job->L);
        return true;
    case NEAPI_FORM_INTEGER:
        return load_integer(job);
    case NEAPI_FORM_FLOAT:
        return load_float(job);
    case NEAPI_FORM_TEXT:
        return load_text(job);
    case NEAPI_FORM_TABLE:
        return load_table(job, false, left);
    case NEAPI_FORM_ARRAY:
        return load_table(job, true, left);
    case NEAPI_FORM_SAME:
        return load_same(job);
    default:
        return false;
    }
}

neap_status neapi_value_load_lj(lua_State *L, neap_text bytes, unsigned depth, neap_error *error)
{
    int top = lua_gettop(L);
    const unsigned char *start = (const unsigned char *)bytes.data;
    neapi_push_array_metatable_lj(L);
    lua_newtable(L);
    loading job = {.L = L,
                   .at = start + 1,
                   .end = start + bytes.size,
                   .array_metatable = top + 1,
                   .made = top + 2};
    bool sound =
        bytes.size > 1 && start[0] == NEAPI_FORM_VERSION && load(&job, depth) && job.at == job.end;
    if (!sound) {
        size_t offset = bytes.size > 1 ? (size_t)(job.at - start) : 0;
        lua_settop(L, top);
        return neapi_fail(error, NEAP_CORRUPT, "a saved state is damaged at byte %zu of %zu",
                          offset, bytes.size);
    }
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return NEAP_OK;
}
