/* Feeds bytes to our pattern functions and to Lua's own: they give the same, errors included. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/pattern_support.h"
#include "script/failure.h"
#include "script/limits.h"

enum { MOST_STEPS = 100000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t steps;

/* What the state's limits would be, without a state of ours. */
void neapi_limits_spend_lj(lua_State *L, uint64_t count)
{
    steps += count;
    if (steps > MOST_STEPS)
        luaL_error(L, "limit: steps");
}

int neapi_raise_lj(lua_State *L, neap_status status, const char *format, ...)
{
    (void)status;
    return luaL_error(L, "limit: %s", format);
}

/* Splits off the bytes up to a newline. */
static neap_text take(neap_text *rest)
{
    const char *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    neap_text taken = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    size_t used = taken.size + (end != NULL);
    *rest = neapi_text(rest->data + used, rest->size - used);
    return taken;
}

/* The first byte is where to begin; then a pattern, a replacement and a subject, each a line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lua_State *L;
    if (L == NULL) {
        L = luaL_newstate();
        pattern_open(L);
    }
    if (size == 0)
        return 0;
    neap_text rest = neapi_text((const char *)data + 1, size - 1);
    neap_text pattern = take(&rest), replacement = take(&rest);
    steps = 0;
    if (!pattern_same(L, rest, pattern, (int)(data[0] % 16) - 5, replacement))
        abort();
    return 0;
}
