/* neap verify: whether a store holds what a store at rest must hold. */
#include <inttypes.h>

#include "domain.h"
#include "options.h"
#include "output.h"

static void print_finding(void *user, const char *text)
{
    (void)user;
    cli_out_text(text);
    cli_out_text("\n");
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say_result(const neap_verification *found)
{
    cli_say("%" PRIu64 " event%s of %" PRIu64 " type%s in %" PRIu64 " stream%s, %" PRIu64
            " command%s, %" PRIu64 " key%s, %" PRIu64 " snapshot%s",
            found->events, plural(found->events), found->types, plural(found->types),
            found->streams, plural(found->streams), found->commands, plural(found->commands),
            found->keys, plural(found->keys), found->snapshots, plural(found->snapshots));
    if (found->findings == 0)
        cli_say("nothing wrong");
    else
        cli_complain("%" PRIu64 " finding%s", found->findings, plural(found->findings));
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL;
    const cli_option options[] = {CLI_STORE_OPTION(&url)};
    int status = cli_parse(self, options, sizeof options / sizeof *options, NULL, arguments);
    if (status != CLI_GO_ON)
        return status;
    neap_store *store;
    status = cli_store_open(cli_store_url(url), &store);
    if (status != CLI_DONE)
        return status;
    neap_error error;
    neap_verification found = {0};
    neap_status verified = neap_store_verify(store, print_finding, NULL, &found, &error);
    neap_store_close(store);
    cli_out_flush();
    if (verified != NEAP_OK) {
        cli_complain_error(&error);
        return verified == NEAP_NOMEM ? CLI_FAILED : CLI_NO_STORE;
    }
    say_result(&found);
    return found.findings == 0 ? CLI_DONE : CLI_FAILED;
}

static const char *const no_operands[] = {NULL};

const cli_command cli_verify_command = {
    .name = "verify",
    .summary = "checks that a store is sound",
    .operands = no_operands,
    .about =
        "Reads the whole store and checks what must hold: versions and positions without a hole,\n"
        "references, JSON, counts. Prints one line for each thing found wrong. Exit status: 0\n"
        "nothing; 1 something; 3 the store could not be read to its end.",
    .example = "  $ neap verify --store sqlite:shop.db",
    .run = run,
};
