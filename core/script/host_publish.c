/* runtime:publish: a fact from outside. */
#include <lauxlib.h>
#include <string.h>

#include "script/host.h"
#include "script/trace.h"

typedef struct publishing {
    const char *stream;
    uint64_t expected;
    neap_dispatch_options options;
} publishing;

static void options_lj(lua_State *L, publishing *job)
{
#define OPTION(name) offsetof(publishing, options) + offsetof(neap_dispatch_options, name)
    static const neapi_host_option known[] = {
        {"stream", NEAPI_HOST_TEXT, offsetof(publishing, stream)},
        {"expected", NEAPI_HOST_UINT64, offsetof(publishing, expected)},
        {"idempotency_key", NEAPI_HOST_TEXT, OPTION(idempotency_key)},
        {"correlation_id", NEAPI_HOST_TEXT, OPTION(correlation_id)},
        {"causation_id", NEAPI_HOST_TEXT, OPTION(causation_id)},
        {"timeout", NEAPI_HOST_SECONDS, OPTION(timeout_ms)},
        {"fail_when_full", NEAPI_HOST_FLAG, OPTION(fail_when_full)},
        {"schema", NEAPI_HOST_UINT32, OPTION(schema)},
        {"tags", NEAPI_HOST_OTHER, 0},
        {"meta", NEAPI_HOST_OTHER, 0},
        {"wait_for", NEAPI_HOST_OTHER, 0},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
#undef OPTION
    neap_dispatch_options_init(&job->options);
    neapi_host_options_lj(L, 4, "runtime:publish", known, job);
}

/* Takes options.tags, a list of texts, which the stack keeps alive. */
static void tags_lj(lua_State *L, neap_dispatch_options *options)
{
    int type = lua_getfield(L, 4, "tags");
    if (type == LUA_TNIL)
        return;
    if (type != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:publish: 'tags' must be a list of texts, but is a %s",
                        luaL_typename(L, -1));
    int list = lua_gettop(L);
    size_t count = lua_rawlen(L, list);
    neap_text *tags = lua_newuserdatauv(L, (count + 1) * sizeof *tags, 0);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, list, (lua_Integer)i + 1) != LUA_TSTRING)
            neapi_misuse_lj(L, "runtime:publish: 'tags' must be a list of texts, but has a %s",
                            luaL_typename(L, -1));
        tags[i].data = lua_tolstring(L, -1, &tags[i].size);
        lua_pop(L, 1);
    }
    options->tags = tags;
    options->tag_count = (uint32_t)count;
}

int neapi_host_publish(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "publish");
    lua_settop(L, 4);
    const char *type = neapi_host_name_lj(L, "publish", "an event");
    publishing job = {.expected = NEAP_ANY_VERSION};
    if (lua_isnil(L, 4)) {
        lua_newtable(L);
        lua_replace(L, 4);
    }
    options_lj(L, &job);
    tags_lj(L, &job.options);
    neapi_host_wait_for_lj(L, "publish", &job.options);
    neap_text json;
    neap_error error;
    if (neapi_host_data_lj(L, host, "publish", &json, &error) != NEAP_OK ||
        neapi_host_meta_lj(L, "publish", &job.options, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    neap_reply **reply = neapi_host_reply_place_lj(L);
    neap_status status = neap_publish(host->runtime, job.stream, job.expected, type, json.data,
                                      json.size, &job.options, reply, &error);
    if (status == NEAP_USAGE && job.stream == NULL)
        neapi_misuse_lj(L, "runtime:publish needs { stream = \"…\" } behind the event");
    if (status != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    return neapi_host_return_receipt_lj(L, reply);
}
