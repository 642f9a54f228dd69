#include "script/pattern.h"

#include <lauxlib.h>
#include <string.h>

#include "script/failure.h"
#include "script/limits.h"

enum { SUBJECT = 1, PATTERN, INIT, PLAIN };

static neap_text check_pattern_lj(lua_State *L, int index)
{
    neap_text pattern = {0};
    pattern.data = luaL_checklstring(L, index, &pattern.size);
    if (pattern.size > NEAPI_PATTERN_BYTES)
        neapi_raise_lj(L, NEAP_LIMIT, "a pattern has at most %zu bytes, not %zu",
                       NEAPI_PATTERN_BYTES, pattern.size);
    return pattern;
}

/* Pushes a userdata that begins with `header` bytes and has room behind them for the most that a
 * pattern of `size` bytes takes. */
static void *push_room_lj(lua_State *L, size_t header, size_t size, neapi_pattern_program *program)
{
    size_t items = neapi_pattern_most_items(size), sets = neapi_pattern_most_sets(size);
    char *room = lua_newuserdatauv(
        L, header + items * sizeof *program->items + sets * sizeof *program->sets, 0);
    program->items = (neapi_pattern_item *)(void *)(room + header);
    program->sets = (neapi_pattern_set *)(void *)(program->items + items);
    neapi_limits_spend_lj(L, size);
    return room;
}

void neapi_pattern_read_lj(lua_State *L, int index, neapi_pattern_room *room,
                           neapi_pattern_program *program)
{
    neap_text pattern = check_pattern_lj(L, index);
    program->items = room->items;
    program->sets = room->sets;
    if (neapi_pattern_most_items(pattern.size) > sizeof room->items / sizeof *room->items)
        push_room_lj(L, 0, pattern.size, program);
    neapi_pattern_compile(program, pattern.data, pattern.size, true);
}

/* From where on to look: an offset, beyond the size if there is nothing there. */
static size_t read_init_lj(lua_State *L, size_t size)
{
    lua_Integer init = luaL_optinteger(L, INIT, 1);
    if (init > 0)
        return (size_t)init - 1;
    if (init == 0 || init < -(lua_Integer)size)
        return 0;
    return size - (size_t)-init;
}

/* ---- find and match -------------------------------------------------------------------------- */

static bool is_special(char byte)
{
    switch (byte) {
    case '^':
    case '$':
    case '*':
    case '+':
    case '?':
    case '.':
    case '(':
    case '[':
    case '%':
    case '-':
        return true;
    default:
        return false;
    }
}

static bool is_plain(neap_text pattern)
{
    for (size_t i = 0; i < pattern.size; i++)
        if (is_special(pattern.data[i]))
            return false;
    return true;
}

static int find_plainly(lua_State *L, neap_text subject, size_t init, neap_text wanted)
{
    const char *found = memmem(subject.data + init, subject.size - init, wanted.data, wanted.size);
    neapi_limits_spend_lj(L, (subject.size - init) / 64);
    if (found == NULL) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - subject.data + 1);
    lua_pushinteger(L, found - subject.data + (lua_Integer)wanted.size);
    return 2;
}

static int search(lua_State *L, neap_text subject, size_t init, bool finds)
{
    neapi_pattern_room room;
    neapi_pattern_program program;
    neapi_pattern_read_lj(L, PATTERN, &room, &program);
    neapi_matcher matcher;
    neapi_matcher_init(&matcher, L, &program, subject.data, subject.size);
    const char *start = subject.data + init;
    const char *end = neapi_search_lj(&matcher, &start);
    neapi_matcher_settle_lj(&matcher);
    if (end == NULL) {
        lua_pushnil(L);
        return 1;
    }
    if (!finds)
        return neapi_push_captures_lj(&matcher, true, start, end);
    lua_pushinteger(L, start - subject.data + 1);
    lua_pushinteger(L, end - subject.data);
    return neapi_push_captures_lj(&matcher, false, start, end) + 2;
}

static int find_or_match(lua_State *L, bool finds)
{
    neap_text subject = {0}, pattern = {0};
    subject.data = luaL_checklstring(L, SUBJECT, &subject.size);
    pattern.data = luaL_checklstring(L, PATTERN, &pattern.size);
    size_t init = read_init_lj(L, subject.size);
    if (init > subject.size) {
        lua_pushnil(L);
        return 1;
    }
    if (finds && (lua_toboolean(L, PLAIN) || is_plain(pattern)))
        return find_plainly(L, subject, init, pattern);
    return search(L, subject, init, finds);
}

static int find(lua_State *L)
{
    return find_or_match(L, true);
}

static int match(lua_State *L)
{
    return find_or_match(L, false);
}

/* ---- gmatch ---------------------------------------------------------------------------------- */

typedef struct matches {
    neapi_matcher matcher;
    neapi_pattern_program program;
    const char *at;   /* beyond the end: there is no more */
    const char *last; /* the end of the last match, which none may be empty at */
} matches;

static int next_match(lua_State *L)
{
    matches *all = lua_touserdata(L, lua_upvalueindex(3));
    neapi_matcher *m = &all->matcher;
    m->L = L; /* may be called from another coroutine than last time */
    while (all->at <= m->end) {
        const char *start = all->at;
        const char *end = neapi_search_lj(m, &start);
        if (end == NULL)
            break;
        if (end != all->last) {
            all->at = all->last = end;
            neapi_matcher_settle_lj(m);
            return neapi_push_captures_lj(m, true, start, end);
        }
        all->at = start + 1;
    }
    all->at = m->end + 1;
    neapi_matcher_settle_lj(m);
    return 0;
}

static int gmatch(lua_State *L)
{
    size_t size;
    const char *subject = luaL_checklstring(L, SUBJECT, &size);
    neap_text pattern = check_pattern_lj(L, PATTERN);
    size_t init = read_init_lj(L, size);
    lua_settop(L, 2);
    neapi_pattern_program program;
    matches *all = push_room_lj(L, sizeof *all, pattern.size, &program);
    all->program = program;
    neapi_pattern_compile(&all->program, pattern.data, pattern.size, false);
    neapi_matcher_init(&all->matcher, L, &all->program, subject, size);
    all->at = subject + (init <= size ? init : size + 1);
    all->last = NULL;
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

void neapi_pattern_open_lj(lua_State *L, int index)
{
    static const luaL_Reg functions[] = {
        {"find", find}, {"match", match}, {"gmatch", gmatch}, {"gsub", neapi_pattern_gsub},
        {NULL, NULL},
    };
    lua_pushvalue(L, index);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
