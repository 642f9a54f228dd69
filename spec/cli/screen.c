#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* ---- Lines ----------------------------------------------------------------------------------- */

enum { MOST_COLUMNS = 512 };

static void need_line(screen *it, size_t line)
{
    while (it->count <= line) {
        it->lines = realloc(it->lines, (it->count + 1) * sizeof *it->lines);
        if (it->lines == NULL)
            abort();
        it->lines[it->count] = calloc(MOST_COLUMNS, sizeof **it->lines);
        if (it->lines[it->count++] == NULL)
            abort();
    }
}

void screen_init(screen *it, unsigned rows, unsigned columns)
{
    *it = (screen){.rows = rows, .columns = columns < MOST_COLUMNS ? columns : MOST_COLUMNS};
    need_line(it, 0);
}

void screen_fini(screen *it)
{
    for (size_t i = 0; i < it->count; i++)
        free(it->lines[i]);
    free(it->lines);
    *it = (screen){0};
}

void screen_resize(screen *it, unsigned rows, unsigned columns)
{
    it->rows = rows;
    it->columns = columns < MOST_COLUMNS ? columns : MOST_COLUMNS;
    if (it->line >= it->top + rows)
        it->top = it->line - rows + 1;
    if (it->column >= it->columns)
        it->column = it->columns - 1;
    it->wraps = false;
}

static void move_to(screen *it, size_t line, unsigned column)
{
    it->line = line;
    it->column = column < it->columns ? column : it->columns - 1;
    it->wraps = false;
    need_line(it, line);
    if (it->line >= it->top + it->rows)
        it->top = it->line - it->rows + 1;
}

static void erase(screen *it, size_t line, unsigned from, unsigned to)
{
    need_line(it, line);
    if (from < to)
        memset(it->lines[line] + from, 0, (to - from) * sizeof(screen_cell));
}

/* ---- Characters ------------------------------------------------------------------------------ */

static void put_above(screen *it, uint32_t code)
{
    unsigned at = it->wraps ? it->column : it->column > 0 ? it->column - 1 : 0;
    screen_cell *cell = &it->lines[it->line][at];
    if (cell->behind_wide && at > 0)
        cell--;
    cell->codes[cell->codes[1] != 0 ? 2 : 1] = code;
}

static void put(screen *it, uint32_t code)
{
    int width = wcwidth((wchar_t)code);
    unsigned columns = width > 0 ? (unsigned)width : 1;
    if (width == 0) {
        put_above(it, code);
        return;
    }
    if (it->wraps || it->column + columns > it->columns)
        move_to(it, it->line + 1, 0);
    screen_cell *cell = &it->lines[it->line][it->column];
    memset(cell, 0, columns * sizeof *cell);
    cell->codes[0] = code;
    memcpy(cell->style, it->style, sizeof cell->style);
    if (columns == 2)
        cell[1].behind_wide = true;
    if (it->column + columns >= it->columns) {
        it->column = it->columns - 1;
        it->wraps = true;
    } else {
        it->column += columns;
    }
}

static bool control(screen *it, unsigned char byte)
{
    switch (byte) {
    case '\a':
        return true;
    case '\b':
        move_to(it, it->line, it->column > 0 ? it->column - 1 : 0);
        return true;
    case '\t':
        move_to(it, it->line, (it->column / 8 + 1) * 8);
        return true;
    case '\n':
        move_to(it, it->line + 1, it->column);
        return true;
    case '\r':
        move_to(it, it->line, 0);
        return true;
    default:
        return false;
    }
}

/* ---- Sequences ------------------------------------------------------------------------------- */

static void shift(screen *it, int by)
{
    screen_cell *line = it->lines[it->line];
    unsigned rest = it->columns - it->column, count = (unsigned)abs(by);
    if (count > rest)
        count = rest;
    screen_cell *here = line + it->column;
    if (by > 0)
        memmove(here + count, here, (rest - count) * sizeof *here);
    else
        memmove(here, here + count, (rest - count) * sizeof *here);
    unsigned from = by > 0 ? it->column : it->columns - count;
    erase(it, it->line, from, from + count);
}

static void erase_line(screen *it, unsigned what)
{
    erase(it, it->line, what == 0 ? it->column : 0, what == 1 ? it->column + 1 : it->columns);
}

static void erase_screen(screen *it, unsigned what)
{
    erase_line(it, what);
    for (size_t i = it->top; i < it->count; i++)
        if (what == 2 || (what == 0 ? i > it->line : i < it->line))
            erase(it, i, 0, it->columns);
}

static void set_style(screen *it, const char *parameters, size_t size)
{
    /* 2x ends what x began; nothing here begins several at once and ends one of them. */
    bool usual = size == 0 || *parameters == '0' || (size == 2 && *parameters == '2');
    snprintf(it->style, sizeof it->style, "%.*s", usual ? 0 : (int)size, parameters);
}

static bool move_by(screen *it, char final, unsigned n)
{
    unsigned distance = n != 0 ? n : 1;
    size_t up = it->line - it->top < distance ? it->top : it->line - distance;
    switch (final) {
    case 'A':
        move_to(it, up, it->column);
        return true;
    case 'B':
        move_to(it, it->line + distance, it->column);
        return true;
    case 'C':
        move_to(it, it->line, it->column + distance);
        return true;
    case 'D':
        move_to(it, it->line, it->column > distance ? it->column - distance : 0);
        return true;
    case 'G':
        move_to(it, it->line, distance - 1);
        return true;
    case 'd':
        move_to(it, it->top + distance - 1, it->column);
        return true;
    default:
        return false;
    }
}

/* CSI parameters final */
static bool sequence(screen *it, const char *parameters, size_t size, char final)
{
    unsigned first = 0, second = 0;
    sscanf(parameters, "%u;%u", &first, &second);
    if (move_by(it, final, first))
        return true;
    switch (final) {
    case 'H':
        move_to(it, it->top + (first != 0 ? first - 1 : 0), second != 0 ? second - 1 : 0);
        return true;
    case 'J':
        erase_screen(it, first);
        return true;
    case 'K':
        erase_line(it, first);
        return true;
    case '@':
        shift(it, first != 0 ? (int)first : 1);
        return true;
    case 'P':
        shift(it, first != 0 ? -(int)first : -1);
        return true;
    case 'm':
        set_style(it, parameters, size);
        return true;
    case 'h':
    case 'l':
        return true; /* modes of the keyboard */
    default:
        return false;
    }
}

/* How many bytes of `pending` a sequence is; 0: it is not complete. */
static size_t take_sequence(screen *it)
{
    const char *at = it->pending;
    if (it->pending_size < 2)
        return 0;
    bool known = true;
    size_t size = 2;
    if (at[1] == '[') {
        while (size < it->pending_size && (at[size] < '@' || at[size] > '~'))
            size++;
        if (size == it->pending_size)
            return 0;
        size++;
        known = sequence(it, at + 2, size - 3, at[size - 1]);
    } else if (at[1] == 'M') {
        known = move_by(it, 'A', 1);
    } else {
        known = at[1] == '=' || at[1] == '>'; /* the keypad */
    }
    if (!known && it->unknown[0] == '\0')
        snprintf(it->unknown, sizeof it->unknown, "ESC %.*s", (int)size - 1, at + 1);
    return size;
}

/* The same of a character. */
static size_t take_character(screen *it)
{
    const unsigned char *at = (const unsigned char *)it->pending;
    size_t size = at[0] < 0x80 ? 1 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (it->pending_size < size)
        return 0;
    uint32_t code = size == 1 ? at[0] : at[0] & (0x7FU >> size);
    for (size_t i = 1; i < size; i++)
        code = code << 6 | (at[i] & 0x3F);
    if (code >= 0x20 && (code < 0x7F || code >= 0xA0))
        put(it, code);
    else if (!control(it, at[0]) && it->unknown[0] == '\0')
        snprintf(it->unknown, sizeof it->unknown, "the control character %u", (unsigned)code);
    return size;
}

void screen_write(screen *it, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        it->pending[it->pending_size++] = bytes[i];
        it->pending[it->pending_size] = '\0';
        size_t used = it->pending[0] == '\033' ? take_sequence(it) : take_character(it);
        if (used != 0 || it->pending_size + 1 == sizeof it->pending)
            it->pending_size = 0;
    }
}

/* ---- What is seen ---------------------------------------------------------------------------- */

static size_t encode(char *to, uint32_t code)
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3F));
    to[0] = (char)(first[size] | code);
    return size;
}

static size_t encode_cell(char *to, const screen_cell *cell)
{
    size_t size = 0;
    if (cell->behind_wide)
        return 0;
    if (cell->codes[0] == 0)
        to[size++] = ' ';
    for (size_t i = 0; i < 3 && cell->codes[i] != 0; i++)
        size += encode(to + size, cell->codes[i]);
    return size;
}

static void print_line(const screen_cell *line, bool styled, FILE *to)
{
    unsigned ends = MOST_COLUMNS;
    const char *style = "";
    while (ends > 0 && (line[ends - 1].codes[0] == 0 || line[ends - 1].codes[0] == ' ') &&
           !line[ends - 1].behind_wide)
        ends--;
    for (unsigned i = 0; i < ends; i++) {
        char text[16];
        if (styled && !line[i].behind_wide && strcmp(style, line[i].style) != 0) {
            style = line[i].style;
            fprintf(to, "‹%s›", style);
        }
        fwrite(text, 1, encode_cell(text, &line[i]), to);
    }
    fputs(*style != '\0' ? "‹›\n" : "\n", to);
}

void screen_print(const screen *it, bool styled, FILE *to)
{
    for (size_t i = 0; i < it->count; i++)
        print_line(it->lines[i], styled, to);
}

void screen_before_cursor(const screen *it, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned i = 0; i < it->column && used + 16 < size; i++)
        used += encode_cell(text + used, &it->lines[it->line][i]);
    text[used] = '\0';
}
