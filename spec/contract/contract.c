#include "contract/contract.h"

#include <stdlib.h>

#include "contract/rules.h"
#include "contract/world.h"

/* In the environment: names, with anything between them, of rules that take too long there. */
static bool is_wanted(const char *rule)
{
    const char *unwanted = getenv("NEAP_WITHOUT");
    return unwanted == NULL || strstr(unwanted, rule) == NULL;
}

int contract_run(const contract_fixture *fixture)
{
    struct CMUnitTest tests[128];
    size_t count = 0;
#define ADD(rule, applies)                                                                         \
    if ((applies) && is_wanted(#rule))                                                             \
        tests[count++] = (struct CMUnitTest){#rule, rule, world_setup, world_teardown, NULL};
    CONTRACT_RULES(ADD)
#undef ADD
    for (size_t i = 0; i < count; i++)
        tests[i].initial_state = (void *)fixture;
    return _cmocka_run_group_tests(fixture->name, tests, count, NULL, NULL);
}
