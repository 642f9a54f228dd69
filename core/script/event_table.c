#include "script/event_table.h"

#include "base/uuid.h"
#include "message/json.h"
#include "script/convert.h"

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

neap_status neapi_push_event_lj(lua_State *L, const neap_event *event, neap_error *error)
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
