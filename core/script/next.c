/* `next`, as middleware calls it. */
#include <lauxlib.h>

#include "base/text.h"
#include "script/context.h"
#include "script/failure.h"
#include "script/run.h"
#include "script/trace.h"

/* Checks the message at 1, and writes its JSON. */
static void take_message_lj(lua_State *L, neapi_engine *engine, neapi_run *run)
{
    uint32_t index = neapi_message_of(L, engine, 1);
    const neapi_catalog *catalog = &engine->catalog;
    if (index == NEAPI_NONE || catalog->messages[index]->kind != run->message->kind) {
        const char *kind = run->message->kind == NEAP_KIND_QUERY ? "query" : "command";
        neapi_misuse_lj(L,
                        "next needs the %s, or another one that its constructor made, but got a "
                        "%s",
                        kind,
                        index == NEAPI_NONE ? luaL_typename(L, 1) : "message of another kind");
    }
    neap_error *error = &engine->failure;
    neap_status status = neapi_run_encode_lj(L, run, index, 1, error);
    if (status != NEAP_OK)
        neapi_raise_lj(L, status == NEAP_INVALID ? NEAP_HANDLER : status, "next: %s: %s",
                       catalog->messages[index]->name.data, error->message);
    run->wanted = (neapi_wanted){.message = catalog->messages[index], .until_us = run->deadline_us};
}

/* next(message, context) → result | nil, err */
int neapi_next(lua_State *L)
{
    lua_settop(L, 2);
    neapi_run *run = neapi_context_run(L, 2, &neapi_middleware_class);
    if (run == NULL && neapi_context_is_saga(L, 2))
        return neapi_saga_next(L);
    if (run == NULL || run != run->engine->scope.run)
        return neapi_misuse_lj(L,
                               "next needs the message, and the context that the middleware got");
    neapi_run_check_wait_lj(L, run);
    if (run->event != NULL) /* a fact, which nobody changes */
        run->wanted = (neapi_wanted){.until_us = run->deadline_us};
    else
        take_message_lj(L, run->engine, run);
    if (neapi_run_is_late(run))
        return neapi_run_push_late_lj(L, run, "not begun in time; nothing was done");
    lua_insert(L, 1);
    return neapi_run_wait_lj(L, run, NEAPI_RUN_NEXT, neapi_run_waited);
}
