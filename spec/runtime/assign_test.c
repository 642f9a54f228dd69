/* Who of several processes runs what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/assign.h"

#define MOST 12

static bool may[MOST * MOST];
static size_t owners[MOST], loads[MOST];

static void all_may(size_t members, size_t items)
{
    for (size_t i = 0; i < members * items; i++)
        may[i] = true;
    for (size_t i = 0; i < items; i++)
        owners[i] = NEAPI_NOBODY;
}

static void assert_level(size_t members)
{
    size_t least = SIZE_MAX, most = 0;
    for (size_t m = 0; m < members; m++) {
        least = loads[m] < least ? loads[m] : least;
        most = loads[m] > most ? loads[m] : most;
    }
    assert_true(most - least <= 1);
}

static void one_alone_runs_everything(void **state)
{
    (void)state;
    all_may(1, 5);
    neapi_assign(1, 5, may, owners, loads);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(owners[i], 0);
}

static void several_have_equally_many(void **state)
{
    (void)state;
    for (size_t members = 1; members <= MOST; members++)
        for (size_t items = 0; items <= MOST; items++) {
            all_may(members, items);
            neapi_assign(members, items, may, owners, loads);
            assert_level(members);
        }
}

static void who_comes_takes_no_more_than_its_share(void **state)
{
    (void)state;
    all_may(3, 9);
    for (size_t i = 0; i < 9; i++)
        owners[i] = i % 2; /* five and four */
    size_t before[9], moved = 0;
    memcpy(before, owners, sizeof before);
    neapi_assign(3, 9, may, owners, loads);
    assert_level(3);
    for (size_t i = 0; i < 9; i++) {
        moved += owners[i] != before[i];
        assert_true(owners[i] == before[i] || owners[i] == 2);
    }
    assert_int_equal(moved, 3);
}

static void what_is_level_stays_where_it_is(void **state)
{
    (void)state;
    all_may(2, 5);
    for (size_t i = 0; i < 5; i++)
        owners[i] = i < 2; /* two and three */
    neapi_assign(2, 5, may, owners, loads);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(owners[i], i < 2);
}

static void what_nobody_may_run_nobody_runs(void **state)
{
    (void)state;
    all_may(2, 3);
    may[2] = may[3] = false;
    owners[1] = 0;
    neapi_assign(2, 3, may, owners, loads);
    assert_true(owners[1] == NEAPI_NOBODY);
    assert_true(owners[0] != NEAPI_NOBODY && owners[2] != NEAPI_NOBODY);
}

static void what_only_one_may_run_it_runs(void **state)
{
    (void)state;
    all_may(2, 4);
    for (size_t i = 0; i < 3; i++)
        may[i * 2] = false;
    for (size_t i = 0; i < 4; i++)
        owners[i] = 0;
    neapi_assign(2, 4, may, owners, loads);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(owners[i], i < 3);
}

/* Whatever was before, it comes to an end, and nothing moves any more behind that. */
static void it_is_settled_at_once(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 500; seed++) {
        srand(seed);
        size_t members = 1 + (size_t)rand() % MOST, items = (size_t)rand() % MOST, again[MOST];
        for (size_t i = 0; i < members * items; i++)
            may[i] = rand() % 4 != 0;
        for (size_t i = 0; i < items; i++)
            owners[i] = rand() % 3 == 0 ? NEAPI_NOBODY : (size_t)rand() % members;
        neapi_assign(members, items, may, owners, loads);
        memcpy(again, owners, sizeof again);
        neapi_assign(members, items, may, again, loads);
        for (size_t i = 0; i < items; i++)
            assert_true(again[i] == owners[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_runs_everything),
        cmocka_unit_test(several_have_equally_many),
        cmocka_unit_test(who_comes_takes_no_more_than_its_share),
        cmocka_unit_test(what_is_level_stays_where_it_is),
        cmocka_unit_test(what_nobody_may_run_nobody_runs),
        cmocka_unit_test(what_only_one_may_run_it_runs),
        cmocka_unit_test(it_is_settled_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
