/* The simulation: the runtime as it is, with its lanes and its writer, under threads that take
 * turns as a seed has it, a clock that moves only then, and stores that fail on purpose. Whatever a
 * seed shows, it shows again.
 *
 *   test_sim                        the seeds that a test run has time for
 *   test_sim --seeds 100000         more of them
 *   test_sim --first 5000           from that one on
 *   test_sim --store sqlite:FILE    over SQLite instead of memory; the file is removed
 *   test_sim --seed 42              one, with all that happens printed
 *   test_sim --twice                each two times, which must be the same
 *   test_sim --hashes               prints each seed's hashes, to compare two builds
 *
 * NEAP_SIM_SEEDS in the environment is a factor to --seeds. What is wrong is told with the
 * arguments that show it again.
 *
 * The parts: dice.h draws, fiber.h and scheduler.h run the threads, threads.h gives the core its
 * clock, threads and locks, unsure.h the stores; plan.h is what a seed decides on; client.h asks,
 * ledger.h and documents.h note what is durable, history.h and states.h judge the answers;
 * reading.h, hearing.h and errands.h judge what projections, subscribers and sagas make of it,
 * which keeper.h looks after; run.h is the whole of one seed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/history.h"
#include "sim/plan.h"
#include "sim/run.h"
#include "sim/trace.h"

/* What a test run has time for. */
#ifndef SIM_SEEDS
#define SIM_SEEDS 300
#endif

/* A run takes milliseconds. */
#define WATCH_SECONDS 120

typedef struct sim_arguments {
    uint64_t first, seeds;
    const char *store;
    bool print, twice, hashes;
} sim_arguments;

static _Noreturn void misused(const char *what)
{
    fprintf(stderr,
            "sim: %s\nusage: test_sim [--seeds N] [--first N] [--seed N] [--store URL] [--twice] "
            "[--hashes]\n",
            what);
    exit(2);
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = text != NULL ? strtoull(text, &end, 10) : 0;
    if (text == NULL || *text == '\0' || *end != '\0')
        misused("a number is expected");
    return number;
}

static sim_arguments arguments_of(int count, char **texts)
{
    sim_arguments given = {.first = 1, .seeds = SIM_SEEDS, .store = "memory:"};
    for (int i = 1; i < count; i++) {
        const char *text = texts[i], *next = i + 1 < count ? texts[i + 1] : NULL;
        if (strcmp(text, "--twice") == 0) {
            given.twice = true;
            continue;
        }
        if (strcmp(text, "--hashes") == 0) {
            given.hashes = true;
            continue;
        }
        if (strcmp(text, "--seeds") == 0)
            given.seeds = number_of(next);
        else if (strcmp(text, "--first") == 0)
            given.first = number_of(next);
        else if (strcmp(text, "--seed") == 0)
            given.first = number_of(next), given.seeds = 1, given.print = true;
        else if (strcmp(text, "--store") == 0 && next != NULL)
            given.store = next;
        else
            misused(text);
        i++;
    }
    const char *factor = getenv("NEAP_SIM_SEEDS");
    if (factor != NULL && !given.print)
        given.seeds *= number_of(factor);
    return given;
}

static run_result run_once(const sim_arguments *given, uint64_t seed, bool print)
{
    char replay[200];
    snprintf(replay, sizeof replay, "test_sim --store %s --seed %" PRIu64, given->store, seed);
    trace_begin(replay, print);
    sim_plan plan = plan_of(seed, given->store);
    if (print)
        plan_print(&plan);
    return run_plan(&plan);
}

int main(int count, char **texts)
{
    sim_arguments given = arguments_of(count, texts);
    uint64_t operations = 0, events = 0, steps = 0;
    trace_watch(WATCH_SECONDS);
    for (uint64_t seed = given.first; seed < given.first + given.seeds; seed++) {
        run_result result = run_once(&given, seed, given.print);
        if (given.twice) {
            run_result again = run_once(&given, seed, false);
            if (again.trace != result.trace || again.store != result.store)
                trace_fail("it went another way the second time");
        }
        if (given.hashes)
            printf("%" PRIu64 " %016" PRIx64 " %016" PRIx64 "\n", seed, result.trace, result.store);
        operations += result.operations;
        events += result.events;
        steps += result.steps;
    }
    printf("sim: answers:");
    for (int status = NEAP_OK; status <= NEAP_NOMEM; status++)
        if (history_answers((neap_status)status) != 0)
            printf(" %s %" PRIu64 ",", neap_status_name((neap_status)status),
                   history_answers((neap_status)status));
    printf(" unknown outcomes %" PRIu64 "\n", history_unknown());
    printf("sim: %" PRIu64 " seeds from %" PRIu64 ", %" PRIu64 " operations, %" PRIu64
           " events, %" PRIu64 " steps: nothing wrong\n",
           given.seeds, given.first, operations, events, steps);
    return 0;
}
