/* neap sagas: where a store's sagas are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "table.h"

#define MOST_ROWS 200 /* of the table; a machine reads JSON lines */

static const char *const columns[] = {"SAGA", "KEY", "STATUS", "UPDATED", "REASON"};
static const char *const members[] = {"saga", "key", "status", "updated_at", "reason"};
#define COLUMNS (sizeof columns / sizeof *columns)

/* A text of an object that neap_sagas() wrote, without its quotes and as it is escaped; these stand
 * before all that the domain has a say in. */
static neap_text member(const char *json, size_t size, const char *name)
{
    char begin[40];
    int length = snprintf(begin, sizeof begin, "\"%s\":\"", name);
    const char *state = memmem(json, size, "\"state\":", 8);
    const char *found =
        memmem(json, state != NULL ? (size_t)(state - json) : size, begin, (size_t)length);
    if (found == NULL)
        return (neap_text){"", 0};
    const char *at = found + length, *end = at;
    while (end < json + size && *end != '"')
        end += *end == '\\' ? 2 : 1;
    return (neap_text){at, (size_t)(end - at)};
}

static void add_row(cli_table *table, const char *json, size_t size)
{
    for (size_t i = 0; i < COLUMNS; i++)
        cli_table_text(table, member(json, size, members[i]));
}

/* The list has one saga a line. table NULL: as JSON lines. */
static void print_list(const char *json, size_t size, cli_table *table)
{
    const char *at = json + 1, *end = json + size - 1; /* without brackets */
    while (at < end && cli_out_alive()) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((newline != NULL ? newline : end) - at);
        size_t length = line > 0 && at[line - 1] == ',' ? line - 1 : line;
        if (length > 0 && table != NULL) {
            add_row(table, at, length);
        } else if (length > 0) {
            cli_out(at, length);
            cli_out_text("\n");
        }
        at += line + 1;
    }
}

static int list(const char *url, const neap_saga_options *options, bool as_json)
{
    neap_store *store;
    neap_error error;
    char *json;
    size_t size;
    cli_table table = {.columns = columns, .column_count = COLUMNS};
    int status = cli_store_open(url, &store);
    if (status != CLI_DONE)
        return status;
    neap_status listed = neap_store_sagas(store, options, &json, &size, &error);
    neap_store_close(store);
    if (listed != NEAP_OK) {
        cli_complain_error(&error);
        return cli_exit_status(listed);
    }
    print_list(json, size, as_json ? NULL : &table);
    neap_free(json);
    if (!as_json && table.cell_count != 0)
        cli_table_print(&table, MOST_ROWS);
    return CLI_DONE;
}

static int show(const char *url, const char *saga, const char *key)
{
    neap_store *store;
    neap_error error;
    char *json;
    size_t size;
    int status = cli_store_open(url, &store);
    if (status != CLI_DONE)
        return status;
    neap_status found = neap_store_saga(store, saga, key, &json, &size, &error);
    neap_store_close(store);
    if (found != NEAP_OK) {
        cli_complain_error(&error);
        return cli_exit_status(found);
    }
    if (json == NULL) {
        cli_complain("there is no saga '%s' with the key '%s'", saga, key);
        return CLI_FAILED;
    }
    cli_out(json, size);
    cli_out_text("\n");
    neap_free(json);
    return CLI_DONE;
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL, *operands[3];
    bool json = false;
    neap_saga_options wanted;
    neap_saga_options_init(&wanted);
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"status", CLI_TEXT, &wanted.status, "STATUS", "only those that are running, stopped …"},
        {"prefix", CLI_TEXT, &wanted.prefix, "TEXT", "only those whose keys begin with it"},
        {"limit", CLI_NUMBER, &wanted.limit, "N", "at most so many"},
        {"json", CLI_FLAG, &json, NULL, "JSON lines also on a terminal"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    bool shows = strcmp(operands[0], "show") == 0;
    if (!shows && strcmp(operands[0], "list") != 0)
        return cli_usage(self, "what is '%s'? It is list or show", operands[0]);
    if (shows && operands[2] == NULL)
        return cli_usage(self, "show needs the saga's NAME and its KEY");
    if (shows && (wanted.status != NULL || wanted.prefix != NULL || wanted.limit != 0))
        return cli_usage(self, "--status, --prefix and --limit are for list");
    if (shows)
        return show(cli_store_url(url), operands[1], operands[2]);
    if (operands[2] != NULL)
        return cli_usage(self, "list takes one NAME; a saga with a KEY is for show");
    wanted.saga = operands[1];
    return list(cli_store_url(url), &wanted, json || !isatty(STDOUT_FILENO));
}

static const char *const operands_of_sagas[] = {"ACTION", "[NAME]", "[KEY]", NULL};

const cli_command cli_sagas_command = {
    .name = "sagas",
    .summary = "lists sagas, or shows one",
    .operands = operands_of_sagas,
    .about =
        "`list` prints the sagas of a store, all or those of one NAME, by their keys: a table on "
        "a\n"
        "terminal, else JSON lines. Those that have ended are among them. A STATUS is running,\n"
        "completed, compensating, failed, compensation_failed or stopped. `show` prints one as\n"
        "JSON, with its state, what it waits for and why it failed. Both may run beside a process\n"
        "that writes.",
    .example = "  $ neap sagas list fulfilment --status stopped --store sqlite:shop.db\n"
               "  $ neap sagas show fulfilment o-1 --store sqlite:shop.db",
    .run = run,
};
