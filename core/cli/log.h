/* What the library, the domain and the command itself say on stderr: from which level on, and in
 * which form. */
#ifndef NEAP_CLI_LOG_H
#define NEAP_CLI_LOG_H

#include <stdbool.h>

#include "command.h"
#include "neap.h"

typedef struct cli_log_options {
    const char *level, *format; /* NULL: not given */
} cli_log_options;

/* Two options of a command that opens a domain. */
#define CLI_LOG_OPTIONS(log)                                                                       \
    {"log-level", CLI_TEXT, &(log).level, "LEVEL", "debug, info, warn or error; else info"},       \
    {                                                                                              \
        "log-format", CLI_TEXT, &(log).format, "FORM",                                             \
            "json: one object a line on stderr, with its fields; else text"                        \
    }

/* Takes what was given. Returns CLI_GO_ON, or CLI_USAGE after a complaint. Threads: before others.
 */
int cli_log_take(const cli_command *command, const cli_log_options *log);

/* Has the runtime log as was asked for. */
void cli_log_connect(neap_options *options);

/* Whether stderr gets JSON: then it was written. For the command's own words. */
bool cli_log_words(neap_log_level level, const char *text);

#endif
