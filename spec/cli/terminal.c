/* terminal COLUMNS COMMAND [ARGUMENT …]: runs the command in a terminal of its own, and types what
 * stdin says, line by line:
 *
 *   type TEXT   types it; \r is the return key, \t the tab key, \cX is Ctrl-X, \\ a backslash
 *   wait TEXT   waits until the terminal shows it, behind what was waited for before
 *   end         waits until the command has ended
 *
 * Prints everything that the terminal showed. Exit status: the command's; 9: something that was
 * waited for did not come within 60 s. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 60
#define NOT_SHOWN  9

static int terminal;
static char *shown;
static size_t shown_size, seen;

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
    shown = realloc(shown, shown_size + (size_t)count + 1);
    if (shown == NULL)
        exit(NOT_SHOWN);
    memcpy(shown + shown_size, bytes, (size_t)count);
    shown_size += (size_t)count;
    shown[shown_size] = '\0';
    return true;
}

static bool find(const char *text)
{
    const char *found =
        shown != NULL ? memmem(shown + seen, shown_size - seen, text, strlen(text)) : NULL;
    if (found != NULL)
        seen = (size_t)(found - shown) + strlen(text);
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

static void wait_for_the_end(void)
{
    time_t deadline = time(NULL) + DEADLINE_S;
    while (take() && time(NULL) <= deadline)
        continue;
}

static void type(const char *text)
{
    char bytes[4096];
    size_t size = 0;
    for (; *text != '\0' && size < sizeof bytes; text++) {
        char byte = *text;
        if (byte == '\\' && text[1] != '\0') {
            text++;
            byte = *text == 'r' ? '\r' : *text == 't' ? '\t' : *text;
            if (*text == 'c' && text[1] != '\0')
                byte = (char)(*++text & 0x1f);
        }
        bytes[size++] = byte;
    }
    for (size_t at = 0; at < size;) {
        ssize_t count = write(terminal, bytes + at, size - at);
        if (count < 0 && errno != EINTR)
            return;
        at += count > 0 ? (size_t)count : 0;
    }
}

/* false: something did not come. */
static bool play(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "type ", 5) == 0)
        type(line + 5);
    else if (strncmp(line, "wait ", 5) == 0 && !wait_for(line + 5)) {
        fprintf(stderr, "terminal: it did not show: %s\n", line + 5);
        return false;
    } else if (strcmp(line, "end") == 0)
        wait_for_the_end();
    return true;
}

int main(int argc, char **argv)
{
    struct winsize size = {.ws_row = 50};
    if (argc < 3)
        return 2;
    size.ws_col = (unsigned short)atoi(argv[1]);
    pid_t child = forkpty(&terminal, NULL, NULL, &size);
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0)
        return NOT_SHOWN;
    char line[4096];
    bool well = true;
    while (well && fgets(line, sizeof line, stdin) != NULL)
        well = play(line);
    if (!well)
        kill(child, SIGKILL);
    int status = 0;
    close(terminal);
    waitpid(child, &status, 0);
    if (shown != NULL)
        fwrite(shown, 1, shown_size, stdout);
    return !well ? NOT_SHOWN : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
