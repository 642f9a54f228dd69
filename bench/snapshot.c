/* Loading one long stream through a snapshot, beside folding the same events from the first one;
 * medians of several rounds, in turn, on SQLite. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "measure.h"

#define LOADS 20 /* through the snapshot, in one round */

int main(void)
{
    char folder[] = "/tmp/neap-bench-XXXXXX", store[64], clean[64];
    double with[ROUNDS], without[ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("usage", "/tmp must be writable");
    snprintf(store, sizeof store, "sqlite:%s/long.db", folder);
    write_long_stream("snapshot.lua", store);
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
           LONG_STREAM, ROUNDS, fast, slow, fast / slow);
    snprintf(clean, sizeof clean, "rm -rf %s", folder);
    return system(clean) == 0 ? 0 : 1;
}
