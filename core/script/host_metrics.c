/* What a runtime did, as a Lua table or as text. */
#include <lauxlib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/trace.h"

static bool wants_prometheus_lj(lua_State *L)
{
    if (lua_isnoneornil(L, 2))
        return false;
    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "prometheus") != 0)
        neapi_misuse_lj(L, "runtime:metrics takes nothing, or \"prometheus\", but got %s",
                        luaL_tolstring(L, 2, NULL));
    return true;
}

int neapi_host_metrics(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "metrics");
    bool prometheus = wants_prometheus_lj(L);
    neap_error error;
    size_t size;
    char **text = neapi_host_text_place_lj(L);
    neap_status status = prometheus ? neap_metrics_prometheus(host->runtime, text, &size, &error)
                                    : neap_metrics(host->runtime, text, &size, &error);
    if (status == NEAP_OK && prometheus)
        lua_pushlstring(L, *text, size);
    else if (status == NEAP_OK)
        status = neapi_decode_lj(L, neapi_text(*text, size), NEAPI_JSON_DEPTH, &error);
    neap_free(*text);
    *text = NULL;
    return status == NEAP_OK ? 1 : neapi_host_fail_lj(L, &error);
}
