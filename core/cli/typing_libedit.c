/* Lines edited with libedit. */
#include <editline/readline.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "output.h"
#include "repl.h"

#define HISTORY_LINES 1000
#define MOST_ROWS     20 /* of words that something can become */

static neap_console *console;
static char *history_path;
static sigset_t mask_outside; /* of signals, where no line is edited */
static atomic_bool resized;
static char word_breaks[] = " \t\n\"'(){}[],=.:;+*/%^<>~#&|";

/* ---- Completion ------------------------------------------------------------------------------ */

typedef struct words {
    const char *line;
    size_t start, typed; /* where libedit thinks that the word begins, and where it ends */
    char **items;        /* the first is what all of them have in common */
    size_t count;
} words;

/* Where the word really begins may be before that, or behind it. */
static char *as_libedit_wants(const words *found, size_t from, const char *word)
{
    char *text = NULL;
    if (from < found->start)
        return strlen(word) >= found->start - from ? strdup(word + (found->start - from)) : NULL;
    int before = (int)(from - found->start);
    return asprintf(&text, "%.*s%s", before, found->line + found->start, word) >= 0 ? text : NULL;
}

static void add_word(void *user, size_t from, const char *word)
{
    words *found = user;
    char **larger = realloc(found->items, (found->count + 3) * sizeof(char *));
    if (larger == NULL)
        return;
    found->items = larger;
    char *text = as_libedit_wants(found, from, word);
    if (text == NULL)
        return;
    found->items[++found->count] = text;
    found->items[found->count + 1] = NULL;
}

static char *common(char *const *items, size_t count)
{
    size_t size = strlen(items[0]);
    for (size_t i = 1; i < count; i++) {
        size_t same = 0;
        while (same < size && items[i][same] == items[0][same])
            same++;
        size = same;
    }
    return strndup(items[0], size);
}

static size_t columns_of(const char *text)
{
    mbstate_t state = {0};
    wchar_t character;
    size_t columns = 0, size;
    for (; *text != '\0'; text += size) {
        int width = 1;
        size = mbrtowc(&character, text, strlen(text), &state);
        if (size >= (size_t)-2) {
            state = (mbstate_t){0};
            size = 1;
        } else {
            width = wcwidth(character);
        }
        columns += width > 0 ? (size_t)width : 0;
    }
    return columns;
}

/* Below each other in columns, as many as there is room for. */
static void show_words(const words *found)
{
    int lines = 0, room = 0;
    size_t widest = 0;
    rl_get_screen_size(&lines, &room);
    for (size_t i = 1; i <= found->count; i++) {
        size_t columns = columns_of(found->items[i]);
        widest = columns > widest ? columns : widest;
    }
    size_t beside = ((size_t)(room > 0 ? room : 80) + 1) / (widest + 2);
    size_t rows = beside > 1 ? (found->count + beside - 1) / beside : found->count;
    size_t shown = rows < MOST_ROWS ? rows : MOST_ROWS;
    fputc('\n', stdout);
    for (size_t row = 0; row < shown; row++) {
        for (size_t i = row + 1; i <= found->count; i += rows) {
            int space =
                i + rows <= found->count ? (int)(widest + 2 - columns_of(found->items[i])) : 0;
            printf("%s%*s", found->items[i], space, "");
        }
        fputc('\n', stdout);
    }
    if (shown < rows)
        printf("… and more: %zu in all\n", found->count);
    fflush(stdout);
    rl_forced_update_display();
}

/* What the Tab key is to put in, as readline has it; where that is nothing more, the words are
 * shown. Owns: libedit. */
static char **complete(const char *text, int start, int end)
{
    words found = {.line = rl_line_buffer, .start = (size_t)start, .typed = (size_t)end};
    (void)text;
    rl_attempted_completion_over = 1; /* never the names of files */
    rl_completion_append_character = '\0';
    neap_console_complete(console, rl_line_buffer, found.typed, add_word, &found);
    if (found.count == 0)
        return NULL;
    found.items[0] = common(found.items + 1, found.count);
    if (found.count == 1 && found.items[0] != NULL) {
        free(found.items[1]);
        found.items[1] = NULL;
    }
    bool adds = found.items[0] != NULL && strlen(found.items[0]) > found.typed - found.start;
    if (!adds && found.count > 1)
        show_words(&found);
    if (adds)
        return found.items;
    free(found.items[0]);
    for (size_t i = 1; i <= found.count; i++)
        free(found.items[i]);
    free(found.items);
    return NULL;
}

/* ---- Characters ------------------------------------------------------------------------------ */

static void on_resize(int signal_number)
{
    (void)signal_number;
    atomic_store(&resized, true);
}

/* The line is drawn anew: nobody knows where the terminal has put it. */
static void draw_if_resized(void)
{
    if (!atomic_exchange(&resized, false))
        return;
    rl_resize_terminal();
    fputs("\r\033[J", stdout);
    rl_forced_update_display();
}

/* The next byte; -1: the end, or Ctrl-C was pressed. Signals are looked at only here, while nothing
 * else is done, so that none is missed. */
static int read_byte(void)
{
    unsigned char byte;
    struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
    while (ppoll(&typed, 1, NULL, &mask_outside) < 0) {
        if (errno != EINTR || cli_repl_is_interrupted())
            return -1;
        draw_if_resized();
    }
    return read(STDIN_FILENO, &byte, 1) == 1 ? byte : -1;
}

/* The next character of the terminal's encoding. libedit itself would read on behind a signal. */
static int read_character(FILE *terminal)
{
    mbstate_t state = {0};
    (void)terminal;
    for (;;) {
        wchar_t character;
        int byte = read_byte();
        if (byte < 0)
            return -1;
        switch (mbrtowc(&character, &(char){(char)byte}, 1, &state)) {
        case (size_t)-2: /* the next byte belongs to it */
            continue;
        case (size_t)-1:
            return '?';
        default:
            return (int)character;
        }
    }
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* Where XDG's base directories say; NULL: nothing says where. Owns: the caller. */
static char *usual_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int size = -1;
    if (state != NULL && state[0] == '/')
        size = asprintf(&path, "%s/neap/history", state);
    else if (home != NULL && home[0] == '/')
        size = asprintf(&path, "%s/.local/state/neap/history", home);
    return size >= 0 ? path : NULL;
}

/* What cannot be made is told of when the history is written. */
static void make_folders_of(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
}

static char *path_of_history(void)
{
    const char *given = getenv("NEAP_HISTORY");
    if (given != NULL)
        return given[0] != '\0' ? strdup(given) : NULL;
    char *path = usual_path();
    if (path != NULL)
        make_folders_of(path);
    return path;
}

void cli_typing_begin(neap_console *asked)
{
    console = asked;
    rl_readline_name = "neap";
    rl_catch_signals = 0;
    struct sigaction action = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGWINCH, &action, NULL);
    rl_getc_function = read_character;
    setlocale(LC_CTYPE, "");
    rl_initialize();
    using_history();
    stifle_history(HISTORY_LINES);
    history_path = path_of_history();
    if (history_path != NULL)
        read_history(history_path);
    rl_attempted_completion_function = complete;
    rl_completer_word_break_characters = word_breaks;
}

void cli_typing_end(void)
{
    if (history_path != NULL && write_history(history_path) != 0)
        cli_say("the history could not be kept in %s: %s", history_path, strerror(errno));
    free(history_path);
    history_path = NULL;
}

/* At once in the file, too: a terminal that is closed ends the session without more words. What
 * goes wrong there is told at the end. */
static void remember(const char *line)
{
    const HIST_ENTRY *last =
        history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (line[0] == '\0' || (last != NULL && strcmp(last->line, line) == 0))
        return;
    add_history(line);
    if (history_path != NULL)
        write_history(history_path);
}

/* In bold, with marks around what takes no column. Behind the end there must be a character:
 * libedit prints such a sequence only in front of one. */
static void set_prompt(char *text, size_t size, const char *prompt)
{
    size_t bold = strlen(prompt);
    while (bold > 0 && prompt[bold - 1] == ' ')
        bold--;
    if (bold != 0 && prompt[bold] != '\0' && cli_coloured(STDOUT_FILENO))
        snprintf(text, size, "\001\033[1m\002%.*s\001\033[0m\002%s", (int)bold, prompt,
                 prompt + bold);
    else
        snprintf(text, size, "%s", prompt);
}

cli_typed cli_typing_line(const char *prompt, char **line, size_t *size)
{
    char shown[320];
    sigset_t looked_at;
    set_prompt(shown, sizeof shown, prompt);
    sigemptyset(&looked_at);
    sigaddset(&looked_at, SIGINT);
    sigaddset(&looked_at, SIGWINCH);
    pthread_sigmask(SIG_BLOCK, &looked_at, &mask_outside);
    if (atomic_exchange(&resized, false))
        rl_resize_terminal();
    rl_prep_terminal(1); /* before the prompt is seen: what is typed then is for libedit */
    char *typed = readline(shown);
    pthread_sigmask(SIG_SETMASK, &mask_outside, NULL);
    if (cli_repl_interrupted()) {
        free(typed);
        fputc('\n', stdout);
        fflush(stdout);
        return CLI_TYPED_INTERRUPTED;
    }
    if (typed == NULL) {
        fputc('\n', stdout);
        return CLI_TYPED_END;
    }
    remember(typed);
    *line = typed;
    *size = strlen(typed);
    return CLI_TYPED_LINE;
}
