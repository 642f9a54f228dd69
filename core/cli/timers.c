/* neap timers: what waits in a store's queue. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "table.h"

#define PAGE      500
#define MOST_ROWS 200 /* of the table; a machine reads JSON lines */

static const char *const columns[] = {"DUE", "NAME", "COMMAND", "OWNER", ">ATTEMPTS", "DATA"};

static void add_row(cli_table *table, const neap_queued *queued)
{
    char due[64];
    cli_table_text(table, cli_text(cli_time(due, queued->due_at)));
    cli_table_text(table, queued->name);
    cli_table_text(table, queued->is_timeout ? cli_text("(timeout)") : queued->command);
    cli_table_text(table, queued->owner);
    cli_table_count(table, queued->attempts);
    cli_table_text(table, queued->data);
}

static neap_status print_line(const neap_queued *queued, neap_error *error)
{
    char *json;
    size_t size;
    neap_status status = neap_queued_json(queued, &json, &size, error);
    if (status != NEAP_OK)
        return status;
    cli_out(json, size);
    cli_out_text("\n");
    neap_free(json);
    return NEAP_OK;
}

/* table: NULL: as JSON lines. */
static neap_status print_all(neap_store *store, cli_table *table, neap_error *error)
{
    char through[256] = "";
    bool last = false;
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && !last && cli_out_alive()) {
        const neap_queue *queue;
        status =
            neap_store_queue_read(store, through[0] != '\0' ? through : NULL, PAGE, &queue, error);
        if (status != NEAP_OK)
            break;
        for (const neap_queued *each = queue->first; each != NULL && status == NEAP_OK;
             each = each->next) {
            if (table != NULL)
                add_row(table, each);
            else
                status = print_line(each, error);
        }
        last = queue->last;
        snprintf(through, sizeof through, "%s", queue->through);
        neap_queue_free(queue);
    }
    return status;
}

static int list(const char *url, bool json)
{
    neap_store *store;
    neap_error error;
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    int status = cli_store_open(url, &store);
    if (status != CLI_DONE)
        return status;
    neap_status printed = print_all(store, json ? NULL : &table, &error);
    neap_store_close(store);
    if (!json && table.cell_count != 0)
        cli_table_print(&table, MOST_ROWS);
    if (printed == NEAP_OK)
        return CLI_DONE;
    cli_complain_error(&error);
    return cli_exit_status(printed);
}

static int cancel(const char *url, const char *name)
{
    neap_error error;
    bool cancelled;
    neap_status status = neap_store_cancel(url, name, &cancelled, &error);
    if (status == NEAP_INVALID) {
        cli_complain_error(&error);
        return CLI_FAILED;
    }
    if (status != NEAP_OK)
        return cli_store_failed(&error);
    if (cancelled)
        return CLI_DONE;
    cli_complain("nothing in the queue has the name '%s'", name);
    return CLI_FAILED;
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL, *operands[2];
    bool json = false;
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"json", CLI_FLAG, &json, NULL, "JSON lines also on a terminal"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status != CLI_GO_ON)
        return status;
    if (strcmp(operands[0], "list") == 0 && operands[1] == NULL)
        return list(cli_store_url(url), json || !isatty(STDOUT_FILENO));
    if (strcmp(operands[0], "list") == 0)
        return cli_usage(self, "list takes no NAME");
    if (strcmp(operands[0], "cancel") != 0)
        return cli_usage(self, "what is '%s'? It is list or cancel", operands[0]);
    if (operands[1] == NULL)
        return cli_usage(self, "cancel needs the NAME of what is not to be done");
    return cancel(cli_store_url(url), operands[1]);
}

static const char *const operands_of_timers[] = {"ACTION", "[NAME]", NULL};

const cli_command cli_timers_command = {
    .name = "timers",
    .summary = "lists what waits in the queue, or cancels it",
    .operands = operands_of_timers,
    .about =
        "`list` prints the commands and timeouts that wait for their time, in the order in which\n"
        "they were due at first: a table on a terminal, else JSON lines. It may run beside a\n"
        "process that writes. `cancel` takes what has that NAME out, which needs the store alone:\n"
        "exit status 1 says that there is nothing of that name.",
    .example = "  $ neap timers list --store sqlite:shop.db\n"
               "  $ neap timers cancel remind/o-1 --store sqlite:shop.db",
    .run = run,
};
