#include "script/pattern.h"

#include <lauxlib.h>
#include <string.h>

enum { SUBJECT = 1, PATTERN, REPLACEMENT, MOST };

typedef struct substituting {
    neapi_matcher matcher;
    luaL_Buffer result;
    int type; /* of the replacement */
} substituting;

/* Adds the replacement's text, with the captures that it names by '%'. */
static void add_text_lj(substituting *job, const char *start, const char *end)
{
    lua_State *L = job->matcher.L;
    size_t size;
    const char *text = lua_tolstring(L, REPLACEMENT, &size), *text_end = text + size;
    for (;;) {
        const char *mark = memchr(text, '%', (size_t)(text_end - text));
        luaL_addlstring(&job->result, text, (size_t)((mark != NULL ? mark : text_end) - text));
        if (mark == NULL)
            return;
        unsigned char what = mark + 1 < text_end ? (unsigned char)mark[1] : 0;
        if (what == '%') {
            luaL_addchar(&job->result, '%');
        } else if (what == '0') {
            luaL_addlstring(&job->result, start, (size_t)(end - start));
        } else if (what >= '1' && what <= '9') {
            neapi_push_capture_lj(&job->matcher, what - (unsigned)'1', start, end);
            luaL_addvalue(&job->result);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
        text = mark + 2;
    }
}

/* Adds what stands for the match; whether it is another text. */
static bool add_replacement_lj(substituting *job, const char *start, const char *end)
{
    lua_State *L = job->matcher.L;
    if (job->type == LUA_TFUNCTION) {
        lua_pushvalue(L, REPLACEMENT);
        int count = neapi_push_captures_lj(&job->matcher, true, start, end);
        lua_call(L, count, 1);
    } else if (job->type == LUA_TTABLE) {
        neapi_push_capture_lj(&job->matcher, 0, start, end);
        lua_gettable(L, REPLACEMENT);
    } else {
        add_text_lj(job, start, end);
        return true;
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(&job->result, start, (size_t)(end - start));
        return false;
    }
    if (!lua_isstring(L, -1))
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    luaL_addvalue(&job->result);
    return true;
}

/* Goes through the matches; gives their number, and where what is left of the subject begins. */
static lua_Integer substitute_lj(substituting *job, lua_Integer most, bool *changed,
                                 const char **rest)
{
    neapi_matcher *m = &job->matcher;
    const char *at = m->subject, *last = NULL;
    lua_Integer count = 0;
    while (count < most) {
        const char *start = at;
        const char *end = neapi_search_lj(m, &start);
        if (end == NULL)
            break;
        luaL_addlstring(&job->result, at, (size_t)(start - at));
        at = start;
        if (end != last) {
            count++;
            *changed |= add_replacement_lj(job, start, end);
            at = last = end;
        } else if (at < m->end) {
            luaL_addchar(&job->result, *at++);
        } else {
            break;
        }
        if (m->program->anchored)
            break;
    }
    *rest = at;
    return count;
}

/* gsub(subject, pattern, replacement, most) */
int neapi_pattern_gsub(lua_State *L)
{
    size_t size;
    const char *subject = luaL_checklstring(L, SUBJECT, &size), *rest;
    luaL_checkstring(L, PATTERN);
    substituting job; /* most of it is the buffer: not filled with zeros */
    job.type = lua_type(L, REPLACEMENT);
    lua_Integer most = luaL_optinteger(L, MOST, (lua_Integer)size + 1);
    luaL_argexpected(L,
                     job.type == LUA_TNUMBER || job.type == LUA_TSTRING ||
                         job.type == LUA_TFUNCTION || job.type == LUA_TTABLE,
                     REPLACEMENT, "string/function/table");
    neapi_pattern_room room;
    neapi_pattern_program program;
    neapi_pattern_read_lj(L, PATTERN, &room, &program);
    neapi_matcher_init(&job.matcher, L, &program, subject, size);
    luaL_buffinit(L, &job.result);
    bool changed = false;
    lua_Integer count = substitute_lj(&job, most, &changed, &rest);
    neapi_matcher_settle_lj(&job.matcher);
    if (changed) {
        luaL_addlstring(&job.result, rest, (size_t)(subject + size - rest));
        luaL_pushresult(&job.result);
    } else {
        lua_pushvalue(L, SUBJECT);
    }
    lua_pushinteger(L, count);
    return 2;
}
