/* core/store: pages of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/page.h"

#define T(string) neapi_text_of(string)

static void assert_text(neap_text actual, const char *expected)
{
    assert_int_equal(actual.size, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.size);
}

static void page_copies_what_it_is_given(void **unused)
{
    (void)unused;
    char stream[] = "A-1", type[] = "Changed", data[] = "{}", meta[] = "{\"u\":\"a\"}";
    char tags_text[] = "a:1b:2";
    const neap_text tags[] = {neapi_text(tags_text, 3), neapi_text(tags_text + 3, 3)};
    neap_event event = {.position = 7,
                        .version = 3,
                        .id = {{9}},
                        .type = T(type),
                        .stream = T(stream),
                        .data = T(data),
                        .meta = T(meta),
                        .tags = tags,
                        .tag_count = 2};
    neapi_page page = NEAPI_PAGE_INIT;
    assert_true(neapi_page_add(&page, &event));
    stream[0] = type[0] = data[0] = meta[0] = tags_text[0] = tags_text[3] = '?';
    const neap_event *kept = &page.events[0];
    assert_int_equal(kept->position, 7);
    assert_int_equal(kept->version, 3);
    assert_int_equal(kept->id.bytes[0], 9);
    assert_text(kept->stream, "A-1");
    assert_text(kept->type, "Changed");
    assert_text(kept->data, "{}");
    assert_text(kept->meta, "{\"u\":\"a\"}");
    assert_int_equal(kept->tag_count, 2);
    assert_text(kept->tags[0], "a:1");
    assert_text(kept->tags[1], "b:2");
    assert_int_equal(page.bytes, 2 + 9);
    neapi_page_fini(&page);
    assert_int_equal(page.count, 0);
}

static void fill(neapi_page *page, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char stream[32], data[32];
        snprintf(stream, sizeof stream, "A-%zu", i / 10);
        snprintf(data, sizeof data, "%zu", i);
        neap_event event = {.position = i + 1,
                            .stream = T(stream),
                            .type = T(i % 4 < 2 ? "Opened" : "Closed"),
                            .data = T(data)};
        assert_true(neapi_page_add(page, &event));
    }
}

static void page_grows_and_is_used_again(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    neapi_page page = NEAPI_PAGE_INIT;
    for (int round = 0; round < 3; round++) {
        fill(&page, 1000);
        assert_int_equal(page.count, 1000);
        for (size_t i = 0; i < 1000; i++) {
            char stream[32], data[32];
            snprintf(stream, sizeof stream, "A-%zu", i / 10);
            snprintf(data, sizeof data, "%zu", i);
            assert_text(page.events[i].stream, stream);
            assert_text(page.events[i].type, i % 4 < 2 ? "Opened" : "Closed");
            assert_text(page.events[i].data, data);
            assert_null(page.events[i].tags);
        }
        neap_event *events = page.events;
        page.next = 5;
        page.last = true;
        neapi_page_clear(&page);
        assert_ptr_equal(page.events, events);
        assert_int_equal(page.count + page.bytes + page.next, 0);
        assert_false(page.last);
    }
    neapi_page_fini(&page);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

static void refused_allocation_adds_nothing(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    neapi_page page = NEAPI_PAGE_INIT;
    const neap_event event = {.position = 1, .stream = T("A-1"), .type = T("T"), .data = T("{}")};
    for (uint64_t nth = 1; nth <= 2; nth++) {
        neapi_alloc_refuse(nth, false);
        assert_false(neapi_page_add(&page, &event));
        neapi_alloc_refuse(0, false);
        assert_int_equal(page.count, 0);
        assert_int_equal(page.bytes, 0);
        neapi_page_fini(&page);
    }
    assert_true(neapi_page_add(&page, &event));
    assert_text(page.events[0].stream, "A-1");
    neapi_page_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_copies_what_it_is_given),
        cmocka_unit_test(page_grows_and_is_used_again),
        cmocka_unit_test(refused_allocation_adds_nothing),
    };
    return cmocka_run_group_tests_name("store_page", tests, NULL, NULL);
}
