/* What a condition costs, and whether that depends on how much the store holds: medians of several
 * rounds, in turn, of commands a second with many in flight. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define FEW      1000
#define MANY     1000000
#define A_FILL   1000 /* events in one unit */
#define COURSES  1000
#define COMMANDS 10000

static const char *const commands[] = {"Append", "Join", "Enrol"};
enum { WAYS = 3 };

static neap_runtime *filled(const char *store, unsigned events)
{
    char json[64];
    neap_runtime *runtime = open_runtime("tags.lua", store, false);
    for (unsigned at = 0; at < events; at += A_FILL) {
        snprintf(json, sizeof json, "{\"from\":%u,\"to\":%u}", at, at + A_FILL - 1);
        send_command(runtime, "Fill", json);
    }
    wait_for_commands(runtime, events / A_FILL);
    return runtime;
}

static double commands_a_second(neap_runtime *runtime, const char *name)
{
    char json[160];
    double start = now_s();
    for (unsigned i = 0; i < COMMANDS; i++) {
        snprintf(
            json, sizeof json,
            "{\"course\":\"c-%u\",\"note\":\"a note of about sixty bytes, so that an event has "
            "its length\",\"student\":%u}",
            i % COURSES, i % COURSES);
        send_command(runtime, name, json);
    }
    wait_for_commands(runtime, COMMANDS);
    return COMMANDS / (now_s() - start);
}

static void measure(const char *what, const char *few_store, const char *many_store)
{
    double few[WAYS][ROUNDS], many[WAYS][ROUNDS];
    neap_runtime *small = filled(few_store, FEW), *large = filled(many_store, MANY);
    for (int way = 0; way < WAYS; way++) { /* all aggregates are warm then */
        commands_a_second(small, commands[way]);
        commands_a_second(large, commands[way]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < WAYS; way++) {
            few[way][round] = commands_a_second(small, commands[way]);
            many[way][round] = commands_a_second(large, commands[way]);
        }
    }
    neap_close(small);
    neap_close(large);
    static const char *const names[] = {"without a condition", "by key", "by two tags"};
    for (int way = 0; way < WAYS; way++) {
        double fast = median(few[way]), slow = median(many[way]);
        printf("%-8s %-22s %12.0f /s   %12.0f /s   %6.2f\n", what, names[way], fast, slow,
               slow / fast);
    }
}

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", few[64], many[64], clean[64];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    snprintf(few, sizeof few, "sqlite:%s/few.db", folder);
    snprintf(many, sizeof many, "sqlite:%s/many.db", folder);
    printf("one event a command, with so many events in the store before:\n");
    printf("%-8s %-22s %12u      %12u      %6s\n", "store", "decided", FEW, MANY, "ratio");
    measure("memory", "memory:", "memory:");
    measure("sqlite", few, many);
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
