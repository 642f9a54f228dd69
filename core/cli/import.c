/* neap import: makes a store of what `neap export` printed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "meter.h"
#include "options.h"
#include "output.h"

#define CHUNK ((size_t)256 * 1024)

static bool read_some(int fd, char *bytes, size_t *size, neap_error *error)
{
    ssize_t got;
    do
        got = read(fd, bytes, CHUNK);
    while (got < 0 && errno == EINTR);
    *size = got > 0 ? (size_t)got : 0;
    if (got >= 0)
        return true;
    *error = (neap_error){.status = NEAP_INVALID};
    strcpy(error->message, "the input cannot be read: ");
    strncat(error->message, strerror(errno), sizeof error->message / 2);
    return false;
}

static neap_status import_all(neap_importer *importer, int fd, char *bytes, neap_error *error)
{
    cli_meter meter;
    neap_progress progress;
    size_t size = 1;
    neap_status status = NEAP_OK;
    cli_meter_init(&meter, "import");
    neap_progress_init(&progress);
    while (status == NEAP_OK && size != 0) {
        if (!read_some(fd, bytes, &size, error))
            status = error->status;
        else if (size != 0)
            status = neap_importer_write(importer, bytes, size, error);
        neap_importer_progress(importer, &progress);
        if (status == NEAP_OK && progress.head != 0)
            cli_meter_show(&meter, &progress);
    }
    cli_meter_clear(&meter);
    return status == NEAP_OK ? neap_importer_finish(importer, error) : status;
}

/* Whether the lines are wrong, or the store. */
static int failed(const neap_error *error, uint64_t imported)
{
    bool lines = error->status == NEAP_INVALID || error->status == NEAP_CONFLICT ||
                 error->status == NEAP_LIMIT || error->status == NEAP_NOMEM;
    int status = CLI_FAILED;
    if (lines)
        cli_complain_error(error);
    else
        status = cli_store_failed(error);
    if (imported != 0)
        cli_say("the store stays closed until the import is complete: the next `neap import` of "
                "the same goes on where this one stopped");
    return status;
}

static int import_store(const char *url, const neap_import_options *options, int fd)
{
    char sum[128];
    neap_importer *importer;
    neap_error error;
    neap_progress progress;
    char *bytes = malloc(CHUNK);
    if (bytes == NULL) {
        cli_complain("there is not enough memory");
        return CLI_FAILED;
    }
    neap_progress_init(&progress);
    neap_status status = neap_import(url, options, &importer, &error);
    if (status == NEAP_OK) {
        status = import_all(importer, fd, bytes, &error);
        neap_importer_progress(importer, &progress);
        neap_importer_close(importer);
    }
    free(bytes);
    if (status != NEAP_OK)
        return failed(&error, progress.handled);
    cli_meter_sum(&progress, sum, sizeof sum);
    if (progress.since != 0)
        cli_say("%s; %llu were there already", sum, (unsigned long long)progress.since);
    else
        cli_say("%s", sum);
    return CLI_DONE;
}

static int run(const cli_command *self, char **arguments)
{
    const char *store = NULL, *operands[1];
    neap_import_options import;
    neap_import_options_init(&import);
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        {"renumber", CLI_FLAG, &import.renumber, NULL,
         "gives events positions and versions without a hole: for a part of a store"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    if (operands[0] == NULL || strcmp(operands[0], "-") == 0)
        return import_store(cli_store_url(store), &import, STDIN_FILENO);
    int fd = open(operands[0], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        cli_complain("%s: %s", operands[0], strerror(errno));
        return CLI_USAGE;
    }
    status = import_store(cli_store_url(store), &import, fd);
    close(fd);
    return status;
}

static const char *const operands_of_import[] = {"[FILE]", NULL};

const cli_command cli_import_command = {
    .name = "import",
    .summary = "makes a store of what `neap export` printed",
    .operands = operands_of_import,
    .about =
        "Reads an export from FILE or stdin into a store that is empty, or has the first events "
        "of\n"
        "the same log: every event, command, key and document as it was, byte for byte. A store\n"
        "that has something else is left as it is, and the first difference told.\n"
        "\n"
        "It takes effect whole or not at all: until it is complete nothing else can open the\n"
        "store. Ended in between, however, the next import of the same, or of a later export,\n"
        "goes on where it stopped. It needs the store alone. A terminal is shown how far it is;\n"
        "else a line says so every five seconds, on stderr. Exit status: 0 it is complete; 1 the\n"
        "input is wrong, or not of this store: which line, and what was expected; 2 wrong usage;\n"
        "3 the store could not be used.",
    .example = "  $ neap import shop.jsonl --store sqlite:copy.db\n"
               "  $ neap export --store sqlite:shop.db | neap import --store sqlite:copy.db",
    .run = run,
};
