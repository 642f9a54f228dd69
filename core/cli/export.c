/* neap export: a store as JSON lines, from which `neap import` makes another one. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "domain.h"
#include "meter.h"
#include "options.h"
#include "output.h"

/* Into a pipe, who reads it shows how far it is. */
static bool goes_into_a_file(void)
{
    struct stat out;
    return fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode);
}

static neap_status print_all(neap_exporter *exporter, neap_error *error)
{
    cli_meter meter;
    neap_progress progress;
    const char *json;
    size_t size;
    bool shown = goes_into_a_file();
    cli_meter_init(&meter, "export");
    neap_progress_init(&progress);
    neap_status status = neap_exporter_next(exporter, &json, &size, error);
    while (status == NEAP_OK && json != NULL && cli_out(json, size) && cli_out_text("\n")) {
        if (shown && cli_meter_due(&meter)) {
            neap_exporter_progress(exporter, &progress);
            cli_meter_show(&meter, &progress);
        }
        status = neap_exporter_next(exporter, &json, &size, error);
    }
    cli_meter_clear(&meter);
    return status;
}

static int export_store(const char *url, const neap_filter *filter)
{
    char sum[128];
    neap_store *store;
    neap_exporter *exporter;
    neap_error error;
    neap_progress progress;
    int opened = cli_store_open(url, &store);
    if (opened != CLI_DONE)
        return opened;
    neap_progress_init(&progress);
    neap_status status = neap_store_export(store, filter, &exporter, &error);
    if (status == NEAP_OK) {
        status = print_all(exporter, &error);
        neap_exporter_progress(exporter, &progress);
        neap_exporter_close(exporter);
    }
    neap_store_close(store);
    if (status != NEAP_OK)
        return cli_store_failed(&error);
    if (!progress.done || !cli_out_flush())
        return CLI_FAILED;
    cli_meter_sum(&progress, sum, sizeof sum);
    cli_say("%s", sum);
    return CLI_DONE;
}

static int run(const cli_command *self, char **arguments)
{
    const char *store = NULL;
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
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, NULL, arguments);
    filter.types = (const char *const *)types.items;
    filter.type_count = types.count;
    if (status == CLI_GO_ON && filter.stream != NULL && filter.category != NULL)
        status = cli_usage(self, "--stream and --category exclude each other");
    if (status == CLI_GO_ON)
        status = export_store(cli_store_url(store), &filter);
    cli_list_fini(&types);
    return status;
}

static const char *const no_operands[] = {NULL};

const cli_command cli_export_command = {
    .name = "export",
    .summary = "prints a store as JSON lines, for `neap import`",
    .operands = no_operands,
    .about =
        "Prints the log, and what a store keeps that does not follow from it: idempotency keys,\n"
        "the queue, sagas, checkpoints of subscribers, dead letters. It is as of the moment when\n"
        "it begins, and may run beside a process that writes. Documents of projections and\n"
        "snapshots are left out: they are made anew. With any of the options but --store it is\n"
        "a part: its events alone. The last line says that nothing is missing.",
    .example = "  $ neap export --store sqlite:shop.db > shop.jsonl\n"
               "  $ neap export --store sqlite:shop.db | neap import --store sqlite:copy.db",
    .run = run,
};
