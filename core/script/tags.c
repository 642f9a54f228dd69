/* What an aggregate by tags sees of an event: which of its instance's tags the event carries. */
#include <string.h>

#include "base/text.h"
#include "script/engine_state.h"

/* Both lists have texts that are different, and few. */
static bool carries(const neap_event *event, neap_text tag)
{
    for (uint32_t i = 0; i < event->tag_count; i++)
        if (neapi_text_equal(event->tags[i], tag))
            return true;
    return false;
}

bool neapi_instance_wants(const neapi_instance *instance, const neap_event *event)
{
    for (size_t i = 0; i < instance->tag_count; i++)
        if (carries(event, instance->tags[i]))
            return true;
    return instance->tag_count == 0;
}

/* A value of an integer field is an integer again. */
static void push_value_lj(lua_State *L, neap_text value, bool is_integer)
{
    int converted = 0;
    lua_pushlstring(L, value.data, value.size);
    lua_Integer integer = is_integer ? lua_tointegerx(L, -1, &converted) : 0;
    if (!converted)
        return;
    lua_pop(L, 1);
    lua_pushinteger(L, integer);
}

void neapi_push_tags_lj(lua_State *L, const neapi_engine *engine, const neapi_instance *instance,
                        const neap_event *event)
{
    const neapi_planned_aggregate *planned = &engine->plan.aggregates[instance->aggregate->index];
    lua_createtable(L, 0, (int)instance->tag_count);
    size_t at = 0; /* among the aggregate's tags, of which the instance may lack some */
    for (size_t i = 0; i < instance->tag_count; i++) {
        neap_text tag = instance->tags[i];
        size_t colon = (size_t)((const char *)memchr(tag.data, ':', tag.size) - tag.data);
        neap_text name = neapi_text(tag.data, colon);
        while (!neapi_text_equal(instance->aggregate->tags[at], name))
            at++;
        if (event != NULL && !carries(event, tag))
            continue;
        lua_pushlstring(L, name.data, name.size);
        push_value_lj(L, neapi_text(tag.data + colon + 1, tag.size - colon - 1),
                      planned->integer_tags[at]);
        lua_rawset(L, -3);
    }
}
