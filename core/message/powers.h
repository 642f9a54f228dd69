/* Powers of ten with 128 leading bits: what reading and writing of floats stand on. */
#ifndef NEAPI_MESSAGE_POWERS_H
#define NEAPI_MESSAGE_POWERS_H

#include <stdint.h>

#define NEAPI_POWER_LEAST (-342)
#define NEAPI_POWER_MOST  324

/* 10^k lies in [high:low, high:low + 1) × 2^(neapi_log2_of_power(k) - 127); the top bit is set. */
typedef struct neapi_power {
    uint64_t high, low;
} neapi_power;

/* k within the bounds above. Threads: any. */
neapi_power neapi_power_of_ten(int k);

/* floor(log2(10^k)) and floor(log10(2^e)), for every exponent that a double knows; and
 * floor(log10(3/4 · 2^e)). */
static inline int neapi_log2_of_power(int k)
{
    return (k * 1741647) >> 19;
}

static inline int neapi_log10_of_binary(int e)
{
    return (e * 1262611) >> 22;
}

static inline int neapi_log10_of_three_quarters(int e)
{
    return (e * 1262611 - 524031) >> 22;
}

#endif
