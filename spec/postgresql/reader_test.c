/* A reader that only ever asks for what is behind the last position that it has seen, while several
 * stores, as several processes would, commit at the same time: it misses none.
 *
 *   NEAP_READER_EVENTS   how many events, 1,000,000 for what is to be shown once */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "database.h"
#include "opened.h"

#define WRITERS    4
#define READERS    2
#define UNITS_MOST 50
#define EVENTS     20000 /* unless the environment says otherwise */
#define WITHIN_S   300   /* nothing new for so long: it never comes */

static char url[URL_SIZE];
static uint64_t wanted;
static atomic_uint_fast64_t appended;
static atomic_uint identity;

static neap_event new_event(unsigned writer)
{
    static const neap_text data = {"{\"note\":\"some bytes, as an event has them\"}", 43};
    neap_event event = {
        .schema = 1, .recorded_at = NOW, .type = NEAPI_LITERAL("Changed"), .data = data};
    unsigned number = atomic_fetch_add(&identity, 1) + 1;
    event.id.bytes[0] = (uint8_t)(writer + 1);
    memcpy(event.id.bytes + 8, &number, sizeof number);
    return event;
}

/* Of one to some events, of streams that others write to, too. */
static neapi_unit *new_unit(unsigned writer, unsigned *seed, uint64_t *events)
{
    neap_event first = new_event(writer);
    neapi_unit *unit = neapi_unit_new(first.id);
    unsigned count = 1 + (unsigned)rand_r(seed) % 5;
    for (unsigned i = 0; i < count; i++) {
        char stream[24];
        neap_event event = i == 0 ? first : new_event(writer);
        int size = snprintf(stream, sizeof stream, "A-%d", rand_r(seed) % 100);
        assert_int_equal(
            neapi_unit_append(unit, neapi_text(stream, (size_t)size), NEAP_ANY_VERSION, &event),
            NEAP_OK);
    }
    *events += count;
    return unit;
}

static void *write_all(void *number)
{
    unsigned writer = *(unsigned *)number, seed = writer;
    opened_store opened;
    open_all(&opened, url);
    while (atomic_load(&appended) < wanted) {
        neap_error error;
        neapi_outcome outcome;
        neapi_unit *units[UNITS_MOST];
        uint64_t events = 0;
        size_t count = 1 + (size_t)rand_r(&seed) % UNITS_MOST;
        for (size_t i = 0; i < count; i++)
            units[i] = new_unit(writer, &seed, &events);
        if (neapi_commit(opened.writer, units, count, NOW, &outcome, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < count; i++)
            neapi_unit_release(units[i]);
        atomic_fetch_add(&appended, events);
    }
    close_all(&opened);
    return NULL;
}

typedef struct reading {
    uint64_t last, count, gaps;
} reading;

/* Every page begins behind the last event that it has seen, wherever that is. */
static void *read_all(void *user)
{
    reading *it = user;
    neap_error error;
    neapi_store *store;
    neapi_session *session;
    neapi_page page = NEAPI_PAGE_INIT;
    if (neapi_store_open(url, NEAPI_MODE_READ, &store, &error) != NEAP_OK ||
        neapi_session_open(store, NEAPI_MODE_READ, &session, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    time_t since = time(NULL);
    while (it->last < wanted && time(NULL) - since < WITHIN_S) {
        neapi_range range = {
            .from = it->last + 1, .to = UINT64_MAX, .max_events = 1000, .max_bytes = 1 << 20};
        if (neapi_read(session, &range, &page, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < page.count; i++) {
            it->gaps += page.events[i].position != it->last + 1;
            it->last = page.events[i].position;
        }
        it->count += page.count;
        if (page.count != 0)
            since = time(NULL);
    }
    neapi_page_fini(&page);
    neapi_session_close(session);
    neapi_store_close(store);
    return NULL;
}

static void reader_misses_none(void **unused)
{
    (void)unused;
    pthread_t writers[WRITERS], readers[READERS];
    unsigned numbers[WRITERS];
    reading readings[READERS] = {{0}};
    opened_store opened;
    const char *events = getenv("NEAP_READER_EVENTS");
    wanted = events != NULL ? strtoull(events, NULL, 10) : EVENTS;
    database_fresh(url, sizeof url);
    open_all(&opened, url);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all, &readings[i]), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, write_all, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(readers[i], NULL);
        print_message("%llu events, %llu missed\n", (unsigned long long)readings[i].count,
                      (unsigned long long)readings[i].gaps);
        assert_int_equal(readings[i].gaps, 0);
        assert_true(readings[i].count >= wanted);
        assert_int_equal(readings[i].count, readings[i].last);
    }
    close_all(&opened);
    database_discard(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reader_misses_none)};
    return database_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : DATABASE_SKIP;
}
