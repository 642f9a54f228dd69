/* Reads a command line: `--name value`, `--name=value`, `--` ends the options, the rest are
 * operands. */
#ifndef NEAP_CLI_OPTIONS_H
#define NEAP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

/* Values of an option that may be given several times, or once with commas. Start with all zero. */
typedef struct cli_list {
    char **items;
    size_t count;
} cli_list;

void cli_list_fini(cli_list *list);

typedef enum cli_option_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char *; the command line's own */
    CLI_NUMBER, /* uint64_t, from 1 */
    CLI_LIST    /* cli_list */
} cli_option_kind;

typedef struct cli_option {
    const char *name;
    cli_option_kind kind;
    void *target;         /* where the value goes; left alone if the option is not given */
    const char *argument; /* what --help calls the value; NULL for a flag */
    const char *help;
} cli_option;

#define CLI_STORE_OPTION(target)                                                                   \
    {                                                                                              \
        "store", CLI_TEXT, (target), "URL", "the store; else $NEAP_STORE, else sqlite:neap.db"     \
    }

#define CLI_CONFIG_OPTION(target)                                                                  \
    {                                                                                              \
        "config", CLI_TEXT, (target), "FILE", "JSON with what each of its services is told"        \
    }

#define CLI_GO_ON (-1)

/* Fills the options' targets and operands (as many as the command names; those left out are NULL;
 * if the last one has "…", as many as there are arguments). Returns CLI_GO_ON, or the exit status:
 * CLI_DONE after --help, CLI_USAGE after a complaint. */
int cli_parse(const cli_command *command, const cli_option *options, size_t option_count,
              const char **operands, char **arguments);

/* Complains about the command line, points to --help, and returns CLI_USAGE. */
int cli_usage(const cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The URL to use where --store gave `option` (NULL: it was not given). */
const char *cli_store_url(const char *option);

#endif
