/* Numbers: floats by shortest round trip, integers exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/powers.h"
#include "message/scan.h"

static neapi_number read_number(const char *text)
{
    neapi_scan scan = neapi_scan_of((neap_text){text, strlen(text)}, 0);
    neapi_number number;
    if (!neapi_scan_number(&scan, &number) || scan.at != scan.end)
        fail_msg("%s is not read", text);
    return number;
}

static const char *written(double value, char *text)
{
    text[neapi_float_write(value, text)] = '\0';
    return text;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A fixed sequence, so that a failure comes again. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Without sign, point, exponent and the zeros around. */
static int significant_digits(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        digits++;
    }
    return digits - zeros;
}

static int fewest_digits(double value)
{
    char text[64];
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            return significant_digits(text);
    }
    return 17;
}

static void check_float(double value, bool count)
{
    char text[NEAPI_NUMBER_ROOM + 1];
    written(value, text);
    if (strpbrk(text, ".e") == NULL)
        fail_msg("%s looks like an integer", text);
    neapi_number again = read_number(text);
    if (!again.is_float || bits_of(again.real) != bits_of(value))
        fail_msg("%.17g is written %s and read %.17g", value, text, again.real);
    if (bits_of(strtod(text, NULL)) != bits_of(value))
        fail_msg("%.17g is written %s", value, text);
    if (count && value != 0 && significant_digits(text) > fewest_digits(value))
        fail_msg("%.17g is written %s, with %d digits instead of %d", value, text,
                 significant_digits(text), fewest_digits(value));
}

static void writes_known_floats(void **state)
{
    static const struct {
        double value;
        const char *text;
    } known[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.0, "-1.0"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.0, "100.0"},
        {123456.0, "123456.0"},
        {0.00001, "0.00001"},
        {0.000001, "1e-6"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e16"},
        {1.5e300, "1.5e300"},
        {5e-324, "5e-324"},
        {1e23, "1e23"},
        {9007199254740993.0, "9007199254740992.0"},
        {2.5, "2.5"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.2250738585072011e-308, "2.225073858507201e-308"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {4200.5, "4200.5"},
        {19.99, "19.99"},
        {0.0825, "0.0825"},
        {999999.999999, "999999.999999"},
        {123456789.123456, "123456789.123456"},
    };
    char text[NEAPI_NUMBER_ROOM + 1];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_string_equal(written(known[i].value, text), known[i].text);
        check_float(known[i].value, true);
    }
}

static void writes_powers_and_their_neighbours(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        double value = ldexp(1.0, e);
        check_float(value, true);
        check_float(nextafter(value, 0), true);
        check_float(nextafter(value, INFINITY), true);
    }
    for (int e = -323; e <= 308; e++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", e);
        double value = strtod(text, NULL);
        check_float(value, true);
        check_float(nextafter(value, 0), true);
        check_float(nextafter(value, INFINITY), true);
    }
}

static void writes_random_floats_shortest(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int i = 0; i < 1000000; i++) {
        double value = double_of(next_random(&seed));
        if (isfinite(value))
            check_float(value, i % 10 == 0);
    }
}

static void writes_random_decimals_as_they_were(void **state)
{
    uint64_t seed = 2;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[64], again[NEAPI_NUMBER_ROOM + 1];
        int places = (int)(next_random(&seed) % 7) + 1;
        int64_t whole = (int64_t)(next_random(&seed) % 100000000);
        snprintf(text, sizeof text, "%s%" PRId64 ".%0*d", i % 2 != 0 ? "-" : "", whole, places,
                 (int)(next_random(&seed) % (uint64_t)pow(10, places)));
        double value = read_number(text).real;
        assert_true(bits_of(value) == bits_of(strtod(text, NULL)));
        check_float(value, false);
        /* The same digits again, but for zeros at the end. */
        size_t size = strlen(text);
        while (text[size - 1] == '0' && text[size - 2] != '.')
            text[--size] = '\0';
        if (fabs(value) >= 1e-5)
            assert_string_equal(written(value, again), text);
    }
}

/* Decimals of many digits, right between two doubles, or a trifle beside. */
static void reads_what_lies_between_two_doubles(void **state)
{
    uint64_t seed = 3;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double value = double_of(next_random(&seed) >> 1);
        if (!isfinite(value) || value == 0 || value > 1e300)
            continue;
        char text[1200];
        long double middle = ((long double)value + (long double)nextafter(value, INFINITY)) / 2;
        int size = snprintf(text, sizeof text - 8, "%.*Le", i % 2 != 0 ? 800 : 30, middle);
        assert_true(size > 0 && (size_t)size < sizeof text - 8);
        char *last = strchr(text, 'e') - 1;
        if (i % 3 == 0 && *last == '0')
            *last = '1';
        neapi_number number = read_number(text);
        if (bits_of(number.real) != bits_of(strtod(text, NULL)))
            fail_msg("%s is read %.17g", text, number.real);
    }
}

static void reads_random_digits_as_strtod_does(void **state)
{
    uint64_t seed = 4;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char text[128];
        int size = 0, digits = (int)(next_random(&seed) % 40) + 1;
        text[size++] = (char)('1' + next_random(&seed) % 9);
        text[size++] = '.';
        for (int d = 0; d < digits; d++)
            text[size++] = (char)('0' + next_random(&seed) % 10);
        snprintf(text + size, sizeof text - (size_t)size, "e%d",
                 (int)(next_random(&seed) % 650) - 340);
        double expected = strtod(text, NULL);
        if (!isfinite(expected))
            continue;
        neapi_number number = read_number(text);
        if (bits_of(number.real) != bits_of(expected))
            fail_msg("%s is read %.17g", text, number.real);
    }
}

static void reads_hard_floats(void **state)
{
    static const char *const hard[] = {
        "9007199254740993.0",
        "9007199254740992.9999999999999999",
        "0.500000000000000166533453693773481063544750213623046875",
        "2.2250738585072012e-308",
        "2.2250738585072011e-308",
        "4.9406564584124654e-324",
        "2.4703282292062328e-324",
        "2.4703282292062327e-324",
        "1.7976931348623158e308",
        "7.2057594037927933e16",
        "1e23",
        "8.5e-5",
        "6.0221407621e23",
        "123456789012345678901234567890.0",
        "0.000000000000000000000000000001",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "179769313486231580793e288",
        "100000000000000000000000000000000000000000000000000e-50",
        "0.0e999999999",
        "0e-999999999",
    };
    (void)state;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        if (bits_of(read_number(hard[i]).real) != bits_of(strtod(hard[i], NULL)))
            fail_msg("%s is read %.17g", hard[i], read_number(hard[i]).real);
}

static void refuses_what_rounds_to_infinity(void **state)
{
    static const char *const beyond[] = {"1.797693134862315807937289714054e308",
                                         "1.8e308",
                                         "2e308",
                                         "1e309",
                                         "1e999",
                                         "123e999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        neapi_scan scan = neapi_scan_of((neap_text){beyond[i], strlen(beyond[i])}, 0);
        neapi_number number;
        assert_false(neapi_scan_number(&scan, &number));
    }
    /* Right in the middle between the largest double and what would be the next. */
    char middle[400];
    int size = snprintf(middle, sizeof middle, "%.1Lf", ldexpl(1, 1024) - ldexpl(1, 970));
    neapi_scan scan = neapi_scan_of((neap_text){middle, (size_t)size}, 0);
    neapi_number number;
    assert_false(neapi_scan_number(&scan, &number));
    assert_true(read_number("1.797693134862315807937289714053e308").real == 1.7976931348623157e308);
}

static void reads_numbers_of_great_length(void **state)
{
    static char text[20000];
    (void)state;
    /* 1 behind ten thousand zeros, brought back by the exponent. */
    memcpy(text, "0.", 2);
    memset(text + 2, '0', 9999);
    strcpy(text + 10001, "1e10000");
    assert_true(read_number(text).real == 1.0);
    /* A hair above the middle of two doubles, and the hair is the last of ten thousand digits. */
    strcpy(text, "9007199254740993.");
    size_t size = strlen(text);
    memset(text + size, '0', 9999);
    text[size + 9999] = '\0';
    assert_true(read_number(text).real == 9007199254740992.0);
    text[size + 9998] = '1';
    assert_true(read_number(text).real == 9007199254740994.0);
}

static void keeps_integers_exact(void **state)
{
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    9,
                                    10,
                                    99,
                                    100,
                                    999999999999,
                                    INT64_MAX,
                                    INT64_MIN,
                                    INT64_MAX - 1,
                                    INT64_MIN + 1,
                                    9007199254740993};
    uint64_t seed = 5;
    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t count = sizeof edges / sizeof *edges;
        int64_t value =
            (size_t)i < count ? edges[i] : (int64_t)(next_random(&seed) >> next_random(&seed) % 64);
        if (i % 2 != 0 && value != INT64_MIN)
            value = -value;
        char text[NEAPI_NUMBER_ROOM + 1], expected[32];
        text[neapi_integer_write(value, text)] = '\0';
        snprintf(expected, sizeof expected, "%" PRId64, value);
        assert_string_equal(text, expected);
        neapi_number again = read_number(text);
        assert_false(again.is_float);
        assert_true(again.integer == value);
    }
}

/* Against the definition: log2 and log10 by repeated comparison with long doubles. */
static void powers_have_their_leading_bits(void **state)
{
    (void)state;
    for (int k = 0; k <= 27; k++) {
        uint64_t five = 1;
        for (int i = 0; i < k; i++)
            five *= 5;
        neapi_power power = neapi_power_of_ten(k);
        assert_true(power.high == five << __builtin_clzll(five) && power.low == 0);
    }
    for (int k = NEAPI_POWER_LEAST; k <= NEAPI_POWER_MOST; k++) {
        neapi_power power = neapi_power_of_ten(k);
        long double value = ldexpl((long double)power.high + ldexpl((long double)power.low, -64),
                                   neapi_log2_of_power(k) - 63);
        assert_true(fabsl(value / powl(10, k) - 1) < 1e-16L);
        assert_true(power.high >> 63 == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_known_floats),
        cmocka_unit_test(writes_powers_and_their_neighbours),
        cmocka_unit_test(writes_random_floats_shortest),
        cmocka_unit_test(writes_random_decimals_as_they_were),
        cmocka_unit_test(reads_what_lies_between_two_doubles),
        cmocka_unit_test(reads_random_digits_as_strtod_does),
        cmocka_unit_test(reads_hard_floats),
        cmocka_unit_test(refuses_what_rounds_to_infinity),
        cmocka_unit_test(reads_numbers_of_great_length),
        cmocka_unit_test(keeps_integers_exact),
        cmocka_unit_test(powers_have_their_leading_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
