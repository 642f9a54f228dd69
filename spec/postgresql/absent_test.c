/* A store in PostgreSQL, where Neap is built without libpq. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"

static void says_how_to_build_with_it(void **unused)
{
    (void)unused;
    neapi_store *store;
    neap_error error;
    assert_int_equal(neapi_store_open("postgresql:///shop", NEAPI_MODE_READ, &store, &error),
                     NEAP_USAGE);
    assert_non_null(strstr(error.message, "libpq"));
    assert_non_null(strstr(error.message, "-DNEAP_POSTGRESQL=ON"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_how_to_build_with_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
