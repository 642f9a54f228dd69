/* How much a subscriber is slowed down by others: one that always fails and one that sleeps in each
 * event, and one that fails and is not tried again, so that each of its events becomes a dead
 * letter at once; in turn, on SQLite.
 *
 *   neap_bench_subscribers [EVENTS]   50,000 if not said
 *
 * Prints thousands of events a second that reach it and microseconds of processor time an event,
 * the best of several rounds, for whatever else runs can only slow it down; and each beside what it
 * is alone. */
#include <stdio.h>
#include <stdlib.h>

#include "fill.h"
#include "measure.h"

#define TURNS   9
#define STREAMS 100

static char folder[] = "/tmp/neap-subscribers-XXXXXX";
static char url[80];
static neap_error error;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void append(neapi_unit *unit, unsigned number)
{
    char stream[40], data[40];
    snprintf(stream, sizeof stream, "Tick-%u", number % STREAMS);
    snprintf(data, sizeof data, "{\"n\":%u}", number);
    append_event(unit, number, "Ticked", stream, data);
}

static void remove_store(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -f %s/bench.db*", folder);
    if (system(command) != 0)
        die("store", "not removed");
}

/* Until the quick one has all, with those that run. */
static span catch_up(const char *subscribers, unsigned events)
{
    neap_options options;
    neap_runtime *runtime;
    fill_store(url, events, append);
    neap_options_init(&options);
    options.store = url;
    options.close_ms = 0;
    options.subscriptions = subscribers;
    check(neap_open(FOLDER "/subscribers.lua", &options, &runtime, &error), "runtime");
    span taken = begin_span();
    check(neap_catch_up(runtime, "quick", 0, 0, &error), "catch up");
    taken = end_span(taken);
    neap_close(runtime);
    remove_store();
    return taken;
}

static double less(double best, double taken)
{
    return best == 0 || taken < best ? taken : best;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what, *subscribers;
    } ways[] = {
        {"alone", "quick"},
        {"beside one that always fails", "quick,failing"},
        {"and one that sleeps", "quick,failing,sleeping"},
        {"beside one that is not tried again", "quick,hasty"},
    };
    enum { WAYS = sizeof ways / sizeof *ways };
    unsigned events = argc > 1 ? (unsigned)atoi(argv[1]) : 50000;
    span best[WAYS] = {{0, 0}};
    if (mkdtemp(folder) == NULL)
        die("folder", "not made");
    snprintf(url, sizeof url, "sqlite:%s/bench.db?synchronous=normal", folder);
    for (int i = 0; i < TURNS; i++)
        for (int way = 0; way < WAYS; way++) {
            span taken = catch_up(ways[way].subscribers, events);
            best[way] = (span){less(best[way].wall, taken.wall),
                               less(best[way].processor, taken.processor)};
        }
    for (int way = 0; way < WAYS; way++)
        printf("%-36s %9.1f k/s %5.2f %8.1f us processor %5.2f\n", ways[way].what,
               events / best[way].wall / 1e3, best[0].wall / best[way].wall,
               best[way].processor / events * 1e6, best[0].processor / best[way].processor);
    return remove(folder) == 0 ? 0 : 1;
}
