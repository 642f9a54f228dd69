/* Whether it matters how many streams a store has: commands a second, a thousand in flight, on one
 * lane over SQLite (FULL), where a thousand streams are in use, of a thousand and of many that are
 * stored; and where all of those are in use, so that nearly each command loads its aggregate. Each
 * stream has one event to begin with.
 *
 *   neap_bench_streams [STREAMS [COMMANDS]]   1,000,000 and 100,000 if not said */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fill.h"
#include "loop.h"
#include "measure.h"

#define FEW 1000

static char folder[] = "/tmp/neap-streams-XXXXXX";
static unsigned many = 1000000;
static neap_error error;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void append(neapi_unit *unit, unsigned order)
{
    char stream[40], data[JSON_ROOM];
    snprintf(stream, sizeof stream, "Order-o-%u", order);
    add_line_json(data, order, order);
    append_event(unit, order, "LineAdded", stream, data);
}

static unsigned one_of_few(unsigned n)
{
    return n % FEW;
}

/* Spread over all of them. */
static unsigned few_of_many(unsigned n)
{
    return n % FEW * (many / FEW);
}

static unsigned any_of_many(unsigned n)
{
    return (unsigned)((uint64_t)n * 2654435761u % many);
}

static double rate(const char *url, unsigned commands, unsigned (*order_of)(unsigned n))
{
    char path[512];
    neap_options options;
    neap_runtime *runtime;
    snprintf(path, sizeof path, "%s/shop.lua", FOLDER);
    neap_options_init(&options);
    options.store = url;
    options.lanes = 1;
    check(neap_open(path, &options, &runtime, &error), "open");
    closed_loop(runtime, FEW, order_of); /* warm, where they come again */
    double commands_a_second = closed_loop(runtime, commands, order_of);
    neap_close(runtime);
    return commands_a_second;
}

static void tell(const char *what, double *rates, double *beside)
{
    printf("%-52s %9.1f k/s   %5.2f\n", what, median(rates) / 1e3, median(rates) / median(beside));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        many = (unsigned)atoi(argv[1]);
    unsigned commands = argc > 2 ? (unsigned)atoi(argv[2]) : 100000;
    char few_url[80], many_url[80], command[96];
    double few[ROUNDS], spread[ROUNDS], all[ROUNDS];
    if (many < FEW)
        die("streams", "at least 1,000 are needed");
    if (mkdtemp(folder) == NULL)
        die("folder", "not made");
    snprintf(few_url, sizeof few_url, "sqlite:%s/few.db", folder);
    snprintf(many_url, sizeof many_url, "sqlite:%s/many.db", folder);
    fill_store(few_url, FEW, append);
    fill_store(many_url, many, append);
    for (int i = 0; i < ROUNDS; i++) {
        few[i] = rate(few_url, commands, one_of_few);
        spread[i] = rate(many_url, commands, few_of_many);
        all[i] = rate(many_url, commands, any_of_many);
    }
    printf("%-52s %13s   %5s\n", "streams (median of 5)", "commands", "ratio");
    tell("1,000 stored, all in use", few, few);
    tell("many stored, 1,000 in use", spread, few);
    tell("many stored, all in use", all, few);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%-52s %9ld MiB\n", "most memory", usage.ru_maxrss / 1024);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? 0 : 1;
}
