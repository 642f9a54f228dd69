/* What those who follow the log cost whoever writes, and how soon they have an event: commands a
 * second with many in flight on a store in memory, beside none who follows, medians of several
 * rounds, in turn; and the CPU time of the whole process for an event. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "measure.h"

#define COMMANDS 20000
#define STREAMS  1000
#define MOST     100
#define SINGLE   2000
#define NOTE     "a note of about sixty bytes, so that an event has its length"

static neap_runtime *runtime;
static uint64_t head; /* the last position that was committed */

static void command_json(char json[256], unsigned number)
{
    snprintf(json, 256,
             "{\"note\":\"" NOTE "\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,"
             "\"sku\":\"sku-0123456789\"}",
             number % STREAMS, number % 7 + 1);
}

static void run_commands(unsigned commands)
{
    char json[256];
    for (unsigned i = 0; i < commands; i++) {
        command_json(json, i);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, commands);
    head += commands;
}

static double cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- Those who follow ------------------------------------------------------------------------ */

typedef struct listener {
    neap_follower *follower;
    neap_cursor *cursor;
    pthread_t thread;
    atomic_ullong last; /* position */
    char type[32];
    const char *types[1];
} listener;

static listener listeners[MOST];

static bool receive(void *user, neap_status status, const neap_event *const *events, size_t count,
                    const neap_error *error)
{
    listener *one = user;
    if (status != NEAP_OK)
        die("a follower", error->message);
    atomic_store_explicit(&one->last, events[count - 1]->position, memory_order_release);
    return true;
}

static void *read_on(void *argument)
{
    listener *one = argument;
    neap_error error;
    const neap_event *event;
    while (neap_cursor_next(one->cursor, &event, &error) == NEAP_OK && event != NULL)
        atomic_store_explicit(&one->last, event->position, memory_order_release);
    return NULL;
}

typedef struct way {
    const char *name;
    unsigned listeners;
    bool of_others; /* they want types that nobody records */
    bool pull;      /* a cursor and a thread each; else they are called back */
} way;

static void begin(const way *it)
{
    neap_error error;
    for (unsigned i = 0; i < it->listeners; i++) {
        listener *one = &listeners[i];
        neap_filter filter;
        neap_filter_init(&filter);
        filter.follow = true;
        filter.from = head + 1;
        if (it->pull) /* how its thread comes to an end */
            filter.to = head + COMMANDS + 1;
        if (it->of_others) {
            snprintf(one->type, sizeof one->type, "Nothing%u", i);
            one->types[0] = one->type;
            filter.types = one->types;
            filter.type_count = 1;
        }
        neap_status status =
            it->pull ? neap_read(runtime, &filter, &one->cursor, &error)
                     : neap_follow(runtime, &filter, receive, one, &one->follower, &error);
        if (status != NEAP_OK)
            die("following", error.message);
        if (it->pull && pthread_create(&one->thread, NULL, read_on, one) != 0)
            die("following", "no thread could be started");
    }
}

static void wait_for_all(const way *it)
{
    for (unsigned i = 0; i < it->listeners && !it->of_others; i++)
        while (atomic_load_explicit(&listeners[i].last, memory_order_acquire) < head)
            neap_drain(runtime, 0, NULL);
}

static void end(const way *it)
{
    if (it->pull && it->listeners != 0)
        run_commands(1);
    for (unsigned i = 0; i < it->listeners; i++) {
        if (it->pull) {
            pthread_join(listeners[i].thread, NULL);
            neap_cursor_close(listeners[i].cursor);
        } else {
            neap_follower_close(listeners[i].follower);
        }
    }
}

/* ---- How much -------------------------------------------------------------------------------- */

static const way ways[] = {
    {"nobody", 0, false, false},
    {"1 follower of another type", 1, true, false},
    {"10", 10, true, false},
    {"100", 100, true, false},
    {"1 follower of everything", 1, false, false},
    {"10", 10, false, false},
    {"100", 100, false, false},
    {"1 cursor on everything", 1, false, true},
    {"10", 10, false, true},
};
enum { WAYS = sizeof ways / sizeof *ways };

static void measure_rates(void)
{
    static double written[WAYS][ROUNDS], had[WAYS][ROUNDS], cpu[WAYS][ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < WAYS; i++) {
            begin(&ways[i]);
            double start = now_s(), used = cpu_s();
            run_commands(COMMANDS);
            written[i][round] = COMMANDS / (now_s() - start);
            wait_for_all(&ways[i]);
            had[i][round] = COMMANDS / (now_s() - start);
            cpu[i][round] = (cpu_s() - used) / COMMANDS * 1e6;
            end(&ways[i]);
        }
    double without = 0, cpu_without = 0;
    printf("%-30s %14s %6s %16s %16s %6s\n", "who follows", "events/s", "ratio", "had by all",
           "CPU us an event", "ratio");
    for (int i = 0; i < WAYS; i++) {
        double rate = median(written[i]), used = median(cpu[i]);
        if (i == 0) {
            without = rate;
            cpu_without = used;
        }
        printf("%-30s %12.0f/s %6.2f %14.0f/s %16.2f %6.2f\n", ways[i].name, rate, rate / without,
               median(had[i]), used, used / cpu_without);
    }
}

/* ---- How soon -------------------------------------------------------------------------------- */

static double called_at; /* when the follower was */
static atomic_ullong called_for;

static bool note_time(void *user, neap_status status, const neap_event *const *events, size_t count,
                      const neap_error *error)
{
    (void)user;
    (void)error;
    if (status == NEAP_OK) {
        called_at = now_s();
        atomic_store(&called_for, events[count - 1]->position);
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void print_latency(const char *what, double *seconds)
{
    qsort(seconds, SINGLE, sizeof *seconds, by_size);
    printf("%-30s p50 %7.1f us   p99 %7.1f us\n", what, seconds[SINGLE / 2] * 1e6,
           seconds[SINGLE / 100 * 99] * 1e6);
}

/* One command at a time: from the call to its receipt, and to the follower. */
static void measure_latency(void)
{
    static double receipt[SINGLE], delivery[SINGLE];
    neap_error error;
    neap_follower *follower;
    neap_filter filter;
    neap_filter_init(&filter);
    filter.from = head + 1;
    if (neap_follow(runtime, &filter, note_time, NULL, &follower, &error) != NEAP_OK)
        die("following", error.message);
    for (unsigned i = 0; i < SINGLE; i++) {
        char json[256];
        command_json(json, i);
        double start = now_s();
        if (neap_dispatch(runtime, "AddLine", json, strlen(json), NULL, NULL, &error) != NEAP_OK)
            die("a command", error.message);
        receipt[i] = now_s() - start;
        head++;
        while (atomic_load(&called_for) < head)
            continue;
        delivery[i] = called_at - start;
    }
    neap_follower_close(follower);
    print_latency("from the call to the receipt", receipt);
    print_latency("and to the follower", delivery);
}

int main(void)
{
    runtime = open_runtime("shop.lua", "memory:", false);
    run_commands(COMMANDS); /* all aggregates are warm then */
    measure_rates();
    printf("\n");
    measure_latency();
    neap_close(runtime);
    return 0;
}
