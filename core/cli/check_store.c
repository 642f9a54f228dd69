/* neap check DOMAIN.lua --store URL: what of a store the domain cannot read. */
#include <stdio.h>

#include "check_store.h"
#include "command.h"
#include "domain.h"
#include "output.h"
#include "table.h"

#define MOST_ROWS 1000

static const char *why(neap_reading reading)
{
    switch (reading) {
    case NEAP_READING_REFUSED:
        return "today's schema refuses it: ";
    case NEAP_READING_FAILED:
        return "its upcaster failed: ";
    case NEAP_READING_DAMAGED:
        return "its data is no JSON: ";
    default:
        return "";
    }
}

static void print_findings(const neap_store_finding *finding)
{
    static const char *const columns[] = {"TYPE",  ">SCHEMA", ">EVENTS", ">FIRST",
                                          ">LAST", "READ",    "WHY"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    if (finding == NULL)
        return;
    for (; finding != NULL; finding = finding->next) {
        cli_table_text(&table, finding->type);
        cli_table_count(&table, finding->schema);
        cli_table_count(&table, finding->events);
        cli_table_count(&table, finding->first);
        cli_table_count(&table, finding->last);
        cli_table_format(&table, "%s", finding->reading == NEAP_READING_REFUSED ? "yes" : "no");
        cli_table_format(&table, "%s%.*s", why(finding->reading), (int)finding->message.size,
                         finding->message.data);
    }
    cli_table_print(&table, MOST_ROWS);
    cli_out_flush();
}

static void print_kept(const neap_kept_finding *finding, bool behind_others)
{
    static const char *const columns[] = {"WHERE", ">COUNT", "BREAKS", "WHAT", "WHAT TO DO"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    if (finding == NULL)
        return;
    for (; finding != NULL; finding = finding->next) {
        cli_table_text(&table, finding->where);
        cli_table_count(&table, finding->count);
        cli_table_format(&table, "%s", finding->breaks ? "yes" : "no");
        cli_table_text(&table, finding->what);
        cli_table_text(&table, finding->advice);
    }
    if (behind_others)
        cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
    cli_out_flush();
}

/* "1,200 current, 30 upcast": without what there is nothing of. */
static void describe(const neap_store_check *check, char *text, size_t size)
{
    const struct {
        uint64_t count;
        const char *what;
    } parts[] = {
        {check->current, "current"},       {check->upcast, "upcast"},
        {check->retired, "retired"},       {check->refused, "refused by today's schema but read"},
        {check->unreadable, "unreadable"},
    };
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char count[32];
        if (parts[i].count != 0)
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", used != 0 ? ", " : ": ",
                                     cli_grouped(count, parts[i].count), parts[i].what);
    }
}

static void say_result(const char *domain, const neap_store_check *check)
{
    char text[256], events[32], count[32];
    describe(check, text, sizeof text);
    cli_grouped(events, check->events);
    const char *plural = check->events == 1 ? "" : "s";
    char kept[80] = "";
    if (check->kept_broken != 0)
        snprintf(kept, sizeof kept, "; %s beside them cannot go on",
                 cli_grouped(count, check->kept_broken));
    if (check->findings == NULL && check->kept_broken == 0)
        cli_say("%s: %s event%s%s; nothing wrong", domain, events, plural, text);
    else if (check->unreadable == 0 && check->kept_broken == 0)
        cli_warn("%s: %s event%s%s", domain, events, plural, text);
    else
        cli_complain("%s: %s event%s%s%s", domain, events, plural, text, kept);
}

int cli_check_store(const char *path, const char *url)
{
    neap_runtime *runtime;
    int status = cli_domain_load(path, url, true, &runtime);
    if (status != CLI_DONE)
        return status;
    neap_error error;
    const neap_store_check *check;
    if (neap_check_store(runtime, &check, &error) != NEAP_OK) {
        status = cli_store_failed(&error);
    } else {
        print_findings(check->findings);
        print_kept(check->kept, check->findings != NULL);
        say_result(neap_domain_name(runtime), check);
        status = check->unreadable == 0 && check->kept_broken == 0 ? CLI_DONE : CLI_FAILED;
        neap_store_check_free(check);
    }
    neap_close(runtime);
    return status;
}
