/* A circuit breaker: what fails so many times in a row is left alone for a while, then tried a few
 * times before it counts as well again. Threads: owner. */
#ifndef NEAPI_BASE_CIRCUIT_H
#define NEAPI_BASE_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct neapi_circuit {
    uint32_t most_failures; /* so many in a row open it */
    uint32_t most_probes;   /* so many are let through then, all of which must succeed */
    int64_t open_us;        /* until they are */
    /* Its own, zero at first. */
    uint64_t changes; /* how often it was opened and closed */
    bool open;
    uint32_t failures;        /* in a row, while it is closed */
    uint32_t probing, passed; /* probes that are under way, and that succeeded */
    int64_t open_until_us, probed_us;
} neapi_circuit;

/* What was let through, for neapi_circuit_note(). */
typedef uint64_t neapi_circuit_pass;

/* Whether one that comes now is let through. Times are monotonic. */
bool neapi_circuit_admit(neapi_circuit *circuit, int64_t now_us, neapi_circuit_pass *pass);
/* Whether one would be. */
bool neapi_circuit_would_admit(const neapi_circuit *circuit, int64_t now_us);
/* When to come again, if nothing is noted until then. It is open. */
int64_t neapi_circuit_again_us(const neapi_circuit *circuit, int64_t now_us);
/* What became of one that was let through. What began before it was opened or closed last says
 * nothing any more. */
void neapi_circuit_note(neapi_circuit *circuit, neapi_circuit_pass pass, bool failed,
                        int64_t now_us);

#endif
