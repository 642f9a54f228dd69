/* What is said of NATS where Neap is built without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "outbox/publisher.h"

static void says_how_to_build_with_it(void **state)
{
    void *self;
    neap_error error;
    (void)state;
    assert_int_equal(neapi_publisher_nats.open(NULL, NULL, &self, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "apt-get install libnats-dev"));
    assert_non_null(strstr(error.message, "-DNEAP_NATS=ON"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(says_how_to_build_with_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
