/* What the rules need: an open store, and short ways to build, commit and read. */
#ifndef NEAPI_SPEC_WORLD_H
#define NEAPI_SPEC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "contract/contract.h"

#define NOW ((int64_t)1700000000000000) /* µs: the wall clock of the rules */

typedef struct contract_world {
    const contract_fixture *fixture;
    char url[CONTRACT_URL_SIZE];
    neapi_store *store;
    neapi_session *writer, *reader;
    neapi_arena arena; /* for what is found */
    neapi_page all;    /* what world_read collected */
    int64_t blocks;    /* held before the test */
    char note[96];     /* printed if the test failed: how to repeat it. Empty: nothing to say */
} contract_world;

/* Opens a fresh store with a writing and a reading session. The teardown verifies and closes it,
 * and sees that no memory is left. */
int world_setup(void **state);
int world_teardown(void **state);
void world_close(contract_world *world);
/* Closes and opens it, or makes another one of it, if it lasts. */
void world_renew(contract_world *world);
neap_status store_open(const contract_fixture *fixture, const char *url, neapi_store **store,
                       neap_error *error);
void store_close(const contract_fixture *fixture, neapi_store *store);
void world_open(contract_world *world);

/* A text of the literal or terminated string. */
#define T(string) neapi_text_of(string)

neap_uuid new_id(void);
/* An event with an envelope of its own. */
neap_event new_event(const char *type, const char *data);
neapi_unit *new_unit(void);
/* Adds one event with data of its own. */
void add(neapi_unit *unit, const char *stream, uint64_t expected, const char *type);
void add_event(neapi_unit *unit, const char *stream, uint64_t expected, const neap_event *event);
/* Adds one event that carries the tags, in bytewise order; a NULL is none. */
void add_tagged(neapi_unit *unit, const char *stream, const char *type, const char *first,
                const char *second);
/* Adds a condition on one type (NULL: any) and one tag. */
void add_condition(neapi_unit *unit, const char *type, const char *tag, uint64_t after);
void add_key(neapi_unit *unit, const char *key, int64_t expires_at);
neap_uuid add_command(neapi_unit *unit, const char *name);
void add_snapshot(neapi_unit *unit, const char *stream, uint64_t version, const char *fingerprint,
                  const char *state, uint32_t keep);

/* Commits at now_us, and sees that every unit was judged. */
void commit_at(contract_world *world, neapi_unit *const *units, size_t count, int64_t now_us);
void commit(contract_world *world, neapi_unit *const *units, size_t count);
/* Commits one unit, sees that its verdict is the status, and releases it. */
void commit_one(contract_world *world, neapi_unit *unit, neap_status status);
/* The same for a unit of one event. */
void append(contract_world *world, const char *stream, const char *type);
void append_tagged(contract_world *world, const char *stream, const char *type, const char *first,
                   const char *second);
void release(neapi_unit *const *units, size_t count);

#define assert_verdict(unit, expected_status)                                                      \
    do {                                                                                           \
        assert_int_equal((unit)->verdict.status, (expected_status));                               \
        assert_int_equal((unit)->state,                                                            \
                         (expected_status) == NEAP_OK ? NEAPI_UNIT_ACCEPTED : NEAPI_UNIT_REFUSED); \
    } while (0)

neapi_range forward(void);
neapi_range backward(void);
/* Reads the whole range into world->all, page by page. */
void read_range(contract_world *world, neapi_session *session, neapi_range range);
/* Reads the range and compares positions. */
void assert_positions(contract_world *world, neapi_range range, const uint64_t *positions,
                      size_t count);
#define ASSERT_READ(world, range, ...)                                                             \
    assert_positions((world), (range), (const uint64_t[]){__VA_ARGS__},                            \
                     sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
void assert_head(contract_world *world, uint64_t position);
void assert_stream_head(contract_world *world, const char *stream, uint64_t version,
                        uint64_t position);
void assert_text(neap_text actual, const char *expected);
void assert_texts_equal(neap_text actual, neap_text expected);
void assert_events_equal(const neap_event *actual, const neap_event *expected);

/* Verifies and sees that nothing was found. */
neap_verification assert_sound(contract_world *world);

#endif
