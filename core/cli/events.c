/* neap events: the log as JSON lines. */
#include <errno.h>
#include <string.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "stop.h"

/* How long a follower may take to notice that it shall stop. */
#define FOLLOW_MS 100

typedef struct cli_reading {
    neap_cursor *cursor;
    uint64_t limit; /* 0: none */
    uint64_t printed;
    bool follow;
} cli_reading;

static bool wants_more(const cli_reading *reading)
{
    return !cli_stop_requested() && (reading->limit == 0 || reading->printed < reading->limit);
}

/* At the end of the log: waits until there may be more; false: nobody wants it any more. */
static bool wait_for_more(cli_reading *reading, neap_status *status, neap_error *error)
{
    if (!reading->follow || !cli_out_flush())
        return false;
    *status = neap_cursor_wait(reading->cursor, FOLLOW_MS, error);
    return *status == NEAP_OK && cli_out_alive();
}

static neap_status print_events(cli_reading *reading, neap_error *error)
{
    const neap_event *event;
    const char *json;
    size_t size;
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && wants_more(reading)) {
        status = neap_cursor_next(reading->cursor, &event, error);
        if (status == NEAP_OK && event == NULL) {
            if (!wait_for_more(reading, &status, error))
                break;
            continue;
        }
        if (status == NEAP_OK)
            status = neap_cursor_json(reading->cursor, &json, &size, error);
        if (status == NEAP_OK && (!cli_out(json, size) || !cli_out_text("\n")))
            break;
        reading->printed += status == NEAP_OK;
    }
    return status;
}

static int read_store(const char *url, const neap_filter *filter, bool follow)
{
    neap_store *store;
    int status = cli_store_open(url, &store);
    if (status != CLI_DONE)
        return status;
    if (follow && !cli_stop_install())
        cli_warn("signals will end the command at once: %s", strerror(errno));
    neap_error error;
    cli_reading reading = {.limit = filter->limit, .follow = follow};
    neap_status read = neap_store_read(store, filter, &reading.cursor, &error);
    if (read == NEAP_OK) {
        read = print_events(&reading, &error);
        neap_cursor_close(reading.cursor);
    }
    neap_store_close(store);
    if (read != NEAP_OK)
        cli_complain_error(&error);
    return cli_exit_status(read);
}

static int run(const cli_command *self, char **arguments)
{
    const char *store = NULL;
    bool follow = false;
    cli_list types = {0};
    neap_filter filter;
    neap_filter_init(&filter);
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        {"stream", CLI_TEXT, &filter.stream, "STREAM", "only that stream, as Order-o-1"},
        {"category", CLI_TEXT, &filter.category, "NAME", "only streams that begin with NAME-"},
        {"type", CLI_LIST, &types, "TYPE", "only that type; repeated, or A,B, for several"},
        {"from", CLI_NUMBER, &filter.from, "N", "from that position; with --stream, version"},
        {"to", CLI_NUMBER, &filter.to, "N", "up to that position; with --stream, version"},
        {"limit", CLI_NUMBER, &filter.limit, "N", "at most so many"},
        {"backward", CLI_FLAG, &filter.backward, NULL, "the newest first"},
        {"follow", CLI_FLAG, &follow, NULL, "goes on with new ones, until SIGINT or SIGTERM"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, NULL, arguments);
    filter.types = (const char *const *)types.items;
    filter.type_count = types.count;
    if (status == CLI_GO_ON && filter.stream != NULL && filter.category != NULL)
        status = cli_usage(self, "--stream and --category exclude each other");
    if (status == CLI_GO_ON && follow && (filter.backward || filter.to != 0))
        status =
            cli_usage(self, "--follow has no end, so neither --backward nor --to goes with it");
    if (status == CLI_GO_ON)
        status = read_store(cli_store_url(store), &filter, follow);
    cli_list_fini(&types);
    return status;
}

static const char *const no_operands[] = {NULL};

const cli_command cli_events_command = {
    .name = "events",
    .summary = "prints the log, one event as a JSON line each",
    .operands = no_operands,
    .about =
        "Prints the events of a store as JSON lines, in the order in which they were committed.\n"
        "It may run beside a process that writes. Following ends with status 0 when a signal\n"
        "asks for it.",
    .example = "  $ neap events --store sqlite:shop.db --stream Order-o-1\n"
               "  $ neap events --store sqlite:shop.db --type OrderPlaced --backward --limit 5",
    .run = run,
};
