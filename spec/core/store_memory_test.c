/* stores/memory: what the contract suite cannot see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "store/store.h"
#include "stores/memory/keys.h"

#define T(string) neapi_text_of(string)

static const neap_uuid some_id = {{7}};

static void commit_one(neapi_session *session, neapi_unit *unit, neap_status status)
{
    neapi_outcome outcome;
    assert_int_equal(neapi_commit(session, &unit, 1, 1, &outcome, NULL), NEAP_OK);
    assert_int_equal(unit->verdict.status, status);
    neapi_unit_release(unit);
}

static neapi_unit *unit_of(const char *stream, const char *type, const char *data)
{
    neapi_unit *unit = neapi_unit_new(some_id);
    char tag[40];
    snprintf(tag, sizeof tag, "stream:%s", stream);
    const neap_text tags[] = {T("kept:1"), T(tag)};
    neap_event event = {.id = some_id,
                        .recorded_at = 1,
                        .schema = 1,
                        .type = T(type),
                        .data = T(data),
                        .tags = tags,
                        .tag_count = 2};
    for (int i = 0; i < 6; i++)
        assert_int_equal(neapi_unit_append(unit, T(stream), NEAP_ANY_VERSION, &event), NEAP_OK);
    return unit;
}

/* Units that are refused at their end, each with new names and much data. */
static void refused_units_leave_no_memory_behind(void **unused)
{
    (void)unused;
    neapi_store *store;
    neapi_session *session;
    static char data[40000];
    memset(data, '1', sizeof data - 1);
    assert_int_equal(neapi_store_open("memory:", NEAPI_MODE_WRITE, &store, NULL), NEAP_OK);
    assert_int_equal(neapi_session_open(store, NEAPI_MODE_WRITE, &session, NULL), NEAP_OK);
    commit_one(session, unit_of("Kept-1", "Kept", "1"), NEAP_OK);
    int64_t blocks = 0;
    for (int i = 0; i < 300; i++) {
        char stream[32], type[32];
        snprintf(stream, sizeof stream, "New%d-1", i);
        snprintf(type, sizeof type, "Type%d", i);
        neapi_unit *unit = unit_of(stream, type, data);
        neapi_key key = {.key = T(stream), .expires_at = 100};
        neapi_snapshot snapshot = {.name = T(stream), .version = 1, .keep = 1};
        neapi_unit_key(unit, &key);
        neapi_unit_snapshot(unit, &snapshot);
        snapshot.version = 2;
        neapi_unit_snapshot(unit, &snapshot);
        neapi_unit_expect(unit, T(stream), 1);
        commit_one(session, unit, NEAP_CONFLICT);
        if (i == 0)
            blocks = neapi_alloc_blocks();
        assert_int_equal(neapi_alloc_blocks(), blocks);
    }
    commit_one(session, unit_of("New7-1", "Type7", "1"), NEAP_OK);
    neapi_session_close(session);
    neapi_store_close(store);
}

#define KEYS 64

/* Keys come and go at random; the heap and the map agree with a plain list. */
static void keys_expire_in_order(void **unused)
{
    (void)unused;
    neapi_memory_keys keys;
    neapi_memory_keys_init(&keys);
    static char names[KEYS][8];
    int64_t expires[KEYS] = {0}; /* 0: not there */
    srand(11);
    for (int64_t now = 1; now < 20000; now++) {
        size_t k = (size_t)rand() % KEYS, there = 0;
        snprintf(names[k], sizeof names[k], "k%zu", k);
        neapi_memory_key *found = neapi_map_get(&keys.map, T(names[k]));
        assert_int_equal(found != NULL, expires[k] != 0);
        assert_int_equal(neapi_memory_keys_find(&keys, T(names[k]), now) != NULL, now < expires[k]);
        if (found != NULL && rand() % 2 == 0) {
            neapi_memory_keys_remove(&keys, found);
            expires[k] = 0;
        } else if (now >= expires[k]) {
            neapi_key key = {.key = T(names[k]), .expires_at = now + 1 + rand() % 200};
            assert_non_null(neapi_memory_keys_add(&keys, &key));
            expires[k] = key.expires_at;
        }
        if (rand() % 16 == 0) {
            assert_false(neapi_memory_keys_expire(&keys, now, KEYS));
            for (size_t i = 0; i < KEYS; i++)
                expires[i] = expires[i] <= now ? 0 : expires[i];
        }
        for (size_t i = 0; i < KEYS; i++)
            there += expires[i] != 0;
        assert_int_equal(keys.count, there);
        assert_int_equal(keys.map.count, there);
        for (size_t i = 0; i < keys.count; i++) {
            assert_int_equal(keys.heap[i]->at, i);
            assert_true(keys.heap[i != 0 ? (i - 1) / 2 : 0]->key.expires_at <=
                        keys.heap[i]->key.expires_at);
        }
    }
    neapi_memory_keys_fini(&keys);
}

static int count_blocks(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_units_leave_no_memory_behind),
        cmocka_unit_test(keys_expire_in_order),
    };
    return cmocka_run_group_tests_name("store_memory", tests, count_blocks, NULL);
}
