/* console_test SEED LINES: random lines for the REPL, as somebody may type them who does not know
 * it, or a cat. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_support.h"

static const char *const words[] = {
    "at",
    "step",
    "back",
    "go",
    "find",
    "until_change",
    "watch",
    "unwatch",
    "events",
    "event",
    "streams",
    "state",
    "document",
    "list",
    "saga",
    "sagas",
    "query",
    "diff",
    "why",
    "trace",
    "fixture",
    "definitions",
    "subscriptions",
    "position",
    "show",
    "whole",
    "help",
    "print",
    "pcall",
    "error",
    "tostring",
    "setmetatable",
    "coroutine.wrap",
    "coroutine.yield",
    "string",
    "table",
    "math.huge",
    "_G",
    "_ENV",
    "x",
    "function",
    "end",
    "for",
    "in",
    "do",
    "while",
    "true",
    "return",
    "local",
    "if",
    "then",
    "nil",
    "not",
    "goto",
    "::x::",
    "repeat",
    "until",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "=",
    ",",
    ".",
    ":",
    "..",
    "#",
    "-",
    "+",
    "*",
    "<",
    "==",
    "...",
    ";",
    "0",
    "1",
    "3",
    "-1",
    "2^63",
    "1e308",
    "\"Order\"",
    "\"o-1\"",
    "\"totals\"",
    "\"Placed\"",
    "\"status\"",
    "\"backward\"",
    "'",
    "\"",
    "[[",
    "]]",
    "--",
    "(\"x\"):rep(30)",
    "\"\\27[2J\"",
    "\"\\u{9b}\\u{202e}\"",
    "\"\\xff\\xffs\"",
    "{ backward = true }",
    "{ limit = 1 }",
    "function(e) return e.total > 1 end",
    "while true do end",
    "error {}",
    "error()",
    "(\"a\"):rep(40):find((\"a?\"):rep(40) .. (\"a\"):rep(40))",
    "(\"x\"):rep(2^40)",
    "é",
    "中",
    "\x1b",
    "\xff",
    "\xc2\x9b",
    "\t",
};

/* xorshift64* */
static uint64_t state;

static uint64_t next_random(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * UINT64_C(2685821657736338717) >> 33) % below;
}

/* Words, sometimes as a call, and now and then a byte that is another. */
static size_t make_line(char *line, size_t room)
{
    static const char *const between[] = {" ", "(", ", ", ""};
    size_t size = 0, count = 1 + next_random(9);
    for (size_t i = 0; i < count; i++) {
        const char *word = words[next_random(sizeof words / sizeof *words)];
        const char *gap = between[next_random(4)];
        size += (size_t)snprintf(line + size, room - size, "%s%s", word, gap);
    }
    if (next_random(2) == 0)
        size += (size_t)snprintf(line + size, room - size, ")");
    if (next_random(8) == 0)
        line[next_random(size)] = (char)next_random(256);
    return size;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    char line[1024];
    uint64_t seed = strtoull(argv[1], NULL, 10), lines = strtoull(argv[2], NULL, 10);
    state = seed * 2 + 1;
    neap_console *console = console_begin();
    bool well = true;
    for (uint64_t i = 0; well && i < lines; i++)
        well = console_survives(console, line, make_line(line, sizeof line));
    console_end(console);
    if (!well)
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
    return well ? 0 : 1;
}
