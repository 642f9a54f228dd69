/* neap spec: runs specs inside the command. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "neap.h"
#include "options.h"
#include "output.h"

static int check_paths(const cli_command *self, const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (access(paths[i], F_OK) != 0)
            return cli_usage(self, "there is no file or folder '%s'", paths[i]);
    return CLI_DONE;
}

static int run_specs(const cli_command *self, const neap_spec_options *options)
{
    neap_error error;
    neap_spec_result result;
    int status = check_paths(self, options->paths, options->path_count);
    if (status != CLI_DONE)
        return status;
    cli_out_flush();
    neap_status ran = neap_spec_run(options, &result, &error);
    if (ran != NEAP_OK) {
        cli_complain_error(&error);
        return ran == NEAP_USAGE ? CLI_USAGE : CLI_FAILED;
    }
    if (!result.passed)
        return CLI_FAILED;
    if (result.run > 0)
        return CLI_DONE;
    cli_complain(result.pending > 0 ? "no test was run: all are pending" : "no test was found");
    return CLI_FAILED;
}

static int run(const cli_command *self, char **arguments)
{
    size_t count = 0;
    while (arguments[count] != NULL)
        count++;
    const char **operands = calloc(count + 2, sizeof *operands);
    if (operands == NULL) {
        cli_complain("out of memory");
        return CLI_FAILED;
    }
    neap_spec_options specs;
    neap_spec_options_init(&specs);
    const cli_option options[] = {
        {"filter", CLI_TEXT, &specs.filter, "PATTERN",
         "only tests whose name has this Lua pattern"},
        {"shuffle", CLI_FLAG, &specs.shuffle, NULL, "in an order that differs from run to run"},
        {"seed", CLI_NUMBER, &specs.seed, "N", "of that order, to repeat it"},
        {"output", CLI_TEXT, &specs.output, "NAME", "how busted tells: TAP, json, junit …"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON) {
        if (operands[0] == NULL)
            operands[0] = "spec";
        specs.paths = operands;
        while (operands[specs.path_count] != NULL)
            specs.path_count++;
        status = run_specs(self, &specs);
    }
    free(operands);
    return status;
}

static const char *const operands_of_spec[] = {"[FILE|FOLDER …]", NULL};

const cli_command cli_spec_command = {
    .name = "spec",
    .summary = "runs specs, which say what a domain decides",
    .operands = operands_of_spec,
    .about =
        "Runs the files, and of folders every *_spec.lua, with busted (Debian: lua-busted), in a\n"
        "Lua in which `require \"neap\"` is this command's own. Without an operand: the folder "
        "spec.\n"
        "Exit status: 0 all tests passed; 1 one failed, or there was none; 2 wrong usage.",
    .example = "  $ neap spec\n"
               "  $ neap spec spec/order_spec.lua --filter \"ships\"",
    .run = run,
};
