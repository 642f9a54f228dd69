#include "script/plan_read.h"

#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/trace.h"

int neapi_plan_keep_lj(const neapi_plan_reading *job)
{
    if (lua_isnil(job->L, -1)) {
        lua_pop(job->L, 1);
        return 0;
    }
    int place = (int)lua_rawlen(job->L, job->functions) + 1;
    lua_rawseti(job->L, job->functions, place);
    return place;
}

int neapi_plan_keep_field_lj(const neapi_plan_reading *job, int index, const char *name)
{
    lua_getfield(job->L, index, name);
    return neapi_plan_keep_lj(job);
}

neap_text neapi_plan_text_lj(lua_State *L, int index, const char *name)
{
    neap_text text = {0};
    lua_getfield(L, index, name);
    text.data = lua_tolstring(L, -1, &text.size);
    lua_pop(L, 1);
    return text;
}

lua_Integer neapi_plan_integer_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    lua_Integer value = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

int64_t neapi_plan_time_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    int64_t value = (int64_t)(lua_tonumber(L, -1) * 1e6);
    lua_pop(L, 1);
    return value;
}

bool neapi_plan_flag_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

void neapi_plan_place_lj(lua_State *L, int index, neap_text *file, int *line)
{
    lua_getfield(L, index, "place");
    *file = neapi_plan_text_lj(L, lua_gettop(L), "file");
    *line = (int)neapi_plan_integer_lj(L, lua_gettop(L), "line");
    lua_pop(L, 1);
}

neap_status neapi_plan_function_place_lj(const neapi_plan_reading *job, neapi_function_place *place)
{
    lua_Debug ar;
    if (lua_type(job->L, -1) != LUA_TFUNCTION)
        return NEAP_OK;
    lua_pushvalue(job->L, -1);
    lua_getinfo(job->L, ">S", &ar);
    place->file = neapi_arena_text(&job->catalog->arena, neapi_text_of(neapi_trace_file(&ar)));
    place->line = ar.linedefined;
    return place->file.data != NULL ? NEAP_OK : neapi_nomem(job->error);
}

neap_status neapi_plan_texts_lj(const neapi_plan_reading *job, int index, const char *name,
                                const neap_text **texts, size_t *count)
{
    lua_State *L = job->L;
    lua_getfield(L, index, name);
    *count = lua_isnil(L, -1) ? 0 : (size_t)lua_rawlen(L, -1);
    neap_text *list = neapi_arena_alloc(&job->catalog->arena, (*count + 1) * sizeof *list);
    for (size_t i = 0; i < *count && list != NULL; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        list[i].data = lua_tolstring(L, -1, &list[i].size);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    *texts = list;
    return list != NULL ? NEAP_OK : neapi_nomem(job->error);
}

void *neapi_plan_zeroed(neapi_arena *arena, size_t count, size_t size)
{
    void *memory = neapi_arena_alloc(arena, (count + 1) * size);
    if (memory != NULL)
        memset(memory, 0, (count + 1) * size);
    return memory;
}
