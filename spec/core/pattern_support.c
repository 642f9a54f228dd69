#include "core/pattern_support.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/pattern.h"

/* run(library, …) gives all results of all functions as one text. */
static const char script[] =
    "local run = function(library, subject, pattern, init, replacement)\n"
    "  local results = {}\n"
    "  local function note(...)\n"
    "    for i = 1, select('#', ...) do\n"
    "      local value = select(i, ...)\n"
    "      results[#results + 1] = math.type(value) or type(value)\n"
    "      results[#results + 1] = tostring(value)\n"
    "    end\n"
    "  end\n"
    "  local function try(f, ...) note(pcall(f, ...)) end\n"
    "  try(library.find, subject, pattern)\n"
    "  try(library.find, subject, pattern, init)\n"
    "  try(library.find, subject, pattern, init, true)\n"
    "  try(library.match, subject, pattern, init)\n"
    "  try(function()\n"
    "    for a, b, c in library.gmatch(subject, pattern) do note(a, b, c) end\n"
    "  end)\n"
    "  try(function()\n"
    "    for a, b, c in library.gmatch(subject, pattern, init) do note(a, b, c) end\n"
    "  end)\n"
    "  try(library.gsub, subject, pattern, replacement)\n"
    "  try(library.gsub, subject, pattern, replacement, init)\n"
    "  try(library.gsub, subject, pattern, { a = 'x', b = false, ab = 1, [1] = 'one', aa = {} })\n"
    "  try(library.gsub, subject, pattern, function(...) note(...) return (select(-1, ...)) end)\n"
    "  return table.concat(results, '|')\n"
    "end\n"
    "local stock, ours, subject, pattern, init, replacement = ...\n"
    "local mine = run(ours, subject, pattern, init, replacement)\n"
    "if mine:find('limit:', 1, true) then return end\n"
    "local theirs = run(stock, subject, pattern, init, replacement)\n"
    "if mine ~= theirs then\n"
    "  return string.format('subject %q, pattern %q, init %d, replacement %q\\n  Lua: %q\\n  Neap: "
    "%q', subject, pattern, init, replacement, theirs, mine)\n"
    "end\n";

void pattern_open(lua_State *L)
{
    luaL_openlibs(L);
    lua_newtable(L);
    neapi_pattern_open_lj(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, "ours");
    lua_getglobal(L, "string");
    lua_setfield(L, LUA_REGISTRYINDEX, "stock");
    if (luaL_loadbuffer(L, script, sizeof script - 1, "=script") != LUA_OK)
        abort();
    lua_setfield(L, LUA_REGISTRYINDEX, "script");
}

bool pattern_same(lua_State *L, neap_text subject, neap_text pattern, int init,
                  neap_text replacement)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "script");
    lua_getfield(L, LUA_REGISTRYINDEX, "stock");
    lua_getfield(L, LUA_REGISTRYINDEX, "ours");
    lua_pushlstring(L, subject.data, subject.size);
    lua_pushlstring(L, pattern.data, pattern.size);
    lua_pushinteger(L, init);
    lua_pushlstring(L, replacement.data, replacement.size);
    bool ran = lua_pcall(L, 6, 1, 0) == LUA_OK, same = ran && lua_isnil(L, -1);
    if (!same)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
    return same;
}
