/* context:publish. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/context.h"
#include "script/trace.h"
#include "store/store.h"

static int refuse_publish(lua_State *L, neapi_handling handling)
{
    if (handling == NEAPI_HANDLING_DECISION)
        return neapi_misuse_lj(L, "context:publish is for plain handlers; an aggregate's command "
                                  "returns its events");
    return neapi_misuse_lj(L, "context:publish is for commands; a query changes nothing");
}

/* A transient event needs none. */
static neap_text stream_option_lj(lua_State *L, bool transient)
{
    neap_text stream = {0};
    if (transient && lua_getfield(L, 3, "stream") == LUA_TNIL)
        return stream;
    if (lua_getfield(L, 3, "stream") != LUA_TSTRING)
        neapi_misuse_lj(L, "context:publish needs { stream = \"…\" }");
    stream.data = lua_tolstring(L, -1, &stream.size);
    neap_error error;
    if (neapi_stream_check(stream, &error) != NEAP_OK)
        neapi_misuse_lj(L, "context:publish: %s", error.message);
    return stream; /* kept alive by the stack */
}

static uint64_t expected_option_lj(lua_State *L)
{
    if (lua_getfield(L, 3, "expected") == LUA_TNIL)
        return NEAP_ANY_VERSION;
    if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 0)
        neapi_misuse_lj(L, "context:publish: 'expected' must be an integer from 0");
    return (uint64_t)lua_tointeger(L, -1);
}

static void check_publish_options_lj(lua_State *L)
{
    static const char *const known[] = {"stream", "expected"};
    if (lua_type(L, 3) != LUA_TTABLE)
        neapi_misuse_lj(L, "context:publish needs { stream = \"…\" } behind the event");
    lua_pushnil(L);
    while (lua_next(L, 3) != 0) {
        lua_pop(L, 1);
        neap_text key = {0};
        if (lua_type(L, -1) == LUA_TSTRING)
            key.data = lua_tolstring(L, -1, &key.size);
        if (neapi_text_equal(key, NEAPI_LITERAL("stream")) ||
            neapi_text_equal(key, NEAPI_LITERAL("expected")))
            continue;
        const char *nearest = key.size != 0 ? neapi_nearest(key, known, 2) : NULL;
        neapi_misuse_lj(L, "context:publish knows no option '%.*s'%s%s%s", NEAPI_TEXT(key),
                        nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                        nearest != NULL ? "'?" : "");
    }
}

int neapi_context_publish_lj(lua_State *L, neapi_engine *engine)
{
    neapi_scope *scope = &engine->scope;
    if (scope->handling != NEAPI_HANDLING_COMMAND)
        return refuse_publish(L, scope->handling);
    lua_settop(L, 3);
    uint32_t message = neapi_message_of(L, engine, 2);
    if (message == NEAPI_NONE || engine->catalog.messages[message]->kind != NEAP_KIND_EVENT)
        return neapi_misuse_lj(L, "context:publish needs an event: call the event's constructor");
    bool transient = engine->catalog.messages[message]->transient;
    if (transient && lua_isnil(L, 3)) {
        lua_newtable(L);
        lua_replace(L, 3);
    }
    check_publish_options_lj(L);
    neap_text stream = stream_option_lj(L, transient);
    uint64_t expected = expected_option_lj(L);
    neapi_buffer_clear(&engine->scratch);
    neap_error *error = &engine->failure;
    uint64_t number = ++engine->publishings;
    neap_status status =
        neapi_event_encode_lj(L, engine, message, 2, &engine->scratch, 0, NULL, error);
    if (engine->publishings != number) /* the buffer holds something else now */
        return neapi_misuse_lj(L, "context:publish was called by the check of a field");
    if (status == NEAP_OK) {
        neap_text data = neapi_text(engine->scratch.data, engine->scratch.size);
        status = neapi_event_append_lj(L, engine, message, 2, stream, expected, data, scope->call,
                                       scope->unit, error);
    }
    return status == NEAP_OK ? 0 : neapi_context_raise_lj(L, engine, error);
}
