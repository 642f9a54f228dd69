#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "output.h"

#define NOT_FOUND 127 /* of the shell: it cannot run that */

extern char **environ;

static char *command; /* for the shell; NULL: there is no pager */

/* ---- Which one ------------------------------------------------------------------------------- */

static bool is_in(const char *folder, size_t size, const char *program)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%.*s/%s", (int)size, folder, program);
    return length > 0 && (size_t)length < sizeof path && access(path, X_OK) == 0;
}

static bool is_installed(const char *program)
{
    const char *folders = getenv("PATH");
    while (folders != NULL && *folders != '\0') {
        size_t size = strcspn(folders, ":");
        if (is_in(folders, size, program))
            return true;
        folders += size + (folders[size] == ':');
    }
    return false;
}

void cli_pager_choose(void)
{
    const char *named = getenv("PAGER");
    if (named == NULL)
        named = is_installed("less") ? "less" : is_installed("more") ? "more" : "";
    if (*named == '\0' || strcmp(named, "cat") == 0)
        return;
    /* less: quits if it all fits, shows colours, and leaves on the screen what was seen. */
    if (asprintf(&command, "LESS=\"${LESS-FRX}\"; LV=\"${LV--c}\"; export LESS LV; %s", named) < 0)
        command = NULL;
}

bool cli_pager_chosen(void)
{
    return command != NULL;
}

/* ---- How much it is -------------------------------------------------------------------------- */

/* Columns of the character that begins there. */
static unsigned take_character(const char **at, const char *end, mbstate_t *state)
{
    wchar_t character;
    size_t size = mbrtowc(&character, *at, (size_t)(end - *at), state);
    if (size == 0 || size > (size_t)(end - *at)) {
        *state = (mbstate_t){0};
        ++*at;
        return ((unsigned char)(*at)[-1] & 0xC0) != 0x80; /* as if it were UTF-8 */
    }
    *at += size;
    int width = wcwidth(character);
    return width >= 0 ? (unsigned)width : 1;
}

bool cli_pager_exceeds(const char *text, size_t size, unsigned columns, unsigned lines)
{
    const char *at = text, *end = text + size;
    mbstate_t state = {0};
    unsigned column = 0, line = 0;
    while (at < end && line <= lines) {
        if (*at == '\n') {
            line++;
            column = 0;
            at++;
        } else if (*at == '\033') {
            while (at < end && *at != 'm')
                at++;
            at += at < end;
        } else {
            column += take_character(&at, end, &state);
            if (columns != 0 && column > columns) {
                line++;
                column = 1;
            }
        }
    }
    return line > lines;
}

/* ---- Showing it ------------------------------------------------------------------------------ */

/* The pager reads from the pipe, and takes signals as if a shell had started it. */
static bool spawn(pid_t *pager, int from)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t usual, none;
    char *arguments[] = {"sh", "-c", command, NULL};
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGPIPE);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return false;
    }
    bool begun = posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO) == 0 &&
                 posix_spawnattr_setsigdefault(&attributes, &usual) == 0 &&
                 posix_spawnattr_setsigmask(&attributes, &none) == 0 &&
                 posix_spawnattr_setflags(&attributes,
                                          POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK) == 0 &&
                 posix_spawn(pager, "/bin/sh", &actions, &attributes, arguments, environ) == 0;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return begun;
}

/* Until it is written, or its reader has gone: a closed pipe is an error here, and no signal. */
static void write_all(int to, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(to, text, size);
        if (written < 0 && errno != EINTR)
            return;
        text += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

static int wait_for(pid_t pager)
{
    int status = 0;
    while (waitpid(pager, &status, 0) < 0)
        if (errno != EINTR)
            return 0;
    return status;
}

bool cli_pager_show(const char *text, size_t size)
{
    int ends[2], status = 0;
    struct termios modes;
    pid_t pager = -1;
    if (command == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool has_modes = tcgetattr(STDIN_FILENO, &modes) == 0;
    bool begun = spawn(&pager, ends[0]);
    close(ends[0]);
    if (begun)
        write_all(ends[1], text, size);
    close(ends[1]);
    if (begun)
        status = wait_for(pager);
    if (has_modes) /* one that was killed did not */
        tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    if (begun && !(WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND))
        return true;
    cli_warn("the pager could not be run: see PAGER, or --no-pager");
    free(command);
    command = NULL;
    return false;
}
