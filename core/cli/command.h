/* What a command of `neap` is, and the exit statuses that all of them share. */
#ifndef NEAP_CLI_COMMAND_H
#define NEAP_CLI_COMMAND_H

enum {
    CLI_DONE = 0,
    CLI_FAILED = 1,   /* something was refused or failed */
    CLI_USAGE = 2,    /* the command line was wrong */
    CLI_NO_STORE = 3, /* the store could not be used */
    CLI_SIGNAL = 128  /* plus the signal's number: interrupted */
};

typedef struct cli_command {
    const char *name;
    const char *summary;         /* one line of `neap help` */
    const char *const *operands; /* by name, NULL ends; one in brackets may be left out, one with
                                    "…" stands for as many as are given */
    const char *about;           /* what its --help tells, in lines */
    const char *example;
    /* arguments: what follows the command's name, NULL ends. Returns the exit status. */
    int (*run)(const struct cli_command *self, char **arguments);
} cli_command;

extern const cli_command cli_run_command, cli_events_command, cli_state_command, cli_query_command,
    cli_check_command, cli_verify_command, cli_stats_command, cli_spec_command, cli_new_command,
    cli_timers_command, cli_rebuild_command, cli_sagas_command, cli_dead_letters_command,
    cli_consume_command, cli_reset_command, cli_export_command, cli_import_command,
    cli_repl_command;

#endif
