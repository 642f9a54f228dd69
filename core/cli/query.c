/* neap query: one question, its answer. */
#include <string.h>

#include "domain.h"
#include "options.h"
#include "output.h"

static int run(const cli_command *self, char **arguments)
{
    const char *operands[3], *store = NULL, *config = NULL;
    const cli_option options[] = {CLI_STORE_OPTION(&store), CLI_CONFIG_OPTION(&config)};
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    neap_runtime *runtime;
    status = cli_domain_open(operands[0], cli_store_url(store), true, config, &runtime);
    if (status != CLI_DONE)
        return status;
    const char *json = operands[2] != NULL ? operands[2] : "{}";
    neap_error error;
    neap_reply *reply;
    neap_status answered = neap_query(runtime, operands[1], json, strlen(json), 0, &reply, &error);
    if (answered == NEAP_OK)
        cli_print_reply(reply);
    else
        cli_complain_error(&error);
    neap_close(runtime);
    return cli_exit_status(answered);
}

static const char *const operands_of_query[] = {"DOMAIN.lua", "NAME", "[JSON]", NULL};

const cli_command cli_query_command = {
    .name = "query",
    .summary = "asks one query, and prints its answer",
    .operands = operands_of_query,
    .about =
        "Asks the domain a query and prints the answer as JSON. The query's fields are a JSON\n"
        "object, {} if left out. It only reads, so it may run beside a process that writes.",
    .example = "  $ neap query shop.lua GetOrder '{\"order_id\":\"o-1\"}' --store sqlite:shop.db",
    .run = run,
};
