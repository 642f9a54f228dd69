/* Sagas: a state for each key, changed by events, timeouts and rejections. All of it is pure. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/effect.h"
#include "script/event_key.h"
#include "script/failure.h"
#include "script/saga_next.h"
#include "script/value.h"
#include "store/check.h"

/* ---- Keys ------------------------------------------------------------------------------------ */

typedef struct finding {
    const neapi_subscription *subscription;
    const neap_event *event;
    neapi_arena *arena;
    neap_text *keys;
    size_t count;
} finding;

static bool is_known(const finding *job, neap_text key)
{
    for (size_t i = 0; i < job->count; i++)
        if (neapi_text_equal(job->keys[i], key))
            return true;
    return false;
}

static neap_status keep_key(finding *job, neap_text key, neap_error *error)
{
    if (is_known(job, key))
        return NEAP_OK;
    if (neapi_name_check(key, "its key", error) != NEAP_OK)
        return neapi_failure_as(error, NEAP_HANDLER);
    neap_text *keys = neapi_arena_alloc(job->arena, (job->count + 1) * sizeof *keys);
    neap_text copy = neapi_arena_text(job->arena, key);
    if (keys == NULL || copy.data == NULL)
        return neapi_nomem(error);
    if (job->count != 0)
        memcpy(keys, job->keys, job->count * sizeof *keys);
    keys[job->count++] = copy;
    job->keys = keys;
    return NEAP_OK;
}

/* Pushes the event's table and behind it its keys. */
static neap_status push_keys_lj(lua_State *L, neapi_engine *engine,
                                const neapi_subscription *subscription, uint32_t message,
                                const neap_event *event, int *count, neap_error *error)
{
    int fields = lua_gettop(L) + 1;
    engine->scope.event = event;
    neap_status status = neapi_event_push_lj(
        L, engine, &engine->plan.subscriptions[subscription->index], message, event, error);
    if (status != NEAP_OK)
        return status;
    neapi_handling handling = engine->scope.handling;
    engine->scope.handling = NEAPI_HANDLING_PROJECTION; /* whose context keys have */
    status = neapi_event_keys_lj(L, engine, subscription, message, fields, count, error);
    engine->scope.handling = handling;
    return status;
}

static neap_status find_keys_lj(lua_State *L, neapi_engine *engine, void *user, uint32_t message,
                                const neap_event *event, neap_error *error)
{
    finding *job = user;
    int count, top = lua_gettop(L);
    neap_status status = push_keys_lj(L, engine, job->subscription, message, event, &count, error);
    for (int i = 1; status == NEAP_OK && i <= count; i++) {
        neap_text key;
        key.data = lua_tolstring(L, top + 1 + i, &key.size);
        status = keep_key(job, key, error);
    }
    lua_settop(L, top);
    return status;
}

static neap_status find_keys(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    finding *job = arguments;
    luaL_checkstack(L, 30, "the keys of an event");
    engine->vm.pure =
        job->subscription->kind == NEAPI_SAGA ? NEAPI_PURE_SAGA : NEAPI_PURE_PROJECTION;
    engine->scope = (neapi_scope){.subscription = job->subscription};
    return neapi_event_today_lj(L, engine, job->subscription, job->event, find_keys_lj, job, error);
}

neap_status neapi_engine_event_keys(neapi_engine *engine, const neapi_subscription *subscription,
                                    const neap_event *event, neapi_arena *arena,
                                    const neap_text **keys, size_t *count, neap_error *error)
{
    neap_error own;
    finding job = {.subscription = subscription, .event = event, .arena = arena};
    if (error == NULL)
        error = &own;
    neap_status status = neapi_engine_enter(engine, find_keys, &job, error);
    if (status != NEAP_OK && status != NEAP_NOMEM)
        neapi_event_prefix(subscription, event, error);
    if (status != NEAP_OK)
        return status;
    *keys = job.keys;
    *count = job.count;
    return NEAP_OK;
}

/* ---- A step ---------------------------------------------------------------------------------- */

typedef struct stepping {
    neapi_saga_step *step;
    const neapi_planned_subscription *planned;
    neapi_call call;
    const neap_event *event;               /* NULL: it is not one */
    neap_text timeout;                     /* its name */
    const neapi_saga_rejection *rejection; /* NULL: it is not one */
    bool begun;                            /* its state is on the stack */
} stepping;

/* The state's place on the stack. */
enum { STATE = 1 };

/* Makes the state of one that begins. */
static neap_status begin_lj(lua_State *L, neapi_engine *engine, stepping *job, neap_error *error)
{
    int top = lua_gettop(L);
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), job->planned->initial);
    if (lua_type(L, -1) == LUA_TFUNCTION) {
        lua_pushvalue(L, -1);
        lua_pushlstring(L, job->step->key.data, job->step->key.size);
        lua_call(L, 1, 1);
        if (lua_type(L, -1) != LUA_TTABLE)
            return neapi_fail_at(L, -2, error, "'initial' must give a table, but gave a %s",
                                 luaL_typename(L, -1));
    }
    neap_status status = neapi_value_copy_lj(L, lua_gettop(L), engine->vm.depth, error);
    if (status != NEAP_OK)
        return status;
    lua_replace(L, STATE);
    lua_settop(L, top);
    job->begun = true;
    return NEAP_OK;
}

/* Takes what the function behind the place `function` gave, which is on top. */
static neap_status take_state_lj(lua_State *L, int function, neap_error *error)
{
    int type = lua_type(L, -1);
    if (type == LUA_TTABLE)
        lua_replace(L, STATE);
    else if (type != LUA_TNIL)
        return neapi_fail_at(L, function, error,
                             "it gave a %s; it changes the saga's state, or gives a new table",
                             lua_typename(L, type));
    return NEAP_OK;
}

/* Calls the function that lies below its arguments, and takes what it gives. */
static neap_status call_lj(lua_State *L, stepping *job, int arguments, neap_error *error)
{
    int function = lua_gettop(L) - arguments;
    lua_pushvalue(L, function);
    lua_insert(L, function);
    job->step->handled = true;
    lua_call(L, arguments, 1);
    return take_state_lj(L, function, error);
}

/* The same for an event, around which is middleware. */
static neap_status call_through_lj(lua_State *L, neapi_engine *engine, stepping *job,
                                   uint32_t message, const neap_event *event, neap_error *error)
{
    if (engine->composed == 0)
        return call_lj(L, job, 3, error);
    int function = lua_gettop(L) - 3;
    lua_pushvalue(L, function);
    lua_insert(L, function);
    job->step->handled = true;
    neap_status status = neapi_saga_call_lj(L, engine, message, event, error);
    return status == NEAP_OK ? take_state_lj(L, function, error) : status;
}

static bool has_key(lua_State *L, int first, int count, neap_text wanted)
{
    for (int i = first; i < first + count; i++) {
        neap_text key;
        key.data = lua_tolstring(L, i, &key.size);
        if (neapi_text_equal(key, wanted))
            return true;
    }
    return false;
}

static neap_status handle_event_lj(lua_State *L, neapi_engine *engine, void *user, uint32_t message,
                                   const neap_event *event, neap_error *error)
{
    stepping *job = user;
    int count, top = lua_gettop(L);
    if (job->step->effects->ended || (!job->begun && !job->planned->starts[message]))
        return NEAP_OK;
    neap_status status = push_keys_lj(L, engine, job->step->saga, message, event, &count, error);
    if (status == NEAP_OK && has_key(L, top + 2, count, job->step->key)) {
        if (!job->begun)
            status = begin_lj(L, engine, job, error);
        if (status == NEAP_OK && !job->planned->key_reads[message]) {
            lua_settop(L, top); /* the key's function may have changed it */
            status = neapi_event_push_lj(L, engine, job->planned, message, event, error);
        }
        if (status == NEAP_OK) {
            lua_settop(L, top + 1);
            lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                        job->planned->handlers[message]);
            lua_pushvalue(L, STATE);
            lua_pushvalue(L, top + 1);
            lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_SAGA));
            status = call_through_lj(L, engine, job, message, event, error);
        }
    }
    lua_settop(L, top);
    return status;
}

/* Pushes the function that a table of the plan has by that name; nil: none. */
static bool push_named(lua_State *L, int table, neap_text name)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), table);
    lua_pushlstring(L, name.data, name.size);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return lua_type(L, -1) == LUA_TFUNCTION;
}

static neap_status handle_timeout_lj(lua_State *L, stepping *job, neap_error *error)
{
    if (!push_named(L, job->planned->timeouts, job->timeout))
        return neapi_fail(
            error, NEAP_HANDLER, "%.*s:%d: nothing in 'timeouts' is called '%.*s' any more",
            NEAPI_TEXT(job->step->saga->file), job->step->saga->line, NEAPI_TEXT(job->timeout));
    lua_pushvalue(L, STATE);
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_SAGA));
    return call_lj(L, job, 2, error);
}

static void set_text_lj(lua_State *L, const char *name, neap_text text)
{
    lua_pushlstring(L, text.data, text.size);
    lua_setfield(L, -2, name);
}

static neap_status set_json_lj(lua_State *L, neapi_engine *engine, const char *name, neap_text json,
                               neap_error *error)
{
    if (json.size == 0)
        return NEAP_OK;
    neap_status status = neapi_decode_lj(L, json, engine->vm.depth, error);
    if (status != NEAP_OK)
        return status;
    lua_setfield(L, -2, name);
    return NEAP_OK;
}

/* Nobody deals with it: the saga fails. */
static neap_status fail_by_rejection(neapi_engine *engine, const stepping *job, neap_error *error)
{
    const neapi_saga_rejection *rejection = job->rejection;
    char text[sizeof rejection->why->message + 300];
    snprintf(text, sizeof text, "%.*s: %s", NEAPI_TEXT(rejection->command),
             rejection->why->message);
    const neapi_effect effect = {.kind = NEAPI_EFFECT_FAIL, .text = neapi_text_of(text)};
    return neapi_effect_add(engine, job->step->effects, &effect, error);
}

static neap_status handle_rejection_lj(lua_State *L, neapi_engine *engine, stepping *job,
                                       neap_error *error)
{
    const neapi_saga_rejection *rejection = job->rejection;
    const neap_error *why = rejection->why;
    if (!push_named(L, job->planned->rejections, rejection->command))
        return fail_by_rejection(engine, job, error);
    lua_pushvalue(L, STATE);
    lua_createtable(L, 0, 5);
    set_text_lj(L, "command", rejection->command);
    set_text_lj(L, "code", neapi_text_of(why->code));
    set_text_lj(L, "message", neapi_text_of(why->message));
    neap_status status = set_json_lj(L, engine, "details", neapi_text_of(why->details), error);
    if (status == NEAP_OK)
        status = set_json_lj(L, engine, "data", rejection->data, error);
    if (status != NEAP_OK)
        return neapi_failure_as(error, NEAP_CORRUPT);
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_SAGA));
    return call_lj(L, job, 3, error);
}

static neap_status handle(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    stepping *job = arguments;
    neapi_saga_step *step = job->step;
    luaL_checkstack(L, 30, "a saga");
    engine->vm.pure = NEAPI_PURE_SAGA;
    engine->scope = (neapi_scope){.handling = NEAPI_HANDLING_SAGA,
                                  .call = &job->call,
                                  .subscription = step->saga,
                                  .key = step->key,
                                  .effects = step->effects};
    job->begun = step->state != NEAPI_NO_STATE;
    if (job->begun)
        lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), step->state);
    else
        lua_pushnil(L);
    neap_status status =
        job->event != NULL
            ? neapi_event_today_lj(L, engine, step->saga, job->event, handle_event_lj, job, error)
        : job->rejection != NULL ? handle_rejection_lj(L, engine, job, error)
                                 : handle_timeout_lj(L, job, error);
    if (status != NEAP_OK || !job->begun)
        return status;
    lua_settop(L, STATE);
    if (step->state == NEAPI_NO_STATE)
        return neapi_state_keep_lj(L, engine, &step->state, error);
    lua_rawseti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), step->state);
    return NEAP_OK;
}

static neap_status enter(neapi_engine *engine, stepping *job, neap_error *error)
{
    neapi_saga_step *step = job->step;
    job->planned = &engine->plan.subscriptions[step->saga->index];
    step->handled = false;
    neap_status status = neapi_engine_enter(engine, handle, job, error);
    if (status == NEAP_OK || status == NEAP_NOMEM)
        return status;
    if (job->rejection != NULL)
        neapi_error_prefix(error, "the rejection of '%.*s'", NEAPI_TEXT(job->rejection->command));
    else if (job->event == NULL)
        neapi_error_prefix(error, "timeout '%.*s'", NEAPI_TEXT(job->timeout));
    neapi_error_prefix(error, "key '%.*s'", NEAPI_TEXT(step->key));
    if (job->event != NULL)
        neapi_event_prefix(step->saga, job->event, error);
    else
        neapi_error_prefix(error, "saga '%.*s'", NEAPI_TEXT(step->saga->name));
    return status;
}

neap_status neapi_engine_saga_event(neapi_engine *engine, neapi_saga_step *step,
                                    const neap_event *event, neap_error *error)
{
    neap_error own;
    stepping job = {.step = step, .event = event};
    neapi_engine_event_call(event, &job.call);
    return enter(engine, &job, error != NULL ? error : &own);
}

neap_status neapi_engine_saga_timeout(neapi_engine *engine, neapi_saga_step *step, neap_text name,
                                      const neapi_call *call, neap_error *error)
{
    neap_error own;
    stepping job = {.step = step, .call = *call, .timeout = name};
    return enter(engine, &job, error != NULL ? error : &own);
}

neap_status neapi_engine_saga_rejected(neapi_engine *engine, neapi_saga_step *step,
                                       const neapi_saga_rejection *rejection,
                                       const neapi_call *call, neap_error *error)
{
    neap_error own;
    stepping job = {.step = step, .call = *call, .rejection = rejection};
    return enter(engine, &job, error != NULL ? error : &own);
}
