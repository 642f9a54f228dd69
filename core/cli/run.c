/* neap run: commands as JSON lines in, a receipt or an error as a JSON line each out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "lines.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "output.h"
#include "request.h"
#include "stop.h"
#include "window.h"

/* What a line may have beside the command's data: names, key, meta. */
#define ENVELOPE_BYTES ((size_t)64 * 1024)

/* How long a signal may have to wait. */
#define PATIENCE_MS 100

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* Whether the command has a handler of its own: other lanes than those of the aggregates run it. */
static bool has_handler(const neap_runtime *runtime, const char *command)
{
    neap_definition definition;
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++)
        if (definition.kind == NEAP_KIND_COMMAND && strcmp(definition.name, command) == 0)
            return definition.handled_by != NULL && strcmp(definition.handled_by, "handler") == 0;
    return false;
}

/* What a handler finds, and leaves, is what its place in the input makes one expect: it begins when
 * all before it is answered, and what follows it begins when it is. */
static neap_status keep_order(neap_runtime *runtime, const char *command, bool *after_handler,
                              neap_error *error)
{
    bool before = *after_handler;
    *after_handler = has_handler(runtime, command);
    if (*after_handler == before)
        return NEAP_OK;
    neap_status status = neap_drain(runtime, 0, error);
    return status == NEAP_UNAVAILABLE ? NEAP_OK : status; /* what has stopped is said at the end */
}

static void send_line(neap_runtime *runtime, cli_slot *slot, const char *line, size_t size,
                      bool *after_handler)
{
    neap_error error;
    cli_request request;
    neap_status status = cli_request_read(&request, line, size, &error);
    if (status == NEAP_OK)
        status = keep_order(runtime, request.command, after_handler, &error);
    if (status == NEAP_OK) {
        size_t offset = request.data.data >= line && request.data.data < line + size
                            ? (size_t)(request.data.data - line)
                            : 0;
        neap_dispatch_options options;
        neap_dispatch_options_init(&options);
        options.idempotency_key = request.key;
        options.meta = request.meta;
        options.correlation_id = request.correlation_id;
        options.causation_id = request.causation_id;
        options.queued = request.queued;
        options.after_ms = request.after_ms;
        options.at_us = request.at_us;
        options.name = request.name;
        cli_slot_name(slot, request.command, offset);
        status = neap_send(runtime, request.command, request.data.data, request.data.size, &options,
                           cli_slot_answer, slot, &error);
    }
    if (status != NEAP_OK)
        cli_slot_answer(slot, status, NULL, &error);
    cli_request_fini(&request);
}

static void refuse_line(cli_slot *slot, size_t limit)
{
    neap_error error;
    cli_fail(&error, NEAP_LIMIT, "the line is longer than %zu bytes", limit);
    cli_slot_answer(slot, NEAP_LIMIT, NULL, &error);
}

/* Sends line after line until there are no more, or somebody asks to stop. Returns the exit status.
 */
static int send_lines(neap_runtime *runtime, cli_window *window, int fd)
{
    neap_options limits;
    neap_options_init(&limits);
    cli_lines lines;
    cli_lines_init(&lines, fd, limits.message_bytes + ENVELOPE_BYTES);
    char *line;
    size_t size;
    bool after_handler = false;
    cli_line got;
    while ((got = cli_lines_next(&lines, &line, &size)) <= CLI_LINE_TOO_LONG) {
        if (got == CLI_LINE_TOO_LONG)
            refuse_line(cli_window_take(window, lines.number, 0), lines.limit);
        else if (!is_blank(line, size))
            send_line(runtime, cli_window_take(window, lines.number, size), line, size,
                      &after_handler);
    }
    if (got == CLI_LINES_FAILED)
        cli_complain("cannot read commands behind line %" PRIu64 ": %s", lines.number,
                     strerror(errno));
    cli_lines_fini(&lines);
    return got == CLI_LINES_FAILED ? CLI_FAILED : CLI_DONE;
}

static void say_counts(const cli_counts *counts)
{
    char text[256];
    size_t capacity = sizeof text;
    uint64_t all = counts->done + counts->refused + counts->failed;
    int size = snprintf(text, capacity, "%" PRIu64 " command%s: %" PRIu64 " done", all,
                        all == 1 ? "" : "s", counts->done);
    if (counts->repeated > 0)
        size += snprintf(text + size, capacity - (size_t)size, " (%" PRIu64 " before)",
                         counts->repeated);
    size +=
        snprintf(text + size, capacity - (size_t)size, ", %" PRIu64 " refused", counts->refused);
    if (counts->failed > 0)
        snprintf(text + size, capacity - (size_t)size, ", %" PRIu64 " failed", counts->failed);
    cli_say("%s", text);
}

static int run_commands(neap_runtime *runtime, int fd, bool quiet)
{
    cli_window *window = cli_window_open();
    if (window == NULL) {
        cli_complain("no memory or thread for printing receipts");
        return CLI_FAILED;
    }
    if (!quiet && isatty(fd))
        cli_say("one command a line, as {\"command\":\"NAME\",\"data\":{…}}; Ctrl-D ends");
    int status = send_lines(runtime, window, fd);
    cli_counts counts = cli_window_close(window);
    if (!quiet)
        say_counts(&counts);
    if (counts.store_failed > 0)
        return CLI_NO_STORE;
    if (cli_stop_signal() != 0)
        return CLI_SIGNAL + cli_stop_signal();
    return counts.refused + counts.failed > 0 ? CLI_FAILED : status;
}

/* Waits for subscriptions, as long as nothing tells the command to end. */
static int catch_up(neap_runtime *runtime, int status)
{
    neap_error error;
    neap_status caught = NEAP_TIMEOUT;
    if (status != CLI_DONE && status != CLI_FAILED)
        return status;
    while (caught == NEAP_TIMEOUT && cli_stop_signal() == 0)
        caught = neap_drain(runtime, PATIENCE_MS, &error);
    if (cli_stop_signal() != 0)
        return CLI_SIGNAL + cli_stop_signal();
    if (caught == NEAP_OK)
        return status;
    cli_complain("not caught up: %s", error.message);
    return CLI_FAILED;
}

/* metrics: the file for them; NULL: none. */
static int run_measured(neap_runtime *runtime, int fd, bool quiet, const char *metrics)
{
    cli_metrics *kept = metrics != NULL ? cli_metrics_open(runtime, metrics) : NULL;
    if (metrics != NULL && kept == NULL)
        return CLI_USAGE;
    int status = run_commands(runtime, fd, quiet);
    return cli_metrics_close(kept) || status != CLI_DONE ? status : CLI_FAILED;
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[1], *store = NULL, *config = NULL, *file = NULL, *metrics = NULL;
    uint64_t lanes = 1;
    bool quiet = false;
    cli_log_options log = {NULL, NULL};
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        {"lanes", CLI_NUMBER, &lanes, "N", "threads that decide, at most 64; else 1"},
        CLI_CONFIG_OPTION(&config),
        CLI_LOG_OPTIONS(log),
        {"metrics", CLI_TEXT, &metrics, "FILE", "keeps figures for Prometheus there"},
        {"file", CLI_TEXT, &file, "FILE", "reads commands from there instead of stdin"},
        {"quiet", CLI_FLAG, &quiet, NULL, "no line of counts at the end"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON)
        status = cli_log_take(self, &log);
    if (status != CLI_GO_ON)
        return status;
    int fd = STDIN_FILENO;
    if (file != NULL && strcmp(file, "-") != 0 && (fd = open(file, O_RDONLY | O_CLOEXEC)) < 0) {
        cli_complain("cannot read %s: %s", file, strerror(errno));
        return CLI_USAGE;
    }
    neap_runtime *runtime;
    if (!cli_stop_install())
        cli_warn("signals will end the command at once: %s", strerror(errno));
    status = cli_domain_open(operands[0], cli_store_url(store), false, config,
                             lanes < UINT_MAX ? (unsigned)lanes : UINT_MAX, &runtime);
    if (status == CLI_DONE) {
        status = catch_up(runtime, run_measured(runtime, fd, quiet, metrics));
        neap_close(runtime);
    }
    if (fd != STDIN_FILENO)
        close(fd);
    return status;
}

static const char *const operands_of_run[] = {"DOMAIN.lua", NULL};

const cli_command cli_run_command = {
    .name = "run",
    .summary = "decides commands: JSON lines in, receipts out",
    .operands = operands_of_run,
    .about =
        "Reads commands from stdin, one JSON object a line, lets the domain decide them, and\n"
        "prints one JSON line for each, in the same order: a receipt once its events are\n"
        "durable, or an error. A blank line is no command and gives no line. A store that\n"
        "does not exist yet is made. Commands of different streams are decided side by side, "
        "those\n"
        "of one stream in order; one that has a handler of its own waits for all before it, and\n"
        "what follows waits for it.\n"
        "\n"
        "A line has these members; all but the first may be left out:\n"
        "  command         the command's name\n"
        "  data            its fields, an object\n"
        "  key             idempotency key: sent again with it, the command takes effect once\n"
        "  meta            an object of texts, kept with the events\n"
        "  correlation_id  a UUID shared by everything that belongs together\n"
        "  causation_id    the UUID of the message that caused this one\n"
        "  after, at       it is queued, and done after so many seconds, or at that moment, in\n"
        "                  microseconds since 1970; the receipt tells that it is durable\n"
        "  name            what it is called in the queue, where it replaces what has that name\n"
        "\n"
        "What is due in the queue is done as well, before the command ends.\n"
        "\n"
        "--metrics FILE is written at the beginning, every five seconds, and at the end, whole or "
        "not\n"
        "at all, as the textfile collector of Prometheus' node_exporter reads it. A name that it\n"
        "reads ends with .prom.\n"
        "\n"
        "The line of counts at the end goes to stderr. Exit status: 0 all was done; 1 something\n"
        "was refused or failed; 2 wrong usage; 3 the store could not be used. SIGINT and SIGTERM\n"
        "let it finish what it accepted, and then end it with 130 and 143; a second one ends it\n"
        "at once.",
    .example =
        "  $ echo '{\"command\":\"PlaceOrder\",\"data\":{\"order_id\":\"o-1\",\"customer\":\"ada\","
        "\"total\":4200}}' |\n"
        "      neap run shop.lua --store sqlite:shop.db",
    .run = run,
};
