#include <math.h>
#include <string.h>

#include "message/number.h"
#include "message/powers.h"

/* Large enough for 800 digits times any power of two or five that comparing with a double needs. */
enum { LIMBS = 100, DIGITS_KEPT = 800 };

typedef struct natural {
    int size;
    uint64_t limbs[LIMBS];
} natural;

static void multiply(natural *n, uint64_t factor, uint64_t summand)
{
    unsigned __int128 carry = summand;
    for (int i = 0; i < n->size; i++) {
        carry += (unsigned __int128)n->limbs[i] * factor;
        n->limbs[i] = (uint64_t)carry;
        carry >>= 64;
    }
    if (carry != 0)
        n->limbs[n->size++] = (uint64_t)carry;
}

static void multiply_by_power_of_five(natural *n, int exponent)
{
    const uint64_t five_to_27 = 7450580596923828125u;
    for (; exponent >= 27; exponent -= 27)
        multiply(n, five_to_27, 0);
    for (; exponent > 0; exponent--)
        multiply(n, 5, 0);
}

static void shift_left(natural *n, int bits)
{
    int limbs = bits / 64;
    if (n->size == 0)
        return;
    memmove(n->limbs + limbs, n->limbs, (size_t)n->size * sizeof *n->limbs);
    memset(n->limbs, 0, (size_t)limbs * sizeof *n->limbs);
    n->size += limbs;
    multiply(n, (uint64_t)1 << bits % 64, 0);
}

static int compare(const natural *a, const natural *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    for (int i = a->size - 1; i >= 0; i--)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

/* The decimal as digits × 10^exponent; what lies behind DIGITS_KEPT digits can only matter by being
 * there at all, and is kept as one more digit, 1. */
static void read_decimal(neap_text number, natural *digits, int64_t *exponent)
{
    const char *at = number.data, *end = at + number.size;
    int kept = 0;
    bool point = false, rest = false;
    digits->size = 0;
    *exponent = 0;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.')
            point = true;
        if (*at < '0' || *at > '9')
            continue;
        if (kept < DIGITS_KEPT) {
            multiply(digits, 10, (uint64_t)(*at - '0'));
            kept += digits->size != 0;
            *exponent -= point;
        } else {
            rest |= *at != '0';
            *exponent += !point;
        }
    }
    if (rest) {
        multiply(digits, 10, 1);
        --*exponent;
    }
    if (at == end)
        return;
    at++;
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    int64_t power = 0;
    for (; at < end; at++)
        if (power < 1000000000)
            power = power * 10 + (*at - '0');
    *exponent += negative ? -power : power;
}

/* The sign of decimal − half × 2^power. */
static int compare_with_half(const natural *digits, int exponent, uint64_t half, int power)
{
    natural left = *digits, right = {1, {half}};
    if (exponent >= 0)
        multiply_by_power_of_five(&left, exponent);
    else
        multiply_by_power_of_five(&right, -exponent);
    /* Both sides are now to be multiplied by their powers of two; the smaller one is left out. */
    int shift = exponent - power;
    if (shift >= 0)
        shift_left(&left, shift);
    else
        shift_left(&right, -shift);
    return compare(&left, &right);
}

/* From a double nearby, goes from neighbour to neighbour until the decimal lies between the middles
 * to both sides. Needs no more than that the guess is near. */
static double settled(neap_text number, double guess)
{
    natural digits;
    int64_t exponent;
    read_decimal(number, &digits, &exponent);
    uint64_t bits;
    memcpy(&bits, &guess, sizeof bits);
    for (;;) {
        uint64_t fraction = bits & 0xFFFFFFFFFFFFFu;
        int biased = (int)(bits >> 52);
        uint64_t significand = biased != 0 ? fraction | (uint64_t)1 << 52 : fraction;
        int power = (biased != 0 ? biased : 1) - 1075;
        int above = compare_with_half(&digits, (int)exponent, 2 * significand + 1, power - 1);
        if (above > 0 || (above == 0 && (significand & 1) != 0)) {
            bits++;
            if (above == 0)
                break;
            continue;
        }
        if (bits == 0)
            break;
        bool closer_below = fraction == 0 && biased > 1;
        uint64_t half = closer_below ? 4 * significand - 1 : 2 * significand - 1;
        int below = compare_with_half(&digits, (int)exponent, half, power - 1 - closer_below);
        if (below > 0 || (below == 0 && (significand & 1) == 0))
            break;
        bits--;
        if (below == 0)
            break;
    }
    memcpy(&guess, &bits, sizeof guess);
    return guess;
}

/* digits × 10^exponent, at most two units in the last place away; `certain`: it is the nearest
 * double. */
static double estimated(uint64_t digits, int exponent, bool *certain)
{
    neapi_power power = neapi_power_of_ten(exponent);
    int zeros = __builtin_clzll(digits);
    digits <<= zeros;
    unsigned __int128 product = (unsigned __int128)digits * power.high +
                                (uint64_t)((unsigned __int128)digits * power.low >> 64);
    int binary = neapi_log2_of_power(exponent) + 1 - zeros + 63;
    if (product >> 127 == 0) {
        product <<= 1;
        binary--;
    }
    /* The true value lies less than 4 units of the product's last place above it: so the nearest
     * double is certain unless the bits that are dropped are that near to one half. */
    uint64_t significand = (uint64_t)(product >> 75);
    unsigned __int128 dropped = product & (((unsigned __int128)1 << 75) - 1);
    unsigned __int128 half = (unsigned __int128)1 << 74;
    *certain = binary > 1023 || (binary > -1022 && (dropped > half || half - dropped > 4));
    significand += dropped > half;
    return ldexp((double)significand, binary - 52);
}

bool neapi_float_read(neap_text number, uint64_t digits, int exponent, bool cut, double *value)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool negative = number.data[0] == '-';
    double result;
    if (digits == 0 || exponent < NEAPI_POWER_LEAST) {
        result = 0.0;
    } else if (!cut && digits <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
        result =
            exponent < 0 ? (double)digits / exact[-exponent] : (double)digits * exact[exponent];
    } else if (exponent > 308) {
        return false;
    } else {
        bool certain, certain_above = true;
        result = estimated(digits, exponent, &certain);
        if (cut)
            certain_above = estimated(digits + 1, exponent, &certain) == result && certain;
        if (!certain || !certain_above)
            result = settled(number, fmin(result, 0x1.fffffffffffffp1023));
        if (isinf(result))
            return false;
    }
    *value = negative ? -result : result;
    return true;
}
