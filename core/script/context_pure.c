/* `context` in a projection: the event's envelope, and nothing that reaches outside. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "script/context.h"
#include "script/event_table.h"
#include "script/trace.h"

static neapi_engine *check_lj(lua_State *L, const char *what)
{
    return neapi_context_check_lj(L, &neapi_projection_class, what);
}

static int context_now(lua_State *L)
{
    lua_pushinteger(L, check_lj(L, "now")->scope.event->recorded_at);
    return 1;
}

/* Of two subscriptions each has its own. */
static int context_id(lua_State *L)
{
    neapi_scope *scope = &check_lj(L, "id")->scope;
    uint64_t seed = neapi_text_hash(scope->subscription->name, ++scope->derived);
    neapi_context_push_id_lj(L, neapi_uuid_derive(scope->event->id, seed));
    return 1;
}

/* Where an event will be is not known when it is decided, and so not told later either. */
static void leave_out_place(lua_State *L)
{
    lua_pushnil(L);
    lua_setfield(L, -2, "position");
    lua_pushnil(L);
    lua_setfield(L, -2, "version");
}

int neapi_context_event_lj(lua_State *L, neapi_engine *engine)
{
    neap_error *error = &engine->failure;
    if (neapi_push_event_lj(L, engine->scope.event, error) != NEAP_OK)
        return neapi_context_raise_lj(L, engine, error);
    const neapi_subscription *subscription = engine->scope.subscription;
    if (subscription != NULL && subscription->is_inline)
        leave_out_place(L);
    return 1;
}

void neapi_context_refuse_lj(lua_State *L, neap_text name, const char *who, const char *instead)
{
    static const char *const all[] = {
        "dispatch", "send",  "publish", "query",  "state",          "find",       "list",
        "select",   "sleep", "timeout", "cancel", "complete",       "compensate", "fail",
        "services", "event", "key",     "meta",   "idempotency_key"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (neapi_text_equal(name, neapi_text_of(all[i])))
            neapi_misuse_lj(L, "context.%s: %s has none; %s", all[i], who, instead);
}

/* What others can do, and what nobody can. */
static int refuse(lua_State *L, const neapi_engine *engine, neap_text name)
{
    static const char *const own[] = {"event", "now", "id"};
    if (engine->scope.subscription->kind == NEAPI_SAGA)
        neapi_context_refuse_lj(L, name, "the function of a key",
                                "it only names the saga that the event belongs to");
    neapi_context_refuse_lj(L, name, "a projection",
                            "it folds events into documents and does nothing else: what it needs "
                            "must be in the event, what is to be done belongs into a subscriber or "
                            "a saga");
    return neapi_context_unknown_lj(L, name, own, sizeof own / sizeof *own);
}

static int context_index(lua_State *L)
{
    neap_text name;
    if (neapi_context_method_lj(L, &name))
        return 1;
    neapi_engine *engine = check_lj(L, name.data);
    if (neapi_text_equal(name, NEAPI_LITERAL("event")))
        return neapi_context_event_lj(L, engine);
    return refuse(L, engine, name);
}

static const luaL_Reg methods[] = {{"now", context_now}, {"id", context_id}, {NULL, NULL}};

const neapi_context_class neapi_projection_class = {"neap.ProjectionContext", methods,
                                                    context_index, "the fold"};
