/* Aligned columns on stdout, for people. */
#ifndef NEAP_CLI_TABLE_H
#define NEAP_CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "neap.h"

/* Start with the columns' names: cli_table table = {.columns = …, .column_count = …}. A name that
 * begins with '>' is that of a column of numbers, which stand right. */
typedef struct cli_table {
    const char *const *columns;
    size_t column_count;
    char **cells; /* row by row */
    size_t cell_count, cell_capacity;
    bool failed; /* out of memory: it prints what it has */
} cli_table;

/* Each adds the next cell. Control characters of what came from outside are shown as '?'. */
void cli_table_text(cli_table *table, neap_text text);
void cli_table_count(cli_table *table, uint64_t count);
void cli_table_format(cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the names, and all rows or the first `most` with a line about the rest; frees the cells.
 */
void cli_table_print(cli_table *table, size_t most);

/* 1234567 as "1,234,567". Lifetime of the result: text's. */
const char *cli_grouped(char text[32], uint64_t count);
/* µs since 1970 as "2026-11-27 15:01:12 UTC". */
const char *cli_time(char text[64], int64_t us);
/* Of terminated text. */
static inline neap_text cli_text(const char *text)
{
    return (neap_text){text, strlen(text)};
}
/* 1234567 as "1.2 MiB". */
const char *cli_bytes(char text[32], uint64_t bytes);

#endif
