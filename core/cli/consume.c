/* neap consume: commands out of a broker's messages, until somebody ends it. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "output.h"
#include "stop.h"

/* Appends "name" with its quotes. false: there is no memory. */
static bool add_quoted(FILE *to, const char *name, size_t size)
{
    char *json;
    if (neap_json_quote(name, size, &json, NULL, NULL) != NEAP_OK)
        return false;
    fputs(json, to);
    neap_free(json);
    return true;
}

/* TYPE=COMMAND, … as a JSON object, which the caller frees. NULL: there is no memory. */
static char *names_json(const cli_list *names)
{
    char *json = NULL;
    size_t size;
    FILE *to = open_memstream(&json, &size);
    bool whole = to != NULL;
    for (size_t i = 0; whole && i < names->count; i++) {
        const char *name = names->items[i], *equals = strchr(name, '=');
        fputs(i == 0 ? "{" : ",", to);
        whole = add_quoted(to, name, (size_t)(equals - name));
        fputc(':', to);
        whole = whole && add_quoted(to, equals + 1, strlen(equals + 1));
    }
    if (to != NULL) {
        fputc('}', to);
        whole = fclose(to) == 0 && whole;
    }
    if (whole)
        return json;
    free(json);
    return NULL;
}

static int check_names(const cli_command *self, const cli_list *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *equals = strchr(names->items[i], '=');
        if (equals == NULL || equals == names->items[i] || equals[1] == '\0')
            return cli_usage(self, "--commands takes TYPE=COMMAND,…, not '%s'", names->items[i]);
    }
    return CLI_GO_ON;
}

static void say_counts(const neap_consumer *consumer)
{
    neap_consumed counts;
    neap_consumed_init(&counts);
    neap_consumer_stats(consumer, &counts, NULL);
    uint64_t all = counts.done + counts.rejected + counts.ended;
    cli_say("%" PRIu64 " message%s: %" PRIu64 " done (%" PRIu64 " before), %" PRIu64
            " rejected, %" PRIu64 " no command; %" PRIu64 " given back",
            all, all == 1 ? "" : "s", counts.done, counts.repeated, counts.rejected, counts.ended,
            counts.again);
}

static int consume(neap_runtime *runtime, const char *from, const neap_consume_options *options,
                   bool quiet)
{
    neap_consumer *consumer;
    neap_error error;
    if (neap_consume(runtime, from, options, &consumer, &error) != NEAP_OK) {
        cli_complain_error(&error);
        return error.status == NEAP_UNKNOWN ? CLI_USAGE : cli_exit_status(error.status);
    }
    cli_stop_wait();
    neap_consumer_stop(consumer);
    if (!quiet)
        say_counts(consumer);
    neap_consumer_close(consumer);
    return CLI_DONE;
}

static int consume_measured(neap_runtime *runtime, const char *from,
                            const neap_consume_options *options, bool quiet, const char *metrics)
{
    cli_metrics *kept = metrics != NULL ? cli_metrics_open(runtime, metrics) : NULL;
    if (metrics != NULL && kept == NULL)
        return CLI_USAGE;
    int status = consume(runtime, from, options, quiet);
    return cli_metrics_close(kept) || status != CLI_DONE ? status : CLI_FAILED;
}

typedef struct wishes {
    const char *store, *config, *metrics;
    uint64_t lanes, pending, attempts;
    bool quiet, keep_rejected;
    cli_list commands;
} wishes;

static int run_wished(const char *domain, const char *from, const wishes *wished)
{
    neap_runtime *runtime;
    neap_consume_options options;
    neap_consume_options_init(&options);
    char *names = wished->commands.count != 0 ? names_json(&wished->commands) : NULL;
    if (wished->commands.count != 0 && names == NULL) {
        cli_complain("out of memory");
        return CLI_FAILED;
    }
    options.commands = names;
    options.pending = wished->pending < UINT_MAX ? (unsigned)wished->pending : UINT_MAX;
    options.attempts = wished->attempts < UINT_MAX ? (unsigned)wished->attempts : UINT_MAX;
    options.keep_rejected = wished->keep_rejected;
    if (!cli_stop_install())
        cli_warn("signals will end the command at once: %s", strerror(errno));
    unsigned lanes = wished->lanes < UINT_MAX ? (unsigned)wished->lanes : UINT_MAX;
    int status = cli_domain_open(domain, cli_store_url(wished->store), false, wished->config, lanes,
                                 &runtime);
    if (status == CLI_DONE) {
        status = consume_measured(runtime, from, &options, wished->quiet, wished->metrics);
        neap_close(runtime);
    }
    free(names);
    return status;
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[2];
    wishes wished = {.lanes = 1, .pending = 64, .attempts = 5};
    cli_log_options log = {NULL, NULL};
    const cli_option options[] = {
        CLI_STORE_OPTION(&wished.store),
        {"commands", CLI_LIST, &wished.commands, "TYPE=COMMAND,…",
         "which command a message of a type becomes; else that of the same name"},
        {"pending", CLI_NUMBER, &wished.pending, "N",
         "messages handled at once, at most 1024; else 64"},
        {"attempts", CLI_NUMBER, &wished.attempts, "N",
         "how often a message comes whose handler fails; else 5"},
        {"keep-rejected", CLI_FLAG, &wished.keep_rejected, NULL,
         "what the domain rejects goes to the dead letters, too"},
        {"lanes", CLI_NUMBER, &wished.lanes, "N", "threads that decide, at most 64; else 1"},
        CLI_CONFIG_OPTION(&wished.config),
        CLI_LOG_OPTIONS(log),
        {"metrics", CLI_TEXT, &wished.metrics, "FILE", "keeps figures for Prometheus there"},
        {"quiet", CLI_FLAG, &wished.quiet, NULL, "no line of counts at the end"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON)
        status = cli_log_take(self, &log);
    if (status == CLI_GO_ON)
        status = check_names(self, &wished.commands);
    if (status == CLI_GO_ON)
        status = run_wished(operands[0], operands[1], &wished);
    cli_list_fini(&wished.commands);
    return status;
}

static const char *const operands_of_consume[] = {"DOMAIN.lua", "FROM", NULL};

const cli_command cli_consume_command = {
    .name = "consume",
    .summary = "decides commands that come as messages of NATS JetStream",
    .operands = operands_of_consume,
    .about =
        "Takes messages from a durable consumer of NATS JetStream, lets the domain decide the\n"
        "commands that they are, and acknowledges each once its events are durable. It goes on\n"
        "until SIGINT or SIGTERM, handles what it has taken, and ends with 0.\n"
        "\n"
        "FROM is nats://HOST:PORT?stream=NAME&consumer=NAME, and if wanted\n"
        "  &subject=FILTER   only messages of these subjects\n"
        "  &dead=SUBJECT     where messages go that are no commands\n"
        "  &ack_wait_ms=N    after which the server gives a message to another one, if this one\n"
        "                    has died; for a consumer that is not there yet: 30000\n"
        "  &creds=FILE, &ca=FILE\n"
        "\n"
        "A message is a CloudEvent in JSON, whose type names the command, or an object as\n"
        "`neap run` reads it. Each takes effect once, however often it comes: its idempotency\n"
        "key is its Nats-Msg-Id; else the CloudEvent's source and id, or \"key\".\n"
        "\n"
        "What another try may help comes again after a second. What is no command is ended, and\n"
        "goes to the dead letters with the reason; what the domain rejects is acknowledged. Both\n"
        "are told on stderr. Exit status: 0 a signal ended it; 1 something failed; 2 wrong usage;\n"
        "3 the store could not be used.",
    .example =
        "  $ neap consume ledger.lua 'nats://localhost:4222?stream=SHOP&consumer=ledger' \\\n"
        "      --commands OrderPlaced=RecordSale --store sqlite:ledger.db",
    .run = run,
};
