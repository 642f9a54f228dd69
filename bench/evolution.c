/* Loading one long stream whose events are upcast, beside loading it as it is, and checking the
 * whole store; medians of several rounds, in turn, on SQLite. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure.h"

static neap_error error;

static double check_ms(neap_runtime *runtime)
{
    double start = now_s();
    const neap_store_check *check;
    if (neap_check_store(runtime, &check, &error) != NEAP_OK)
        die("check", error.message);
    if (check->upcast != LONG_STREAM)
        die("check", "not all events are upcast");
    neap_store_check_free(check);
    return (now_s() - start) * 1000;
}

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", store[64], clean[64];
    double as_they_are[ROUNDS], upcast[ROUNDS], checked[ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    snprintf(store, sizeof store, "sqlite:%s/old.db", folder);
    write_long_stream("shop.lua", store);
    neap_runtime *old = open_runtime("shop.lua", store, true);
    neap_runtime *later = open_runtime("evolution.lua", store, true);
    for (int round = 0; round < ROUNDS; round++) {
        as_they_are[round] = load_ms(old, 1);
        upcast[round] = load_ms(later, 1);
        checked[round] = check_ms(later);
    }
    neap_close(old);
    neap_close(later);
    double plain = median(as_they_are), slow = median(upcast);
    printf("loading a stream of %d events (median of %d): %.1f ms upcast, %.1f ms as they are, "
           "ratio %.2f; checking the store %.1f ms\n",
           LONG_STREAM, ROUNDS, slow, plain, slow / plain, median(checked));
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
