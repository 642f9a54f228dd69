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
            " command%s, %" PRIu64 " key%s, %" PRIu64 " snapshot%s, %" PRIu64 " document%s",
            found->events, plural(found->events), found->types, plural(found->types),
            found->streams, plural(found->streams), found->commands, plural(found->commands),
            found->keys, plural(found->keys), found->snapshots, plural(found->snapshots),
            found->documents, plural(found->documents));
    if (found->findings == 0)
        cli_say("nothing wrong");
    else
        cli_complain("%" PRIu64 " finding%s", found->findings, plural(found->findings));
}

static int verify(neap_store *store)
{
    neap_error error;
    neap_verification found = {0};
    neap_status verified = neap_store_verify(store, print_finding, NULL, &found, &error);
    cli_out_flush();
    if (verified != NEAP_OK) {
        cli_complain_error(&error);
        return verified == NEAP_NOMEM ? CLI_FAILED : CLI_NO_STORE;
    }
    say_result(&found);
    return found.findings == 0 ? CLI_DONE : CLI_FAILED;
}

static int compare(neap_store *store, const char *against)
{
    neap_store *other;
    neap_error error;
    neap_comparison result = {0};
    int status = cli_store_open(against, &other);
    if (status != CLI_DONE)
        return status;
    neap_status compared = neap_store_compare(store, other, print_finding, NULL, &result, &error);
    neap_store_close(other);
    cli_out_flush();
    if (compared != NEAP_OK)
        return cli_store_failed(&error);
    if (result.same)
        cli_say("the stores are the same");
    else
        cli_complain("the stores are not the same: this is the first difference");
    return result.same ? CLI_DONE : CLI_FAILED;
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL, *against = NULL;
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"against", CLI_TEXT, &against, "URL", "compares with that store, too"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, NULL, arguments);
    if (status != CLI_GO_ON)
        return status;
    neap_store *store;
    status = cli_store_open(cli_store_url(url), &store);
    if (status != CLI_DONE)
        return status;
    status = verify(store);
    if (against != NULL && status != CLI_NO_STORE) {
        int compared = compare(store, against);
        status = compared > status ? compared : status;
    }
    neap_store_close(store);
    return status;
}

static const char *const no_operands[] = {NULL};

const cli_command cli_verify_command = {
    .name = "verify",
    .summary = "checks that a store is sound",
    .operands = no_operands,
    .about =
        "Reads the whole store and checks what must hold: versions and positions without a hole,\n"
        "references, JSON, counts. Prints one line for each thing found wrong. Exit status: 0\n"
        "nothing; 1 something; 3 the store could not be read to its end.\n"
        "\n"
        "With --against it also compares the store with another one, of any kind: event by event,\n"
        "and what is kept beside them that does not follow from them. Prints the first\n"
        "difference, which counts as something wrong.",
    .example = "  $ neap verify --store sqlite:shop.db\n"
               "  $ neap verify --store sqlite:shop.db --against sqlite:copy.db",
    .run = run,
};
