#include <math.h>
#include <string.h>

#include "message/number.h"
#include "message/powers.h"

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536"
    "37383940414243444546474849505152535455565758596061626364656667686970717273"
    "7475767778798081828384858687888990919293949596979899";

static unsigned digits_of(uint64_t value)
{
    unsigned count = 1;
    for (; value >= 10000; value /= 10000)
        count += 4;
    return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

static void write_digits(uint64_t value, char *text, unsigned count)
{
    for (; count >= 2; count -= 2) {
        memcpy(text + count - 2, pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (count == 1)
        text[0] = (char)('0' + value % 10);
}

size_t neapi_integer_write(int64_t value, char *text)
{
    bool negative = value < 0;
    uint64_t size = negative ? 0 - (uint64_t)value : (uint64_t)value;
    if (negative)
        *text++ = '-';
    unsigned count = digits_of(size);
    write_digits(size, text, count);
    return count + negative;
}

typedef struct decimal {
    uint64_t digits;
    int exponent;
} decimal;

/* factor × 2^e × 10^-k, rounded down, with the last bit set if anything was cut off: enough to
 * compare it exactly with even numbers. shift: 63 - e - floor(log2(10^-k)). */
static uint64_t scaled(uint64_t factor, neapi_power power, int shift)
{
    unsigned __int128 product = (unsigned __int128)factor * power.high +
                                (uint64_t)((unsigned __int128)factor * power.low >> 64);
    bool cut = (product & (((unsigned __int128)1 << shift) - 1)) != 0;
    return (uint64_t)(product >> shift) | cut;
}

/* The shortest decimal within the interval of numbers that are read as significand × 2^e, after the
 * idea of Raffaello Giulietti's Schubfach: 10^k is the largest power of ten not above the
 * interval's width, so that at least one multiple of it lies inside, and at most one of 10^(k+1).
 */
static decimal shortest(uint64_t significand, int e, bool narrow_below)
{
    uint64_t odd = significand & 1; /* an interval's ends belong to it if the significand is even */
    int k = narrow_below ? neapi_log10_of_three_quarters(e) : neapi_log10_of_binary(e);
    neapi_power power = neapi_power_of_ten(-k);
    power.low++; /* from below to above, so that whole numbers are not missed from below */
    power.high += power.low == 0;
    int shift = 63 - e - neapi_log2_of_power(-k);
    uint64_t middle = scaled(4 * significand, power, shift);
    uint64_t low = scaled(4 * significand - (narrow_below ? 1 : 2), power, shift) + odd;
    uint64_t high = scaled(4 * significand + 2, power, shift) - odd;
    uint64_t below = middle / 4;
    if (below >= 10) {
        uint64_t tens = below / 10 * 10;
        bool lower_in = low <= 4 * tens, upper_in = 4 * (tens + 10) <= high;
        if (lower_in != upper_in)
            return (decimal){lower_in ? tens : tens + 10, k};
    }
    bool lower_in = low <= 4 * below, upper_in = 4 * (below + 1) <= high;
    if (lower_in != upper_in)
        return (decimal){lower_in ? below : below + 1, k};
    uint64_t between = 4 * below + 2;
    bool up = middle > between || (middle == between && (below & 1) != 0);
    return (decimal){below + up, k};
}

/* Most floats that people write have a few digits behind the point. A decimal of at most 15 digits
 * that reads back as the double is its shortest, for no two of them read back as the same. */
static bool few_digits(double value, decimal *number)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};
    if (!(value >= 1e-3 && value < 1e9))
        return false;
    for (int k = 0; k <= 6; k++) {
        uint64_t digits = (uint64_t)(value * powers[k] + 0.5);
        if ((double)digits / powers[k] == value) {
            *number = (decimal){digits, -k};
            return true;
        }
    }
    return false;
}

static void drop_zeros(decimal *number)
{
    while (number->digits % 100 == 0) {
        number->digits /= 100;
        number->exponent += 2;
    }
    if (number->digits % 10 == 0) {
        number->digits /= 10;
        number->exponent++;
    }
}

static size_t write_scientific(decimal number, unsigned count, char *text)
{
    char *at = text;
    write_digits(number.digits, at + 1, count);
    at[0] = at[1];
    if (count > 1) {
        at[1] = '.';
        at += count;
    }
    at++;
    *at++ = 'e';
    return (size_t)(at - text) + neapi_integer_write(number.exponent + (int)count - 1, at);
}

/* From 0.00001 up to 1e16 with a point, else with an exponent. */
static size_t write_decimal(decimal number, char *text)
{
    unsigned count = digits_of(number.digits);
    int whole = number.exponent + (int)count; /* digits before the point */
    if (whole < -4 || whole > 16)
        return write_scientific(number, count, text);
    if (whole <= 0) {
        memcpy(text, "0.0000", 6);
        write_digits(number.digits, text + 2 - whole, count);
        return (size_t)(2 - whole) + count;
    }
    if (number.exponent >= 0) {
        write_digits(number.digits, text, count);
        memset(text + count, '0', (size_t)number.exponent);
        memcpy(text + whole, ".0", 2);
        return (size_t)whole + 2;
    }
    write_digits(number.digits, text + 1, count);
    memmove(text, text + 1, (size_t)whole);
    text[whole] = '.';
    return count + 1;
}

size_t neapi_float_write(double value, char *text)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = bits >> 63 != 0;
    if (negative)
        *text++ = '-';
    uint64_t fraction = bits & 0xFFFFFFFFFFFFFu;
    int biased = (int)(bits >> 52 & 0x7FF);
    if (biased == 0 && fraction == 0) {
        memcpy(text, "0.0", 3);
        return 3u + negative;
    }
    uint64_t significand = biased != 0 ? fraction | (uint64_t)1 << 52 : fraction;
    int e = (biased != 0 ? biased : 1) - 1075;
    decimal number;
    if (!few_digits(fabs(value), &number)) {
        number = shortest(significand, e, fraction == 0 && biased > 1);
        drop_zeros(&number);
    }
    return write_decimal(number, text) + negative;
}
