/* neap repl: looks at what was. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "pager.h"
#include "repl.h"
#include "table.h"

#define PROGRESS_AFTER_MS 400
#define PROGRESS_EVERY_MS 100

/* What a signal's handler finds. */
static _Atomic(neap_console *) running;
static atomic_bool interrupted;

typedef struct session {
    neap_console *console;
    bool typed; /* on a terminal */
    bool shows_progress;
    uint64_t line;             /* of the input */
    uint64_t begun_at_line;    /* what is not complete yet */
    int64_t since_ms, told_ms; /* 0: nothing was told of progress */
    bool failed;
} session;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted, true);
    neap_console *console = atomic_load(&running);
    if (console != NULL)
        neap_console_interrupt(console);
}

bool cli_repl_interrupted(void)
{
    return atomic_exchange(&interrupted, false);
}

bool cli_repl_is_interrupted(void)
{
    return atomic_load(&interrupted);
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt}; /* reading is to be interrupted, too */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

static struct winsize terminal_size(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        size.ws_col = 80;
    else if (size.ws_row != 0)
        return size;
    size.ws_row = 24;
    return size;
}

/* Lines of a result that are printed: a pager shows any number. */
static unsigned height_of(struct winsize size)
{
    return cli_pager_chosen() ? 0 : size.ws_row > 2 ? size.ws_row - 2U : 1;
}

/* ---- Progress -------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin_progress(session *it)
{
    it->since_ms = now_ms();
    it->told_ms = 0;
}

/* Takes it back, so that words can follow. */
static void clear_progress(session *it)
{
    if (it->told_ms != 0)
        fputs("\r\033[K", stderr);
    it->told_ms = 0;
}

static void end_progress(session *it)
{
    clear_progress(it);
    it->since_ms = INT64_MAX; /* between lines words are completed: nothing is told of that */
}

/* In one line, which a terminal can take back. */
static void show_progress(uint64_t position, uint64_t target)
{
    char text[128], so_far[32], all[32];
    unsigned columns = terminal_size().ws_col;
    int size;
    if (target < INT64_MAX)
        size = snprintf(text, sizeof text, "%s of %s events", cli_grouped(so_far, position),
                        cli_grouped(all, target));
    else
        size = snprintf(text, sizeof text, "%s events", cli_grouped(so_far, position));
    size += snprintf(text + size, sizeof text - (size_t)size, " (Ctrl-C stops)");
    size = size < (int)columns ? size : (int)columns - 1;
    fprintf(stderr, "\r\033[K%.*s", size, text);
}

static bool on_progress(void *user, uint64_t position, uint64_t target)
{
    session *it = user;
    if (position == target) { /* what was printed is to be seen while nothing happens */
        end_progress(it);
        begin_progress(it);
        return cli_out_flush();
    }
    int64_t now = now_ms();
    bool due = now - it->since_ms > PROGRESS_AFTER_MS && now - it->told_ms > PROGRESS_EVERY_MS;
    if (it->console == NULL && cli_repl_interrupted())
        return false; /* while it is opened nobody else hears of it */
    if (!it->shows_progress || !due)
        return true;
    it->told_ms = now;
    show_progress(position, target);
    return true;
}

/* The keyboard is the pager's meanwhile. */
static bool page(const char *text, size_t size)
{
    cli_out_flush();
    neap_console *console = atomic_exchange(&running, NULL);
    bool shown = cli_pager_show(text, size);
    cli_repl_interrupted();
    atomic_store(&running, console);
    return shown;
}

static void on_print(void *user, const char *text, size_t size)
{
    session *it = user;
    clear_progress(it);
    if (it->typed && cli_pager_chosen()) {
        struct winsize terminal = terminal_size();
        if (cli_pager_exceeds(text, size, terminal.ws_col, terminal.ws_row - 1U) &&
            page(text, size))
            return;
    }
    cli_out(text, size);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static void complain(session *it, const neap_error *error)
{
    char text[sizeof error->message];
    size_t kind = strncmp(error->message, "error:", 6) == 0 ? 6 : 0;
    it->failed = true;
    clear_progress(it);
    cli_out_flush();
    memcpy(text, error->message, sizeof text);
    cli_make_printable(text, "\n\t");
    if (!it->typed)
        fprintf(stderr, "line %" PRIu64 ": ", it->begun_at_line);
    if (kind != 0 && cli_coloured(STDERR_FILENO))
        fprintf(stderr, "\033[31;1m%.*s\033[0m%s\n", (int)kind, text, text + kind);
    else
        fprintf(stderr, "%s\n", text);
}

/* false: the session is over. */
static bool take(session *it, neap_console_outcome outcome, const neap_error *error)
{
    end_progress(it);
    if (outcome == NEAP_CONSOLE_FAILED)
        complain(it, error);
    if (outcome != NEAP_CONSOLE_MORE)
        it->begun_at_line = 0;
    cli_out_flush();
    return outcome != NEAP_CONSOLE_QUIT;
}

static bool enter(session *it, const char *line, size_t size)
{
    neap_error error;
    it->line++;
    if (it->begun_at_line == 0)
        it->begun_at_line = it->line;
    begin_progress(it);
    atomic_store(&running, it->console);
    neap_console_outcome outcome = neap_console_enter(it->console, line, size, &error);
    atomic_store(&running, NULL);
    cli_repl_interrupted();
    return take(it, outcome, &error);
}

static void end_input(session *it)
{
    neap_error error;
    take(it, neap_console_finish(it->console, &error), &error);
}

/* The terminal may have another size than when the line was begun. */
static void measure(session *it)
{
    struct winsize size = terminal_size();
    neap_console_set_size(it->console, size.ws_col, height_of(size));
}

static void type_lines(session *it)
{
    char *line;
    size_t size;
    bool going_on = true;
    cli_typing_begin(it->console);
    while (going_on) {
        switch (cli_typing_line(neap_console_prompt(it->console), &line, &size)) {
        case CLI_TYPED_LINE:
            measure(it);
            going_on = enter(it, line, size);
            free(line);
            break;
        case CLI_TYPED_INTERRUPTED:
            neap_console_forget(it->console);
            it->begun_at_line = 0;
            break;
        case CLI_TYPED_END:
            end_input(it);
            going_on = false;
            break;
        }
    }
    cli_typing_end();
}

static void read_lines(session *it)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size = 0;
    bool going_on = true;
    while (going_on && (size = getline(&line, &capacity, stdin)) >= 0) {
        size_t length = (size_t)size;
        if (length > 0 && line[length - 1] == '\n')
            length--;
        going_on = enter(it, line, length);
    }
    if (going_on)
        end_input(it);
    free(line);
}

/* ---- The command ----------------------------------------------------------------------------- */

/* What writing the store takes. */
typedef struct writing {
    bool write, react;
    const char *config;
} writing;

static int open_failed(const neap_error *error)
{
    switch (error->status) {
    case NEAP_UNKNOWN:
    case NEAP_CORRUPT:
    case NEAP_STORE:
    case NEAP_BUSY:
    case NEAP_UNAVAILABLE:
        return cli_store_failed(error);
    default:
        cli_complain_error(error);
        return error->status == NEAP_USAGE ? CLI_USAGE : CLI_FAILED;
    }
}

static int open_console(session *it, const char *path, const char *store, const writing *writes)
{
    neap_error error;
    neap_console_options options;
    neap_console_options_init(&options);
    char *config = writes->config != NULL ? cli_config_read(writes->config) : NULL;
    if (writes->config != NULL && config == NULL)
        return CLI_USAGE;
    options.store = cli_store_url(store);
    if (it->typed) {
        options.width = terminal_size().ws_col;
        options.height = height_of(terminal_size());
    }
    options.colours = cli_coloured(STDOUT_FILENO);
    options.print = on_print;
    options.progress = on_progress;
    options.user = it;
    options.write = writes->write;
    options.reacts = writes->react;
    options.config = config;
    begin_progress(it);
    neap_status status = neap_console_open(path, &options, &it->console, &error);
    end_progress(it);
    free(config);
    return status == NEAP_OK ? CLI_DONE : open_failed(&error);
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[1], *store = NULL, *colours = NULL;
    writing writes = {0};
    bool no_pager = false;
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        {"write", CLI_FLAG, &writes.write, NULL, "dispatch(), publish() and send() change it"},
        {"react", CLI_FLAG, &writes.react, NULL, "with --write: does what `neap run` does, too"},
        CLI_CONFIG_OPTION(&writes.config),
        CLI_COLOUR_OPTION(&colours),
        {"no-pager", CLI_FLAG, &no_pager, NULL, "prints what is longer than the screen at once"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON && !writes.write && (writes.react || writes.config != NULL))
        status = cli_usage(self, "%s goes with --write", writes.react ? "--react" : "--config");
    if (status == CLI_GO_ON)
        status = cli_colours_take(self, colours);
    if (status != CLI_GO_ON)
        return status;
    session it = {.typed = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)};
    it.shows_progress = it.typed && cli_steerable(STDERR_FILENO);
    if (it.typed) {
        setlocale(LC_CTYPE, "");
        catch_interrupts();
        if (!no_pager && cli_steerable(STDOUT_FILENO))
            cli_pager_choose();
    }
    status = open_console(&it, operands[0], store, &writes);
    if (status != CLI_DONE)
        return status;
    cli_out_flush();
    if (it.typed)
        type_lines(&it);
    else
        read_lines(&it);
    neap_console_close(it.console);
    return it.failed && !it.typed ? CLI_FAILED : CLI_DONE;
}

static const char *const operands_of_repl[] = {"DOMAIN.lua", NULL};

const cli_command cli_repl_command = {
    .name = "repl",
    .summary = "looks at what was, at any position of the log",
    .operands = operands_of_repl,
    .about =
        "Takes lines of Lua: questions about the state of everything at one position of the log,\n"
        "and verbs that go to another one; help() lists them. The store is only read, and may be\n"
        "written to by others meanwhile.\n"
        "\n"
        "With --write dispatch(), publish() and send() change it: commands are decided here, and\n"
        "what reacts to their events is left to the processes that run the domain. With --react\n"
        "subscribers, sagas, projections, outboxes and what is due in the queue run here as well.\n"
        "SQLite has one writer at a time.\n"
        "\n"
        "On a terminal, the Tab key completes names, Ctrl-C ends what takes too long, and Ctrl-D\n"
        "the session. Otherwise the input is a script: only what it prints goes to stdout, errors\n"
        "go to stderr with their line, and it goes on.\n"
        "Exit status of a script: 0 done; 1 a line failed; 2 wrong usage; 3 no store.",
    .example = "  $ neap repl shop.lua --store sqlite:shop.db\n"
               "  $ echo 'why(\"Order\", \"o-2\", \"status\")' | neap repl shop.lua --store "
               "sqlite:shop.db\n"
               "  $ neap repl shop.lua --store sqlite:shop.db --write",
    .run = run,
};
