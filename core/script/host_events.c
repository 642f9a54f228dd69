/* runtime:events: the log, one event after another, for a `for` loop. */
#include <lauxlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/uuid.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define METATABLE  "neap.Cursor"
#define MOST_TYPES 64

/* A userdata; its user value is the runtime's, which lives as long. In the runtime's list as long
 * as it is open. */
struct neapi_host_cursor {
    neap_cursor *cursor;
    neapi_host_cursor *next, **link;
    bool ended;
};

static void close_cursor(neapi_host_cursor *held)
{
    if (held->cursor == NULL)
        return;
    neap_cursor_close(held->cursor);
    held->cursor = NULL;
    *held->link = held->next;
    if (held->next != NULL)
        held->next->link = held->link;
}

void neapi_host_close_cursors(neapi_host *host)
{
    while (host->cursors != NULL)
        close_cursor(host->cursors);
}

static int cursor_close(lua_State *L)
{
    close_cursor(luaL_checkudata(L, 1, METATABLE));
    return 0;
}

/* ---- An event as a table ----------------------------------------------------------------------
 */

static void set_text_lj(lua_State *L, const char *name, neap_text text)
{
    lua_pushlstring(L, text.data, text.size);
    lua_setfield(L, -2, name);
}

static void set_integer_lj(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void set_id_lj(lua_State *L, const char *name, neap_uuid id)
{
    if (neapi_uuid_is_zero(id))
        return;
    char text[37];
    neap_uuid_format(id, text);
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static neap_status set_json_lj(lua_State *L, const char *name, neap_text json, neap_error *error)
{
    neap_status status = neapi_decode_lj(L, json, NEAPI_JSON_DEPTH, error);
    if (status == NEAP_OK)
        lua_setfield(L, -2, name);
    return status;
}

static void set_tags_lj(lua_State *L, const neap_event *event)
{
    if (event->tag_count == 0)
        return;
    lua_createtable(L, (int)event->tag_count, 0);
    for (uint32_t i = 0; i < event->tag_count; i++) {
        lua_pushlstring(L, event->tags[i].data, event->tags[i].size);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "tags");
}

static neap_status push_event_lj(lua_State *L, const neap_event *event, neap_error *error)
{
    lua_createtable(L, 0, 12);
    set_integer_lj(L, "position", event->position);
    set_integer_lj(L, "version", event->version);
    set_integer_lj(L, "recorded_at", (uint64_t)event->recorded_at);
    set_integer_lj(L, "schema", event->schema);
    set_text_lj(L, "type", event->type);
    set_text_lj(L, "stream", event->stream);
    set_id_lj(L, "id", event->id);
    set_id_lj(L, "correlation_id", event->correlation_id);
    set_id_lj(L, "causation_id", event->causation_id);
    set_id_lj(L, "command", event->command_id);
    set_tags_lj(L, event);
    neap_text empty = {"{}", 2};
    neap_status status = set_json_lj(L, "meta", event->meta.size != 0 ? event->meta : empty, error);
    return status == NEAP_OK ? set_json_lj(L, "data", event->data, error) : status;
}

static int raise_lj(lua_State *L, const neap_error *error)
{
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

/* What the loop calls: the next event, or nil. */
static int next_event(lua_State *L)
{
    neapi_host_cursor *held = lua_touserdata(L, lua_upvalueindex(1));
    if (held->ended) {
        lua_pushnil(L);
        return 1;
    }
    if (held->cursor == NULL)
        return neapi_misuse_lj(L, "runtime:events: the runtime was closed meanwhile");
    const neap_event *event;
    neap_error error;
    if (neap_cursor_next(held->cursor, &event, &error) != NEAP_OK)
        return raise_lj(L, &error);
    if (event == NULL) {
        close_cursor(held);
        held->ended = true;
        lua_pushnil(L);
        return 1;
    }
    if (push_event_lj(L, event, &error) != NEAP_OK)
        return raise_lj(L, &error);
    return 1;
}

/* ---- The filter -------------------------------------------------------------------------------
 */

/* Reads `types`, a text or a list of texts, which the table at 2 keeps alive. */
static size_t types_option_lj(lua_State *L, const char **types)
{
    if (lua_type(L, 2) != LUA_TTABLE)
        return 0;
    int type = lua_getfield(L, 2, "types");
    if (type == LUA_TNIL)
        return 0;
    if (type == LUA_TSTRING) {
        types[0] = lua_tostring(L, -1);
        return 1;
    }
    if (type != LUA_TTABLE)
        neapi_misuse_lj(L, "runtime:events: 'types' must be a list of texts, but is a %s",
                        luaL_typename(L, -1));
    size_t count = (size_t)lua_rawlen(L, -1);
    if (count > MOST_TYPES)
        neapi_misuse_lj(L, "runtime:events: 'types' has more than %d names", MOST_TYPES);
    for (size_t i = 0; i < count; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            neapi_misuse_lj(L, "runtime:events: 'types' must be a list of texts");
        types[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return count;
}

static void push_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, METATABLE))
        return;
    lua_pushcfunction(L, cursor_close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, cursor_close);
    lua_setfield(L, -2, "__close");
    lua_pushliteral(L, METATABLE);
    lua_setfield(L, -2, "__metatable");
}

static void keep(neapi_host *host, neapi_host_cursor *held, neap_cursor *cursor)
{
    held->cursor = cursor;
    held->next = host->cursors;
    held->link = &host->cursors;
    if (held->next != NULL)
        held->next->link = &held->next;
    host->cursors = held;
}

int neapi_host_events(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"stream", NEAPI_HOST_TEXT, offsetof(neap_filter, stream)},
        {"category", NEAPI_HOST_TEXT, offsetof(neap_filter, category)},
        {"types", NEAPI_HOST_OTHER, 0},
        {"from", NEAPI_HOST_UINT64, offsetof(neap_filter, from)},
        {"to", NEAPI_HOST_UINT64, offsetof(neap_filter, to)},
        {"limit", NEAPI_HOST_UINT64, offsetof(neap_filter, limit)},
        {"backward", NEAPI_HOST_FLAG, offsetof(neap_filter, backward)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neapi_host *host = neapi_host_check_lj(L, "events");
    lua_settop(L, 2);
    neap_filter filter;
    neap_filter_init(&filter);
    neapi_host_options_lj(L, 2, "runtime:events", known, &filter);
    const char *types[MOST_TYPES];
    filter.type_count = types_option_lj(L, types);
    filter.types = types;
    neapi_host_cursor *held = lua_newuserdatauv(L, sizeof *held, 1);
    *held = (neapi_host_cursor){0};
    push_metatable_lj(L);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    int place = lua_gettop(L);
    neap_cursor *cursor;
    neap_error error;
    if (neap_read(host->runtime, &filter, &cursor, &error) != NEAP_OK)
        return raise_lj(L, &error);
    keep(host, held, cursor);
    lua_pushvalue(L, place);
    lua_pushcclosure(L, next_event, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, place);
    return 4;
}
