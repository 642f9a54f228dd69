/* neap reset: a subscriber at another place in the log. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "options.h"
#include "output.h"

/* false: it says no place. */
static bool read_place(const char *text, uint64_t *position)
{
    char *end;
    if (strcmp(text, "beginning") == 0 || strcmp(text, "now") == 0) {
        *position = text[0] == 'n' ? NEAP_NOW : 0;
        return true;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *position = value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value < INT64_MAX;
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL, *to = NULL, *operands[1];
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"to", CLI_TEXT, &to, "PLACE", "beginning, now, or a position: so far all is handled"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    uint64_t position;
    neap_error error;
    if (to == NULL)
        return cli_usage(self, "where to? Say it with --to");
    if (!read_place(to, &position))
        return cli_usage(self, "--to is '%s'; it is beginning, now, or a position", to);
    neap_status done = neap_store_reset(cli_store_url(url), operands[0], position, &error);
    if (done == NEAP_OK)
        return CLI_DONE;
    if (done != NEAP_UNKNOWN && done != NEAP_USAGE && done != NEAP_INVALID)
        return cli_store_failed(&error);
    cli_complain_error(&error);
    return CLI_FAILED;
}

static const char *const operands_of_reset[] = {"SUBSCRIBER", NULL};

const cli_command cli_reset_command = {
    .name = "reset",
    .summary = "has a subscriber handle events again, or pass over some",
    .operands = operands_of_reset,
    .about =
        "Puts a subscriber, or an outbox, to another PLACE in the log: all events up to there "
        "count\n"
        "as handled, all later ones are delivered to it when somebody runs the domain, whether\n"
        "they were before or not. Its dead letters behind that place go. It needs the store "
        "alone;\n"
        "a process that has it open does the same with runtime:reset(). A projection is rebuilt\n"
        "instead: see `neap help rebuild`.",
    .example = "  $ neap reset mailer --to beginning --store sqlite:shop.db",
    .run = run,
};
