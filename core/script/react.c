#include "script/react.h"

#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "message/cloudevent.h"
#include "message/json.h"
#include "script/event_key.h"
#include "script/event_table.h"
#include "script/failure.h"
#include "script/lua_error.h"

void neapi_engine_event_call(const neap_event *event, neapi_call *call)
{
    *call = (neapi_call){.id = event->id,
                         .correlation_id = event->correlation_id,
                         .causation_id = event->causation_id,
                         .now_us = event->recorded_at,
                         .meta = event->meta};
}

bool neapi_engine_handles(const neapi_engine *engine, const neapi_subscription *subscription,
                          const neapi_message *event)
{
    return engine->plan.subscriptions[subscription->index].handlers[event->index] != 0;
}

/* ---- What an old event has become ------------------------------------------------------------ */

/* Middleware sees all of an event, a handler what it looks at. */
static const neapi_planned_subscription *what_is_seen(const neapi_planned_subscription *planned,
                                                      const neapi_run *run)
{
    return run->kind == NEAPI_HANDLING_SUBSCRIBER ? planned : NULL;
}

/* What a list has for each event: its function, its table, its table with the envelope. */
enum { HANDLER, EVENT, ENVELOPE, PARTS };

typedef struct collecting {
    const neapi_planned_subscription *planned;
    const neapi_run *run;
    int list; /* on the stack */
    lua_Integer count;
} collecting;

static neap_status collect_lj(lua_State *L, neapi_engine *engine, void *user, uint32_t message,
                              const neap_event *event, neap_error *error)
{
    collecting *job = user;
    lua_Integer place = PARTS * job->count++ + 1;
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS), job->planned->handlers[message]);
    lua_rawseti(L, job->list, place + HANDLER);
    neap_status status =
        neapi_event_push_lj(L, engine, what_is_seen(job->planned, job->run), message, event, error);
    if (status != NEAP_OK)
        return status;
    lua_rawseti(L, job->list, place + EVENT);
    status = neapi_push_event_lj(L, event, error);
    if (status == NEAP_OK)
        lua_rawseti(L, job->list, place + ENVELOPE);
    return status;
}

/* Places on the stack of what calls one handler after another; its upvalue is the list. */
enum { CONTEXT = 1, RESULT };

/* Goes on behind the handler of that place in the list. */
static int handle_next(lua_State *L, int status, lua_KContext place)
{
    (void)status;
    for (;;) {
        bool failed = lua_gettop(L) > RESULT && !lua_isnil(L, RESULT + 1) && lua_isnil(L, RESULT);
        if (failed)
            return 2;
        lua_settop(L, CONTEXT);
        if (lua_rawgeti(L, lua_upvalueindex(1), place + ENVELOPE) == LUA_TNIL)
            return 0;
        lua_setiuservalue(L, CONTEXT, 1);
        lua_rawgeti(L, lua_upvalueindex(1), place + HANDLER);
        lua_rawgeti(L, lua_upvalueindex(1), place + EVENT);
        lua_pushvalue(L, CONTEXT);
        place += PARTS;
        lua_callk(L, 2, 2, place, handle_next);
    }
}

/* (nil, context) */
static int handle_several(lua_State *L)
{
    lua_remove(L, 1);
    return handle_next(L, LUA_OK, 1);
}

static neap_status push_old_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                               bool *handled, neap_error *error)
{
    collecting job = {.planned = &engine->plan.subscriptions[run->subscription->index], .run = run};
    lua_newtable(L);
    job.list = lua_gettop(L);
    neap_status status =
        neapi_event_today_lj(L, engine, run->subscription, run->event, collect_lj, &job, error);
    *handled = job.count != 0;
    if (status != NEAP_OK || job.count == 0) {
        lua_settop(L, job.list - 1);
        return status;
    }
    if (run->kind == NEAPI_HANDLING_MIDDLEWARE) {
        lua_rawgeti(L, job.list, 1 + EVENT);
        return NEAP_OK;
    }
    lua_pushcclosure(L, handle_several, 1);
    lua_pushnil(L);
    return NEAP_OK;
}

/* ---- Outboxes: an event on its way to elsewhere ---------------------------------------------- */

static void set_text_lj(lua_State *L, const char *name, neap_text text)
{
    lua_pushlstring(L, text.data, text.size);
    lua_setfield(L, -2, name);
}

static neap_status set_body_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                               neap_error *error)
{
    neapi_buffer *body = &engine->scratch;
    neap_text source = run->subscription->source;
    if (source.size == 0) {
        lua_pushfstring(L, "/%s", engine->catalog.domain.data);
        source.data = lua_tolstring(L, -1, &source.size);
    }
    neapi_buffer_clear(body);
    neapi_cloudevent_write(body, run->event, source);
    if (run->subscription->source.size == 0)
        lua_pop(L, 1);
    if (body->failed)
        return neapi_nomem(error);
    set_text_lj(L, "body", neapi_text(body->data, body->size));
    return NEAP_OK;
}

/* Pushes the publisher and its message: neap.Publication of lua/neap/outbox.lua. */
static neap_status push_publication_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                       neap_error *error)
{
    const neap_event *event = run->event;
    char id[37];
    neap_uuid_format(event->id, id);
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                engine->plan.subscriptions[run->subscription->index].publish);
    lua_createtable(L, 0, 6);
    set_text_lj(L, "id", neapi_text(id, 36));
    set_text_lj(L, "type", event->type);
    set_text_lj(L, "stream", event->stream);
    set_text_lj(L, "content_type", NEAPI_LITERAL(NEAPI_CLOUDEVENT_TYPE));
    neap_status status = set_body_lj(L, engine, run, error);
    if (status == NEAP_OK)
        status = neapi_decode_lj(L, event->data, NEAPI_JSON_DEPTH, error);
    if (status == NEAP_OK)
        lua_setfield(L, -2, "data");
    return status;
}

/* ---- Pushing --------------------------------------------------------------------------------- */

neap_status neapi_react_push_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                bool *handled, neap_error *error)
{
    const neapi_planned_subscription *planned =
        &engine->plan.subscriptions[run->subscription->index];
    const neap_event *event = run->event;
    const neapi_message *message = neapi_catalog_event(&engine->catalog, event->type);
    neap_status status = NEAP_OK;
    *handled = planned->publish != 0;
    if (*handled)
        return push_publication_lj(L, engine, run, error);
    if (message == NULL || message->schema != event->schema) {
        status = push_old_lj(L, engine, run, handled, error);
    } else if (planned->handlers[message->index] != 0) {
        lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                    planned->handlers[message->index]);
        status = neapi_event_push_lj(L, engine, what_is_seen(planned, run), message->index, event,
                                     error);
        *handled = status == NEAP_OK;
    }
    if (status == NEAP_OK && *handled && run->kind == NEAPI_HANDLING_MIDDLEWARE) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, engine->composed);
        lua_replace(L, -3);
    }
    return status;
}

/* ---- How it ended ---------------------------------------------------------------------------- */

/* A table with a code, and perhaps a message: a code of Neap's own means that, any other is a
 * rejection. false: it is none. */
static bool take_table_lj(lua_State *L, int index, neap_error *error)
{
    if (lua_type(L, index) != LUA_TTABLE || lua_getfield(L, index, "code") != LUA_TSTRING)
        return false;
    neap_text code;
    code.data = lua_tolstring(L, -1, &code.size);
    neap_status status = NEAP_REJECTED;
    for (int each = NEAP_REJECTED; each <= NEAP_NOMEM; each++)
        if (neapi_text_equal(code, neapi_text_of(neap_status_name((neap_status)each))))
            status = (neap_status)each;
    bool has_message = lua_getfield(L, index, "message") == LUA_TSTRING;
    neapi_fail(error, status, "%s", has_message ? lua_tostring(L, -1) : code.data);
    NEAPI_ERROR_SET(error, code, code.data, code.size);
    return true;
}

/* nil and an error: it has failed. Anything else but a message says nothing. */
neap_status neapi_react_settle_lj(lua_State *L, neapi_engine *engine, const neapi_run *run,
                                  int value, neap_error *error)
{
    neap_status status;
    if (neapi_rejection_lj(L, engine, value, &status, error))
        return status;
    if (neapi_message_of(L, engine, value) != NEAPI_NONE)
        return neapi_fail(error, NEAP_HANDLER,
                          "%.*s:%d: the handler returned a message; %s dispatches commands, with "
                          "context:dispatch or context:send",
                          NEAPI_TEXT(run->subscription->file), run->subscription->line,
                          run->subscription->kind == NEAPI_OUTBOX ? "an outbox" : "a subscriber");
    if (!lua_isnil(L, value) || lua_isnil(L, value + 1))
        return NEAP_OK;
    if (neapi_error_take(L, value + 1, error) || take_table_lj(L, value + 1, error))
        return error->status;
    return neapi_fail(error, NEAP_HANDLER, "%s", luaL_tolstring(L, value + 1, NULL));
}
