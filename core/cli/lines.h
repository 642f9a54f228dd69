/* Lines of input, one by one, in bounded memory. */
#ifndef NEAP_CLI_LINES_H
#define NEAP_CLI_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cli_lines {
    int fd;
    size_t limit; /* bytes that a line may have */
    char *buffer;
    size_t start, end, capacity; /* read, and not yet given out: start … end */
    size_t searched;             /* up to here there is no newline */
    uint64_t number;             /* of the line given last, from 1 */
    bool ended;
} cli_lines;

typedef enum cli_line {
    CLI_LINE,          /* a line, without its newline; the last one may have none */
    CLI_LINE_TOO_LONG, /* was passed over */
    CLI_LINES_END,
    CLI_LINES_STOPPED, /* asked to stop (stop.h), or nobody reads stdout any more */
    CLI_LINES_FAILED   /* see errno */
} cli_line;

void cli_lines_init(cli_lines *lines, int fd, size_t limit);
void cli_lines_fini(cli_lines *lines); /* does not close fd */

/* Waits for the next line. Lifetime of *text: until the next call. */
cli_line cli_lines_next(cli_lines *lines, char **text, size_t *size);

#endif
