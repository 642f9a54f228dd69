/* core/bus: what a domain defines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "bus/catalog.h"

static neapi_message *add(neapi_catalog *catalog, neap_kind kind, const char *name, int line,
                          neap_error *error)
{
    neapi_message message = {.kind = kind,
                             .name = neapi_text_of(name),
                             .file = NEAPI_LITERAL("shop.lua"),
                             .line = line,
                             .schema = 1,
                             .aggregate = NEAPI_NONE};
    return neapi_catalog_add_message(catalog, &message, error);
}

static neapi_aggregate *add_aggregate(neapi_catalog *catalog, const char *name, neap_error *error)
{
    neapi_aggregate aggregate = {.name = neapi_text_of(name),
                                 .file = NEAPI_LITERAL("shop.lua"),
                                 .line = 9,
                                 .key = NEAPI_LITERAL("order_id"),
                                 .snapshot_version = NEAPI_LITERAL("")};
    return neapi_catalog_add_aggregate(catalog, &aggregate, error);
}

static void fill(neapi_catalog *catalog)
{
    neap_error error;
    neapi_catalog_init(catalog);
    assert_non_null(add(catalog, NEAP_KIND_COMMAND, "PlaceOrder", 3, &error));
    assert_non_null(add(catalog, NEAP_KIND_EVENT, "OrderPlaced", 4, &error));
    assert_non_null(add(catalog, NEAP_KIND_QUERY, "GetOrder", 5, &error));
    assert_non_null(add_aggregate(catalog, "Order", &error));
}

static void finds_what_was_added(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    const neapi_message *message;
    assert_int_equal(neapi_catalog_message(&catalog, NEAP_KIND_COMMAND, NEAPI_LITERAL("PlaceOrder"),
                                           &message, &error),
                     NEAP_OK);
    assert_int_equal(message->line, 3);
    assert_ptr_equal(message, catalog.messages[0]);
    assert_int_equal(catalog.messages[2]->index, 2);
    assert_non_null(neapi_catalog_event(&catalog, NEAPI_LITERAL("OrderPlaced")));
    assert_null(neapi_catalog_event(&catalog, NEAPI_LITERAL("PlaceOrder")));
    assert_null(neapi_catalog_event(&catalog, NEAPI_LITERAL("Gone")));
    const neapi_aggregate *aggregate;
    assert_int_equal(neapi_catalog_aggregate(&catalog, NEAPI_LITERAL("Order"), &aggregate, &error),
                     NEAP_OK);
    assert_string_equal(aggregate->key.data, "order_id");
    neapi_catalog_fini(&catalog);
}

static void keeps_its_own_copy_of_texts(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    neapi_catalog_init(&catalog);
    char name[] = "PlaceOrder";
    assert_non_null(add(&catalog, NEAP_KIND_COMMAND, name, 1, &error));
    memset(name, 'x', sizeof name - 1);
    assert_string_equal(catalog.messages[0]->name.data, "PlaceOrder");
    neapi_catalog_fini(&catalog);
}

static void names_what_was_perhaps_meant(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    const neapi_message *message = NULL;
    assert_int_equal(neapi_catalog_message(&catalog, NEAP_KIND_COMMAND, NEAPI_LITERAL("PlaceOrdr"),
                                           &message, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message,
                        "there is no command 'PlaceOrdr'; did you mean 'PlaceOrder'?");
    assert_null(message);
    assert_int_equal(neapi_catalog_message(&catalog, NEAP_KIND_QUERY, NEAPI_LITERAL("PlaceOrdr"),
                                           &message, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message, "there is no query 'PlaceOrdr'");
    const neapi_aggregate *aggregate;
    assert_int_equal(neapi_catalog_aggregate(&catalog, NEAPI_LITERAL("Oder"), &aggregate, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message, "there is no aggregate 'Oder'; did you mean 'Order'?");
    neapi_catalog_fini(&catalog);
}

static void names_the_kind_that_it_is_instead(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    const neapi_message *message;
    assert_int_equal(neapi_catalog_message(&catalog, NEAP_KIND_COMMAND, NEAPI_LITERAL("GetOrder"),
                                           &message, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message, "'GetOrder' is not a command but a query");
    neapi_catalog_fini(&catalog);
}

static void refuses_a_name_twice(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    assert_null(add(&catalog, NEAP_KIND_EVENT, "PlaceOrder", 8, &error));
    assert_int_equal(error.status, NEAP_USAGE);
    assert_string_equal(error.message,
                        "event 'PlaceOrder' is already defined as command at shop.lua:3");
    assert_null(add_aggregate(&catalog, "Order", &error));
    assert_int_equal(error.status, NEAP_USAGE);
    assert_int_equal(catalog.message_count, 3);
    assert_int_equal(catalog.aggregate_count, 1);
    neapi_catalog_fini(&catalog);
}

static neap_status handle_nothing(neap_context *context, const char *json, size_t size, void *user,
                                  neap_error *error)
{
    (void)context, (void)json, (void)size, (void)user, (void)error;
    return NEAP_OK;
}

static void is_complete_once_all_is_handled(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    assert_int_equal(neapi_catalog_complete(&catalog, &error), NEAP_USAGE);
    assert_string_equal(error.message, "shop.lua:3: nobody handles the command 'PlaceOrder'");
    assert_int_equal(neapi_catalog_handle(&catalog, NEAP_KIND_COMMAND, NEAPI_LITERAL("PlaceOrder"),
                                          handle_nothing, NULL, NULL, &error),
                     NEAP_OK);
    assert_int_equal(neapi_catalog_complete(&catalog, &error), NEAP_USAGE);
    assert_string_equal(error.message, "shop.lua:5: nobody answers the query 'GetOrder'");
    assert_int_equal(neapi_catalog_handle(&catalog, NEAP_KIND_QUERY, NEAPI_LITERAL("GetOrder"),
                                          NULL, handle_nothing, NULL, &error),
                     NEAP_OK);
    assert_int_equal(neapi_catalog_complete(&catalog, &error), NEAP_OK);
    assert_int_equal(catalog.messages[0]->by, NEAPI_BY_HOST);
    neapi_catalog_fini(&catalog);
}

static void refuses_a_second_handler(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    catalog.messages[0]->by = NEAPI_BY_AGGREGATE;
    catalog.messages[0]->aggregate = 0;
    catalog.messages[2]->by = NEAPI_BY_LUA;
    assert_int_equal(neapi_catalog_handle(&catalog, NEAP_KIND_COMMAND, NEAPI_LITERAL("PlaceOrder"),
                                          handle_nothing, NULL, NULL, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message,
                        "command 'PlaceOrder' is already handled by aggregate 'Order'");
    assert_int_equal(neapi_catalog_handle(&catalog, NEAP_KIND_QUERY, NEAPI_LITERAL("GetOrder"),
                                          NULL, handle_nothing, NULL, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message, "query 'GetOrder' already has a handler in the domain");
    neapi_catalog_fini(&catalog);
}

static void survives_every_refused_allocation(void **state)
{
    (void)state;
    int64_t before = neapi_alloc_blocks();
    for (uint64_t nth = 1; nth < 100; nth++) {
        neapi_catalog catalog;
        neap_error error;
        bool whole = true;
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neapi_catalog_init(&catalog);
        for (int i = 0; whole && i < 40; i++) {
            char name[32];
            snprintf(name, sizeof name, "Message%d", i);
            whole = add(&catalog, NEAP_KIND_EVENT, name, i, &error) != NULL;
        }
        neapi_alloc_refuse(0, false);
        if (!whole)
            assert_int_equal(error.status, NEAP_NOMEM);
        for (uint32_t i = 0; i < catalog.message_count; i++)
            assert_non_null(neapi_catalog_event(&catalog, catalog.messages[i]->name));
        neapi_catalog_fini(&catalog);
        if (whole)
            break;
        assert_int_not_equal(nth, 99);
    }
    assert_int_equal(neapi_alloc_blocks(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(keeps_its_own_copy_of_texts),
        cmocka_unit_test(names_what_was_perhaps_meant),
        cmocka_unit_test(names_the_kind_that_it_is_instead),
        cmocka_unit_test(refuses_a_name_twice),
        cmocka_unit_test(is_complete_once_all_is_handled),
        cmocka_unit_test(refuses_a_second_handler),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
