/* neap check: what a domain defines, and what is wrong with it. */
#include <stdio.h>
#include <string.h>

#include "check_store.h"
#include "domain.h"
#include "options.h"
#include "output.h"

#define KINDS  8
#define ALWAYS 4 /* the first so many kinds are counted even if there is none of them */

static const char *const kind_names[KINDS] = {
    [NEAP_KIND_COMMAND] = "command",
    [NEAP_KIND_EVENT] = "event",
    [NEAP_KIND_QUERY] = "query",
    [NEAP_KIND_AGGREGATE] = "aggregate",
    [NEAP_KIND_PROJECTION] = "projection",
    [NEAP_KIND_SUBSCRIBER] = "subscriber",
    [NEAP_KIND_SAGA] = "saga",
    [NEAP_KIND_OUTBOX] = "outbox",
};
static const char *const kind_plurals[KINDS] = {
    [NEAP_KIND_COMMAND] = "commands",
    [NEAP_KIND_EVENT] = "events",
    [NEAP_KIND_QUERY] = "queries",
    [NEAP_KIND_AGGREGATE] = "aggregates",
    [NEAP_KIND_PROJECTION] = "projections",
    [NEAP_KIND_SUBSCRIBER] = "subscribers",
    [NEAP_KIND_SAGA] = "sagas",
    [NEAP_KIND_OUTBOX] = "outboxes",
};

/* Columns as wide as their widest entry. */
typedef struct cli_widths {
    int kind, name, handler;
} cli_widths;

static int wider(int width, const char *text)
{
    int size = text != NULL ? (int)strlen(text) : 1;
    return size > width ? size : width;
}

static cli_widths measure(const neap_runtime *runtime)
{
    cli_widths widths = {(int)strlen("aggregate"), 0, 0};
    neap_definition definition;
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++) {
        widths.kind = wider(widths.kind, kind_names[definition.kind]);
        widths.name = wider(widths.name, definition.name);
        widths.handler = wider(widths.handler, definition.handled_by);
    }
    return widths;
}

static void print_definitions(const neap_runtime *runtime, size_t counts[KINDS])
{
    cli_widths widths = measure(runtime);
    neap_definition definition;
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++) {
        counts[definition.kind]++;
        cli_out_format("%-*s  %-*s  %-*s  %s:%d\n", widths.kind, kind_names[definition.kind],
                       widths.name, definition.name, widths.handler,
                       definition.handled_by != NULL ? definition.handled_by : "-", definition.file,
                       definition.line);
    }
}

static void say_counts(const char *domain, const size_t counts[KINDS], size_t unhandled)
{
    char text[256];
    size_t size = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        if (kind >= ALWAYS && counts[kind] == 0)
            continue;
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%zu %s", kind > 0 ? ", " : "",
                                 counts[kind],
                                 counts[kind] == 1 ? kind_names[kind] : kind_plurals[kind]);
    }
    if (unhandled == 0)
        cli_say("%s: %s; nothing wrong", domain, text);
    else
        cli_complain("%s: %s; %zu without a handler", domain, text, unhandled);
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[1], *url = NULL;
    const cli_option options[] = {
        {"store", CLI_TEXT, &url, "URL",
         "lists what of this store the domain cannot read or go on with"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    if (url != NULL)
        return cli_check_store(operands[0], url);
    neap_runtime *runtime;
    status = cli_domain_load(operands[0], "memory:", false, &runtime);
    if (status != CLI_DONE)
        return status;
    size_t counts[KINDS] = {0};
    print_definitions(runtime, counts);
    cli_out_flush();
    size_t unhandled = cli_domain_unhandled(runtime);
    say_counts(neap_domain_name(runtime), counts, unhandled);
    neap_close(runtime);
    return unhandled == 0 ? CLI_DONE : CLI_FAILED;
}

static const char *const operands_of_check[] = {"DOMAIN.lua", NULL};

const cli_command cli_check_command = {
    .name = "check",
    .summary = "loads a domain, and lists what it defines; or what it cannot read",
    .operands = operands_of_check,
    .about =
        "Loads the domain without a store and prints a line for each thing that it defines: its\n"
        "kind, its name, what handles it, and where it is defined. A definition error goes to\n"
        "stderr with file and line, and the exit status is 1.\n"
        "\n"
        "With --store it reads all events of that store, beside whoever writes, and prints a line "
        "for\n"
        "each type and schema version that the domain cannot read, or reads although today's "
        "schema\n"
        "refuses it: how many events, the first and the last position, and why. A second table "
        "tells "
        "of\n"
        "subscriptions, sagas, commands in the queue and dead letters that the domain cannot go "
        "on\n"
        "with, where, and what to do. Upcasters run; no handler and no fold does. The exit status "
        "is\n"
        "1 if something cannot be read, or cannot go on.",
    .example = "  $ neap check shop.lua\n"
               "  $ neap check shop.lua --store sqlite:shop.db",
    .run = run,
};
