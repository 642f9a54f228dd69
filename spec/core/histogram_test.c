/* Histograms: what they keep, and how exactly. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/histogram.h"

static neapi_histogram histogram, other;

static int clear(void **unused)
{
    (void)unused;
    memset(&histogram, 0, sizeof histogram);
    memset(&other, 0, sizeof other);
    return 0;
}

static void buckets_join_without_gap(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i + 1 < NEAPI_HISTOGRAM_BUCKETS; i++) {
        uint64_t least = neapi_histogram_least(i), next = neapi_histogram_least(i + 1);
        assert_true(least < next);
        assert_int_equal(neapi_histogram_bucket(least), i);
        assert_int_equal(neapi_histogram_bucket(next - 1), i);
    }
    assert_int_equal(neapi_histogram_least(NEAPI_HISTOGRAM_BUCKETS), 1u << 29);
    assert_int_equal(neapi_histogram_bucket(UINT64_MAX), NEAPI_HISTOGRAM_BUCKETS - 1);
}

static void a_value_is_told_within_a_sixteenth(void **unused)
{
    (void)unused;
    for (uint64_t value = 1; value < 500000000; value += value / 37 + 1) {
        clear(NULL);
        neapi_histogram_record(&histogram, (int64_t)value);
        neapi_histogram_record(&histogram, INT64_MAX); /* what is told is never the highest */
        neapi_distribution read = {0};
        neapi_distribution_add(&read, &histogram);
        uint64_t told = neapi_distribution_quantile(&read, 0.5);
        uint64_t away = told > value ? told - value : value - told;
        assert_true(away * 16 <= value);
        assert_true(value > 15 || away == 0);
    }
}

static void quantiles_follow_the_values(void **unused)
{
    (void)unused;
    for (int64_t i = 1; i <= 1000; i++)
        neapi_histogram_record(&histogram, i <= 900 ? 10 : 14);
    neapi_distribution read = {0};
    assert_int_equal(neapi_distribution_quantile(&read, 0.5), 0);
    neapi_distribution_add(&read, &histogram);
    assert_int_equal(read.count, 1000);
    assert_int_equal(read.sum, 9000 + 1400);
    assert_int_equal(read.highest, 14);
    assert_int_equal(neapi_distribution_quantile(&read, 0), 10);
    assert_int_equal(neapi_distribution_quantile(&read, 0.9), 10);
    assert_int_equal(neapi_distribution_quantile(&read, 0.901), 14);
    assert_int_equal(neapi_distribution_quantile(&read, 1), 14);
}

static void a_negative_time_is_none(void **unused)
{
    (void)unused;
    neapi_histogram_record(&histogram, -5);
    neapi_distribution read = {0};
    neapi_distribution_add(&read, &histogram);
    assert_int_equal(read.buckets[0], 1);
    assert_int_equal(read.sum, 0);
}

static void several_are_added_up(void **unused)
{
    (void)unused;
    neapi_histogram_record(&histogram, 3);
    neapi_histogram_record(&histogram, 2000);
    neapi_histogram_record_shared(&other, 700);
    neapi_histogram_record_shared(&other, 3);
    neapi_distribution read = {0};
    neapi_distribution_add(&read, &histogram);
    neapi_distribution_add(&read, &other);
    assert_int_equal(read.count, 4);
    assert_int_equal(read.sum, 2706);
    assert_int_equal(read.highest, 2000);
    assert_int_equal(read.buckets[3], 2);
}

static void below_a_power_of_two_is_exact(void **unused)
{
    (void)unused;
    for (int64_t value = 0; value < 4096; value++)
        neapi_histogram_record(&histogram, value);
    neapi_distribution read = {0};
    neapi_distribution_add(&read, &histogram);
    for (unsigned power = 0; power <= 12; power++)
        assert_int_equal(neapi_distribution_below(&read, power), 1u << power);
    assert_int_equal(neapi_distribution_below(&read, 26), 4096);
}

#define EACH 20000

static void *record_many(void *argument)
{
    neapi_histogram *own = argument;
    for (int64_t i = 0; i < EACH; i++) {
        neapi_histogram_record(own, i);
        neapi_histogram_record_shared(&histogram, i);
    }
    return NULL;
}

/* Read all the while: what is read never goes back. */
static void threads_lose_no_value(void **unused)
{
    (void)unused;
    static neapi_histogram own[2];
    pthread_t threads[2];
    memset(own, 0, sizeof own);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, &own[i]), 0);
    neapi_distribution read;
    for (uint64_t before = 0; before < 2 * EACH; before = read.count) {
        read = (neapi_distribution){0};
        neapi_distribution_add(&read, &histogram);
        assert_true(read.count >= before);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    neapi_distribution_add(&read, &own[0]);
    neapi_distribution_add(&read, &own[1]);
    assert_int_equal(read.count, 4 * EACH);
    assert_int_equal(read.highest, EACH - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_join_without_gap),
        cmocka_unit_test_setup(a_value_is_told_within_a_sixteenth, clear),
        cmocka_unit_test_setup(quantiles_follow_the_values, clear),
        cmocka_unit_test_setup(a_negative_time_is_none, clear),
        cmocka_unit_test_setup(several_are_added_up, clear),
        cmocka_unit_test_setup(below_a_power_of_two_is_exact, clear),
        cmocka_unit_test_setup(threads_lose_no_value, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
