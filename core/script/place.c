/* Where the domain has the functions that handle an event or a command. */
#include <lauxlib.h>

#include "base/error.h"
#include "base/text.h"
#include "script/engine_state.h"
#include "script/trace.h"
#include "script/upcast.h"

/* Appends where the function, in the list of functions, was written. Allocates nothing in Lua. */
static bool write_function(const neapi_engine *engine, int function, neapi_buffer *place)
{
    lua_State *L = engine->vm.running;
    lua_Debug ar;
    if (function == 0 || !lua_checkstack(L, 4))
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, engine->functions);
    lua_rawgeti(L, -1, function);
    bool is_one = lua_type(L, -1) == LUA_TFUNCTION;
    if (is_one) {
        lua_getinfo(L, ">S", &ar);
        neapi_buffer_format(place, "%s:%d", neapi_trace_file(&ar), ar.linedefined);
    } else {
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return is_one;
}

static int function_of(const neapi_engine *engine, const neapi_aggregate *aggregate,
                       const neapi_subscription *subscription, const neap_event *event)
{
    neapi_upcasting upcasting;
    neap_reading problem;
    neap_error unwanted;
    if (neapi_upcasting_find(engine, event, &upcasting, &problem, &unwanted) != NEAP_OK ||
        upcasting.message == NEAPI_NONE)
        return 0;
    const int *functions = aggregate != NULL
                               ? engine->plan.aggregates[aggregate->index].folds
                               : engine->plan.subscriptions[subscription->index].handlers;
    return functions[upcasting.message];
}

void neapi_engine_place_of_event(const neapi_engine *engine, const neapi_aggregate *aggregate,
                                 const neapi_subscription *subscription, const neap_event *event,
                                 neapi_buffer *place)
{
    neap_text file = aggregate != NULL ? aggregate->file : subscription->file;
    int line = aggregate != NULL ? aggregate->line : subscription->line;
    if (!write_function(engine, function_of(engine, aggregate, subscription, event), place))
        neapi_buffer_format(place, "%.*s:%d", NEAPI_TEXT(file), line);
}

void neapi_engine_place_of_command(const neapi_engine *engine, const neapi_message *command,
                                   neapi_buffer *place)
{
    if (!write_function(engine, engine->plan.messages[command->index].handler, place))
        neapi_buffer_format(place, "%.*s:%d", NEAPI_TEXT(command->file), command->line);
}
