/* neap state: what an aggregate's events fold to. */
#include "domain.h"
#include "log.h"
#include "options.h"
#include "output.h"

static int run(const cli_command *self, char **arguments)
{
    const char *operands[3], *store = NULL, *config = NULL;
    uint64_t version = 0;
    cli_log_options log = {NULL, NULL};
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        CLI_CONFIG_OPTION(&config),
        CLI_LOG_OPTIONS(log),
        {"at", CLI_NUMBER, &version, "VERSION", "as it was after that event of its stream"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON)
        status = cli_log_take(self, &log);
    if (status != CLI_GO_ON)
        return status;
    neap_runtime *runtime;
    status = cli_domain_open(operands[0], cli_store_url(store), true, config, 1, &runtime);
    if (status != CLI_DONE)
        return status;
    neap_error error;
    neap_reply *reply;
    neap_status found = neap_state(runtime, operands[1], operands[2], version, &reply, &error);
    if (found == NEAP_OK)
        cli_print_reply(reply);
    else
        cli_complain_error(&error);
    neap_close(runtime);
    return cli_exit_status(found);
}

static const char *const operands_of_state[] = {"DOMAIN.lua", "AGGREGATE", "ID", NULL};

const cli_command cli_state_command = {
    .name = "state",
    .summary = "prints an aggregate's state, now or at a version",
    .operands = operands_of_state,
    .about =
        "Folds the events of one aggregate and prints its state as JSON. It only reads, so it\n"
        "may run beside a process that writes. An aggregate by tags is named by a JSON object of\n"
        "their values, and --at takes a position of the store.",
    .example =
        "  $ neap state shop.lua Order o-1 --store sqlite:shop.db\n"
        "  $ neap state shop.lua Order o-1 --at 1 --store sqlite:shop.db\n"
        "  $ neap state courses.lua Enrolment '{\"course\":\"c-1\"}' --store sqlite:courses.db",
    .run = run,
};
