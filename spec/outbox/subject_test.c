/* Subjects made of templates, brokers' URLs, and which publisher they lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "outbox/address.h"
#include "outbox/publisher.h"
#include "outbox/subject.h"

static void assert_subject(const char *template, const char *type, const char *stream,
                           const char *expected)
{
    neap_event event = {.type = neapi_text_of(type), .stream = neapi_text_of(stream)};
    neapi_buffer text = NEAPI_BUFFER_INIT;
    assert_int_equal(neapi_subject_check(neapi_text_of(template), NULL), NEAP_OK);
    neapi_subject_write(&text, neapi_text_of(template), &event);
    assert_string_equal(neapi_buffer_terminated(&text), expected);
    neapi_buffer_fini(&text);
}

static void says_the_events_own_words(void **state)
{
    (void)state;
    assert_subject("shop.{type}", "OrderPlaced", "Order-o-1", "shop.OrderPlaced");
    assert_subject("{category}.{id}.{type}", "Placed", "Order-o-1", "Order.o-1.Placed");
    assert_subject("x{stream}y", "T", "Single", "xSingley");
    assert_subject("{category}.{id}", "T", "Single", "Single.Single");
    assert_subject("plain", "T", "S-1", "plain");
}

static void makes_one_token_of_each_word(void **state)
{
    (void)state;
    assert_subject("s.{id}", "T", "S-a.b*c>d e%f\x7F", "s.a%2Eb%2Ac%3Ed%20e%25f%7F");
    assert_subject("s.{id}", "T", "S-\xC3\xA9", "s.\xC3\xA9");
    assert_subject("s.{id}", "T", "S-", "s.%");
}

static void refuses_other_templates(void **state)
{
    static const struct {
        const char *template, *message;
    } cases[] = {
        {"shop.{typ}", "the subject has {typ}; expected {type}, {category}, {stream} or {id}; did "
                       "you mean {type}?"},
        {"shop.{type", "the subject \"shop.{type\" has a '{' without a '}'"},
        {"", "the subject \"\" is no subject; expected words without spaces, '*' or '>', and one "
             "dot between them, as in shop.{type}"},
        {"shop..x", NULL},
        {"shop.", NULL},
        {".shop", NULL},
        {"shop.*", NULL},
        {"shop.>", NULL},
        {"a shop", NULL},
    };
    neap_error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neap_text template = neapi_text_of(cases[i].template);
        assert_int_equal(neapi_subject_check(template, &error), NEAP_USAGE);
        if (cases[i].message != NULL)
            assert_string_equal(error.message, cases[i].message);
    }
}

static void takes_a_url_apart(void **state)
{
    (void)state;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_address address;
    neapi_address_option known[] = {{"subject", NULL}, {"stream", NULL}, {"creds", NULL}};
    neap_text url = NEAPI_LITERAL(
        "nats://ada:p%40ss@one:4222,nats://two?subject=a.{type}&&stream=S%20%251&creds=");
    assert_int_equal(neapi_address_read(url, &arena, &address, NULL), NEAP_OK);
    assert_string_equal(address.servers, "nats://ada:p%40ss@one:4222,nats://two");
    assert_string_equal(address.shown, "nats://***@one:4222,nats://two");
    assert_int_equal(neapi_address_options(&address, &arena, known, 3, NULL), NEAP_OK);
    assert_string_equal(known[0].value, "a.{type}");
    assert_string_equal(known[1].value, "S %1");
    assert_string_equal(known[2].value, "");
    neapi_arena_fini(&arena);
}

static void refuses_other_options(void **state)
{
    static const struct {
        const char *url, *message;
    } cases[] = {
        {"nats://a?sbject=x",
         "unknown option \"sbject\" in the broker's URL; known are subject, stream"},
        {"nats://a?stream=x&stream=y", "the option \"stream\" is given twice in the broker's URL"},
        {"nats://a?stream=%4", "the broker's URL has a '%' without two hexadecimal digits behind "
                               "it (write %25 for '%')"},
        {"nats://a?stream=%00", NULL},
        {"nats://a?stream=%zz", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_address address;
        neapi_address_option known[] = {{"subject", NULL}, {"stream", NULL}};
        neap_error error;
        assert_int_equal(neapi_address_read(neapi_text_of(cases[i].url), &arena, &address, NULL),
                         NEAP_OK);
        assert_int_equal(neapi_address_options(&address, &arena, known, 2, &error), NEAP_USAGE);
        if (cases[i].message != NULL)
            assert_string_equal(error.message, cases[i].message);
        neapi_arena_fini(&arena);
    }
}

static void finds_the_publisher_of_a_scheme(void **state)
{
    const neap_publisher *found;
    neap_error error;
    (void)state;
    assert_true(neapi_publisher_is_url(NEAPI_LITERAL("nats://localhost")));
    assert_false(neapi_publisher_is_url(NEAPI_LITERAL("broker")));
    assert_int_equal(neapi_publisher_find(NEAPI_LITERAL("tls://host"), &found, NULL), NEAP_OK);
    assert_ptr_equal(found, &neapi_publisher_nats);
    assert_int_equal(neapi_publisher_find(NEAPI_LITERAL("nat://host"), &found, &error),
                     NEAP_UNKNOWN);
    assert_string_equal(error.message,
                        "there is no publisher for \"nat:\"; known are nats: and tls:; "
                        "did you mean nats:?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_the_events_own_words),
        cmocka_unit_test(makes_one_token_of_each_word),
        cmocka_unit_test(refuses_other_templates),
        cmocka_unit_test(takes_a_url_apart),
        cmocka_unit_test(refuses_other_options),
        cmocka_unit_test(finds_the_publisher_of_a_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
