#include "contract/contract.h"

#include "contract/rules.h"
#include "contract/world.h"

int contract_run(const contract_fixture *fixture)
{
    struct CMUnitTest tests[128];
    size_t count = 0;
#define ADD(rule, applies)                                                                         \
    if (applies)                                                                                   \
        tests[count++] = (struct CMUnitTest){#rule, rule, world_setup, world_teardown, NULL};
    CONTRACT_RULES(ADD)
#undef ADD
    for (size_t i = 0; i < count; i++)
        tests[i].initial_state = (void *)fixture;
    return _cmocka_run_group_tests(fixture->name, tests, count, NULL, NULL);
}
