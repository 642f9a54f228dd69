/* core/script: Lua's patterns, as ours match them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <lauxlib.h>

#include "base/platform.h"
#include "base/text.h"
#include "core/pattern_support.h"
#include "script/vm.h"

static neapi_vm vm;

static int open_state(void **state)
{
    vm = (neapi_vm){.platform = neapi_platform_machine(),
                    .memory_bytes = SIZE_MAX,
                    .allocation_bytes = SIZE_MAX,
                    .instruction_limit = UINT64_MAX,
                    .ms = UINT32_MAX};
    if (!neapi_vm_open(&vm))
        return -1;
    pattern_open(vm.L);
    *state = vm.L;
    return 0;
}

static int close_state(void **state)
{
    (void)state;
    neapi_vm_close(&vm);
    return 0;
}

static void hand_picked_patterns_give_the_same(void **state)
{
    static const char *const patterns[] = {
        "",
        "^",
        "$",
        "^$",
        "a$",
        "$a",
        "a^",
        "%",
        "%%",
        "a%",
        "[",
        "[]",
        "[]]",
        "[^]",
        "[^]]",
        "[a",
        "[%",
        "[%]",
        "[%]]",
        "[a-]",
        "[a-c]",
        "[c-a]",
        "[-a]",
        "[a-%]]",
        "[%a-z]",
        "[^%s]",
        "[x-%%]",
        "[%d%-]",
        "(",
        ")",
        "()",
        "(()",
        "(a",
        "(a)",
        "((a)(b))",
        "(a)%1",
        "(a%1)",
        "%1",
        "()%1",
        "(a*)b%1",
        "%0",
        "%b",
        "%ba",
        "%bab",
        "%baa",
        "%b()",
        "%f",
        "%fa",
        "%f[",
        "%f[a]",
        "%f[%w]%w+",
        "%f[\x01-\xff]",
        "%f[^a]",
        "a**",
        "a*?",
        "a-b",
        ".-",
        ".*",
        ".-$",
        "^.-a",
        "(.-)%s*$",
        "a?b?c?",
        "a+-",
        "(a)*",
        "%z",
        "%Z",
        "%A+",
        "%Wa",
        "[%W_]",
        "%q",
        "((((((((((((((((((((((((((((((((((((((((",
    };
    static const char *const subjects[] = {"",     "a",        "ab",          "aab(a(b)a)b",
                                           "b-a]", "x = 1, y", "hello hello", "  trim me  "};
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
        for (size_t s = 0; s < sizeof subjects / sizeof *subjects; s++)
            for (int init = -3; init <= 12; init += 3)
                assert_true(pattern_same(*state, neapi_text_of(subjects[s]),
                                         neapi_text_of(patterns[p]), init,
                                         neapi_text_of("<%0%1%%>")));
}

/* ---- Random ones ----------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % bound);
}

/* Joins `count` of the pieces, which are divided by a space. */
static neap_text join(char *text, const char *pieces, unsigned count)
{
    size_t size = 0;
    unsigned number = 1;
    for (const char *at = pieces; *at != '\0'; at++)
        number += *at == ' ';
    for (unsigned i = 0; i < count; i++) {
        const char *at = pieces;
        for (unsigned skipped = below(number); skipped > 0; skipped--)
            at = strchr(at, ' ') + 1;
        size_t length = strcspn(at, " ");
        /* One letter stands for the byte zero. */
        for (size_t j = 0; j < length; j++)
            text[size++] = at[j] == 'Q' ? '\0' : at[j];
    }
    text[size] = '\0';
    return neapi_text(text, size);
}

static void random_patterns_give_the_same(void **state)
{
    static const char items[] = "a b c . %a %d %s %w %W %x [ab] [^a] [%d_] [a-c] [^%w] ( ) () (.-) "
                                "%1 %2 %b() %bab %f[%w] %f[^a] * + - ? ^ $ ) a* b- .- .* %w+ \xe4 "
                                "[\x80-\xff] Q";
    static const char bytes[] = "a b [ ] % ^ $ ( ) * + - ? . 1 f w Q 0 z ]";
    static const char subject_bytes[] = "a b c ab ( ) 1 _ \xe4 \t A - ] % Q";
    static const char replacement_bytes[] = "x %0 %1 %2 %% % - 1";
    char subject[256], pattern[256], replacement[64];
    seed = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 60000; i++) {
        neap_text made =
            i % 3 != 0 ? join(pattern, items, below(7)) : join(pattern, bytes, below(9));
        assert_true(pattern_same(*state, join(subject, subject_bytes, below(18)), made,
                                 (int)below(20) - 6,
                                 join(replacement, replacement_bytes, below(4))));
    }
}

static void nesting_is_bounded_as_in_lua(void **state)
{
    char pattern[2048];
    static char subject[2000];
    memset(subject, 'a', sizeof subject);
    neap_text text = neapi_text(subject, sizeof subject), short_text = neapi_text(subject, 300);
    for (unsigned count = 150; count < 210; count++) {
        pattern[0] = '\0';
        for (unsigned i = 0; i < count; i++)
            strcat(pattern, i % 10 == 3 && i < 300 ? "(a)" : "a?");
        assert_true(pattern_same(*state, short_text, neapi_text_of(pattern), 1, text));
        assert_true(pattern_same(*state, neapi_text(subject, count), neapi_text_of(pattern), 1,
                                 neapi_text_of("")));
    }
    assert_true(pattern_same(*state, text, neapi_text_of("(.-)%1%1b?"), 1, neapi_text_of("%1")));
    assert_true(pattern_same(*state, text, neapi_text_of(".-b"), 1500, neapi_text_of("%1")));
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static void expect_limit(lua_State *L, const char *code, const char *message)
{
    vm.instruction_limit = 1000000;
    neapi_vm_enter(&vm);
    assert_int_equal(luaL_loadstring(L, code), LUA_OK);
    lua_getfield(L, LUA_REGISTRYINDEX, "ours");
    assert_int_equal(lua_pcall(L, 1, 0, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(L, -1), message);
    lua_pop(L, 1);
    neapi_vm_leave(&vm);
    vm.instruction_limit = UINT64_MAX;
}

static void patterns_that_never_end_are_stopped(void **state)
{
    static const char *const codes[] = {
        "return (...).find(('a'):rep(60), ('a*'):rep(30) .. 'b')",
        "return (...).match(('a'):rep(200000), '.-b')",
        "return (...).gsub(('a'):rep(200000), '(.-)%1b', '')",
        "for _ in (...).gmatch(('a'):rep(200000), 'a-b') do end",
        "return (...).find(('('):rep(200000), '%b()')",
        "local find = (...).find for i = 1, 5000 do find(('a'):rep(1000), '.*b') end",
        "local find, s = (...).find, ('a'):rep(1e6) for i = 1, 900 do find(s, 'b', 1, true) end",
        "local p = '[' .. ('a'):rep(60000) .. ']' for i = 1, 900 do (...).find('', p) end",
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        expect_limit(*state, codes[i], "instructions: the handler ran more than 1000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_picked_patterns_give_the_same),
        cmocka_unit_test(random_patterns_give_the_same),
        cmocka_unit_test(nesting_is_bounded_as_in_lua),
        cmocka_unit_test(patterns_that_never_end_are_stopped),
    };
    return cmocka_run_group_tests(tests, open_state, close_state);
}
