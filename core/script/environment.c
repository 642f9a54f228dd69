#include "script/environment.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/text.h"
#include "message/json.h"
#include "script/bounded.h"
#include "script/convert.h"
#include "script/freeze.h"
#include "script/guard.h"
#include "script/order.h"
#include "script/protect.h"
#include "script/require.h"
#include "script/trace.h"
#include "script/yield.h"

#define ENVIRONMENT "neap.environment"
#define REQUIRE     "neap.require" /* the domain's */

/* Joins its arguments with tabs, as Lua's own print does, for the log. */
static int print_to_log(lua_State *L)
{
    int count = lua_gettop(L);
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&text, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    neapi_vm_log(neapi_vm_of(L), NEAP_LOG_INFO, lua_tostring(L, -1));
    return 0;
}

/* A finalizer would run where no limit is checked. */
static int set_metatable(lua_State *L)
{
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        if (lua_rawget(L, 2) != LUA_TNIL)
            return luaL_error(L, "a domain's tables have no finalizers: remove __gc");
        lua_settop(L, 2);
    }
    lua_setmetatable(L, 1);
    return 1;
}

static int collect_garbage(lua_State *L)
{
    const char *what = luaL_optstring(L, 1, "collect");
    if (strcmp(what, "count") != 0)
        return luaL_error(L, "collectgarbage('%s'): a domain can only ask for 'count'", what);
    lua_pushnumber(L, (lua_Number)lua_gc(L, LUA_GCCOUNT) + lua_gc(L, LUA_GCCOUNTB) / 1024.0);
    return 1;
}

/* Gives the pieces of a chunk to lua_load, one after another. */
static const char *read_piece(lua_State *L, void *user, size_t *size)
{
    (void)user;
    luaL_checkstack(L, 2, "too many nested functions");
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        *size = 0;
        return NULL;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "the function that load reads from must give texts");
    lua_replace(L, 5); /* keeps the piece alive while it is read */
    return lua_tolstring(L, 5, size);
}

/* load(chunk, name, mode, environment): text only; without an environment, the domain's. */
static int load_text(lua_State *L)
{
    bool given = !lua_isnone(L, 4);
    lua_settop(L, 4);
    lua_pushnil(L); /* 5: the piece that is being read */
    size_t size;
    const char *text = lua_tolstring(L, 1, &size);
    const char *name = luaL_optstring(L, 2, text != NULL ? text : "=(load)");
    int status;
    if (text != NULL && size > 0 && text[0] == '\x1b') {
        lua_pushliteral(L, "bytecode is refused: load takes text only");
        status = LUA_ERRSYNTAX;
    } else if (text != NULL) {
        status = luaL_loadbufferx(L, text, size, name, "t");
    } else {
        luaL_checktype(L, 1, LUA_TFUNCTION);
        status = lua_load(L, read_piece, NULL, name, "t");
        neapi_vm_raise_if_fired_lj(L);
    }
    if (status != LUA_OK) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (given)
        lua_pushvalue(L, 4);
    else
        lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
    if (lua_setupvalue(L, -2, 1) == NULL)
        lua_pop(L, 1);
    return 1;
}

int neapi_environment_refuse_global(lua_State *L)
{
    return neapi_misuse_lj(L, "global '%s' cannot be made: say 'local' in front of it",
                           luaL_tolstring(L, 2, NULL));
}

/* __newindex(environment, name, value): what is there may be replaced while the domain is loaded.
 */
static int assign_global(lua_State *L)
{
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    bool exists = lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL;
    if (!exists)
        return neapi_environment_refuse_global(L);
    if (neapi_vm_of(L)->frozen)
        return neapi_misuse_lj(L, "global '%s' cannot be changed: all handlers share it",
                               luaL_tolstring(L, 2, NULL));
    lua_settop(L, 3);
    lua_rawset(L, lua_upvalueindex(1));
    return 0;
}

static void open_libraries_lj(lua_State *L)
{
    static const luaL_Reg libraries[] = {
        {LUA_GNAME, luaopen_base},       {LUA_COLIBNAME, luaopen_coroutine},
        {LUA_TABLIBNAME, luaopen_table}, {LUA_IOLIBNAME, luaopen_io},
        {LUA_OSLIBNAME, luaopen_os},     {LUA_STRLIBNAME, luaopen_string},
        {LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
}

static void replace_functions_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"print", print_to_log},
        {"setmetatable", set_metatable},
        {"load", load_text},
        {"collectgarbage", collect_garbage},
        {"dofile", NULL},
        {"loadfile", NULL},
        {NULL, NULL},
    };
    lua_pushglobaltable(L);
    for (const luaL_Reg *at = functions; at->name != NULL; at++) {
        if (at->func != NULL)
            lua_pushcfunction(L, at->func);
        else
            lua_pushnil(L);
        lua_setfield(L, -2, at->name);
    }
    neapi_protect_open_lj(L, -1);
    lua_getfield(L, -1, LUA_COLIBNAME);
    neapi_coroutine_open_lj(L, -1);
    lua_pop(L, 1);
    neapi_guard_open_lj(L, -1);
    neapi_bounded_open_lj(L, -1);
    lua_pop(L, 1);
}

/* Pushes a copy of the table at `index`: what the domain does to its libraries is not seen by
 * Neap's own Lua. */
static void push_copy_lj(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

static const char *const libraries[] = {"coroutine", "table", "io", "os", "string", "math", "utf8"};

static void copy_libraries_lj(lua_State *L)
{
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getfield(L, -1, libraries[i]);
        push_copy_lj(L, -1);
        lua_setfield(L, -3, libraries[i]);
        lua_pop(L, 1);
    }
}

/* Texts find their methods in the domain's string library; their metatable is out of reach. */
static void set_string_metatable_lj(lua_State *L)
{
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_getfield(L, -3, LUA_STRLIBNAME);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "string");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

/* The libraries' tables, on top, are replaced by frozen ones. */
static void freeze_libraries_lj(lua_State *L)
{
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        lua_getfield(L, -1, libraries[i]);
        neapi_freeze_push_lj(L, -1, libraries[i]);
        lua_setfield(L, -3, libraries[i]);
        lua_pop(L, 1);
    }
}

/* Adds require, which loads into the view, to the environment, and names all functions. */
static void complete_environment_lj(lua_State *L, int environment, int view, neapi_sources *sources)
{
    lua_pushvalue(L, view);
    lua_setfield(L, environment, LUA_GNAME);
    neapi_require_push_lj(L, view, 0, sources, NULL);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, REQUIRE);
    lua_setfield(L, environment, "require");
    neapi_freeze_open_lj(L, environment);
    neapi_yield_open_lj(L, environment);
}

static void make_environment_lj(lua_State *L, neapi_sources *sources)
{
    lua_pushglobaltable(L);
    push_copy_lj(L, -1);
    lua_remove(L, -2);
    copy_libraries_lj(L);
    int environment = lua_gettop(L);
    const neapi_vm *vm = neapi_vm_of(L);
    if (vm->ordered)
        neapi_order_open_lj(L, environment, vm->backward);
    neapi_freeze_push_lj(L, environment, "the domain's environment");
    complete_environment_lj(L, environment, environment + 1, sources);
    lua_pushvalue(L, environment);
    set_string_metatable_lj(L);
    freeze_libraries_lj(L);
    lua_pop(L, 1);
    lua_getmetatable(L, -1);
    lua_pushvalue(L, environment);
    lua_pushcclosure(L, assign_global, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
    lua_pop(L, 1);
}

void neapi_environment_require_lj(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, REQUIRE);
}

void neapi_environment_open_lj(lua_State *L, neapi_sources *sources)
{
    open_libraries_lj(L);
    replace_functions_lj(L);
    neapi_require_open_lj(L);
    make_environment_lj(L, sources);
    neapi_environment_module_lj(L, "neap");
    lua_pop(L, 1);
}

/* Without a byte order mark, and without a first line that is for the shell; its newline stays, so
 * that lines keep their numbers. */
static neap_text lua_text(neap_text bytes)
{
    if (bytes.size >= 3 && memcmp(bytes.data, "\xEF\xBB\xBF", 3) == 0)
        bytes = neapi_text(bytes.data + 3, bytes.size - 3);
    if (bytes.size > 0 && bytes.data[0] == '#') {
        const char *line_end = memchr(bytes.data, '\n', bytes.size);
        size_t skipped = line_end != NULL ? (size_t)(line_end - bytes.data) : bytes.size;
        bytes = neapi_text(bytes.data + skipped, bytes.size - skipped);
    }
    return bytes;
}

void neapi_environment_load_lj(lua_State *L, const neapi_source *source, int index)
{
    lua_pushfstring(L, "@%s", source->path.data);
    neap_text text = lua_text(source->bytes);
    int status = luaL_loadbufferx(L, text.data, text.size, lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    if (status != LUA_OK)
        lua_error(L);
    lua_pushvalue(L, index);
    if (lua_setupvalue(L, -2, 1) == NULL)
        lua_pop(L, 1);
}

/* Some functions of the domain on top become other ones. */
static void replace_lj(lua_State *L, neap_text replacements)
{
    neap_error error;
    int domain = lua_gettop(L);
    neapi_environment_module_lj(L, "neap.replacement");
    lua_getfield(L, -1, "apply");
    lua_pushvalue(L, domain);
    if (neapi_decode_lj(L, replacements, NEAPI_JSON_DEPTH, &error) != NEAP_OK)
        luaL_error(L, "replacements: %s", error.message);
    lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
    lua_call(L, 3, 0);
    lua_settop(L, domain);
}

void neapi_environment_run_lj(lua_State *L, neapi_sources *sources)
{
    lua_getfield(L, LUA_REGISTRYINDEX, ENVIRONMENT);
    neapi_environment_load_lj(L, neapi_sources_domain(sources), lua_gettop(L));
    lua_remove(L, -2);
    lua_call(L, 0, 1);
    if (neapi_sources_replacements(sources).size != 0)
        replace_lj(L, neapi_sources_replacements(sources));
}
