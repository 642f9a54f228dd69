#include "script/schema_flat.h"

#include <math.h>

#include "message/write.h"

/* Text that the long way has to count. */
#define MUCH_TEXT ((size_t)1 << 20)

/* Where the value of each field is on the stack, its name below it; 0: it is absent. */
typedef struct spread {
    int values[NEAPI_FLAT_MOST];
    unsigned count;
} spread;

/* The field of the n-th key that tables give. Errors: NULL. */
static const neapi_field *find_field(neapi_fields *fields, uint8_t *order, unsigned nth,
                                     const void *key)
{
    if (nth >= fields->count)
        return NULL;
    const neapi_field *likely = &fields->list[order[nth]];
    if (likely->identity == key)
        return likely;
    for (unsigned i = 0; i < fields->count; i++)
        if (fields->list[i].identity == key) {
            order[nth] = (uint8_t)i;
            return &fields->list[i];
        }
    return NULL;
}

/* Puts all pairs of the table on the stack. Errors: false, it has a key that is no field's name. */
static bool spread_lj(lua_State *L, neapi_fields *fields, uint8_t *order, int table, spread *pairs)
{
    int value = lua_gettop(L) + 2;
    pairs->count = 0;
    memset(pairs->values, 0, fields->count * sizeof *pairs->values);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        const neapi_field *field =
            find_field(fields, order, pairs->count++, lua_topointer(L, value - 1));
        if (field == NULL)
            return false;
        pairs->values[field - fields->list] = value;
        lua_pushvalue(L, value - 1);
        value += 2;
    }
    return true;
}

/* Whether an optional field is there, and not null. */
static bool is_there(lua_State *L, const neapi_field *field, int value)
{
    return value != 0 && !(field->type.optional && neapi_is_null(L, value));
}

/* ---- Encoding -------------------------------------------------------------------------------- */

static bool write_number_lj(lua_State *L, int index, bool must_be_whole, neapi_buffer *json)
{
    if (lua_isinteger(L, index)) {
        neapi_write_integer(json, lua_tointeger(L, index));
        return true;
    }
    if (must_be_whole || lua_type(L, index) != LUA_TNUMBER)
        return false;
    double value = lua_tonumber(L, index);
    if (!isfinite(value))
        return false;
    neapi_write_float(json, value);
    return true;
}

static bool write_value_lj(lua_State *L, const neapi_type *type, int index, neapi_buffer *json)
{
    switch (type->kind) {
    case NEAPI_TYPE_STRING: {
        if (lua_type(L, index) != LUA_TSTRING)
            return false;
        neap_text text;
        text.data = lua_tolstring(L, index, &text.size);
        return text.size <= MUCH_TEXT && neapi_write_text(json, text);
    }
    case NEAPI_TYPE_INTEGER:
        return write_number_lj(L, index, true, json);
    case NEAPI_TYPE_NUMBER:
        return write_number_lj(L, index, false, json);
    default:
        if (lua_type(L, index) != LUA_TBOOLEAN)
            return false;
        if (lua_toboolean(L, index))
            NEAPI_BUFFER_LITERAL(json, "true");
        else
            NEAPI_BUFFER_LITERAL(json, "false");
        return true;
    }
}

static bool write_fields_lj(lua_State *L, const neapi_fields *fields, const spread *pairs,
                            neapi_buffer *json)
{
    bool first = true;
    for (unsigned i = 0; i < fields->count; i++) {
        const neapi_field *field = &fields->list[i];
        if (!is_there(L, field, pairs->values[i])) {
            if (!field->type.optional)
                return false;
            continue;
        }
        neapi_field_write_name(json, field, &first);
        if (!write_value_lj(L, &field->type, pairs->values[i], json))
            return false;
    }
    if (first)
        neapi_buffer_byte(json, '{');
    neapi_buffer_byte(json, '}');
    return true;
}

/* Pushes a table of what is there, in the order in which decoding would put it there. */
static void push_pairs_lj(lua_State *L, const neapi_fields *fields, const spread *pairs,
                          neapi_flat_set wanted)
{
    int most = __builtin_popcount(wanted);
    lua_createtable(L, 0, most < (int)pairs->count ? most : (int)pairs->count);
    int table = lua_gettop(L);
    for (unsigned i = 0; i < fields->count; i++) {
        int value = pairs->values[i];
        if ((wanted >> i & 1) == 0 || !is_there(L, &fields->list[i], value))
            continue;
        lua_pushvalue(L, value - 1);
        lua_pushvalue(L, value);
        lua_rawset(L, table);
    }
}

bool neapi_flat_encode_lj(lua_State *L, neapi_schema *schema, int index, neapi_buffer *json,
                          neapi_flat_set wanted, bool *copied)
{
    spread pairs;
    int top = lua_gettop(L);
    size_t start = json->size;
    if (!schema->flat || !lua_checkstack(L, NEAPI_LEVEL_SLOTS))
        return false;
    bool done = spread_lj(L, schema->fields, schema->fields->order, index, &pairs) &&
                write_fields_lj(L, schema->fields, &pairs, json);
    if (!done || copied == NULL) {
        lua_settop(L, top);
        if (!done)
            json->size = start;
        return done;
    }
    push_pairs_lj(L, schema->fields, &pairs, wanted);
    lua_copy(L, -1, top + 1); /* which is itself, if there is no pair */
    lua_settop(L, top + 1);
    *copied = true;
    return true;
}

/* ---- Checking -------------------------------------------------------------------------------- */

static bool is_proper_lj(lua_State *L, const neapi_type *type, int index)
{
    switch (type->kind) {
    case NEAPI_TYPE_STRING: {
        if (lua_type(L, index) != LUA_TSTRING)
            return false;
        size_t size;
        const char *data = lua_tolstring(L, index, &size);
        return size <= MUCH_TEXT && neapi_utf8_valid(data, size);
    }
    case NEAPI_TYPE_INTEGER:
        return lua_isinteger(L, index);
    case NEAPI_TYPE_NUMBER:
        return lua_type(L, index) == LUA_TNUMBER &&
               (lua_isinteger(L, index) || isfinite(lua_tonumber(L, index)));
    default:
        return lua_type(L, index) == LUA_TBOOLEAN;
    }
}

static bool are_proper_lj(lua_State *L, const neapi_fields *fields, const spread *pairs)
{
    for (unsigned i = 0; i < fields->count; i++) {
        const neapi_type *type = &fields->list[i].type;
        if (is_there(L, &fields->list[i], pairs->values[i])
                ? !is_proper_lj(L, type, pairs->values[i])
                : !type->optional)
            return false;
    }
    return true;
}

bool neapi_flat_copy_lj(lua_State *L, neapi_schema *schema, int index)
{
    spread pairs;
    neapi_fields *fields = schema->fields;
    if (!schema->flat || !lua_checkstack(L, NEAPI_LEVEL_SLOTS + 1))
        return false;
    lua_createtable(L, 0, fields->given);
    int table = lua_gettop(L);
    if (!spread_lj(L, fields, fields->given_order, index, &pairs) ||
        !are_proper_lj(L, fields, &pairs)) {
        lua_settop(L, table - 1);
        return false;
    }
    fields->given = (uint8_t)pairs.count;
    for (unsigned i = 0; i < pairs.count; i++)
        lua_rawset(L, table); /* the pair on top */
    return true;
}
