#include "message/powers.h"

#include <pthread.h>
#include <string.h>

/* The table is computed once, exactly, from its definition: 5^k by multiplication, and for negative
 * k floor(2^FRACTION / 5^-k) by repeated division, which loses nothing: the floor of a floor's
 * fifth is the floor of the whole quotient. */
enum { LIMBS = 17, FRACTION = 64 * (LIMBS - 1) };

static neapi_power powers[NEAPI_POWER_MOST - NEAPI_POWER_LEAST + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void times_five(uint64_t limbs[LIMBS])
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (unsigned __int128)limbs[i] * 5;
        limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static void fifth(uint64_t limbs[LIMBS])
{
    unsigned __int128 rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        unsigned __int128 part = rest << 64 | limbs[i];
        limbs[i] = (uint64_t)(part / 5);
        rest = part % 5;
    }
}

static neapi_power leading_bits(const uint64_t limbs[LIMBS])
{
    int top = LIMBS - 1;
    while (limbs[top] == 0)
        top--;
    uint64_t high = limbs[top], low = top > 0 ? limbs[top - 1] : 0;
    uint64_t rest = top > 1 ? limbs[top - 2] : 0;
    int shift = __builtin_clzll(high);
    if (shift != 0) {
        high = high << shift | low >> (64 - shift);
        low = low << shift | rest >> (64 - shift);
    }
    return (neapi_power){high, low};
}

static void compute(void)
{
    uint64_t limbs[LIMBS] = {1};
    for (int k = 0; k <= NEAPI_POWER_MOST; k++) {
        powers[k - NEAPI_POWER_LEAST] = leading_bits(limbs);
        times_five(limbs);
    }
    memset(limbs, 0, sizeof limbs);
    limbs[FRACTION / 64] = 1;
    for (int k = -1; k >= NEAPI_POWER_LEAST; k--) {
        fifth(limbs);
        powers[k - NEAPI_POWER_LEAST] = leading_bits(limbs);
    }
}

neapi_power neapi_power_of_ten(int k)
{
    pthread_once(&once, compute);
    return powers[k - NEAPI_POWER_LEAST];
}
