/* The store's figures as Lua tables. */
#include <lauxlib.h>

#include "base/text.h"
#include "script/host.h"

/* Holds the figures for Lua, so that an error raised on the way does not lose them. */
static int free_statistics(lua_State *L)
{
    const neap_statistics **statistics = lua_touserdata(L, 1);
    neap_statistics_free(*statistics);
    *statistics = NULL;
    return 0;
}

static void push_types_lj(lua_State *L, const neap_type_statistics *type)
{
    lua_newtable(L);
    for (lua_Integer i = 1; type != NULL; type = type->next, i++) {
        lua_createtable(L, 0, 6);
        neapi_host_set_text_lj(L, "type", type->type);
        neapi_host_set_count_lj(L, "schema", type->schema);
        neapi_host_set_count_lj(L, "events", type->events);
        neapi_host_set_count_lj(L, "first", type->first);
        neapi_host_set_count_lj(L, "last", type->last);
        neapi_host_set_count_lj(L, "data_bytes", type->data_bytes);
        lua_rawseti(L, -2, i);
    }
}

static void push_categories_lj(lua_State *L, const neap_category_statistics *category)
{
    lua_newtable(L);
    for (lua_Integer i = 1; category != NULL; category = category->next, i++) {
        lua_createtable(L, 0, 3);
        neapi_host_set_text_lj(L, "category", category->category);
        neapi_host_set_count_lj(L, "streams", category->streams);
        neapi_host_set_count_lj(L, "events", category->events);
        lua_rawseti(L, -2, i);
    }
}

static void push_streams_lj(lua_State *L, const neap_stream_statistics *stream)
{
    lua_newtable(L);
    for (lua_Integer i = 1; stream != NULL; stream = stream->next, i++) {
        lua_createtable(L, 0, 3);
        neapi_host_set_text_lj(L, "stream", stream->stream);
        neapi_host_set_count_lj(L, "events", stream->events);
        neapi_host_set_count_lj(L, "last", stream->last);
        lua_rawseti(L, -2, i);
    }
}

static void push_member_lj(lua_State *L, const neap_member_statistics *one)
{
    lua_createtable(L, 0, 6);
    neapi_host_set_text_lj(L, "member", one->member);
    neapi_host_set_text_lj(L, "host", one->host);
    neapi_host_set_count_lj(L, "pid", one->pid);
}

static void push_members_lj(lua_State *L, const neap_member_statistics *one)
{
    lua_newtable(L);
    for (lua_Integer i = 1; one != NULL; one = one->next, i++) {
        push_member_lj(L, one);
        if (one->seen_at != 0) {
            lua_pushinteger(L, one->seen_at);
            lua_setfield(L, -2, "seen_at");
        }
        neapi_host_set_count_lj(L, "owned", one->owned);
        lua_pushboolean(L, one->queue);
        lua_setfield(L, -2, "queue");
        lua_rawseti(L, -2, i);
    }
}

static void push_subscriptions_lj(lua_State *L, const neap_subscription_statistics *one)
{
    lua_newtable(L);
    for (lua_Integer i = 1; one != NULL; one = one->next, i++) {
        lua_createtable(L, 0, 12);
        neapi_host_set_text_lj(L, "name", one->name);
        neapi_host_set_text_lj(L, "kind", one->kind);
        lua_pushboolean(L, one->paused);
        lua_setfield(L, -2, "paused");
        neapi_host_set_count_lj(L, "build", one->build);
        neapi_host_set_count_lj(L, "version", one->version);
        neapi_host_set_count_lj(L, "partitions", one->partitions);
        neapi_host_set_count_lj(L, "position", one->position);
        neapi_host_set_count_lj(L, "lag", one->lag);
        neapi_host_set_count_lj(L, "documents", one->documents);
        neapi_host_set_count_lj(L, "dead_letters", one->dead_letters);
        if (one->waiting != 0)
            neapi_host_set_count_lj(L, "waiting", one->waiting);
        if (neapi_text_equal(one->kind, NEAPI_LITERAL("saga"))) {
            neapi_host_set_count_lj(L, "sagas", one->sagas);
            neapi_host_set_count_lj(L, "stopped_sagas", one->stopped_sagas);
        }
        if (one->next_build != 0) {
            neapi_host_set_count_lj(L, "next_build", one->next_build);
            neapi_host_set_count_lj(L, "next_position", one->next_position);
        }
        if (one->owner != NULL) {
            push_member_lj(L, one->owner);
            lua_setfield(L, -2, "owner");
        }
        lua_rawseti(L, -2, i);
    }
}

static void push_statistics_lj(lua_State *L, const neap_statistics *statistics)
{
    lua_createtable(L, 0, 23);
    lua_pushinteger(L, statistics->taken_at);
    lua_setfield(L, -2, "taken_at");
    neapi_host_set_count_lj(L, "events", statistics->events);
    neapi_host_set_count_lj(L, "tagged_events", statistics->tagged_events);
    neapi_host_set_count_lj(L, "data_bytes", statistics->data_bytes);
    neapi_host_set_count_lj(L, "streams", statistics->streams);
    neapi_host_set_count_lj(L, "commands", statistics->commands);
    neapi_host_set_count_lj(L, "keys", statistics->keys);
    neapi_host_set_count_lj(L, "snapshots", statistics->snapshots);
    neapi_host_set_count_lj(L, "snapshot_bytes", statistics->snapshot_bytes);
    neapi_host_set_count_lj(L, "collections", statistics->collections);
    neapi_host_set_count_lj(L, "documents", statistics->documents);
    neapi_host_set_count_lj(L, "document_bytes", statistics->document_bytes);
    neapi_host_set_count_lj(L, "queued", statistics->queued);
    neapi_host_set_count_lj(L, "dead_commands", statistics->dead_commands);
    if (statistics->next_due_at != 0) {
        lua_pushinteger(L, statistics->next_due_at);
        lua_setfield(L, -2, "next_due_at");
    }
    neapi_host_set_count_lj(L, "store_bytes", statistics->store_bytes);
    neapi_host_set_count_lj(L, "log_bytes", statistics->log_bytes);
    if (statistics->events != 0) {
        lua_pushinteger(L, statistics->first_at);
        lua_setfield(L, -2, "first_at");
        lua_pushinteger(L, statistics->last_at);
        lua_setfield(L, -2, "last_at");
    }
    neapi_host_set_count_lj(L, "last_hour", statistics->last_hour);
    neapi_host_set_count_lj(L, "last_day", statistics->last_day);
    lua_pushnumber(L, statistics->per_second);
    lua_setfield(L, -2, "per_second");
    push_types_lj(L, statistics->types);
    lua_setfield(L, -2, "types");
    push_categories_lj(L, statistics->categories);
    lua_setfield(L, -2, "categories");
    push_streams_lj(L, statistics->longest_streams);
    lua_setfield(L, -2, "longest_streams");
    push_subscriptions_lj(L, statistics->subscriptions);
    lua_setfield(L, -2, "subscriptions");
    if (statistics->shared) {
        push_members_lj(L, statistics->members);
        lua_setfield(L, -2, "members");
    }
}

int neapi_host_stats(lua_State *L)
{
    neapi_host *host = neapi_host_check_lj(L, "stats");
    neap_error error;
    const neap_statistics **statistics = neapi_host_place_lj(L, "neap.Statistics", free_statistics);
    if (neap_stats(host->runtime, statistics, &error) != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    push_statistics_lj(L, *statistics);
    neap_statistics_free(*statistics);
    *statistics = NULL;
    return 1;
}
