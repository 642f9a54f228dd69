/* Loading one long stream through a snapshot, beside folding the same events from the first one;
 * medians of several rounds, in turn, on SQLite. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "neap.h"

#define ROUNDS 5
#define EVENTS 100000
#define LOADS  20 /* through the snapshot, in one round */

static neap_error error;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static neap_runtime *open_runtime(const char *domain, const char *store, bool read_only)
{
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.read_only = read_only;
    neap_runtime *runtime;
    if (neap_open(domain, &options, &runtime, &error) != NEAP_OK)
        die("open", error.message);
    return runtime;
}

static void write_stream(const char *store)
{
    neap_runtime *runtime = open_runtime(FOLDER "/snapshot.lua", store, false);
    for (unsigned i = 0; i < EVENTS; i++) {
        char json[256];
        int size = snprintf(json, sizeof json,
                            "{\"note\":\"a note of about sixty bytes, so that an event has its "
                            "length\",\"order_id\":\"o-0\",\"price\":12.5,\"quantity\":%u,"
                            "\"sku\":\"sku-0123456789\"}",
                            i % 7 + 1);
        if (neap_send(runtime, "AddLine", json, (size_t)size, NULL, NULL, NULL, &error) != NEAP_OK)
            die("send", error.message);
    }
    if (neap_drain(runtime, 0, &error) != NEAP_OK)
        die("drain", error.message);
    neap_close(runtime);
}

/* Milliseconds that one load takes. */
static double load_ms(neap_runtime *runtime, unsigned loads)
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

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", store[64], clean[64];
    double with[ROUNDS], without[ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    snprintf(store, sizeof store, "sqlite:%s/long.db", folder);
    write_stream(store);
    neap_runtime *saved = open_runtime(FOLDER "/snapshot.lua", store, true);
    neap_runtime *plain = open_runtime(FOLDER "/shop.lua", store, true);
    for (int round = 0; round < ROUNDS; round++) {
        with[round] = load_ms(saved, LOADS);
        without[round] = load_ms(plain, 1);
    }
    neap_close(saved);
    neap_close(plain);
    double fast = median(with), slow = median(without);
    printf("loading a stream of %d events (median of %d): %.3f ms with a snapshot each 1,000, "
           "%.1f ms without, ratio %.5f\n",
           EVENTS, ROUNDS, fast, slow, fast / slow);
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
