#include "measure.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static neap_error error;
static atomic_uint done;

double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double processor_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

span begin_span(void)
{
    return (span){now_s(), processor_s()};
}

span end_span(span began)
{
    return (span){now_s() - began.wall, processor_s() - began.processor};
}

void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

neap_runtime *open_runtime(const char *domain, const char *store, bool read_only)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FOLDER, domain);
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.read_only = read_only;
    neap_runtime *runtime;
    if (neap_open(path, &options, &runtime, &error) != NEAP_OK)
        die("open", error.message);
    return runtime;
}

static void count(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    (void)user;
    if (status != NEAP_OK)
        die("command", failure->message);
    neap_reply_free(reply);
    atomic_fetch_add_explicit(&done, 1, memory_order_relaxed);
}

void send_command(neap_runtime *runtime, const char *name, const char *json)
{
    if (neap_send(runtime, name, json, strlen(json), NULL, count, NULL, &error) != NEAP_OK)
        die("send", error.message);
}

void wait_for_commands(neap_runtime *runtime, unsigned commands)
{
    if (neap_drain(runtime, 0, &error) != NEAP_OK)
        die("drain", error.message);
    if (atomic_exchange(&done, 0) != commands)
        die("drain", "not every command was answered");
}

void write_long_stream(const char *domain, const char *store)
{
    neap_runtime *runtime = open_runtime(domain, store, false);
    for (unsigned i = 0; i < LONG_STREAM; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"note\":\"a note of about sixty bytes, so that an event has its "
                 "length\",\"order_id\":\"o-0\",\"price\":12.5,\"quantity\":%u,"
                 "\"sku\":\"sku-0123456789\"}",
                 i % 7 + 1);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, LONG_STREAM);
    neap_close(runtime);
}

double load_ms(neap_runtime *runtime, unsigned loads)
{
    double start = now_s();
    for (unsigned i = 0; i < loads; i++) {
        neap_reply *reply;
        if (neap_state(runtime, "Order", "o-0", 0, &reply, &error) != NEAP_OK)
            die("state", error.message);
        if (strstr(neap_reply_json(reply, NULL), "\"lines\":100000,") == NULL)
            die("state", neap_reply_json(reply, NULL));
        neap_reply_free(reply);
    }
    return (now_s() - start) * 1000 / loads;
}
