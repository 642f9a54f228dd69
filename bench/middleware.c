/* What middleware, or a plain handler in the place of an aggregate, costs a command: medians of
 * several rounds, in turn, of commands a second with many in flight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define COMMANDS 100000
#define STREAMS  1000
#define NOTE     "a note of about sixty bytes, so that an event has its length"

static const char *const domains[] = {"shop.lua", "middleware_1.lua", "middleware_3.lua",
                                      "handler.lua"};
static const char *const names[] = {"without middleware", "one that passes on", "three",
                                    "a plain handler"};
enum { WAYS = 4 };

static double commands_a_second(neap_runtime *runtime, unsigned commands)
{
    char json[256];
    double start = now_s();
    for (unsigned i = 0; i < commands; i++) {
        snprintf(json, sizeof json,
                 "{\"note\":\"" NOTE "\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,"
                 "\"sku\":\"sku-0123456789\"}",
                 i % STREAMS, i % 7 + 1);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, commands);
    return commands / (now_s() - start);
}

static void measure(const char *what, const char *const stores[WAYS], unsigned commands)
{
    double figures[WAYS][ROUNDS];
    neap_runtime *runtimes[WAYS];
    for (int way = 0; way < WAYS; way++) {
        runtimes[way] = open_runtime(domains[way], stores[way], false);
        commands_a_second(runtimes[way], commands); /* all aggregates are warm then */
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int way = 0; way < WAYS; way++)
            figures[way][round] = commands_a_second(runtimes[way], commands);
    double without = 0;
    for (int way = 0; way < WAYS; way++) {
        neap_close(runtimes[way]);
        double figure = median(figures[way]);
        if (way == 0)
            without = figure;
        printf("%-8s %-22s %12.0f /s   %6.2f   %+7.2f us\n", what, names[way], figure,
               figure / without, 1e6 / figure - 1e6 / without);
    }
}

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", urls[WAYS][64], clean[64];
    const char *memory[WAYS], *sqlite[WAYS];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    for (int way = 0; way < WAYS; way++) {
        snprintf(urls[way], sizeof urls[way], "sqlite:%s/%d.db", folder, way);
        sqlite[way] = urls[way];
        memory[way] = "memory:";
    }
    printf("%-8s %-22s %15s   %6s   %10s\n", "store", "commands", "", "ratio", "a command");
    measure("memory", memory, COMMANDS);
    measure("sqlite", sqlite, COMMANDS / 4);
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
