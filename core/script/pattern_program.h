/* Lua's patterns, compiled: a list of items, and the sets of bytes that they are about. A pattern
 * has no alternatives and repeats single bytes only, so its items run in one order, and which
 * captures are open at an item is known before anything is matched.
 *
 * What is wrong with a pattern is an item too: as in Lua, it is an error only once a match gets
 * there.
 *
 * Threads: any. */
#ifndef NEAPI_SCRIPT_PATTERN_PROGRAM_H
#define NEAPI_SCRIPT_PATTERN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEAPI_PATTERN_CAPTURES 32
#define NEAPI_PATTERN_BYTES    ((size_t)64 * 1024) /* of a pattern, at most */

typedef struct neapi_pattern_set {
    uint64_t bits[4];
} neapi_pattern_set;

typedef enum neapi_pattern_kind {
    /* One byte of the subject. */
    NEAPI_PATTERN_CHAR,
    NEAPI_PATTERN_ANY,
    NEAPI_PATTERN_SET,
    /* None or more bytes. */
    NEAPI_PATTERN_BACK,
    NEAPI_PATTERN_BALANCE,
    NEAPI_PATTERN_FRONTIER,
    NEAPI_PATTERN_END,
    NEAPI_PATTERN_OPEN,
    NEAPI_PATTERN_POSITION,
    NEAPI_PATTERN_CLOSE,
    NEAPI_PATTERN_DONE,
    NEAPI_PATTERN_BAD,
} neapi_pattern_kind;

typedef enum neapi_pattern_fault {
    NEAPI_PATTERN_ENDS_WITH_ESCAPE,
    NEAPI_PATTERN_SET_NOT_CLOSED,
    NEAPI_PATTERN_BALANCE_NEEDS_TWO,
    NEAPI_PATTERN_FRONTIER_NEEDS_SET,
    NEAPI_PATTERN_CLOSES_NOTHING,
    NEAPI_PATTERN_TOO_MANY_CAPTURES,
    NEAPI_PATTERN_NO_SUCH_CAPTURE,
} neapi_pattern_fault;

typedef struct neapi_pattern_item {
    uint8_t kind;   /* neapi_pattern_kind */
    uint8_t repeat; /* of one byte: '*', '+', '-', '?' or 0 */
    uint8_t byte;   /* the byte; a balance's first; which capture; which fault */
    uint8_t other;  /* a balance's second; the capture that a fault is about */
    const neapi_pattern_set *set;
} neapi_pattern_item;

typedef struct neapi_pattern_program {
    neapi_pattern_item *items; /* ends with DONE or BAD */
    neapi_pattern_set *sets;
    unsigned captures; /* that are there when DONE is reached */
    uint32_t open;     /* and which of them were never closed */
    bool anchored;
} neapi_pattern_program;

/* How many items and sets a pattern of so many bytes has at most. */
static inline size_t neapi_pattern_most_items(size_t size)
{
    return size + 1;
}

static inline size_t neapi_pattern_most_sets(size_t size)
{
    return size / 3;
}

/* Fills the program, whose items and sets have room for the most. With `anchors` a '^' in front
 * anchors it; else it is a byte like others. */
void neapi_pattern_compile(neapi_pattern_program *program, const char *pattern, size_t size,
                           bool anchors);

static inline bool neapi_pattern_has(const neapi_pattern_set *set, unsigned char byte)
{
    return (set->bits[byte >> 6] >> (byte & 63) & 1) != 0;
}

#endif
