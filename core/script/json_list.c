#include "base/error.h"
#include "script/json_values.h"

typedef struct list {
    int table;
    neapi_encode_element *element;
    const void *context;
} list;

static neap_status encode_element_lj(neapi_encoder *encoder, const list *l, lua_Integer place,
                                     int index)
{
    neapi_buffer_byte(encoder->json, place == 1 ? '[' : ',');
    neap_status status = l->element(encoder, index, l->context);
    return status == NEAP_OK ? NEAP_OK : neapi_encode_within_place(encoder, place, status);
}

/* Whether the keys are exactly 1 … count, in whatever order the table has them. */
static neap_status check_places_lj(neapi_encoder *encoder, int table, lua_Integer count)
{
    lua_State *L = encoder->L;
    lua_Integer seen = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        lua_pop(L, 1);
        lua_Integer place = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        if (place < 1 || place > count)
            return neapi_encode_refuse_key_lj(encoder, lua_gettop(L), false);
        seen++;
    }
    return seen == count ? NEAP_OK
                         : neapi_fail(encoder->error, NEAP_INVALID,
                                      "a list has holes: its keys are not 1, 2, 3 …");
}

/* A list whose keys do not come in order: its table was not filled from the beginning. */
static neap_status encode_places_lj(neapi_encoder *encoder, const list *l, lua_Integer from)
{
    lua_State *L = encoder->L;
    lua_Integer count = (lua_Integer)lua_rawlen(L, l->table);
    neap_status status = check_places_lj(encoder, l->table, count);
    for (lua_Integer place = from; status == NEAP_OK && place <= count; place++) {
        lua_rawgeti(L, l->table, place);
        status = encode_element_lj(encoder, l, place, lua_gettop(L));
        lua_pop(L, 1);
    }
    return status;
}

neap_status neapi_encode_list_lj(neapi_encoder *encoder, int table, neapi_encode_element *element,
                                 const void *context)
{
    lua_State *L = encoder->L;
    list l = {table, element, context};
    neap_status status = NEAP_OK;
    lua_Integer place = 1;
    int key = lua_gettop(L) - 1;
    do {
        if (!lua_isinteger(L, key) || lua_tointeger(L, key) != place) {
            status = encode_places_lj(encoder, &l, place);
            break;
        }
        status = encode_element_lj(encoder, &l, place++, key + 1);
        lua_settop(L, key);
    } while (status == NEAP_OK && lua_next(L, table) != 0);
    neapi_buffer_byte(encoder->json, ']');
    return status;
}
