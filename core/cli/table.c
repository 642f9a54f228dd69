#include "table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output.h"

static void add(cli_table *table, char *cell)
{
    if (table->cell_count == table->cell_capacity) {
        size_t capacity = table->cell_capacity != 0 ? 2 * table->cell_capacity : 64;
        char **cells = realloc(table->cells, capacity * sizeof *cells);
        if (cells == NULL) {
            free(cell);
            cell = NULL;
        } else {
            table->cells = cells;
            table->cell_capacity = capacity;
        }
    }
    if (cell == NULL || table->failed)
        table->failed = true;
    else
        table->cells[table->cell_count++] = cell;
}

void cli_table_text(cli_table *table, neap_text text)
{
    char *cell = strndup(text.data != NULL ? text.data : "", text.size);
    if (cell != NULL)
        cli_make_printable(cell, "");
    add(table, cell);
}

void cli_table_count(cli_table *table, uint64_t count)
{
    char text[32];
    add(table, strdup(cli_grouped(text, count)));
}

void cli_table_format(cli_table *table, const char *format, ...)
{
    char *cell;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&cell, format, arguments) < 0)
        cell = NULL;
    va_end(arguments);
    add(table, cell);
}

/* Characters, as far as each takes one place. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static const char *name_of(const cli_table *table, size_t column)
{
    const char *name = table->columns[column];
    return name[0] == '>' ? name + 1 : name;
}

static size_t column_width(const cli_table *table, size_t column, size_t cells)
{
    size_t widest = width_of(name_of(table, column));
    for (size_t i = column; i < cells; i += table->column_count) {
        size_t width = width_of(table->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static void print_cell(const cli_table *table, size_t column, size_t width, const char *text)
{
    bool last = column + 1 == table->column_count;
    int padding = (int)(width - width_of(text));
    if (table->columns[column][0] == '>')
        cli_out_format("%*s%s%s", padding, "", text, last ? "\n" : "  ");
    else
        cli_out_format("%s%*s%s", text, last ? 0 : padding, "", last ? "\n" : "  ");
}

void cli_table_print(cli_table *table, size_t most)
{
    enum { MOST_COLUMNS = 16 };
    size_t widths[MOST_COLUMNS], rows = table->cell_count / table->column_count;
    size_t shown = rows < most ? rows : most, cells = shown * table->column_count;
    for (size_t i = 0; i < table->column_count; i++)
        widths[i] = column_width(table, i, cells);
    for (size_t i = 0; i < table->column_count; i++)
        print_cell(table, i, widths[i], name_of(table, i));
    for (size_t i = 0; i < cells; i++) {
        size_t column = i % table->column_count;
        print_cell(table, column, widths[column], table->cells[i]);
    }
    if (shown < rows)
        cli_out_format("… and %zu more\n", rows - shown);
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->cell_capacity = 0;
}

const char *cli_grouped(char text[32], uint64_t count)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRIu64, count), at = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *cli_time(char text[64], int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(text, 64, "%F %T UTC", &tm) == 0)
        snprintf(text, 64, "?");
    return text;
}

const char *cli_bytes(char text[32], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1024;
        unit++;
    }
    if (bytes < 1024)
        snprintf(text, 32, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
    else
        snprintf(text, 32, "%.1f %s", value, units[unit]);
    return text;
}
