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
#include "bus/partition.h"

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

static const neap_text wanted[] = {{"OrderPlaced", 11}, {"OrderShipped", 12}};

static neapi_subscription orders(void)
{
    return (neapi_subscription){.kind = NEAPI_PROJECTION,
                                .name = NEAPI_LITERAL("orders"),
                                .file = NEAPI_LITERAL("shop.lua"),
                                .line = 20,
                                .types = wanted,
                                .type_count = 2,
                                .partitions = 1,
                                .version = 1};
}

static void finds_subscriptions_by_name(void **state)
{
    (void)state;
    neapi_catalog catalog;
    neap_error error;
    fill(&catalog);
    neapi_subscription projection = orders();
    const neapi_subscription *found;
    assert_non_null(neapi_catalog_add_subscription(&catalog, &projection, &error));
    assert_int_equal(neapi_catalog_subscription(&catalog, NEAPI_LITERAL("orders"), &found, &error),
                     NEAP_OK);
    assert_ptr_equal(found, catalog.subscriptions[0]);
    assert_true(neapi_text_equal(found->types[1], wanted[1]));
    assert_ptr_not_equal(found->types[1].data, wanted[1].data);
    assert_int_equal(neapi_catalog_subscription(&catalog, NEAPI_LITERAL("order"), &found, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message,
                        "there is no projection, subscriber, saga or outbox 'order'; "
                        "did you mean 'orders'?");
    projection.kind = NEAPI_SAGA;
    assert_null(neapi_catalog_add_subscription(&catalog, &projection, &error));
    assert_string_equal(error.message,
                        "'orders' is already the name of a projection, defined at shop.lua:20");
    neapi_catalog_fini(&catalog);
}

static void same_with(void (*change)(neapi_subscription *), const char *expected)
{
    neapi_catalog first, second;
    neap_error error;
    neapi_subscription projection = orders();
    fill(&first);
    fill(&second);
    assert_non_null(neapi_catalog_add_subscription(&first, &projection, &error));
    if (change != NULL)
        change(&projection);
    assert_non_null(neapi_catalog_add_subscription(&second, &projection, &error));
    neap_status status = neapi_catalog_same(&first, &second, &error);
    assert_int_equal(status, expected != NULL ? NEAP_HANDLER : NEAP_OK);
    if (expected != NULL && strstr(error.message, expected) == NULL)
        fail_msg("%s", error.message);
    neapi_catalog_fini(&first);
    neapi_catalog_fini(&second);
}

static void rename_it(neapi_subscription *projection)
{
    projection->name = NEAPI_LITERAL("invoices");
}

static void want_less(neapi_subscription *projection)
{
    projection->type_count = 1;
}

static void divide(neapi_subscription *projection)
{
    projection->partitions = 2;
}

static void build_anew(neapi_subscription *projection)
{
    projection->version = 2;
}

static void retry_faster(neapi_subscription *projection)
{
    projection->factor = 1.5;
}

static void tells_subscriptions_apart(void **state)
{
    (void)state;
    same_with(NULL, NULL);
    same_with(rename_it, "once it defines 'orders', once 'invoices'");
    same_with(want_less, "the projection 'orders' has other events");
    same_with(divide, "the projection 'orders' has other partitions");
    same_with(build_anew, "the projection 'orders' has other options");
    same_with(retry_faster, "the projection 'orders' has other retries");
}

/* What is stored was divided so. */
static void keys_stay_in_their_partitions(void **state)
{
    (void)state;
    assert_int_equal(neapi_partition_of(NEAPI_LITERAL(""), 16), 5);
    assert_int_equal(neapi_partition_of(NEAPI_LITERAL("o-1"), 1), 0);
    assert_int_equal(neapi_partition_of(NEAPI_LITERAL("a"), 1000), 0xaf63dc4c8601ec8cu % 1000);
    assert_int_equal(neapi_partition_of(NEAPI_LITERAL("foobar"), 1000), 0x85944171f73967e8u % 1000);
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
        neapi_subscription projection = orders();
        whole = whole && neapi_catalog_add_subscription(&catalog, &projection, &error) != NULL;
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
        cmocka_unit_test(finds_subscriptions_by_name),
        cmocka_unit_test(tells_subscriptions_apart),
        cmocka_unit_test(keys_stay_in_their_partitions),
        cmocka_unit_test(survives_every_refused_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
