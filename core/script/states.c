/* Folded states: a list in Lua, whose places are the engine's handles. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "script/engine_state.h"
#include "script/failure.h"
#include "script/value.h"

/* Makes room to note every state as free, so that freeing cannot fail. */
static bool reserve_free(neapi_engine *engine)
{
    if ((size_t)engine->state_count < engine->free_capacity)
        return true;
    size_t capacity = engine->free_capacity != 0 ? engine->free_capacity * 2 : 64;
    neapi_state *larger = neapi_realloc(engine->free_states, capacity * sizeof *larger);
    if (larger == NULL)
        return false;
    engine->free_states = larger;
    engine->free_capacity = capacity;
    return true;
}

neap_status neapi_state_keep_lj(lua_State *L, neapi_engine *engine, neapi_state *state,
                                neap_error *error)
{
    if (engine->free_count == 0 && !reserve_free(engine)) {
        lua_pop(L, 1);
        return neapi_nomem(error);
    }
    bool reused = engine->free_count > 0;
    neapi_state place =
        reused ? engine->free_states[engine->free_count - 1] : engine->state_count + 1;
    lua_rawseti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), place);
    if (reused)
        engine->free_count--;
    else
        engine->state_count++;
    *state = place;
    return NEAP_OK;
}

/* The place holds a value and takes `false`, so nothing is allocated and nothing raised; it may be
 * called from the hook. */
void neapi_engine_state_free(neapi_engine *engine, neapi_state state)
{
    if (state == NEAPI_NO_STATE)
        return;
    lua_State *L = engine->vm.running;
    if (!lua_checkstack(L, 2))
        return;
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->states);
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, state);
    lua_pop(L, 1);
    engine->free_states[engine->free_count++] = state;
}

/* ---- A new one ------------------------------------------------------------------------------- */

typedef struct making {
    const neapi_instance *instance;
    neapi_state *state;
} making;

static void push_id_lj(lua_State *L, const neapi_engine *engine, const neapi_instance *instance)
{
    if (instance->tag_count != 0) {
        neapi_push_tags_lj(L, engine, instance, NULL);
        return;
    }
    const neapi_planned_aggregate *planned = &engine->plan.aggregates[instance->aggregate->index];
    neap_text id = instance->id;
    lua_pushlstring(L, id.data, id.size);
    int is_integer;
    lua_Integer integer = lua_tointegerx(L, -1, &is_integer);
    if (planned->integer_key && is_integer) {
        lua_pop(L, 1);
        lua_pushinteger(L, integer);
    }
}

static neap_status make_state(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const making *job = arguments;
    const neapi_planned_aggregate *planned =
        &engine->plan.aggregates[job->instance->aggregate->index];
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), planned->initial);
    if (lua_type(L, 1) == LUA_TFUNCTION) {
        lua_pushvalue(L, 1);
        push_id_lj(L, engine, job->instance);
        engine->vm.pure = NEAPI_PURE_AGGREGATE;
        engine->scope = (neapi_scope){0};
        lua_call(L, 1, 1);
        if (lua_type(L, 2) != LUA_TTABLE)
            return neapi_fail_at(L, 1, error, "'initial' must give a table, but gave a %s",
                                 luaL_typename(L, 2));
    }
    neap_status status = neapi_value_copy_lj(L, -1, engine->vm.depth, error);
    return status == NEAP_OK ? neapi_state_keep_lj(L, engine, job->state, error) : status;
}

neap_status neapi_engine_state_new(neapi_engine *engine, const neapi_instance *instance,
                                   neapi_state *state, neap_error *error)
{
    neap_error own;
    making job = {instance, state};
    return neapi_engine_enter(engine, make_state, &job, error != NULL ? error : &own);
}

/* ---- What can be done with one ----------------------------------------------------------------
 */

typedef struct using
{
    neapi_state state;
    neapi_state *copy;
    neapi_buffer *bytes;
    size_t limit;
    neap_text saved;
    neap_text path;
    bool there;
}
using;

static void push_state(lua_State *L, neapi_state state)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), state);
}

static neap_status copy_state(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const using *job = arguments;
    push_state(L, job->state);
    neap_status status = neapi_value_copy_lj(L, -1, engine->vm.depth, error);
    return status == NEAP_OK ? neapi_state_keep_lj(L, engine, job->copy, error) : status;
}

neap_status neapi_engine_state_copy(neapi_engine *engine, neapi_state state, neapi_state *copy,
                                    neap_error *error)
{
    neap_error own;
    using job = {.state = state, .copy = copy};
    return neapi_engine_enter(engine, copy_state, &job, error != NULL ? error : &own);
}

static neap_status show_state(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const using *job = arguments;
    push_state(L, job->state);
    neapi_value_show_lj(L, -1, engine->vm.depth, job->bytes);
    return job->bytes->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_engine_state_json(neapi_engine *engine, neapi_state state, neapi_buffer *json,
                                    neap_error *error)
{
    neap_error own;
    using job = {.state = state, .bytes = json};
    return neapi_engine_enter(engine, show_state, &job, error != NULL ? error : &own);
}

/* Replaces the value on top by what it has under the name, or at the place, that is at `key`. A
 * number that is no place in a list is shown as text, and so named by it. */
static void go_into_lj(lua_State *L, int key)
{
    int value = lua_gettop(L);
    lua_pushvalue(L, key);
    if (lua_rawget(L, value) == LUA_TNIL && lua_type(L, key) == LUA_TSTRING) {
        int is_integer;
        lua_Integer integer = lua_tointegerx(L, key, &is_integer);
        lua_pop(L, 1);
        if (is_integer)
            lua_rawgeti(L, value, integer);
        else
            lua_pushnil(L);
    }
    lua_replace(L, value);
    lua_settop(L, value);
}

static neap_status show_field(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    using *job = arguments;
    neap_status status = neapi_decode_lj(L, job->path, 2, error);
    if (status != NEAP_OK)
        return status;
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    push_state(L, job->state);
    for (lua_Integer i = 1; i <= count && lua_type(L, 2) == LUA_TTABLE; i++) {
        lua_rawgeti(L, 1, i);
        lua_insert(L, 2);
        go_into_lj(L, 2);
        lua_remove(L, 2);
        job->there = i == count;
    }
    job->there = count == 0 || (job->there && !lua_isnil(L, 2));
    if (job->there)
        neapi_value_show_lj(L, 2, engine->vm.depth, job->bytes);
    return job->bytes->failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_engine_state_field_json(neapi_engine *engine, neapi_state state, neap_text path,
                                          neapi_buffer *json, bool *there, neap_error *error)
{
    neap_error own;
    using job = {.state = state, .bytes = json, .path = path};
    neap_status status = neapi_engine_enter(engine, show_field, &job, error != NULL ? error : &own);
    *there = job.there;
    return status;
}

static neap_status save_state(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const using *job = arguments;
    push_state(L, job->state);
    return neapi_value_save_lj(L, -1, engine->vm.depth, job->limit, job->bytes, error);
}

neap_status neapi_engine_state_save(neapi_engine *engine, neapi_state state, size_t limit,
                                    neapi_buffer *bytes, neap_error *error)
{
    neap_error own;
    using job = {.state = state, .bytes = bytes, .limit = limit};
    return neapi_engine_enter(engine, save_state, &job, error != NULL ? error : &own);
}

static neap_status load_saved(lua_State *L, neapi_engine *engine, void *arguments,
                              neap_error *error)
{
    const using *job = arguments;
    neap_status status = neapi_value_load_lj(L, job->saved, engine->vm.depth, error);
    if (status != NEAP_OK)
        return status;
    if (lua_type(L, -1) != LUA_TTABLE)
        return neapi_fail(error, NEAP_CORRUPT, "a saved state is not a table");
    return neapi_state_keep_lj(L, engine, job->copy, error);
}

neap_status neapi_engine_state_load(neapi_engine *engine, neap_text bytes, neapi_state *state,
                                    neap_error *error)
{
    neap_error own;
    using job = {.saved = bytes, .copy = state};
    return neapi_engine_enter(engine, load_saved, &job, error != NULL ? error : &own);
}
