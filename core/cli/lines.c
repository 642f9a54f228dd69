#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "stop.h"

#define CHUNK ((size_t)64 * 1024)

void cli_lines_init(cli_lines *lines, int fd, size_t limit)
{
    *lines = (cli_lines){.fd = fd, .limit = limit};
}

void cli_lines_fini(cli_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

/* Moves what is left to the front, and makes room for another chunk. */
static bool make_room(cli_lines *lines)
{
    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->searched -= lines->start;
        lines->start = 0;
    }
    if (lines->capacity - lines->end >= CHUNK)
        return true;
    size_t capacity = lines->capacity == 0 ? 2 * CHUNK : lines->capacity * 2;
    char *buffer = realloc(lines->buffer, capacity);
    if (buffer == NULL)
        return false;
    lines->buffer = buffer;
    lines->capacity = capacity;
    return true;
}

/* Waits until there is input, or a reason to stop. */
static cli_line wait_for_input(cli_lines *lines)
{
    struct pollfd polled[] = {
        {.fd = lines->fd, .events = POLLIN},
        {.fd = cli_stop_fd(), .events = POLLIN},
        {.fd = STDOUT_FILENO}, /* tells when its reader has gone */
    };
    while (poll(polled, 3, -1) < 0)
        if (errno != EINTR)
            return CLI_LINES_FAILED;
    if (cli_stop_requested() || (polled[2].revents != 0 && !cli_out_alive()))
        return CLI_LINES_STOPPED;
    return CLI_LINE;
}

static cli_line read_more(cli_lines *lines)
{
    if (!make_room(lines)) {
        errno = ENOMEM;
        return CLI_LINES_FAILED;
    }
    for (;;) {
        cli_line waited = wait_for_input(lines);
        if (waited != CLI_LINE)
            return waited;
        ssize_t size = read(lines->fd, lines->buffer + lines->end, CHUNK);
        if (size >= 0) {
            lines->end += (size_t)size;
            lines->ended = size == 0;
            return CLI_LINE;
        }
        if (errno != EINTR && errno != EAGAIN)
            return CLI_LINES_FAILED;
    }
}

/* The end of the line that begins at start: its newline, or the end of the input; NULL: not read
 * yet. */
static char *find_end(cli_lines *lines)
{
    char *newline = NULL;
    if (lines->searched < lines->end)
        newline = memchr(lines->buffer + lines->searched, '\n', lines->end - lines->searched);
    lines->searched = lines->end;
    return newline != NULL || !lines->ended ? newline : lines->buffer + lines->end;
}

cli_line cli_lines_next(cli_lines *lines, char **text, size_t *size)
{
    bool too_long = false;
    for (;;) {
        if (cli_stop_requested())
            return CLI_LINES_STOPPED;
        char *end = find_end(lines);
        if (lines->ended && lines->start == lines->end && !too_long)
            return CLI_LINES_END;
        if (end != NULL) {
            *text = lines->buffer + lines->start;
            *size = (size_t)(end - *text);
            size_t past = (size_t)(end - lines->buffer) + 1;
            lines->start = lines->searched = past < lines->end ? past : lines->end;
            lines->number++;
            return too_long || *size > lines->limit ? CLI_LINE_TOO_LONG : CLI_LINE;
        }
        if (lines->end - lines->start > lines->limit) {
            too_long = true;
            lines->start = lines->searched = lines->end;
        }
        cli_line more = read_more(lines);
        if (more != CLI_LINE)
            return more;
    }
}
