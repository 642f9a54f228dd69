#include "script/effect.h"

#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "script/context.h"
#include "script/host.h"
#include "script/trace.h"
#include "store/check.h"

/* A hundred years. */
#define LONGEST 3153600000.0
/* In 1973. Whoever gives seconds for microseconds behind that would find it done at once. */
#define SENSIBLE_US 100000000000000

/* Apart from the ids that context:id() gives. */
#define OF_EFFECTS ((uint64_t)1 << 32)

void neapi_effects_fini(neapi_effects *effects)
{
    neapi_arena_fini(&effects->arena);
    *effects = NEAPI_EFFECTS_INIT;
}

void neapi_effects_clear(neapi_effects *effects)
{
    neapi_arena arena = effects->arena;
    neapi_arena_clear(&arena);
    *effects = (neapi_effects){.arena = arena};
}

neap_uuid neapi_effect_id(const neapi_scope *scope, uint64_t n)
{
    uint64_t seed = n;
    if (scope->subscription != NULL)
        seed = neapi_text_hash(scope->key, neapi_text_hash(scope->subscription->name, seed));
    return neapi_uuid_derive(scope->call->id, seed);
}

/* ---- Adding one ------------------------------------------------------------------------------ */

static bool keep(neapi_arena *arena, neap_text *text)
{
    *text = neapi_arena_text(arena, *text);
    return text->data != NULL;
}

neap_status neapi_effect_add(const neapi_engine *engine, neapi_effects *effects,
                             const neapi_effect *effect, neap_error *error)
{
    const neapi_engine_options *options = &engine->options;
    if (effects->count >= options->unit_events)
        return neapi_fail(error, NEAP_LIMIT, "one handler sends and asks for at most %u things",
                          options->unit_events);
    effects->bytes += effect->json.size;
    if (effects->bytes > options->unit_bytes)
        return neapi_fail(error, NEAP_LIMIT, "one handler sends at most %zu bytes",
                          options->unit_bytes);
    neapi_effect *added = neapi_arena_alloc(&effects->arena, sizeof *added);
    if (added == NULL)
        return neapi_nomem(error);
    *added = *effect;
    added->next = NULL;
    if (!keep(&effects->arena, &added->json) || !keep(&effects->arena, &added->name) ||
        !keep(&effects->arena, &added->text))
        return neapi_nomem(error);
    if (effects->last != NULL)
        effects->last->next = added;
    else
        effects->first = added;
    effects->last = added;
    effects->count++;
    effects->ended = added->kind == NEAPI_EFFECT_COMPLETE || added->kind == NEAPI_EFFECT_FAIL;
    return NEAP_OK;
}

/* Where the effects of what runs go. Raises if there is nowhere. */
static neapi_effects *effects_lj(lua_State *L, const neapi_engine *engine, const char *method)
{
    neapi_effects *effects = engine->scope.effects;
    if (effects == NULL)
        neapi_misuse_lj(L, "context:%s is not available here", method);
    if (effects->ended)
        neapi_misuse_lj(L,
                        "context:%s: the saga has ended, with context:complete() or "
                        "context:fail(…), and does nothing any more",
                        method);
    return effects;
}

static void add_lj(lua_State *L, neapi_engine *engine, neapi_effects *effects,
                   const neapi_effect *effect)
{
    neap_error *error = &engine->failure;
    if (neapi_effect_add(engine, effects, effect, error) != NEAP_OK)
        neapi_context_raise_lj(L, engine, error);
}

/* ---- Commands -------------------------------------------------------------------------------- */

/* A command and, at place 4, options: fills message and JSON, which is in the engine's buffer. */
static void take_command_lj(lua_State *L, neapi_engine *engine, const char *method,
                            neapi_effect *effect)
{
    neap_error *error = &engine->failure;
    neapi_buffer *json = &engine->scratch;
    neap_status status =
        neapi_context_message_lj(L, engine, NEAP_KIND_COMMAND, method, &effect->message, error);
    if (status != NEAP_OK)
        neapi_misuse_lj(L, "%s: %s", method, error->message);
    uint64_t number = ++engine->publishings;
    neapi_buffer_clear(json);
    status = neapi_schema_encode_lj(L, engine->plan.messages[effect->message->index].schema, 3,
                                    engine->vm.depth, json, error);
    if (engine->publishings != number) /* the buffer holds something else now */
        neapi_misuse_lj(L, "%s was called by the check of a field", method);
    if (status == NEAP_OK && json->failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK && json->size > engine->options.message_bytes)
        status = neapi_fail(error, NEAP_LIMIT, "it takes %zu bytes, more than %zu", json->size,
                            engine->options.message_bytes);
    if (status != NEAP_OK) {
        neapi_error_prefix(error, "%.*s", NEAPI_TEXT(effect->message->name));
        neapi_context_raise_lj(L, engine, error);
    }
    effect->json = neapi_text(json->data, json->size);
}

/* A number of seconds from the moment of what is handled. */
static int64_t moment_lj(lua_State *L, const neapi_engine *engine, int index, const char *what)
{
    lua_Number seconds = lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || !(seconds >= 0 && seconds <= LONGEST))
        neapi_misuse_lj(L, "%s must be a number of seconds from 0 to %.0f", what, LONGEST);
    return engine->scope.call->now_us + (int64_t)(seconds * 1e6);
}

/* The options `after`, `at` and `name` at place 4, which the stack keeps alive. */
static void take_options_lj(lua_State *L, const neapi_engine *engine, neapi_effect *effect)
{
    static const neapi_host_option known[] = {
        {"after", NEAPI_HOST_OTHER, 0},
        {"at", NEAPI_HOST_OTHER, 0},
        {"name", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_error error;
    neapi_host_options_lj(L, 4, "context:send", known, NULL);
    if (lua_isnoneornil(L, 4))
        return;
    bool after = lua_getfield(L, 4, "after") != LUA_TNIL;
    if (after)
        effect->at_us = moment_lj(L, engine, -1, "context:send: 'after'");
    if (lua_getfield(L, 4, "at") != LUA_TNIL) {
        if (after)
            neapi_misuse_lj(L, "context:send: 'after' and 'at' exclude each other");
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) <= 0)
            neapi_misuse_lj(L, "context:send: 'at' must be a moment in us since 1970, an integer, "
                               "as context:now() gives");
        if (engine->scope.call->now_us > SENSIBLE_US &&
            lua_tointeger(L, -1) < engine->scope.call->now_us / 500)
            neapi_misuse_lj(L,
                            "context:send: 'at' is %lld; expected us since 1970, as context:now() "
                            "gives, and that is %lld",
                            (long long)lua_tointeger(L, -1), (long long)engine->scope.call->now_us);
        effect->at_us = lua_tointeger(L, -1);
    }
    if (lua_getfield(L, 4, "name") == LUA_TNIL)
        return;
    if (lua_type(L, -1) != LUA_TSTRING)
        neapi_misuse_lj(L, "context:send: 'name' must be a text, but is a %s",
                        luaL_typename(L, -1));
    effect->name.data = lua_tolstring(L, -1, &effect->name.size);
    if (neapi_name_check(effect->name, "'name'", &error) != NEAP_OK)
        neapi_misuse_lj(L, "context:send: %s", error.message);
}

int neapi_effect_send_lj(lua_State *L, neapi_engine *engine)
{
    neapi_effects *effects = effects_lj(L, engine, "send");
    neapi_effect effect = {.kind = NEAPI_EFFECT_SEND};
    take_command_lj(L, engine, "context:send", &effect);
    take_options_lj(L, engine, &effect);
    effect.id = neapi_effect_id(&engine->scope, OF_EFFECTS + effects->count);
    add_lj(L, engine, effects, &effect);
    neapi_context_push_id_lj(L, effect.id);
    return 1;
}

int neapi_effect_compensate_lj(lua_State *L, neapi_engine *engine)
{
    neapi_effects *effects = effects_lj(L, engine, "compensate");
    neapi_effect effect = {.kind = NEAPI_EFFECT_COMPENSATE};
    take_command_lj(L, engine, "context:compensate", &effect);
    if (!lua_isnoneornil(L, 4))
        return neapi_misuse_lj(L, "context:compensate takes no options");
    effect.id = neapi_effect_id(&engine->scope, OF_EFFECTS + effects->count);
    add_lj(L, engine, effects, &effect);
    return 0;
}

/* ---- Names ----------------------------------------------------------------------------------- */

/* The name at place 2. */
static neap_text name_lj(lua_State *L, const char *method)
{
    neap_text name = {0};
    neap_error error;
    if (lua_type(L, 2) != LUA_TSTRING)
        neapi_misuse_lj(L, "%s needs a name, a text, but got a %s", method, luaL_typename(L, 2));
    name.data = lua_tolstring(L, 2, &name.size);
    if (neapi_name_check(name, "the name", &error) != NEAP_OK)
        neapi_misuse_lj(L, "%s: %s", method, error.message);
    return name;
}

int neapi_effect_cancel_lj(lua_State *L, neapi_engine *engine)
{
    neapi_effects *effects = effects_lj(L, engine, "cancel");
    neapi_effect effect = {.kind = NEAPI_EFFECT_CANCEL, .name = name_lj(L, "context:cancel")};
    add_lj(L, engine, effects, &effect);
    return 0;
}

#define MOST_NAMES 64

/* Raises that the table on top has no such name. */
static int refuse_timeout(lua_State *L, const neapi_engine *engine, neap_text name)
{
    const char *names[MOST_NAMES];
    size_t count = 0;
    lua_pushnil(L);
    while (count < MOST_NAMES && lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        names[count++] = lua_tostring(L, -1);
    }
    const char *nearest = neapi_nearest(name, names, count);
    return neapi_misuse_lj(L, "context:timeout: saga '%.*s' has no '%.*s' in 'timeouts'%s%s%s",
                           NEAPI_TEXT(engine->scope.subscription->name), NEAPI_TEXT(name),
                           nearest != NULL ? "; did you mean '" : "",
                           nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

int neapi_effect_timeout_lj(lua_State *L, neapi_engine *engine)
{
    neapi_effects *effects = effects_lj(L, engine, "timeout");
    const neapi_scope *scope = &engine->scope;
    neapi_effect effect = {.kind = NEAPI_EFFECT_TIMEOUT, .name = name_lj(L, "context:timeout")};
    effect.at_us = moment_lj(L, engine, 3, "context:timeout: its time");
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->functions);
    lua_rawgeti(L, -1, engine->plan.subscriptions[scope->subscription->index].timeouts);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        lua_pop(L, 1);
        return refuse_timeout(L, engine, effect.name);
    }
    effect.id = neapi_effect_id(scope, OF_EFFECTS + effects->count);
    add_lj(L, engine, effects, &effect);
    return 0;
}

/* ---- The end --------------------------------------------------------------------------------- */

int neapi_effect_complete_lj(lua_State *L, neapi_engine *engine)
{
    const neapi_effect effect = {.kind = NEAPI_EFFECT_COMPLETE};
    add_lj(L, engine, effects_lj(L, engine, "complete"), &effect);
    return 0;
}

int neapi_effect_fail_lj(lua_State *L, neapi_engine *engine)
{
    neapi_effects *effects = effects_lj(L, engine, "fail");
    neapi_effect effect = {.kind = NEAPI_EFFECT_FAIL};
    if (lua_type(L, 2) != LUA_TSTRING)
        return neapi_misuse_lj(L, "context:fail needs a message, a text, but got a %s",
                               luaL_typename(L, 2));
    effect.text.data = lua_tolstring(L, 2, &effect.text.size);
    if (effect.text.size > 1023 || !neapi_utf8_valid(effect.text.data, effect.text.size))
        return neapi_misuse_lj(L, "context:fail: the message must be UTF-8 of at most 1023 bytes");
    add_lj(L, engine, effects, &effect);
    return 0;
}
