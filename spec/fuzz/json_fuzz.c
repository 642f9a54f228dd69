/* Feeds bytes to everything that reads JSON. Whatever they are: nothing crashes, the check in C and
 * the conversion to Lua agree, and what was accepted comes back the same. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "message/cloudevent.h"
#include "message/json.h"
#include "script/convert.h"

enum { DEPTH = 60 };

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lua_State *L;
static neapi_schema *schema;

/* The schema and the state are kept; the collector goes on between the inputs. */
static void open_state(void)
{
    L = luaL_newstate();
    luaL_openlibs(L);
    REQUIRE(luaL_dostring(L, "return { a = 'integer', b = 'string?', c = { { d = 'number' } }, "
                             "e = { 'any' }, f = 'table?', g = function(v) return v ~= 1 end }") ==
            LUA_OK);
    schema = neapi_schema_new_lj(L, -1, "Fuzz");
}

static neapi_buffer encode(int index)
{
    neapi_buffer json = NEAPI_BUFFER_INIT;
    neap_error error;
    REQUIRE(neapi_encode_lj(L, index, DEPTH, &json, &error) == NEAP_OK);
    return json;
}

static void round_trip(void)
{
    neapi_buffer first = encode(-1);
    neap_text text = neapi_text(first.data, first.size);
    REQUIRE(neapi_json_check(text, DEPTH, NULL) == NEAP_OK);
    REQUIRE(neapi_decode_lj(L, text, DEPTH, NULL) == NEAP_OK);
    neapi_buffer second = encode(-1);
    REQUIRE(neapi_text_equal(text, neapi_text(second.data, second.size)));
    neapi_buffer_fini(&first);
    neapi_buffer_fini(&second);
}

static void checked(neap_text json, bool well_formed)
{
    neap_error error;
    neap_status status = neapi_schema_decode_lj(L, schema, json, DEPTH, &error);
    if (status != NEAP_OK) {
        REQUIRE(!well_formed || status == NEAP_INVALID);
        return;
    }
    REQUIRE(well_formed);
    neapi_buffer first = NEAPI_BUFFER_INIT;
    REQUIRE(neapi_schema_encode_lj(L, schema, -1, DEPTH, &first, &error) == NEAP_OK);
    REQUIRE(neapi_json_check(neapi_text(first.data, first.size), DEPTH, NULL) == NEAP_OK);
    neapi_buffer_fini(&first);
}

/* The bytes as the text of a value and as a name. */
static void as_text(neap_text text)
{
    neapi_buffer json = NEAPI_BUFFER_INIT, again = NEAPI_BUFFER_INIT;
    neapi_json_quote(&json, text);
    REQUIRE(neapi_json_unquote(neapi_text(json.data, json.size), &again));
    bool valid = neapi_utf8_valid(text.data, text.size);
    REQUIRE(!valid || neapi_text_equal(text, neapi_text(again.data, again.size)));
    neapi_buffer_fini(&again);
    neapi_buffer_fini(&json);
    lua_newtable(L);
    lua_pushlstring(L, text.data, text.size);
    lua_pushvalue(L, -1);
    lua_rawset(L, -3);
    neap_status status = neapi_encode_lj(L, -1, DEPTH, &json, NULL);
    REQUIRE(status == (valid ? NEAP_OK : NEAP_INVALID));
    neapi_buffer_fini(&json);
}

static void without_lua(neap_text json, bool well_formed)
{
    neap_text value;
    neapi_buffer flat = NEAPI_BUFFER_INIT;
    neap_json_member members[] = {{"a", true, {0}}, {"b", false, {0}}};
    if (neapi_json_member(json, NEAPI_LITERAL("a"), &value) && well_formed)
        REQUIRE(neapi_json_check(value, DEPTH, NULL) == NEAP_OK);
    neap_status status = neapi_json_flat(json, &flat, NULL);
    REQUIRE(status != NEAP_OK ||
            neapi_json_check(neapi_text(flat.data, flat.size), 1, NULL) == NEAP_OK);
    neapi_buffer_fini(&flat);
    neap_json_members(json.data, json.size, members, 2, NULL);
}

static void as_cloudevent(neap_text json)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer written = NEAPI_BUFFER_INIT;
    neapi_cloudevent event;
    if (neapi_cloudevent_read(json, &arena, &event, NULL) == NEAP_OK) {
        neapi_cloudevent_write(&written, &event.event, event.source);
        REQUIRE(neapi_json_check(neapi_text(written.data, written.size), NEAPI_JSON_DEPTH, NULL) ==
                NEAP_OK);
    }
    neapi_buffer_fini(&written);
    neapi_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    neap_text json = neapi_text((const char *)data, size);
    neap_error error, other;
    if (L == NULL)
        open_state();
    neap_status status = neapi_json_check(json, DEPTH, &error);
    REQUIRE(neapi_decode_lj(L, json, DEPTH, &other) == status);
    if (status == NEAP_OK)
        round_trip();
    else
        REQUIRE(error.column == other.column && strcmp(error.message, other.message) == 0);
    lua_settop(L, 2);
    checked(json, status == NEAP_OK);
    lua_settop(L, 2);
    without_lua(json, status == NEAP_OK);
    as_text(json);
    as_cloudevent(json);
    lua_settop(L, 2);
    return 0;
}
