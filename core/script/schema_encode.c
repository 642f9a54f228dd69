#include <lauxlib.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "message/path.h"
#include "message/write.h"
#include "script/schema.h"

typedef struct checked {
    neapi_encoder plain; /* first, so that an element's function can come back from it */
    const neapi_schema *schema;
} checked;

static neap_status refuse_value(checked *e, int index, const char *expected)
{
    char found[128];
    if (e->plain.error == NULL)
        return NEAP_INVALID;
    neapi_value_describe(e->plain.L, index, found, sizeof found);
    return neapi_fail(e->plain.error, NEAP_INVALID, "%s, got %s", expected, found);
}

static neap_status refuse_type(checked *e, int index, const neapi_type *type)
{
    char expected[64];
    snprintf(expected, sizeof expected, "expected %s", neapi_type_name(type));
    return refuse_value(e, index, expected);
}

static neap_status refuse_unknown(checked *e, const neapi_fields *fields, neap_text name)
{
    char problem[256];
    neapi_field_unknown(fields, name, problem, sizeof problem);
    neapi_fail(e->plain.error, NEAP_INVALID, "%s", problem);
    return neapi_encode_within_name(&e->plain, name, NEAP_INVALID);
}

static neap_status encode_type_lj(checked *e, const neapi_type *type, int index);

/* The field of the n-th key that a table gives; the key is at `key`. NULL: unknown. */
static const neapi_field *find_field(lua_State *L, neapi_fields *fields, unsigned nth, int key)
{
    neap_text name;
    name.data = lua_tolstring(L, key, &name.size);
    if (nth < fields->count) {
        const neapi_field *likely = &fields->list[fields->order[nth]];
        if (likely->name.data == name.data)
            return likely;
    }
    const neapi_field *field = neapi_field_find(fields, name);
    if (field != NULL && nth < fields->count)
        fields->order[nth] = (uint8_t)(field - fields->list);
    return field;
}

/* Puts all pairs of the table on the stack, and the places of the values, by field, into `values`;
 * 0: absent. */
static neap_status spread_lj(checked *e, neapi_fields *fields, int table, int *values)
{
    lua_State *L = e->plain.L;
    unsigned nth = 0;
    memset(values, 0, fields->count * sizeof *values);
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        int value = lua_gettop(L);
        if (lua_type(L, value - 1) != LUA_TSTRING)
            return neapi_fail(e->plain.error, NEAP_INVALID, "a key is a %s, not a name",
                              luaL_typename(L, value - 1));
        const neapi_field *field = find_field(L, fields, nth++, value - 1);
        if (field == NULL) {
            neap_text name;
            name.data = lua_tolstring(L, value - 1, &name.size);
            return refuse_unknown(e, fields, name);
        }
        values[field - fields->list] = value;
        lua_pushvalue(L, value - 1);
    }
    return NEAP_OK;
}

/* A field that a function judges may be absent if the function accepts nil. */
static neap_status encode_absent_lj(checked *e, const neapi_field *field)
{
    lua_State *L = e->plain.L;
    char problem[256];
    neap_status status = NEAP_OK;
    if (field->type.optional)
        return NEAP_OK;
    lua_pushnil(L);
    int nothing = lua_gettop(L);
    if (field->type.kind != NEAPI_TYPE_CHECK)
        status = refuse_type(e, nothing, &field->type);
    else if (!neapi_type_accepts_lj(L, e->schema, &field->type, problem, sizeof problem))
        status = refuse_value(e, nothing, problem);
    lua_settop(L, nothing - 1);
    return status;
}

/* null says of an optional field that it is absent; one of any type keeps it. */
static bool is_absent(lua_State *L, const neapi_type *type, int value)
{
    return value == 0 ||
           (type->optional && type->kind != NEAPI_TYPE_ANY && neapi_is_null(L, value));
}

static neap_status encode_field_lj(checked *e, const neapi_field *field, int value, bool *first)
{
    neapi_buffer *json = e->plain.json;
    neap_status status;
    if (is_absent(e->plain.L, &field->type, value)) {
        status = encode_absent_lj(e, field);
    } else {
        neapi_field_write_name(json, field, first);
        status = encode_type_lj(e, &field->type, value);
    }
    return status == NEAP_OK ? NEAP_OK : neapi_encode_within_name(&e->plain, field->name, status);
}

static neap_status encode_fields_lj(checked *e, neapi_fields *fields, int table)
{
    lua_State *L = e->plain.L;
    int values[NEAPI_FIELDS_MOST];
    int top = lua_gettop(L);
    bool first = true;
    neap_status status = neapi_encode_enter(&e->plain, table);
    if (status != NEAP_OK)
        return status;
    if (fields->count > NEAPI_HELD && !lua_checkstack(L, 2 * (int)fields->count + 8))
        status = neapi_nomem(e->plain.error);
    else
        status = spread_lj(e, fields, table, values);
    for (unsigned i = 0; status == NEAP_OK && i < fields->count; i++)
        status = encode_field_lj(e, &fields->list[i], values[i], &first);
    if (first)
        neapi_buffer_byte(e->plain.json, '{');
    neapi_buffer_byte(e->plain.json, '}');
    lua_settop(L, top);
    e->plain.level--;
    return status;
}

static neap_status encode_element_lj(neapi_encoder *encoder, int index, const void *element)
{
    return encode_type_lj((checked *)encoder, element, index);
}

static neap_status encode_typed_list_lj(checked *e, const neapi_type *type, int table)
{
    lua_State *L = e->plain.L;
    int top = lua_gettop(L);
    neap_status status = neapi_encode_enter(&e->plain, table);
    if (status != NEAP_OK)
        return status;
    lua_pushnil(L);
    if (lua_next(L, table) == 0)
        NEAPI_BUFFER_LITERAL(e->plain.json, "[]");
    else
        status = neapi_encode_list_lj(&e->plain, table, encode_element_lj, type->element);
    lua_settop(L, top);
    e->plain.level--;
    return status;
}

static neap_status encode_checked_lj(checked *e, const neapi_type *type, int index)
{
    lua_State *L = e->plain.L;
    char problem[256];
    lua_pushvalue(L, index);
    bool accepted = neapi_type_accepts_lj(L, e->schema, type, problem, sizeof problem);
    lua_pop(L, 1);
    if (!accepted)
        return refuse_value(e, index, problem);
    return neapi_encode_value_lj(&e->plain, index);
}

static neap_status encode_type_lj(checked *e, const neapi_type *type, int index)
{
    lua_State *L = e->plain.L;
    int found = lua_type(L, index);
    switch (type->kind) {
    case NEAPI_TYPE_STRING:
        return found == LUA_TSTRING ? neapi_encode_string_lj(&e->plain, index)
                                    : refuse_type(e, index, type);
    case NEAPI_TYPE_INTEGER:
        if (!lua_isinteger(L, index))
            return refuse_type(e, index, type);
        neapi_write_integer(e->plain.json, lua_tointeger(L, index));
        return NEAP_OK;
    case NEAPI_TYPE_NUMBER:
        return found == LUA_TNUMBER ? neapi_encode_number_lj(&e->plain, index)
                                    : refuse_type(e, index, type);
    case NEAPI_TYPE_BOOLEAN:
        if (found != LUA_TBOOLEAN)
            return refuse_type(e, index, type);
        break;
    case NEAPI_TYPE_TABLE:
        if (found != LUA_TTABLE)
            return refuse_type(e, index, type);
        break;
    case NEAPI_TYPE_LIST:
        return found == LUA_TTABLE ? encode_typed_list_lj(e, type, index)
                                   : refuse_type(e, index, type);
    case NEAPI_TYPE_FIELDS:
        return found == LUA_TTABLE ? encode_fields_lj(e, type->fields, index)
                                   : refuse_type(e, index, type);
    case NEAPI_TYPE_CHECK:
        return encode_checked_lj(e, type, index);
    case NEAPI_TYPE_ANY:
        break;
    }
    return neapi_encode_value_lj(&e->plain, index);
}

neap_status neapi_schema_encode_lj(lua_State *L, neapi_schema *schema, int index, unsigned depth,
                                   neapi_buffer *json, neap_error *error)
{
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    checked e;
    neapi_type whole = {.kind = NEAPI_TYPE_FIELDS, .fields = schema->fields};
    if (!lua_checkstack(L, NEAPI_LEVEL_SLOTS))
        return neapi_nomem(error);
    neapi_encoder_init(&e.plain, L, json, depth, error);
    e.schema = schema;
    neap_status status = encode_type_lj(&e, &whole, index);
    lua_settop(L, top);
    if (status != NEAP_OK && error != NULL)
        neapi_path_into_message(error);
    return status;
}

/* Encodes into a buffer that takes nothing. */
neap_status neapi_schema_check_lj(lua_State *L, neapi_schema *schema, int index, unsigned depth,
                                  neap_error *error)
{
    neapi_buffer nowhere = {.failed = true};
    return neapi_schema_encode_lj(L, schema, index, depth, &nowhere, error);
}
