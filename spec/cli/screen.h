/* What a person sees of what a program writes to a terminal: lines of characters, after cursor
 * movements, insertions and erasures. As much of xterm as line editing and pagers ask for. */
#ifndef NEAP_SPEC_SCREEN_H
#define NEAP_SPEC_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct screen_cell {
    uint32_t codes[3]; /* a character and what is above or below it; 0: nothing */
    bool behind_wide;  /* the right half of the one before */
    char style[16];    /* as "31;1"; empty: as usual */
} screen_cell;

typedef struct screen {
    unsigned rows, columns;
    screen_cell **lines; /* those that have gone out at the top are kept */
    size_t count, top;   /* top: the first one on the screen */
    size_t line;         /* where the cursor is */
    unsigned column;
    bool wraps; /* the last column was written: the next character begins a line */
    char style[16];
    char pending[64]; /* the beginning of a sequence or a character */
    size_t pending_size;
    char unknown[64]; /* the first sequence that this does not know; empty: none */
} screen;

void screen_init(screen *it, unsigned rows, unsigned columns);
void screen_fini(screen *it);
void screen_write(screen *it, const char *bytes, size_t size);
/* As terminals do that do not break lines anew. */
void screen_resize(screen *it, unsigned rows, unsigned columns);

/* Everything that was seen, line by line. styled: "‹31;1›text‹›" says how it was. */
void screen_print(const screen *it, bool styled, FILE *to);
/* What is in front of the cursor, in its line. */
void screen_before_cursor(const screen *it, char *text, size_t size);

#endif
