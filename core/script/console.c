/* The REPL's session: lua/neap/repl.lua in a Lua state of its own. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "script/bounded.h"
#include "script/lua_error.h"
#include "script/own_modules.h"
#include "script/protect.h"
#include "script/vm.h"

/* Somebody looks at what comes, and can end it: there is no limit of time and instructions. */
#define MOST_MEMORY  ((size_t)1 << 30)
#define MOST_AT_ONCE ((size_t)256 << 20)

enum { SESSION = 1 }; /* the only thing that stays on the stack */

struct neap_console {
    neapi_vm vm;                  /* the first: it leads from Lua to here */
    neap_console_options options; /* without `store` and `config` */
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
    return (neap_console *)(void *)neapi_vm_of(L);
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

/* go_on(position, target). What folds ends with an error of its own then. */
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

/* The libraries, so that what runs in them can be ended, too. */
static void open_libraries_lj(lua_State *L)
{
    luaL_openlibs(L);
    lua_pushglobaltable(L);
    neapi_protect_open_lj(L, -1);
    neapi_bounded_open_lj(L, -1);
    lua_getfield(L, -1, LUA_COLIBNAME);
    lua_getfield(L, -1, "yield"); /* ours is for states in which handlers wait */
    neapi_coroutine_open_lj(L, lua_gettop(L) - 1);
    lua_setfield(L, -2, "yield");
    lua_pop(L, 2);
}

/* Leaves the session, or fills the error. */
static int open_session(lua_State *L)
{
    opening *it = lua_touserdata(L, 1);
    open_libraries_lj(L);
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

static neap_console *new_console(const neap_console_options *options)
{
    neap_console *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->options = *options;
    atomic_init(&made->interrupted, false);
    made->vm.platform = neapi_platform_machine();
    made->vm.stopped = &made->interrupted;
    made->vm.memory_bytes = MOST_MEMORY;
    made->vm.allocation_bytes = MOST_AT_ONCE;
    made->vm.instruction_limit = UINT64_MAX;
    made->vm.ms = UINT32_MAX;
    if (neapi_vm_open(&made->vm))
        return made;
    neapi_free(made);
    return NULL;
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
    neap_console *made = new_console(&taken);
    if (made == NULL)
        return neapi_nomem(error);
    lua_State *L = made->vm.L;
    opening it = {.console = made,
                  .path = path,
                  .store = taken.store,
                  .config = taken.config,
                  .error = error != NULL ? error : &local};
    neapi_vm_enter(&made->vm);
    lua_pushcfunction(L, open_session);
    lua_pushlightuserdata(L, &it);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        it.status = fail_as_said(L, it.error);
    neapi_vm_leave(&made->vm);
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
    neapi_vm_close(&console->vm);
    neapi_free(console);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

typedef struct method_call {
    const char *method, *text;
    size_t size;
} method_call;

static int call_method(lua_State *L)
{
    const method_call *it = lua_touserdata(L, 2);
    lua_getfield(L, 1, it->method);
    lua_pushvalue(L, 1);
    if (it->text != NULL)
        lua_pushlstring(L, it->text, it->size);
    lua_call(L, it->text != NULL ? 2 : 1, 2);
    return 2;
}

/* Calls the session's method with the text (NULL: without). Leaves its two results, or an error
 * and false. */
static bool call(neap_console *console, const char *method, const char *text, size_t size)
{
    lua_State *L = console->vm.L;
    const method_call it = {method, text, size};
    lua_settop(L, SESSION);
    neapi_vm_enter(&console->vm);
    lua_pushcfunction(L, call_method);
    lua_pushvalue(L, SESSION);
    lua_pushlightuserdata(L, (void *)(uintptr_t)&it);
    int status = lua_pcall(L, 2, 2, 0);
    neapi_vm_leave(&console->vm);
    return status == LUA_OK;
}

/* What enter() and finish() say. */
static neap_console_outcome outcome_of(lua_State *L, bool returned, neap_error *error)
{
    const char *outcome = returned ? lua_tostring(L, -2) : NULL;
    if (outcome != NULL && strcmp(outcome, "done") == 0)
        return NEAP_CONSOLE_DONE;
    if (outcome != NULL && strcmp(outcome, "more") == 0)
        return NEAP_CONSOLE_MORE;
    if (outcome != NULL && strcmp(outcome, "quit") == 0)
        return NEAP_CONSOLE_QUIT;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    neapi_fail(error, NEAP_HANDLER, "%s%s",
               returned ? "" : "error: ", text != NULL ? text : "an error without a text");
    return NEAP_CONSOLE_FAILED;
}

neap_console_outcome neap_console_enter(neap_console *console, const char *line, size_t size,
                                        neap_error *error)
{
    atomic_store(&console->interrupted, false);
    bool called = call(console, "enter", line, size);
    atomic_store(&console->interrupted, false);
    neap_console_outcome outcome = outcome_of(console->vm.L, called, error);
    if (outcome == NEAP_CONSOLE_FAILED) /* a limit may have ended it anywhere */
        neap_console_forget(console);
    return outcome;
}

neap_console_outcome neap_console_finish(neap_console *console, neap_error *error)
{
    return outcome_of(console->vm.L, call(console, "finish", NULL, 0), error);
}

void neap_console_forget(neap_console *console)
{
    atomic_store(&console->interrupted, false);
    call(console, "forget", NULL, 0);
}

const char *neap_console_prompt(neap_console *console)
{
    atomic_store(&console->interrupted, false);
    const char *text = call(console, "prompt", NULL, 0) ? lua_tostring(console->vm.L, -2) : NULL;
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
    lua_State *L = console->vm.L;
    lua_settop(L, SESSION);
    neapi_vm_enter(&console->vm);
    lua_pushcfunction(L, set_size);
    lua_pushvalue(L, SESSION);
    lua_pushinteger(L, (lua_Integer)width);
    lua_pushinteger(L, (lua_Integer)height);
    lua_pcall(L, 3, 0, 0);
    neapi_vm_leave(&console->vm);
}

void neap_console_interrupt(neap_console *console)
{
    atomic_store(&console->interrupted, true);
}

void neap_console_complete(neap_console *console, const char *line, size_t size,
                           void (*word)(void *user, size_t from, const char *word), void *user)
{
    lua_State *L = console->vm.L;
    if (!call(console, "complete", line, size) || !lua_istable(L, -1))
        return;
    size_t from = (size_t)lua_tointeger(L, -2);
    int list = lua_gettop(L);
    for (lua_Integer i = 1; lua_rawgeti(L, list, i) == LUA_TSTRING; i++) {
        word(user, from - 1, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}
