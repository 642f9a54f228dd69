#include "script/require.h"

#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/embedded.h"
#include "script/environment.h"
#include "script/failure.h"
#include "script/freeze.h"
#include "script/lua_error.h"
#include "script/native.h"
#include "script/trace.h"
#include "script/vm.h"

#define LOADED      "neap.loaded"      /* Neap's own modules, by name */
#define FROZEN      "neap.frozen"      /* as the domain sees them */
#define OWN_GLOBALS "neap.own_globals" /* the environment of Neap's own modules */

/* Upvalues of the domain's require. */
enum {
    SOURCES = 1, /* a userdata: where they are, or NULL */
    REQUIRED,    /* modules by name; false while one is being loaded */
    ENVIRONMENT,
    OWN, /* requires what is Neap's; nil: the library has it */
};

static void push_native_lj(lua_State *L)
{
    neapi_native_open_lj(L, neapi_vm_of(L)->depth);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "own");
}

/* Pushes what the embedded file's chunk returned. */
static void run_embedded_lj(lua_State *L, const char *name, const neapi_embedded *embedded)
{
    lua_pushfstring(L, NEAPI_EMBEDDED_CHUNK "%s", embedded->file);
    size_t size = (size_t)(embedded->end - embedded->begin);
    if (luaL_loadbufferx(L, embedded->begin, size, lua_tostring(L, -1), "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
    lua_getfield(L, LUA_REGISTRYINDEX, OWN_GLOBALS);
    lua_setupvalue(L, -2, 1);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}

void neapi_environment_module_lj(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LOADED);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        if (strcmp(name, "neap.internal") == 0) {
            push_native_lj(L);
        } else {
            const char *module = strcmp(name, "neap") == 0 ? "init" : name + strlen("neap.");
            const char *path = luaL_gsub(L, module, ".", "/");
            const neapi_embedded *embedded =
                neapi_embedded_file(lua_pushfstring(L, "%s.lua", path));
            lua_pop(L, 2);
            if (embedded == NULL)
                neapi_misuse_lj(L, "Neap has no module '%s'", name);
            run_embedded_lj(L, name, embedded);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
}

/* require, as Neap's own modules see it. */
static int require_own(lua_State *L)
{
    neapi_environment_module_lj(L, luaL_checkstring(L, 1));
    return 1;
}

/* Pushes one of Neap's own modules as the domain sees it: it cannot change it. */
static void push_frozen_lj(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, FROZEN);
    int frozen = lua_gettop(L);
    if (lua_getfield(L, frozen, name) != LUA_TNIL)
        return;
    neapi_environment_module_lj(L, name);
    if (lua_type(L, -1) == LUA_TTABLE)
        neapi_freeze_push_lj(L, -1, name);
    lua_pushvalue(L, -1);
    lua_setfield(L, frozen, name);
}

static bool is_neap(const char *name)
{
    return strcmp(name, "neap") == 0 || strncmp(name, "neap.", 5) == 0;
}

static void find_lj(lua_State *L, neap_text name, neapi_source *source)
{
    neapi_sources *sources = *(neapi_sources **)lua_touserdata(L, lua_upvalueindex(SOURCES));
    const neapi_source *found;
    neap_error error;
    if (sources == NULL)
        neapi_misuse_lj(L,
                        "require: module '%.*s' was not required while the domain was loaded; "
                        "require it at the top of the file",
                        NEAPI_TEXT(name));
    neap_status status = neapi_sources_find(sources, name, &found, &error);
    if (status == NEAP_NOMEM || status == NEAP_LIMIT)
        neapi_raise_lj(L, status, "require: %s", error.message);
    if (status != NEAP_OK)
        neapi_misuse_lj(L, "require: %s", error.message);
    *source = *found; /* the list may move when the module requires another one */
}

/* Forgets that the module is being loaded, if it was not: its file raised an error. */
static int end_loading(lua_State *L)
{
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, 2);
    lua_getiuservalue(L, 1, 1);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 2) == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushnil(L);
        lua_rawset(L, 2);
    }
    return 0;
}

/* Notes in the table at 2 that the module at 1 is being loaded, until require is left. */
static void mark_loading_lj(lua_State *L)
{
    lua_newuserdatauv(L, 0, 2);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 2);
    if (luaL_newmetatable(L, "neap.Loading")) {
        lua_pushcfunction(L, end_loading);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
    lua_pushvalue(L, 1);
    lua_pushboolean(L, 0);
    lua_rawset(L, 2);
}

/* require, as the domain sees it. */
static int require(lua_State *L)
{
    neap_text name;
    name.data = luaL_checklstring(L, 1, &name.size);
    lua_settop(L, 1);
    if (is_neap(name.data)) {
        if (strcmp(name.data, "neap.internal") == 0)
            return neapi_misuse_lj(L, "neap.internal is Neap's own and not for domains");
        if (lua_isnil(L, lua_upvalueindex(OWN))) {
            push_frozen_lj(L, name.data);
            return 1;
        }
        lua_pushvalue(L, lua_upvalueindex(OWN));
        lua_insert(L, 1);
        lua_call(L, 1, 1);
        return 1;
    }
    lua_pushvalue(L, lua_upvalueindex(REQUIRED));
    lua_pushvalue(L, 1);
    int type = lua_rawget(L, 2);
    if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1))
        return neapi_misuse_lj(L, "require: module '%s' requires itself, by way of others",
                               name.data);
    if (type != LUA_TNIL)
        return 1;
    neapi_source source;
    find_lj(L, name, &source);
    mark_loading_lj(L);
    neapi_environment_load_lj(L, &source, lua_upvalueindex(ENVIRONMENT));
    lua_pushvalue(L, 1);
    lua_pushstring(L, source.path.data);
    lua_call(L, 2, 1);
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
    return 1;
}

void neapi_require_push_lj(lua_State *L, int index, int own, neapi_sources *sources,
                           neapi_sources ***place)
{
    index = lua_absindex(L, index);
    neapi_sources **held = lua_newuserdatauv(L, sizeof *held, 0);
    *held = sources;
    if (place != NULL)
        *place = held;
    lua_newtable(L);
    lua_pushvalue(L, index);
    if (own != 0)
        lua_pushvalue(L, own);
    else
        lua_pushnil(L);
    lua_pushcclosure(L, require, 4);
}

void neapi_require_environment(lua_State *L, int index)
{
    lua_getupvalue(L, index, ENVIRONMENT);
}

void neapi_require_open_lj(lua_State *L)
{
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushcfunction(L, require_own);
    lua_setfield(L, -2, "require");
    lua_setfield(L, LUA_REGISTRYINDEX, OWN_GLOBALS);
}
