/* core/base: what everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "base/uuid.h"

static void error_is_filled_and_prefixed(void **unused)
{
    (void)unused;
    neap_error error;
    assert_int_equal(neapi_fail(&error, NEAP_STORE, "disk %s", "full"), NEAP_STORE);
    neapi_error_prefix(&error, "append %s", "Order-7");
    assert_string_equal(error.message, "append Order-7: disk full");
    assert_string_equal(error.code, "store");
    assert_int_equal(neapi_fail(NULL, NEAP_BUSY, "x"), NEAP_BUSY);
}

static void too_long_a_message_is_cut_between_characters(void **unused)
{
    (void)unused;
    neap_error error;
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC3\xA4", 3);
    neapi_fail(&error, NEAP_STORE, "x%s", text);
    assert_true(strlen(error.message) < sizeof error.message);
    assert_true(strlen(error.message) > sizeof error.message - 4);
    assert_true(neapi_utf8_valid(error.message, strlen(error.message)));
}

static void map_agrees_with_a_model(void **unused)
{
    (void)unused;
    enum { KEYS = 500 };
    static char names[KEYS][16];
    static int values[KEYS];
    bool there[KEYS] = {false};
    neapi_map map;
    neapi_map_init(&map);
    for (int i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "k%d", i);
    srand(7);
    for (int step = 0; step < 200000; step++) {
        int i = rand() % KEYS;
        neap_text key = neapi_text_of(names[i]);
        if (rand() % 2) {
            assert_true(neapi_map_put(&map, key, &values[i]));
            there[i] = true;
        } else {
            assert_ptr_equal(neapi_map_remove(&map, key), there[i] ? &values[i] : NULL);
            there[i] = false;
        }
        int j = rand() % KEYS;
        assert_ptr_equal(neapi_map_get(&map, neapi_text_of(names[j])),
                         there[j] ? &values[j] : NULL);
    }
    size_t at = 0, seen = 0, expected = 0;
    while (neapi_map_next(&map, &at) != NULL)
        seen++;
    for (int i = 0; i < KEYS; i++)
        expected += there[i];
    assert_int_equal(seen, expected);
    assert_int_equal(map.count, expected);
    neapi_map_fini(&map);
}

static void arena_keeps_what_it_gave(void **unused)
{
    (void)unused;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_text texts[1000];
    char text[600];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 1000; i++) {
            memset(text, (int)('a' + i % 26), sizeof text);
            texts[i] = neapi_arena_text(&arena, neapi_text(text, i % sizeof text));
            assert_non_null(texts[i].data);
        }
        for (size_t i = 0; i < 1000; i++)
            for (size_t j = 0; j < texts[i].size; j++)
                assert_int_equal(texts[i].data[j], 'a' + i % 26);
        void *aligned = neapi_arena_alloc(&arena, 1);
        assert_int_equal((uintptr_t)aligned % _Alignof(max_align_t), 0);
        neapi_arena_clear(&arena);
    }
    assert_null(neapi_arena_alloc(&arena, SIZE_MAX - 8));
    neapi_arena_fini(&arena);
}

static void refused_allocation_sticks_to_the_buffer(void **unused)
{
    (void)unused;
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neapi_alloc_refuse(1, true);
    neapi_buffer_append(&buffer, "abc", 3);
    neapi_buffer_format(&buffer, "%d", 7);
    neapi_alloc_refuse(0, false);
    assert_true(buffer.failed);
    neapi_buffer_append(&buffer, "abc", 3);
    assert_null(neapi_buffer_terminated(&buffer));
    neapi_buffer_clear(&buffer);
    neapi_buffer_format(&buffer, "%s-%d", "a", 1);
    assert_string_equal(neapi_buffer_terminated(&buffer), "a-1");
    neapi_buffer_fini(&buffer);
}

static void nth_allocation_is_refused_once_or_from_then_on(void **unused)
{
    (void)unused;
    for (int persistent = 0; persistent < 2; persistent++) {
        neapi_alloc_refuse(3, persistent != 0);
        void *blocks[5];
        for (int i = 0; i < 5; i++)
            blocks[i] = neapi_alloc(8);
        neapi_alloc_refuse(0, false);
        assert_non_null(blocks[1]);
        assert_null(blocks[2]);
        assert_true((blocks[3] == NULL) == (persistent != 0));
        for (int i = 0; i < 5; i++)
            neapi_free(blocks[i]);
    }
}

static void ids_rise_and_say_their_time(void **unused)
{
    (void)unused;
    neapi_uuid_source source;
    neapi_uuid_source_init(&source, neapi_platform_machine());
    neap_uuid before = neapi_uuid_new(&source, 1700000000000000);
    for (int i = 0; i < 100000; i++) {
        /* The clock stands still, and once goes back. */
        neap_uuid next =
            neapi_uuid_new(&source, i == 500 ? 1600000000000000 : 1700000000000000 + i / 1000);
        assert_true(memcmp(&before, &next, sizeof next) < 0);
        assert_int_equal(next.bytes[6] >> 4, 7);
        assert_int_equal(next.bytes[8] >> 6, 2);
        before = next;
    }
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | before.bytes[i];
    assert_true(ms >= 1700000000000 && ms < 1700000001000);
}

static void ids_are_derived_the_same_every_time(void **unused)
{
    (void)unused;
    neap_uuid from = {{1, 2, 3, 4, 5, 6, 0x71, 8, 0x89, 10, 11, 12, 13, 14, 15, 16}};
    neap_uuid one = neapi_uuid_derive(from, 0);
    assert_true(neapi_uuid_equal(one, neapi_uuid_derive(from, 0)));
    assert_false(neapi_uuid_equal(one, neapi_uuid_derive(from, 1)));
    assert_memory_equal(one.bytes, from.bytes, 6);
    char text[37];
    neap_uuid parsed;
    neap_uuid_format(one, text);
    assert_true(neapi_uuid_parse(neapi_text_of(text), &parsed));
    assert_true(neapi_uuid_equal(one, parsed));
    text[4] = 'g';
    assert_false(neapi_uuid_parse(neapi_text_of(text), &parsed));
    assert_false(neapi_uuid_parse(NEAPI_LITERAL("0192"), &parsed));
}

/* Of commands with an idempotency key: it lies in stores. */
static void a_hash_stays_what_it_was(void **unused)
{
    (void)unused;
    static const struct {
        size_t size;
        uint64_t hash;
    } known[] = {
        {0, 0x0850f9794d5108b4}, {3, 0xada9686f16ce0f56},  {8, 0xc0224ef3183609e5},
        {9, 0x9a885ae7a0256a64}, {16, 0x90019022c0b4cc08}, {31, 0x80dad26b6dd3bae8},
    };
    const char *text = "a text of thirty-one characters";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(neapi_text_hash(neapi_text(text, known[i].size), known[i].size * 7) ==
                    known[i].hash);
}

static void utf8_is_told_from_what_is_not(void **unused)
{
    (void)unused;
    static const char *const good[] = {
        "", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8C\x8A", "12345678\xC3\xA9"};
    static const char *const bad[] = {"\x80",
                                      "\xC0\xAF",
                                      "\xC3",
                                      "\xE0\x80\xAF",
                                      "\xED\xA0\x80",
                                      "\xF0\x80\x80\xAF",
                                      "\xF4\x90\x80\x80",
                                      "\xFF",
                                      "1234567\xE2\x82"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(neapi_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(neapi_utf8_valid(bad[i], strlen(bad[i])));
}

static void nearest_name_is_found(void **unused)
{
    (void)unused;
    static const char *const names[] = {"PlaceOrder", "ShipOrder", "CancelOrder"};
    assert_string_equal(neapi_nearest(NEAPI_LITERAL("PlaceOrdr"), names, 3), "PlaceOrder");
    assert_string_equal(neapi_nearest(NEAPI_LITERAL("ShpiOrder"), names, 3), "ShipOrder");
    assert_null(neapi_nearest(NEAPI_LITERAL("Refund"), names, 3));
}

static void category_ends_at_the_first_dash(void **unused)
{
    (void)unused;
    assert_true(neapi_text_equal(neapi_stream_category(NEAPI_LITERAL("Order-o-1")),
                                 NEAPI_LITERAL("Order")));
    assert_true(
        neapi_text_equal(neapi_stream_category(NEAPI_LITERAL("Order")), NEAPI_LITERAL("Order")));
}

static neapi_gate gate;
static atomic_int handed;

static void *ping(void *unused)
{
    (void)unused;
    const neapi_platform *platform = neapi_platform_machine();
    for (int i = 0; i < 20000; i++) {
        while (atomic_load(&handed) != 1) {
            unsigned seen = neapi_gate_seen(&gate);
            if (atomic_load(&handed) != 1)
                neapi_park(platform, &gate, seen, NEAPI_NO_DEADLINE);
        }
        atomic_store(&handed, 0);
        neapi_wake(platform, &gate);
    }
    return NULL;
}

static void no_wake_is_lost(void **unused)
{
    (void)unused;
    const neapi_platform *platform = neapi_platform_machine();
    pthread_t other;
    assert_true(neapi_gate_init(&gate));
    assert_int_equal(pthread_create(&other, NULL, ping, NULL), 0);
    for (int i = 0; i < 20000; i++) {
        atomic_store(&handed, 1);
        neapi_wake(platform, &gate);
        while (atomic_load(&handed) != 0) {
            unsigned seen = neapi_gate_seen(&gate);
            if (atomic_load(&handed) != 0)
                neapi_park(platform, &gate, seen, NEAPI_NO_DEADLINE);
        }
    }
    pthread_join(other, NULL);
    int64_t before = neapi_monotonic_us(platform);
    neapi_park(platform, &gate, neapi_gate_seen(&gate), before + 2000);
    assert_true(neapi_monotonic_us(platform) >= before + 2000);
    neapi_gate_fini(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_is_filled_and_prefixed),
        cmocka_unit_test(too_long_a_message_is_cut_between_characters),
        cmocka_unit_test(map_agrees_with_a_model),
        cmocka_unit_test(arena_keeps_what_it_gave),
        cmocka_unit_test(refused_allocation_sticks_to_the_buffer),
        cmocka_unit_test(nth_allocation_is_refused_once_or_from_then_on),
        cmocka_unit_test(ids_rise_and_say_their_time),
        cmocka_unit_test(ids_are_derived_the_same_every_time),
        cmocka_unit_test(a_hash_stays_what_it_was),
        cmocka_unit_test(utf8_is_told_from_what_is_not),
        cmocka_unit_test(nearest_name_is_found),
        cmocka_unit_test(category_ends_at_the_first_dash),
        cmocka_unit_test(no_wake_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
