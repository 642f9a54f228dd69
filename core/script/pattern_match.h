/* Matching a compiled pattern. Each step that is taken counts as one instruction of the handler, so
 * a pattern that never ends is stopped as a loop is.
 *
 * Threads: the state's. */
#ifndef NEAPI_SCRIPT_PATTERN_MATCH_H
#define NEAPI_SCRIPT_PATTERN_MATCH_H

#include <lua.h>

#include "script/pattern_program.h"

#define NEAPI_PATTERN_IS_POSITION ((ptrdiff_t)-1) /* in place of a capture's size */

typedef struct neapi_pattern_capture {
    const char *start;
    ptrdiff_t size;
} neapi_pattern_capture;

typedef struct neapi_matcher {
    lua_State *L;
    const neapi_pattern_program *program;
    const char *subject, *end;
    int64_t left; /* steps until they are accounted for */
    int depth;    /* of nested repetitions that is left */
    neapi_pattern_capture captures[NEAPI_PATTERN_CAPTURES];
} neapi_matcher;

void neapi_matcher_init(neapi_matcher *m, lua_State *L, const neapi_pattern_program *program,
                        const char *subject, size_t size);
/* Accounts for the steps that were taken since the last time. */
void neapi_matcher_settle_lj(neapi_matcher *m);

/* Matches where `at` points; NULL: no match. Raises what is wrong with the pattern, and limits. */
const char *neapi_match_lj(neapi_matcher *m, const char *at);
/* The first match from *at on, which is moved to where it begins. */
const char *neapi_search_lj(neapi_matcher *m, const char **at);

/* Pushes a capture; of a pattern without any, the first is the whole match from `start` to `end`.
 * Raises if there is none, or it was not closed. */
void neapi_push_capture_lj(neapi_matcher *m, unsigned capture, const char *start, const char *end);
/* Pushes all captures and gives their number; `whole`: the whole match if there are none. */
int neapi_push_captures_lj(neapi_matcher *m, bool whole, const char *start, const char *end);

#endif
