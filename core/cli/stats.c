/* neap stats: figures of a store. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "domain.h"
#include "options.h"
#include "output.h"
#include "table.h"

#define MOST_ROWS 40 /* of one table; a machine reads --json */

typedef const neap_statistics figures;

static void print_line(const char *name, const char *text)
{
    cli_out_format("%-10s %s\n", name, text);
}

static void print_count(const char *name, uint64_t count)
{
    char text[32];
    print_line(name, cli_grouped(text, count));
}

static void print_time(const char *name, int64_t us)
{
    char text[64];
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    if (gmtime_r(&seconds, &tm) != NULL && strftime(text, sizeof text, "%F %T UTC", &tm) != 0)
        print_line(name, text);
}

/* Few digits for what is small, none behind the point for what is large. */
static void format_rate(char *text, size_t size, double rate)
{
    char grouped[32];
    if (rate < 100)
        snprintf(text, size, "%.*f", rate < 1 ? 4 : 1, rate);
    else
        snprintf(text, size, "%s", cli_grouped(grouped, (uint64_t)(rate + 0.5)));
}

/* Per minute and day only if the log is as long as that: else it would say what never was. */
static void print_rates(figures *stats)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"a second", 1}, {"a minute", 60}, {"an hour", 3600}, {"a day", 86400}};
    int64_t span = (stats->last_at - stats->first_at) / 1000000;
    char text[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units && span >= units[i].seconds; i++) {
        char rate[40];
        format_rate(rate, sizeof rate, stats->per_second * (double)units[i].seconds);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", used != 0 ? ", " : "",
                                 rate, units[i].unit);
    }
    if (used != 0)
        print_line("rate", text);
}

static void print_times(figures *stats)
{
    char text[160], last_hour[32], last_day[32];
    if (stats->events == 0)
        return;
    print_time("first", stats->first_at);
    print_time("last", stats->last_at);
    print_rates(stats);
    snprintf(text, sizeof text, "%s in the last hour, %s in the last day",
             cli_grouped(last_hour, stats->last_hour), cli_grouped(last_day, stats->last_day));
    print_line("lately", text);
}

static void print_size(figures *stats)
{
    char text[200], all[32], log[32], each[32], data[32];
    if (stats->store_bytes == 0)
        return;
    int used = snprintf(text, sizeof text, "%s", cli_bytes(all, stats->store_bytes));
    if (stats->log_bytes != 0)
        used += snprintf(text + used, sizeof text - (size_t)used, ", %s of it in the log ahead",
                         cli_bytes(log, stats->log_bytes));
    if (stats->events != 0)
        snprintf(text + used, sizeof text - (size_t)used, "; %s an event, %s of that its data",
                 cli_bytes(each, stats->store_bytes / stats->events),
                 cli_bytes(data, stats->data_bytes / stats->events));
    print_line("size", text);
}

static void print_stored(const char *name, uint64_t count, uint64_t bytes)
{
    char text[80], grouped[32];
    int used = snprintf(text, sizeof text, "%s", cli_grouped(grouped, count));
    if (count != 0)
        snprintf(text + used, sizeof text - (size_t)used, ", %s", cli_bytes(grouped, bytes));
    print_line(name, text);
}

static void print_queued(figures *stats)
{
    char text[100], count[32];
    print_count("queued", stats->queued);
    if (stats->next_due_at != 0)
        print_time(stats->next_due_at < stats->taken_at ? "overdue" : "next due",
                   stats->next_due_at);
    if (stats->dead_commands == 0)
        return;
    snprintf(text, sizeof text, "%s of the queue: see `neap dead-letters list --queue`",
             cli_grouped(count, stats->dead_commands));
    print_line("dead", text);
}

static void print_summary(figures *stats)
{
    char text[160], streams[32], longest[32];
    print_count("events", stats->events);
    if (stats->tagged_events != 0)
        print_count("tagged", stats->tagged_events);
    int used = snprintf(text, sizeof text, "%s", cli_grouped(streams, stats->streams));
    if (stats->streams != 0)
        snprintf(text + used, sizeof text - (size_t)used, ", of %.1f events on average, %s at most",
                 (double)stats->events / (double)stats->streams,
                 cli_grouped(longest, stats->longest_streams->events));
    print_line("streams", text);
    print_count("commands", stats->commands);
    print_count("keys", stats->keys);
    print_stored("snapshots", stats->snapshots, stats->snapshot_bytes);
    print_stored("documents", stats->documents, stats->document_bytes);
    print_queued(stats);
    print_size(stats);
    print_times(stats);
}

static void print_types(figures *stats)
{
    static const char *const columns[] = {"TYPE",   ">SCHEMA", ">EVENTS", ">SHARE",
                                          ">FIRST", ">LAST",   ">DATA"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    for (const neap_type_statistics *type = stats->types; type != NULL; type = type->next) {
        char bytes[32];
        cli_table_text(&table, type->type);
        cli_table_count(&table, type->schema);
        cli_table_count(&table, type->events);
        cli_table_format(&table, "%.1f %%", 100.0 * (double)type->events / (double)stats->events);
        cli_table_count(&table, type->first);
        cli_table_count(&table, type->last);
        cli_table_format(&table, "%s", cli_bytes(bytes, type->data_bytes));
    }
    cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
}

static void print_categories(figures *stats)
{
    static const char *const columns[] = {"CATEGORY", ">STREAMS", ">EVENTS", ">AVERAGE"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    const neap_category_statistics *category = stats->categories;
    for (; category != NULL; category = category->next) {
        cli_table_text(&table, category->category);
        cli_table_count(&table, category->streams);
        cli_table_count(&table, category->events);
        cli_table_format(&table, "%.1f", (double)category->events / (double)category->streams);
    }
    cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
}

static void print_streams(figures *stats)
{
    static const char *const columns[] = {"LONGEST STREAMS", ">EVENTS", ">LAST"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    const neap_stream_statistics *stream = stats->longest_streams;
    for (; stream != NULL; stream = stream->next) {
        cli_table_text(&table, stream->stream);
        cli_table_count(&table, stream->events);
        cli_table_count(&table, stream->last);
    }
    cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
}

static bool is(const neap_subscription_statistics *one, const char *kind)
{
    return strcmp(one->kind.data, kind) == 0;
}

/* What somebody should know of it: "paused, 2 stopped". */
static void describe_state(const neap_subscription_statistics *one, char *text, size_t size)
{
    char grouped[32];
    size_t used = (size_t)snprintf(text, size, "%s", one->paused ? "paused" : "");
    if (one->stopped_sagas != 0)
        used += (size_t)snprintf(text + used, size - used, "%s%s stopped", used != 0 ? ", " : "",
                                 cli_grouped(grouped, one->stopped_sagas));
    if (one->next_build != 0)
        snprintf(text + used, size - used, "%sbuild %u at %s", used != 0 ? ", " : "",
                 one->next_build, cli_grouped(grouped, one->next_position));
}

/* Empty where there can be none. */
static void add_count(cli_table *table, bool has_any, uint64_t count)
{
    if (has_any)
        cli_table_count(table, count);
    else
        cli_table_format(table, "%s", "");
}

static void add_letters(cli_table *table, const neap_subscription_statistics *one)
{
    char all[32], waiting[32];
    if (one->waiting != 0)
        cli_table_format(table, "%s, %s waiting", cli_grouped(all, one->dead_letters),
                         cli_grouped(waiting, one->waiting));
    else
        add_count(table, is(one, "subscriber") || is(one, "outbox"), one->dead_letters);
}

/* A checkpoint that is behind may be at rest: what it was moved past is not stored each time. */
static void explain_lag(figures *stats)
{
    const neap_subscription_statistics *one = stats->subscriptions;
    while (one != NULL && one->lag == 0)
        one = one->next;
    if (one != NULL)
        cli_out_text("LAG counts the events of all types. Up to some 4,096 of types that a "
                     "subscription does not want\nare behind its stored position although "
                     "nothing is left for it to do.\n");
}

/* "pid@host", as people write it. */
static void add_owner(cli_table *table, const neap_member_statistics *owner)
{
    if (owner != NULL)
        cli_table_format(table, "%llu@%.*s", (unsigned long long)owner->pid, (int)owner->host.size,
                         owner->host.data);
    else
        cli_table_format(table, "%s", "");
}

static void print_subscriptions(figures *stats)
{
    static const char *const columns[] = {"SUBSCRIPTION",  "KIND",      "STATE", ">VERSION",
                                          ">BUILD",        ">POSITION", ">LAG",  ">DOCUMENTS",
                                          ">DEAD LETTERS", "RUN BY"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    table.column_count -= !stats->shared; /* the last one */
    const neap_subscription_statistics *one = stats->subscriptions;
    for (; one != NULL; one = one->next) {
        char state[160];
        bool projection = is(one, "projection"), saga = is(one, "saga");
        describe_state(one, state, sizeof state);
        cli_table_text(&table, one->name);
        cli_table_text(&table, one->kind);
        cli_table_format(&table, "%s", state);
        add_count(&table, projection, one->version);
        add_count(&table, projection, one->build);
        cli_table_count(&table, one->position);
        cli_table_count(&table, one->lag);
        add_count(&table, projection || saga, saga ? one->sagas : one->documents);
        add_letters(&table, one);
        if (stats->shared)
            add_owner(&table, one->owner);
    }
    cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
    explain_lag(stats);
}

/* As far as the clocks of two machines agree. */
static void add_age(cli_table *table, int64_t us)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"s", 1}};
    double seconds = us > 0 ? (double)us / 1e6 : 0;
    size_t i = 0;
    while (i < 3 && seconds < 2 * units[i].seconds)
        i++;
    cli_table_format(table, "%.*f %s ago", i == 3 ? 1 : 0, seconds / units[i].seconds,
                     units[i].unit);
}

static void print_members(figures *stats)
{
    static const char *const columns[] = {"PROCESS", "MEMBER", "SEEN", ">RUNS", "QUEUE"};
    cli_table table = {.columns = columns, .column_count = sizeof columns / sizeof *columns};
    for (const neap_member_statistics *one = stats->members; one != NULL; one = one->next) {
        add_owner(&table, one);
        cli_table_text(&table, one->member);
        if (one->seen_at != 0)
            add_age(&table, stats->taken_at - one->seen_at);
        else
            cli_table_format(&table, "%s", "");
        cli_table_count(&table, one->owned);
        cli_table_format(&table, "%s", one->queue ? "yes" : "");
    }
    cli_out_text("\n");
    cli_table_print(&table, MOST_ROWS);
}

static int print_json(figures *stats)
{
    char *json;
    size_t size;
    neap_error error;
    if (neap_statistics_json(stats, &json, &size, &error) != NEAP_OK) {
        cli_complain_error(&error);
        return CLI_FAILED;
    }
    cli_out(json, size);
    cli_out_text("\n");
    neap_free(json);
    return CLI_DONE;
}

static int print(figures *stats, bool as_json)
{
    if (as_json)
        return print_json(stats);
    print_summary(stats);
    if (stats->events != 0) {
        print_types(stats);
        print_categories(stats);
        print_streams(stats);
    }
    if (stats->subscriptions != NULL)
        print_subscriptions(stats);
    if (stats->members != NULL)
        print_members(stats);
    return CLI_DONE;
}

static int run(const cli_command *self, char **arguments)
{
    const char *url = NULL;
    bool as_json = false;
    const cli_option options[] = {
        CLI_STORE_OPTION(&url),
        {"json", CLI_FLAG, &as_json, NULL, "one JSON object, with exact numbers, for a machine"},
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, NULL, arguments);
    if (status != CLI_GO_ON)
        return status;
    neap_store *store;
    status = cli_store_open(cli_store_url(url), &store);
    if (status != CLI_DONE)
        return status;
    neap_error error;
    figures *stats;
    neap_status taken = neap_store_stats(store, &stats, &error);
    if (taken == NEAP_OK) {
        status = print(stats, as_json);
        neap_statistics_free(stats);
    } else {
        cli_complain_error(&error);
        status = taken == NEAP_NOMEM ? CLI_FAILED : CLI_NO_STORE;
    }
    neap_store_close(store);
    return status;
}

static const char *const no_operands[] = {NULL};

const cli_command cli_stats_command = {
    .name = "stats",
    .summary = "prints figures of a store: counts, sizes, rates",
    .operands = no_operands,
    .about = "Goes over all events once and prints how many there are, of which types and schema\n"
             "versions, in which categories and streams, when, how fast, and what they take; and\n"
             "how far subscriptions have come, whether somebody runs them now or not; of a store\n"
             "that several processes may write to also who they are, and which of them runs what.\n"
             "It only reads, so it may run beside a process that writes; what comes meanwhile is\n"
             "not counted.",
    .example = "  $ neap stats --store sqlite:shop.db\n"
               "  $ neap stats --store sqlite:shop.db --json",
    .run = run,
};
