/* Loading one long stream through a snapshot, beside folding the same events from the first one;
 * medians of several rounds, in turn, on SQLite. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define EVENTS 100000
#define LOADS  20 /* through the snapshot, in one round */

static neap_error error;

static void write_stream(const char *store)
{
    neap_runtime *runtime = open_runtime("snapshot.lua", store, false);
    for (unsigned i = 0; i < EVENTS; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"note\":\"a note of about sixty bytes, so that an event has its "
                 "length\",\"order_id\":\"o-0\",\"price\":12.5,\"quantity\":%u,"
                 "\"sku\":\"sku-0123456789\"}",
                 i % 7 + 1);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, EVENTS);
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

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", store[64], clean[64];
    double with[ROUNDS], without[ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    snprintf(store, sizeof store, "sqlite:%s/long.db", folder);
    write_stream(store);
    neap_runtime *saved = open_runtime("snapshot.lua", store, true);
    neap_runtime *plain = open_runtime("shop.lua", store, true);
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
