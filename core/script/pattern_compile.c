#include "script/pattern_program.h"

#include <string.h>

#define ESCAPE '%'

/* The classes as in the C locale, whatever the process has set: replaying must not depend on it.
 * With a capital letter, all other bytes. */
#define CLASS(letter, low, high)                                                                   \
    [letter] = {{low, high, 0, 0}},                                                                \
    [letter - 'a' + 'A'] = {{~UINT64_C(low), ~UINT64_C(high), UINT64_MAX, UINT64_MAX}}
static const neapi_pattern_set classes[128] = {
    CLASS('a', 0x0000000000000000, 0x07fffffe07fffffe), /* letters */
    CLASS('c', 0x00000000ffffffff, 0x8000000000000000), /* control characters */
    CLASS('d', 0x03ff000000000000, 0x0000000000000000), /* digits */
    CLASS('g', 0xfffffffe00000000, 0x7fffffffffffffff), /* what is printed, but for space */
    CLASS('l', 0x0000000000000000, 0x07fffffe00000000), /* lower-case letters */
    CLASS('p', 0xfc00fffe00000000, 0x78000001f8000001), /* punctuation */
    CLASS('s', 0x0000000100003e00, 0x0000000000000000), /* space */
    CLASS('u', 0x0000000000000000, 0x0000000007fffffe), /* upper-case letters */
    CLASS('w', 0x03ff000000000000, 0x07fffffe07fffffe), /* letters and digits */
    CLASS('x', 0x03ff000000000000, 0x0000007e0000007e), /* hexadecimal digits */
    CLASS('z', 0x0000000000000001, 0x0000000000000000), /* the byte zero, as before Lua 5.2 */
};

typedef struct compiling {
    const unsigned char *text;
    size_t size, at;
    neapi_pattern_program *program;
    neapi_pattern_item *next_item;
    neapi_pattern_set *next_set;
} compiling;

/* The byte so far ahead; zero behind the end. */
static unsigned char peek(const compiling *c, size_t ahead)
{
    return c->at + ahead < c->size ? c->text[c->at + ahead] : 0;
}

static neapi_pattern_item *add(compiling *c, neapi_pattern_kind kind)
{
    *c->next_item = (neapi_pattern_item){.kind = (uint8_t)kind};
    return c->next_item++;
}

static bool fail(compiling *c, neapi_pattern_fault fault)
{
    add(c, NEAPI_PATTERN_BAD)->byte = (uint8_t)fault;
    return false;
}

/* NULL: the letter names no class, and stands for itself. */
static const neapi_pattern_set *class_named(unsigned char letter)
{
    bool is_class = letter < 128 && (classes[letter].bits[0] | classes[letter].bits[1]) != 0;
    return is_class ? &classes[letter] : NULL;
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static void include(neapi_pattern_set *set, unsigned char byte)
{
    set->bits[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

static void include_escaped(neapi_pattern_set *set, unsigned char letter)
{
    const neapi_pattern_set *named = class_named(letter);
    if (named == NULL) {
        include(set, letter);
        return;
    }
    for (int i = 0; i < 4; i++)
        set->bits[i] |= named->bits[i];
}

/* Where the set ends that begins at `at`: the index of its ']', or the size. The first byte is one
 * of its members even if it is a ']'. */
static size_t set_end(const compiling *c, size_t at)
{
    at += at + 1 < c->size && c->text[at + 1] == '^' ? 2 : 1;
    do {
        if (at >= c->size)
            return c->size;
        at += c->text[at] == ESCAPE && at + 1 < c->size ? 2 : 1;
    } while (at >= c->size || c->text[at] != ']');
    return at;
}

/* Reads "[…]" into a new set and moves behind it; NULL: it does not end. */
static const neapi_pattern_set *read_set(compiling *c)
{
    size_t end = set_end(c, c->at), at = c->at + 1;
    if (end >= c->size)
        return NULL;
    neapi_pattern_set *set = c->next_set++;
    memset(set, 0, sizeof *set);
    bool excludes = c->text[at] == '^';
    for (at += excludes; at < end; at++) {
        if (c->text[at] == ESCAPE) {
            include_escaped(set, c->text[++at]);
        } else if (c->text[at + 1] == '-' && at + 2 < end) {
            for (unsigned byte = c->text[at]; byte <= c->text[at + 2]; byte++)
                include(set, (unsigned char)byte);
            at += 2;
        } else {
            include(set, c->text[at]);
        }
    }
    for (int i = 0; excludes && i < 4; i++)
        set->bits[i] = ~set->bits[i];
    c->at = end + 1;
    return set;
}

/* ---- Items ----------------------------------------------------------------------------------- */

/* One byte, and how often. */
static bool compile_single(compiling *c)
{
    neapi_pattern_item item = {.kind = NEAPI_PATTERN_CHAR, .byte = c->text[c->at]};
    if (item.byte == '[') {
        item.kind = NEAPI_PATTERN_SET;
        item.set = read_set(c);
        if (item.set == NULL)
            return fail(c, NEAPI_PATTERN_SET_NOT_CLOSED);
    } else if (item.byte == ESCAPE) {
        if (c->at + 1 >= c->size)
            return fail(c, NEAPI_PATTERN_ENDS_WITH_ESCAPE);
        item.byte = peek(c, 1);
        item.set = class_named(item.byte);
        item.kind = item.set != NULL ? NEAPI_PATTERN_SET : NEAPI_PATTERN_CHAR;
        c->at += 2;
    } else {
        item.kind = item.byte == '.' ? NEAPI_PATTERN_ANY : NEAPI_PATTERN_CHAR;
        c->at++;
    }
    unsigned char repeat = peek(c, 0);
    if (repeat == '*' || repeat == '+' || repeat == '-' || repeat == '?') {
        item.repeat = repeat;
        c->at++;
    }
    *c->next_item++ = item;
    return true;
}

static bool compile_open(compiling *c)
{
    neapi_pattern_program *program = c->program;
    if (program->captures == NEAPI_PATTERN_CAPTURES)
        return fail(c, NEAPI_PATTERN_TOO_MANY_CAPTURES);
    unsigned capture = program->captures++;
    bool position = peek(c, 1) == ')';
    add(c, position ? NEAPI_PATTERN_POSITION : NEAPI_PATTERN_OPEN)->byte = (uint8_t)capture;
    if (!position)
        program->open |= UINT32_C(1) << capture;
    c->at += position ? 2 : 1;
    return true;
}

/* Closes the capture that was opened last of those that are open. */
static bool compile_close(compiling *c)
{
    unsigned capture = c->program->captures;
    do {
        if (capture == 0)
            return fail(c, NEAPI_PATTERN_CLOSES_NOTHING);
        capture--;
    } while ((c->program->open >> capture & 1) == 0);
    c->program->open &= ~(UINT32_C(1) << capture);
    add(c, NEAPI_PATTERN_CLOSE)->byte = (uint8_t)capture;
    c->at++;
    return true;
}

static bool compile_back(compiling *c)
{
    unsigned number = peek(c, 1) - (unsigned)'0';
    if (number == 0 || number > c->program->captures ||
        (c->program->open >> (number - 1) & 1) != 0) {
        fail(c, NEAPI_PATTERN_NO_SUCH_CAPTURE);
        c->next_item[-1].other = (uint8_t)number;
        return false;
    }
    add(c, NEAPI_PATTERN_BACK)->byte = (uint8_t)(number - 1);
    c->at += 2;
    return true;
}

static bool compile_balance(compiling *c)
{
    if (c->at + 3 >= c->size)
        return fail(c, NEAPI_PATTERN_BALANCE_NEEDS_TWO);
    neapi_pattern_item *item = add(c, NEAPI_PATTERN_BALANCE);
    item->byte = peek(c, 2);
    item->other = peek(c, 3);
    c->at += 4;
    return true;
}

static bool compile_frontier(compiling *c)
{
    c->at += 2;
    if (peek(c, 0) != '[')
        return fail(c, NEAPI_PATTERN_FRONTIER_NEEDS_SET);
    const neapi_pattern_set *set = read_set(c);
    if (set == NULL)
        return fail(c, NEAPI_PATTERN_SET_NOT_CLOSED);
    add(c, NEAPI_PATTERN_FRONTIER)->set = set;
    return true;
}

static bool compile_escaped(compiling *c)
{
    unsigned char letter = peek(c, 1);
    if (letter == 'b')
        return compile_balance(c);
    if (letter == 'f')
        return compile_frontier(c);
    if (letter >= '0' && letter <= '9')
        return compile_back(c);
    return compile_single(c);
}

static bool compile_item(compiling *c)
{
    switch (c->text[c->at]) {
    case '(':
        return compile_open(c);
    case ')':
        return compile_close(c);
    case ESCAPE:
        return compile_escaped(c);
    case '$':
        if (c->at + 1 == c->size) {
            add(c, NEAPI_PATTERN_END);
            c->at++;
            return true;
        }
        return compile_single(c);
    default:
        return compile_single(c);
    }
}

void neapi_pattern_compile(neapi_pattern_program *program, const char *pattern, size_t size,
                           bool anchors)
{
    compiling c = {(const unsigned char *)pattern, size, 0, program, program->items, program->sets};
    program->captures = 0;
    program->open = 0;
    program->anchored = anchors && size > 0 && pattern[0] == '^';
    c.at = program->anchored;
    bool good = true;
    while (good && c.at < size)
        good = compile_item(&c);
    if (good)
        add(&c, NEAPI_PATTERN_DONE);
}
