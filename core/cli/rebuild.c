/* neap rebuild: makes a projection's documents anew, with a progress bar. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "domain.h"
#include "log.h"
#include "meter.h"
#include "options.h"
#include "output.h"
#include "stop.h"
#include "table.h"

static void say_done(const cli_meter *it, const neap_progress *progress)
{
    char sum[128];
    cli_meter_sum(progress, sum, sizeof sum);
    cli_say("%s: %s; build %u is what answers now", it->name, sum, progress->build);
}

static void say_stopped(const cli_meter *it, const neap_progress *progress)
{
    char position[32], head[32];
    cli_say("%s: stopped at %s of %s events; what answers is the build before, and the next `neap "
            "rebuild` goes on from there",
            it->name, cli_grouped(position, progress->position), cli_grouped(head, progress->head));
}

/* Waits for the end of it, or for somebody who asks to stop. */
static int watch(neap_runtime *runtime, cli_meter *it)
{
    neap_error error;
    neap_progress progress;
    neap_status status;
    neap_progress_init(&progress);
    do {
        status = neap_rebuild_progress(runtime, it->name, CLI_METER_MS, &progress, &error);
        if (status == NEAP_OK && !progress.done)
            cli_meter_show(it, &progress);
    } while (status == NEAP_OK && !progress.done && !cli_stop_requested());
    cli_meter_clear(it);
    if (status != NEAP_OK) {
        cli_complain_error(&error);
        return cli_exit_status(status);
    }
    if (progress.done)
        say_done(it, &progress);
    else
        say_stopped(it, &progress);
    return progress.done ? CLI_DONE : CLI_SIGNAL + cli_stop_signal();
}

/* Before anything runs. A store that is not there is not made. */
static int check(const char *domain, const char *url, const char *name)
{
    neap_runtime *runtime;
    int status = cli_domain_load(domain, url, true, &runtime);
    if (status != CLI_DONE)
        return status;
    status = cli_domain_projection(runtime, name);
    neap_close(runtime);
    neap_store *store;
    if (status == CLI_DONE)
        status = cli_store_open(url, &store);
    if (status == CLI_DONE)
        neap_store_close(store);
    return status;
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[2], *store = NULL;
    uint64_t lanes = 1;
    cli_log_options log = {NULL, NULL};
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        {"lanes", CLI_NUMBER, &lanes, "N", "threads for a projection of partitions; else 1"},
        CLI_LOG_OPTIONS(log),
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON)
        status = cli_log_take(self, &log);
    if (status != CLI_GO_ON)
        return status;
    status = check(operands[0], cli_store_url(store), operands[1]);
    if (status != CLI_DONE)
        return status;
    neap_runtime *runtime;
    if (!cli_stop_install())
        cli_warn("signals will end the command at once: %s", strerror(errno));
    status = cli_domain_open_to_rebuild(operands[0], cli_store_url(store), operands[1],
                                        lanes < UINT_MAX ? (unsigned)lanes : UINT_MAX, &runtime);
    if (status != CLI_DONE)
        return status;
    cli_meter it;
    cli_meter_init(&it, operands[1]);
    status = watch(runtime, &it);
    neap_close(runtime);
    return status;
}

static const char *const operands_of_rebuild[] = {"DOMAIN.lua", "PROJECTION", NULL};

const cli_command cli_rebuild_command = {
    .name = "rebuild",
    .summary = "makes a projection's documents anew",
    .operands = operands_of_rebuild,
    .about =
        "Folds the whole log into new documents of the projection, beside those that it has, and\n"
        "then puts them in their place in one step. Until then the old ones are what is found.\n"
        "Nothing else of the domain runs meanwhile. It needs the store alone: while another\n"
        "process writes there, that one can rebuild (runtime:rebuild).\n"
        "\n"
        "A terminal is shown how far it is; else a line says so every five seconds, on stderr.\n"
        "SIGINT and SIGTERM stop it, with 130 and 143; the next time it goes on where it was, as\n"
        "it does after a crash. Exit status: 0 it is done; 1 the projection has stopped at an\n"
        "event, which is told; 2 wrong usage; 3 the store could not be used.",
    .example = "  $ neap rebuild shop.lua orders --store sqlite:shop.db",
    .run = run,
};
