#include "script/trace.h"

#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "script/embedded.h"

#define LONGEST_TRACE 20

/* In a state of ours the chunk is named by us; in a host's Lua it was loaded from a file
 * ".../neap/<file>". */
bool neapi_trace_own(const lua_Debug *ar)
{
    if (strncmp(ar->source, NEAPI_EMBEDDED_CHUNK, sizeof NEAPI_EMBEDDED_CHUNK - 1) == 0)
        return true;
    if (ar->source[0] != '@')
        return false;
    for (const char *at = ar->source; (at = strstr(at, "neap/")) != NULL; at++)
        if ((at[-1] == '/' || at[-1] == '@') && neapi_embedded_file(at + strlen("neap/")) != NULL)
            return true;
    return false;
}

const char *neapi_trace_file(const lua_Debug *ar)
{
    return ar->source[0] == '@' || ar->source[0] == '=' ? ar->source + 1 : ar->short_src;
}

static void write_line(lua_State *L, lua_Debug *ar, char *line, size_t size)
{
    lua_getinfo(L, "n", ar);
    const char *file = neapi_trace_file(ar);
    if (strcmp(ar->what, "main") == 0)
        snprintf(line, size, "%s:%d: in the file itself", file, ar->currentline);
    else if (ar->name != NULL && ar->name[0] != '?')
        snprintf(line, size, "%s:%d: in function '%s'", file, ar->currentline, ar->name);
    else
        snprintf(line, size, "%s:%d: in the function at line %d", file, ar->currentline,
                 ar->linedefined);
}

/* Whether a host's Lua begins behind this function of C: it is the outermost entry. */
static bool is_border(lua_State *L, lua_Debug *ar, const neapi_vm *vm, unsigned *entries)
{
    if (vm->border == NULL || ar->what[0] != 'C')
        return false;
    lua_getinfo(L, "f", ar);
    bool entry = lua_tocfunction(L, -1) == vm->border;
    lua_pop(L, 1);
    return entry && ++*entries >= vm->entries;
}

void neapi_trace(lua_State *L, int level, neapi_vm *vm)
{
    char *text = vm->traceback;
    size_t used = 0, size = sizeof vm->traceback;
    unsigned entries = 0;
    text[0] = '\0';
    lua_Debug ar;
    for (int lines = 0; lines < LONGEST_TRACE && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (is_border(L, &ar, vm, &entries))
            return;
        if (ar.what[0] == 'C' || neapi_trace_own(&ar))
            continue;
        char line[256];
        write_line(L, &ar, line, sizeof line);
        int written = snprintf(text + used, size - used, "%s%s", lines != 0 ? "\n" : "", line);
        if (written < 0 || (size_t)written >= size - used) {
            text[used] = '\0';
            return;
        }
        used += (size_t)written;
        lines++;
    }
}

bool neapi_trace_caller(lua_State *L, int level, lua_Debug *ar)
{
    for (; lua_getstack(L, level, ar); level++) {
        lua_getinfo(L, "Sl", ar);
        if (ar->what[0] != 'C' && !neapi_trace_own(ar))
            return true;
    }
    return false;
}

int neapi_misuse_lj(lua_State *L, const char *format, ...)
{
    lua_Debug ar;
    if (neapi_trace_caller(L, 1, &ar))
        lua_pushfstring(L, "%s:%d: ", neapi_trace_file(&ar), ar.currentline);
    else
        lua_pushliteral(L, "");
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    lua_pushstring(L, message);
    lua_concat(L, 2);
    return lua_error(L);
}
