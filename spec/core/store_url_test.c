/* core/store: URLs of stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/url.h"

static void assert_text(neap_text actual, const char *expected)
{
    assert_int_equal(actual.size, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.size);
}

static void url_is_taken_apart(void **unused)
{
    (void)unused;
    static const struct {
        const char *url, *scheme, *path, *query, *whole;
    } cases[] = {
        {"memory:", "memory", "", "", NULL},
        {"sqlite:shop.db", "sqlite", "shop.db", "", NULL},
        {"sqlite:/a/b.db?synchronous=full&x", "sqlite", "/a/b.db", "synchronous=full&x", NULL},
        {"sqlite:a%20b%3F%25.db?x=%20", "sqlite", "a b?%.db", "x=%20", NULL},
        {"sqlite:c:d?e?f", "sqlite", "c:d", "e?f", NULL},
        {"sqlite:\xC3\xA4.db?", "sqlite", "\xC3\xA4.db", "", NULL},
        {"postgresql://ada:secret@host:5432/shop?a=b", "postgresql", "//ada:secret@host:5432/shop",
         "a=b", "postgresql://ada:***@host:5432/shop?a=b"},
        {"x://ada:p@ss@host/db@2", "x", "//ada:p@ss@host/db@2", "", "x://ada:***@host/db@2"},
        {"x://ada@host:1/db", "x", "//ada@host:1/db", "", NULL},
        {"x://host/?user=ada&password=pw&z=1", "x", "//host/", "user=ada&password=pw&z=1",
         "x://host/?user=ada&password=***&z=1"},
        {"x://ada:p/w@host/db", "x", "//ada:p/w@host/db", "", "x://ada:***@host/db"},
        {"x://a:p@h/?sslpassword=q&z=1&password=r", "x", "//a:p@h/", "sslpassword=q&z=1&password=r",
         "x://a:***@h/?sslpassword=***&z=1&password=***"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_url url;
        neap_error error;
        assert_int_equal(neapi_url_parse(cases[i].url, &arena, &url, &error), NEAP_OK);
        assert_text(url.scheme, cases[i].scheme);
        assert_text(url.path, cases[i].path);
        assert_text(url.query, cases[i].query);
        assert_text(url.whole, cases[i].whole != NULL ? cases[i].whole : cases[i].url);
        neapi_arena_fini(&arena);
    }
}

static void wrong_url_says_what_is_wrong(void **unused)
{
    (void)unused;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {NULL, "empty"},           {"", "empty"},          {"shop.db", "no scheme"},
        {":shop.db", "no scheme"}, {"7up:x", "no scheme"}, {"/tmp/a:b", "no scheme"},
        {"sqlite:50%", "'%'"},     {"sqlite:%4", "'%'"},   {"sqlite:%g1", "'%'"},
        {"sqlite:a%00b", "00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_url url;
        neap_error error;
        assert_int_equal(neapi_url_parse(cases[i].url, &arena, &url, &error), NEAP_USAGE);
        assert_non_null(strstr(error.message, cases[i].says));
        neapi_arena_fini(&arena);
    }
}

static void options_are_found_by_name(void **unused)
{
    (void)unused;
    const neapi_url url = {.query = neapi_text_of("&a=1&bare&=none&b=2=3&a=4&&")};
    bool given;
    assert_text(neapi_url_option(&url, "a", &given), "1");
    assert_true(given);
    assert_text(neapi_url_option(&url, "b", &given), "2=3");
    assert_true(given);
    assert_text(neapi_url_option(&url, "bare", &given), "");
    assert_true(given);
    assert_text(neapi_url_option(&url, "none", &given), "");
    assert_false(given);
}

static void unknown_and_repeated_options_are_usage(void **unused)
{
    (void)unused;
    static const char *const known[] = {"synchronous", "timeout", NULL};
    neap_error error;
    neapi_url url = {.query = neapi_text_of("timeout=1&synchronous=full")};
    assert_int_equal(neapi_url_check_options(&url, known, &error), NEAP_OK);
    url.query = neapi_text_of("");
    assert_int_equal(neapi_url_check_options(&url, known, &error), NEAP_OK);
    url.query = neapi_text_of("timeout=1&sinchronous=full");
    assert_int_equal(neapi_url_check_options(&url, known, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "\"sinchronous\""));
    assert_non_null(strstr(error.message, "did you mean \"synchronous\"?"));
    url.query = neapi_text_of("colour");
    assert_int_equal(neapi_url_check_options(&url, known, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "\"colour\""));
    assert_null(strstr(error.message, "did you mean"));
    url.query = neapi_text_of("timeout=1&timeout=2");
    assert_int_equal(neapi_url_check_options(&url, known, &error), NEAP_USAGE);
    assert_non_null(strstr(error.message, "twice"));
}

static void refused_allocation_is_said(void **unused)
{
    (void)unused;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_url url;
    neap_error error;
    neapi_alloc_refuse(1, true);
    neap_status status = neapi_url_parse("x://a:b@c/d?e", &arena, &url, &error);
    neapi_alloc_refuse(0, false);
    assert_int_equal(status, NEAP_NOMEM);
    neapi_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url_is_taken_apart),
        cmocka_unit_test(wrong_url_says_what_is_wrong),
        cmocka_unit_test(options_are_found_by_name),
        cmocka_unit_test(unknown_and_repeated_options_are_usage),
        cmocka_unit_test(refused_allocation_is_said),
    };
    return cmocka_run_group_tests_name("store_url", tests, NULL, NULL);
}
