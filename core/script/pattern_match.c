#include "script/pattern_match.h"

#include <lauxlib.h>
#include <string.h>

#include "script/limits.h"

#define STEPS   10000 /* between two looks at the limits */
#define NESTING 200   /* of repetitions, as in Lua's own library */

/* ---- Errors and limits ----------------------------------------------------------------------- */

static int raise_fault_lj(lua_State *L, const neapi_pattern_item *item)
{
    switch ((neapi_pattern_fault)item->byte) {
    case NEAPI_PATTERN_ENDS_WITH_ESCAPE:
        return luaL_error(L, "malformed pattern (ends with '%%')");
    case NEAPI_PATTERN_SET_NOT_CLOSED:
        return luaL_error(L, "malformed pattern (missing ']')");
    case NEAPI_PATTERN_BALANCE_NEEDS_TWO:
        return luaL_error(L, "malformed pattern (missing arguments to '%%b')");
    case NEAPI_PATTERN_FRONTIER_NEEDS_SET:
        return luaL_error(L, "missing '[' after '%%f' in pattern");
    case NEAPI_PATTERN_CLOSES_NOTHING:
        return luaL_error(L, "invalid pattern capture");
    case NEAPI_PATTERN_TOO_MANY_CAPTURES:
        return luaL_error(L, "too many captures");
    case NEAPI_PATTERN_NO_SUCH_CAPTURE:
        break;
    }
    return luaL_error(L, "invalid capture index %%%d", item->other);
}

static void nest_lj(neapi_matcher *m)
{
    if (m->depth-- == 0)
        luaL_error(m->L, "pattern too complex");
}

void neapi_matcher_settle_lj(neapi_matcher *m)
{
    uint64_t steps = (uint64_t)(STEPS - m->left);
    m->left = STEPS;
    neapi_limits_spend_lj(m->L, steps);
}

static inline void step_lj(neapi_matcher *m, ptrdiff_t count)
{
    m->left -= count;
    if (m->left <= 0)
        neapi_matcher_settle_lj(m);
}

/* ---- Single bytes ---------------------------------------------------------------------------- */

static inline bool fits(const neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    if (at >= m->end)
        return false;
    if (item->kind == NEAPI_PATTERN_CHAR)
        return (uint8_t)*at == item->byte;
    return item->kind == NEAPI_PATTERN_ANY || neapi_pattern_has(item->set, (unsigned char)*at);
}

/* Where the longest run of bytes ends that fit. */
static const char *run_end(const neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    const char *end = m->end;
    if (item->kind == NEAPI_PATTERN_ANY)
        return end;
    if (item->kind == NEAPI_PATTERN_CHAR)
        while (at < end && (uint8_t)*at == item->byte)
            at++;
    else
        while (at < end && neapi_pattern_has(item->set, (unsigned char)*at))
            at++;
    return at;
}

/* Whether a match of the item could begin there, as far as one byte tells. When no nesting is left
 * the answer is yes: then trying raises the error. */
static inline bool may_begin(const neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    if (item->kind > NEAPI_PATTERN_SET || (item->repeat != 0 && item->repeat != '+'))
        return true;
    return m->depth == 0 || fits(m, item, at);
}

/* ---- Items ----------------------------------------------------------------------------------- */

static const char *match_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at);

/* As many as there are, then fewer until what follows matches. */
static const char *expand_most_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    const char *last = run_end(m, item, at);
    step_lj(m, last - at);
    for (; last >= at; last--) {
        step_lj(m, 1);
        if (may_begin(m, item + 1, last)) {
            const char *end = match_lj(m, item + 1, last);
            if (end != NULL)
                return end;
        }
    }
    return NULL;
}

/* None, then more until what follows matches. */
static const char *expand_least_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    for (;; at++) {
        step_lj(m, 1);
        if (may_begin(m, item + 1, at)) {
            const char *end = match_lj(m, item + 1, at);
            if (end != NULL)
                return end;
        }
        if (!fits(m, item, at))
            return NULL;
    }
}

static const char *match_back_lj(neapi_matcher *m, const neapi_pattern_capture *capture,
                                 const char *at)
{
    ptrdiff_t size = capture->size;
    if (size == NEAPI_PATTERN_IS_POSITION || m->end - at < size)
        return NULL;
    step_lj(m, size / 8);
    return memcmp(at, capture->start, (size_t)size) == 0 ? at + size : NULL;
}

static const char *match_balance_lj(neapi_matcher *m, const neapi_pattern_item *item,
                                    const char *at)
{
    if (at >= m->end || (uint8_t)*at != item->byte)
        return NULL;
    size_t nested = 1;
    const char *start = at;
    while (++at < m->end) {
        uint8_t byte = (uint8_t)*at;
        if (byte == item->other) {
            if (--nested == 0)
                break;
        } else if (byte == item->byte) {
            nested++;
        }
    }
    step_lj(m, at - start);
    return at < m->end ? at + 1 : NULL;
}

static bool at_frontier(const neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    unsigned char before = at == m->subject ? 0 : (unsigned char)at[-1];
    unsigned char here = at == m->end ? 0 : (unsigned char)*at;
    return !neapi_pattern_has(item->set, before) && neapi_pattern_has(item->set, here);
}

/* What takes no part of the subject by itself, and what is matched before. NULL: no match. */
static const char *match_other_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    neapi_pattern_capture *capture = &m->captures[item->byte % NEAPI_PATTERN_CAPTURES];
    switch ((neapi_pattern_kind)item->kind) {
    case NEAPI_PATTERN_OPEN:
    case NEAPI_PATTERN_POSITION:
        *capture = (neapi_pattern_capture){at, NEAPI_PATTERN_IS_POSITION};
        nest_lj(m);
        return at;
    case NEAPI_PATTERN_CLOSE:
        capture->size = at - capture->start;
        nest_lj(m);
        return at;
    case NEAPI_PATTERN_BACK:
        return match_back_lj(m, capture, at);
    case NEAPI_PATTERN_BALANCE:
        return match_balance_lj(m, item, at);
    case NEAPI_PATTERN_FRONTIER:
        return at_frontier(m, item, at) ? at : NULL;
    case NEAPI_PATTERN_END:
        return at == m->end ? at : NULL;
    default:
        raise_fault_lj(m->L, item);
        return NULL;
    }
}

/* Captures need no undoing: items run in one order, so those of the match were written last. */
static const char *match_items_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    for (;; item++) {
        step_lj(m, 1);
        if (item->kind == NEAPI_PATTERN_DONE)
            return at;
        if (item->kind > NEAPI_PATTERN_SET) {
            at = match_other_lj(m, item, at);
            if (at == NULL)
                return NULL;
            continue;
        }
        switch (item->repeat) {
        case '*':
            return expand_most_lj(m, item, at);
        case '+':
            return fits(m, item, at) ? expand_most_lj(m, item, at + 1) : NULL;
        case '-':
            return expand_least_lj(m, item, at);
        case '?':
            if (fits(m, item, at)) {
                const char *end = match_lj(m, item + 1, at + 1);
                if (end != NULL)
                    return end;
            }
            break;
        default:
            if (!fits(m, item, at))
                return NULL;
            at++;
        }
    }
}

static const char *match_lj(neapi_matcher *m, const neapi_pattern_item *item, const char *at)
{
    int depth = m->depth;
    nest_lj(m);
    const char *end = match_items_lj(m, item, at);
    m->depth = depth;
    return end;
}

/* ---- The whole ------------------------------------------------------------------------------- */

void neapi_matcher_init(neapi_matcher *m, lua_State *L, const neapi_pattern_program *program,
                        const char *subject, size_t size)
{
    m->L = L;
    m->program = program;
    m->subject = subject;
    m->end = subject + size;
    m->left = STEPS;
}

const char *neapi_match_lj(neapi_matcher *m, const char *at)
{
    m->depth = NESTING;
    return match_lj(m, m->program->items, at);
}

/* Moves on to where the first item fits; false: nowhere. */
static bool skip_lj(neapi_matcher *m, const char **at)
{
    const neapi_pattern_item *first = m->program->items;
    const char *start = *at;
    if (first->kind == NEAPI_PATTERN_CHAR) {
        const char *found = memchr(start, first->byte, (size_t)(m->end - start));
        *at = found != NULL ? found : m->end;
        step_lj(m, (*at - start) / 8);
    } else {
        while (!fits(m, first, *at) && *at < m->end)
            ++*at;
        step_lj(m, *at - start);
    }
    return *at < m->end;
}

const char *neapi_search_lj(neapi_matcher *m, const char **at)
{
    const neapi_pattern_item *first = m->program->items;
    bool skips = !m->program->anchored && first->kind <= NEAPI_PATTERN_SET &&
                 (first->repeat == 0 || first->repeat == '+');
    for (;; ++*at) {
        if (skips && !skip_lj(m, at))
            return NULL;
        const char *end = neapi_match_lj(m, *at);
        if (end != NULL || m->program->anchored || *at == m->end)
            return end;
    }
}

/* ---- Captures -------------------------------------------------------------------------------- */

void neapi_push_capture_lj(neapi_matcher *m, unsigned capture, const char *start, const char *end)
{
    lua_State *L = m->L;
    const neapi_pattern_capture *found = &m->captures[capture % NEAPI_PATTERN_CAPTURES];
    if (capture >= m->program->captures && capture != 0)
        luaL_error(L, "invalid capture index %%%d", (int)capture + 1);
    if (capture >= m->program->captures)
        lua_pushlstring(L, start, (size_t)(end - start));
    else if ((m->program->open >> capture & 1) != 0)
        luaL_error(L, "unfinished capture");
    else if (found->size == NEAPI_PATTERN_IS_POSITION)
        lua_pushinteger(L, found->start - m->subject + 1);
    else
        lua_pushlstring(L, found->start, (size_t)found->size);
}

int neapi_push_captures_lj(neapi_matcher *m, bool whole, const char *start, const char *end)
{
    unsigned count = m->program->captures;
    if (count == 0 && whole)
        count = 1;
    luaL_checkstack(m->L, (int)count, "too many captures");
    for (unsigned i = 0; i < count; i++)
        neapi_push_capture_lj(m, i, start, end);
    return (int)count;
}
