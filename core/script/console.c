/* The REPL's session: lua/neap/repl.lua in a Lua state of its own. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "script/lua_error.h"
#include "script/own_modules.h"

/* After so many instructions it is looked whether it was interrupted. */
#define LOOK_EVERY 10000

enum { SESSION = 1 }; /* the only thing that stays on the stack */

struct neap_console {
    neap_console_options options; /* without `store` and `config` */
    lua_State *L;
    atomic_bool interrupted;
    char prompt[256];
};

void neap_console_options_init_sized(neap_console_options *options, size_t size)
{
    const neap_console_options defaults = {.size = size, .store = "sqlite:neap.db"};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

static neap_console *console_of(lua_State *L)
{
    return *(neap_console **)lua_getextraspace(L);
}

/* Until the line is over it is raised again and again: no pcall swallows it. */
static void look(lua_State *L, lua_Debug *ar)
{
    if (!atomic_load(&console_of(L)->interrupted))
        return;
    lua_getinfo(L, "Sl", ar);
    lua_pushfstring(L, "%s:%d: interrupted", ar->short_src, ar->currentline);
    lua_error(L);
}

static int print(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    const neap_console_options *options = &console_of(L)->options;
    if (options->print != NULL)
        options->print(options->user, text, size);
    return 0;
}

/* interrupted(): whether it was; it is not any more. */
static int take_interrupt(lua_State *L)
{
    lua_pushboolean(L, atomic_exchange(&console_of(L)->interrupted, false));
    return 1;
}

/* go_on(position, target) */
static int go_on(lua_State *L)
{
    neap_console *console = console_of(L);
    const neap_console_options *options = &console->options;
    bool wanted = !atomic_load(&console->interrupted);
    if (wanted && options->progress != NULL)
        wanted = options->progress(options->user, (uint64_t)lua_tointeger(L, 1),
                                   (uint64_t)lua_tointeger(L, 2));
    lua_pushboolean(L, wanted);
    return 1;
}

/* ---- Opening and closing --------------------------------------------------------------------- */

typedef struct opening {
    neap_console *console;
    const char *path, *store, *config;
    neap_error *error;
    neap_status status;
} opening;

static void push_options_lj(lua_State *L, const opening *it)
{
    lua_newtable(L);
    lua_pushstring(L, it->path);
    lua_setfield(L, -2, "domain");
    lua_pushstring(L, it->store);
    lua_setfield(L, -2, "store");
    lua_pushboolean(L, it->console->options.colours);
    lua_setfield(L, -2, "colours");
    lua_pushstring(L, it->config); /* NULL: nil */
    lua_setfield(L, -2, "config");
    lua_pushboolean(L, it->console->options.write);
    lua_setfield(L, -2, "write");
    lua_pushboolean(L, it->console->options.reacts);
    lua_setfield(L, -2, "reacts");
    lua_pushcfunction(L, print);
    lua_setfield(L, -2, "print");
    lua_pushcfunction(L, go_on);
    lua_setfield(L, -2, "go_on");
    lua_pushcfunction(L, take_interrupt);
    lua_setfield(L, -2, "interrupted");
}

/* Leaves the session, or fills the error. */
static int open_session(lua_State *L)
{
    opening *it = lua_touserdata(L, 1);
    luaL_openlibs(L);
    neapi_own_modules_lj(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "neap.repl");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "open");
    push_options_lj(L, it);
    lua_call(L, 1, 2);
    if (lua_isnil(L, -2)) {
        neapi_error_take(L, -1, it->error);
        it->status = it->error->status;
        return 0;
    }
    lua_pop(L, 1);
    lua_getfield(L, -1, "set_size");
    lua_pushvalue(L, -2);
    lua_pushinteger(L, (lua_Integer)it->console->options.width);
    lua_pushinteger(L, (lua_Integer)it->console->options.height);
    lua_call(L, 3, 0);
    lua_getfield(L, -1, "begin");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    return 1;
}

static neap_status fail_as_said(lua_State *L, neap_error *error)
{
    if (neapi_error_take(L, -1, error))
        return error->status;
    const char *text = lua_tostring(L, -1);
    return neapi_fail(error, NEAP_HANDLER, "%s", text != NULL ? text : "an error without a text");
}

static neap_status check_options(const neap_console_options *given, neap_console_options *taken,
                                 neap_error *error)
{
    neap_console_options_init(taken);
    if (given != NULL && given->size != sizeof *given)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_console_options.size is %zu; call neap_console_options_init() "
                          "first",
                          given->size);
    if (given != NULL)
        *taken = *given;
    return NEAP_OK;
}

neap_status neap_console_open(const char *path, const neap_console_options *options,
                              neap_console **console, neap_error *error)
{
    neap_error local;
    neap_console_options taken;
    if (path == NULL || console == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_console_open: path and console must not be NULL");
    neap_status status = check_options(options, &taken, error);
    if (status != NEAP_OK)
        return status;
    neap_console *made = neapi_alloc_zero(1, sizeof *made);
    lua_State *L = made != NULL ? luaL_newstate() : NULL;
    if (L == NULL) {
        neapi_free(made);
        return neapi_nomem(error);
    }
    made->options = taken;
    made->L = L;
    atomic_init(&made->interrupted, false);
    *(neap_console **)lua_getextraspace(L) = made;
    lua_sethook(L, look, LUA_MASKCOUNT, LOOK_EVERY);
    opening it = {.console = made,
                  .path = path,
                  .store = taken.store,
                  .config = taken.config,
                  .error = error != NULL ? error : &local};
    lua_pushcfunction(L, open_session);
    lua_pushlightuserdata(L, &it);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        it.status = fail_as_said(L, it.error);
    atomic_store(&made->interrupted, false);
    made->options.store = made->options.config = NULL;
    if (it.status == NEAP_OK)
        *console = made;
    else
        neap_console_close(made);
    return it.status;
}

void neap_console_close(neap_console *console)
{
    if (console == NULL)
        return;
    lua_close(console->L);
    neapi_free(console);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

/* Calls the session's method with the text (NULL: without). Leaves its two results, or an error
 * and false. */
static bool call(neap_console *console, const char *method, const char *text, size_t size)
{
    lua_State *L = console->L;
    lua_settop(L, SESSION);
    if (lua_getfield(L, SESSION, method) != LUA_TFUNCTION)
        return false;
    lua_pushvalue(L, SESSION);
    if (text != NULL)
        lua_pushlstring(L, text, size);
    return lua_pcall(L, text != NULL ? 2 : 1, 2, 0) == LUA_OK;
}

/* What enter() and finish() say. */
static neap_console_outcome outcome_of(lua_State *L, bool called, neap_error *error)
{
    const char *outcome = called ? lua_tostring(L, -2) : NULL;
    if (outcome != NULL && strcmp(outcome, "done") == 0)
        return NEAP_CONSOLE_DONE;
    if (outcome != NULL && strcmp(outcome, "more") == 0)
        return NEAP_CONSOLE_MORE;
    if (outcome != NULL && strcmp(outcome, "quit") == 0)
        return NEAP_CONSOLE_QUIT;
    const char *text = lua_tostring(L, -1);
    neapi_fail(error, NEAP_HANDLER, "%s", text != NULL ? text : "error: an error without a text");
    return NEAP_CONSOLE_FAILED;
}

neap_console_outcome neap_console_enter(neap_console *console, const char *line, size_t size,
                                        neap_error *error)
{
    atomic_store(&console->interrupted, false);
    bool called = call(console, "enter", line, size);
    atomic_store(&console->interrupted, false);
    return outcome_of(console->L, called, error);
}

neap_console_outcome neap_console_finish(neap_console *console, neap_error *error)
{
    return outcome_of(console->L, call(console, "finish", NULL, 0), error);
}

void neap_console_forget(neap_console *console)
{
    call(console, "forget", NULL, 0);
}

const char *neap_console_prompt(neap_console *console)
{
    const char *text = call(console, "prompt", NULL, 0) ? lua_tostring(console->L, -2) : NULL;
    neapi_text_copy(console->prompt, sizeof console->prompt, text != NULL ? text : "> ",
                    text != NULL ? strlen(text) : 2);
    return console->prompt;
}

static int set_size(lua_State *L)
{
    lua_getfield(L, 1, "set_size");
    lua_insert(L, 1);
    lua_call(L, 3, 0);
    return 0;
}

void neap_console_set_size(neap_console *console, unsigned width, unsigned height)
{
    lua_State *L = console->L;
    lua_settop(L, SESSION);
    lua_pushcfunction(L, set_size);
    lua_pushvalue(L, SESSION);
    lua_pushinteger(L, (lua_Integer)width);
    lua_pushinteger(L, (lua_Integer)height);
    lua_pcall(L, 3, 0, 0);
}

void neap_console_interrupt(neap_console *console)
{
    atomic_store(&console->interrupted, true);
}

void neap_console_complete(neap_console *console, const char *line, size_t size,
                           void (*word)(void *user, size_t from, const char *word), void *user)
{
    lua_State *L = console->L;
    if (!call(console, "complete", line, size) || !lua_istable(L, -1))
        return;
    size_t from = (size_t)lua_tointeger(L, -2);
    int list = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TSTRING; i++) {
        word(user, from - 1, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}
