/* terminal [-s] COLUMNS COMMAND [ARGUMENT …]: runs the command in a terminal of its own, and types
 * what stdin says, line by line:
 *
 *   type TEXT   types it; \r is the return key, \t the tab key, \e the escape key, \cX is Ctrl-X,
 *               \\ a backslash
 *
 *   wait TEXT   waits until the terminal shows it, behind what was waited for before
 *   enter TEXT  types it as it is and the return key, and waits for the next prompt
 *   size COLUMNS ROWS  makes the terminal as large
 *   end         waits until the command has ended
 *
 * Prints what a person has seen when all is done; -s: with how it looked, as "‹1›bold‹›". Exit
 * status: the command's; 9: something that was waited for did not come within 60 s, or the terminal
 * was sent a sequence that a person's may not know. */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "screen.h"

#define DEADLINE_S 60
#define NOT_SHOWN  9
#define ROWS       50

static int terminal;
static screen seen;
static char *shown; /* all that was written, without sequences */
static size_t shown_size, waited_for;
static bool in_sequence;

static void keep(const char *bytes, size_t count)
{
    shown = realloc(shown, shown_size + count + 1);
    if (shown == NULL)
        exit(NOT_SHOWN);
    for (size_t i = 0; i < count; i++) {
        bool ends = in_sequence && bytes[i] >= '@' && bytes[i] <= '~' && bytes[i] != '[';
        if (bytes[i] == '\033')
            in_sequence = true;
        else if (!in_sequence)
            shown[shown_size++] = bytes[i];
        if (ends)
            in_sequence = false;
    }
    shown[shown_size] = '\0';
}

/* Takes what the terminal shows now, waiting a moment for it. false: it is closed. */
static bool take(void)
{
    char bytes[4096];
    struct pollfd waiting = {.fd = terminal, .events = POLLIN};
    if (poll(&waiting, 1, 100) <= 0)
        return true;
    ssize_t count = read(terminal, bytes, sizeof bytes);
    if (count <= 0)
        return count < 0 && errno == EINTR;
    keep(bytes, (size_t)count);
    screen_write(&seen, bytes, (size_t)count);
    return true;
}

static bool find(const char *text)
{
    const char *found =
        shown != NULL ? memmem(shown + waited_for, shown_size - waited_for, text, strlen(text))
                      : NULL;
    if (found != NULL)
        waited_for = (size_t)(found - shown) + strlen(text);
    return found != NULL;
}

static bool wait_for(const char *text)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (!find(text)) {
        if (!take() || time(NULL) > deadline)
            return find(text);
    }
    return true;
}

/* A line further down that is empty behind "> " or ".. ". */
static bool has_prompt(size_t below)
{
    char text[256];
    screen_before_cursor(&seen, text, sizeof text);
    size_t size = strlen(text);
    return seen.line > below && size > 2 &&
           (strcmp(text + size - 2, "> ") == 0 || strcmp(text + size - 3, ".. ") == 0);
}

static bool wait_for_prompt(size_t below)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (!has_prompt(below)) {
        if (!take() || time(NULL) > deadline)
            return has_prompt(below);
    }
    waited_for = shown_size;
    return true;
}

static void wait_for_the_end(void)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (take() && time(NULL) <= deadline)
        continue;
}

static void write_all(const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t count = write(terminal, bytes + at, size - at);
        if (count < 0 && errno != EINTR)
            return;
        at += count > 0 ? (size_t)count : 0;
    }
}

static void type(const char *text)
{
    char bytes[4096];
    size_t size = 0;
    for (; *text != '\0' && size < sizeof bytes; text++) {
        char byte = *text;
        if (byte == '\\' && text[1] != '\0') {
            text++;
            byte = *text == 'r' ? '\r' : *text == 't' ? '\t' : *text == 'e' ? '\033' : *text;
            if (*text == 'c' && text[1] != '\0')
                byte = (char)(*++text & 0x1f);
        }
        bytes[size++] = byte;
    }
    write_all(bytes, size);
}

static bool enter(const char *text)
{
    size_t line = seen.line;
    write_all(text, strlen(text));
    write_all("\r", 1);
    return wait_for_prompt(line);
}

static void resize(const char *text)
{
    unsigned columns = 0, rows = 0;
    if (sscanf(text, "%u %u", &columns, &rows) != 2)
        return;
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
    screen_resize(&seen, rows, columns);
    ioctl(terminal, TIOCSWINSZ, &size);
}

/* false: something did not come. */
static bool play(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    bool came = true;
    if (strncmp(line, "type ", 5) == 0)
        type(line + 5);
    else if (strncmp(line, "wait ", 5) == 0)
        came = wait_for(line + 5);
    else if (strncmp(line, "enter ", 6) == 0)
        came = enter(line + 6);
    else if (strncmp(line, "size ", 5) == 0)
        resize(line + 5);
    else if (strcmp(line, "end") == 0)
        wait_for_the_end();
    if (!came)
        fprintf(stderr, "terminal: it did not come: %s\n", line);
    return came;
}

static bool play_all(void)
{
    char line[4096];
    bool well = true;
    while (well && fgets(line, sizeof line, stdin) != NULL)
        well = play(line);
    if (seen.unknown[0] != '\0')
        fprintf(stderr, "terminal: it was sent %s\n", seen.unknown);
    return well && seen.unknown[0] == '\0';
}

int main(int argc, char **argv)
{
    struct winsize size = {.ws_row = ROWS};
    bool styled = argc > 1 && strcmp(argv[1], "-s") == 0;
    argv += styled;
    if (argc - styled < 3)
        return 2;
    setlocale(LC_CTYPE, "C.UTF-8");
    size.ws_col = (unsigned short)atoi(argv[1]);
    screen_init(&seen, ROWS, size.ws_col);
    pid_t child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0)
        return NOT_SHOWN;
    bool well = play_all();
    if (!well)
        kill(child, SIGKILL);
    int status = 0;
    close(terminal);
    waitpid(child, &status, 0);
    screen_print(&seen, styled, stdout);
    screen_fini(&seen);
    free(shown);
    return !well ? NOT_SHOWN : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
