/* neap: the command. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "neap.h"
#include "nearest.h"
#include "output.h"
#include "secret.h"

static const cli_command *const commands[] = {
    &cli_run_command,          &cli_events_command,  &cli_state_command,   &cli_query_command,
    &cli_check_command,        &cli_verify_command,  &cli_stats_command,   &cli_timers_command,
    &cli_spec_command,         &cli_new_command,     &cli_rebuild_command, &cli_sagas_command,
    &cli_dead_letters_command, &cli_consume_command, &cli_reset_command,   &cli_export_command,
    &cli_import_command,       &cli_repl_command,
};
#define COMMANDS (sizeof commands / sizeof *commands)

static const cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static void print_overview(void)
{
    cli_out_text("neap " NEAP_VERSION ": event sourcing and CQRS, with the domain written in Lua\n"
                 "\n"
                 "Usage: neap COMMAND [ARGUMENTS] [OPTIONS]\n"
                 "\n"
                 "Commands\n");
    for (size_t i = 0; i < COMMANDS; i++)
        cli_out_format("  %-12s  %s\n", commands[i]->name, commands[i]->summary);
    cli_out_text("  help          says more about a command, with an example: neap help run\n"
                 "\n"
                 "The store is --store URL, else $NEAP_STORE, else sqlite:neap.db.\n"
                 "Data goes to stdout, words to stderr. Exit status: 0 done; 1 something was\n"
                 "refused or failed; 2 wrong usage; 3 the store could not be used.\n");
}

static int unknown(const char *name)
{
    cli_nearest nearest = {0};
    for (size_t i = 0; i < COMMANDS; i++)
        cli_nearest_consider(&nearest, name, commands[i]->name);
    cli_nearest_consider(&nearest, name, "help");
    if (nearest.name != NULL)
        cli_complain("there is no command '%s'; did you mean '%s'?", name, nearest.name);
    else
        cli_complain("there is no command '%s'", name);
    cli_say("`neap help` lists the commands");
    return CLI_USAGE;
}

static int help(const char *name)
{
    if (name == NULL || strcmp(name, "help") == 0) {
        print_overview();
        return CLI_DONE;
    }
    const cli_command *command = find(name);
    char *arguments[] = {"--help", NULL};
    return command != NULL ? command->run(command, arguments) : unknown(name);
}

static int run(char **arguments)
{
    const char *name = arguments[0];
    if (name == NULL) {
        cli_complain("which command? `neap help` lists them");
        return CLI_USAGE;
    }
    if (strcmp(name, "help") == 0)
        return help(arguments[1]);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(NULL);
    if (strcmp(name, "--version") == 0) {
        cli_out_text("neap " NEAP_VERSION "\n");
        return CLI_DONE;
    }
    if (name[0] == '-') {
        cli_complain("`neap` has no option %s; the command comes first, as in `neap run --help`",
                     name);
        return CLI_USAGE;
    }
    const cli_command *command = find(name);
    return command != NULL ? command->run(command, arguments + 1) : unknown(name);
}

int main(int argc, char **argv)
{
    char **arguments = argv + (argc > 0);
    int status = CLI_FAILED;
    cli_output_prepare();
    if (cli_secrets_hide(arguments))
        status = run(arguments);
    else
        cli_complain("out of memory");
    cli_secrets_forget();
    return cli_out_finish(status);
}
