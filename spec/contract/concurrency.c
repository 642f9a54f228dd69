/* One writer and many readers at the same time. */
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract/rules.h"
#include "contract/world.h"

#define READERS 3
#define BATCHES 120
#define UNITS   5
#define STREAMS 8

typedef struct shared_state {
    atomic_bool done;
    atomic_uint_fast64_t total;
} shared_state;

typedef struct reader_thread {
    pthread_t thread;
    neapi_session *session;
    shared_state *shared;
    size_t page_size;
    bool by_category; /* of half of the streams */
    uint64_t versions[STREAMS];
    uint64_t seen, last;
    char wrong[1200]; /* empty: nothing */
} reader_thread;

static void check_forward(reader_thread *reader, const neap_event *event)
{
    size_t stream = (size_t)atoi(strrchr(event->stream.data, '-') + 1);
    if (!reader->by_category && event->position != reader->last + 1)
        snprintf(reader->wrong, sizeof reader->wrong, "position %" PRIu64 " follows %" PRIu64,
                 event->position, reader->last);
    if (event->position <= reader->last || event->version != reader->versions[stream] + 1)
        snprintf(reader->wrong, sizeof reader->wrong,
                 "version %" PRIu64 " at position %" PRIu64 " follows version %" PRIu64,
                 event->version, event->position, reader->versions[stream]);
    reader->last = event->position;
    reader->versions[stream] = event->version;
    reader->seen++;
}

/* What is read backward is a whole prefix of the log. */
static void check_backward(reader_thread *reader, neapi_page *page)
{
    neap_error error;
    neapi_range range = backward();
    range.max_events = reader->page_size;
    if (neapi_read(reader->session, &range, page, &error) != NEAP_OK)
        snprintf(reader->wrong, sizeof reader->wrong, "%s", error.message);
    for (size_t i = 0; i < page->count; i++)
        if (page->events[i].position != page->events[0].position - i)
            snprintf(reader->wrong, sizeof reader->wrong,
                     "position %" PRIu64 " is %zu behind %" PRIu64, page->events[i].position, i,
                     page->events[0].position);
    if (page->count != 0 && page->events[0].position < reader->last)
        snprintf(reader->wrong, sizeof reader->wrong, "the head moved back");
}

static void *run_reader(void *argument)
{
    reader_thread *reader = argument;
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = forward();
    range.max_events = reader->page_size;
    range.category = reader->by_category ? T("Even") : T("");
    bool done = false;
    while (reader->wrong[0] == '\0') {
        bool was_done = atomic_load(&reader->shared->done);
        neap_error error;
        if (neapi_read(reader->session, &range, &page, &error) != NEAP_OK) {
            snprintf(reader->wrong, sizeof reader->wrong, "%s", error.message);
            break;
        }
        for (size_t i = 0; i < page.count && reader->wrong[0] == '\0'; i++)
            check_forward(reader, &page.events[i]);
        range.from = page.next;
        done = was_done && page.last;
        if (done)
            break;
        if (page.last)
            sched_yield();
        if (!reader->by_category && reader->wrong[0] == '\0')
            check_backward(reader, &page);
    }
    neapi_page_fini(&page);
    return NULL;
}

static void write_batch(contract_world *world, uint64_t *versions, uint64_t *even)
{
    neapi_unit *units[UNITS];
    for (size_t i = 0; i < UNITS; i++) {
        units[i] = new_unit();
        size_t s = (size_t)((versions[0] * 7 + i * 3) % STREAMS);
        char stream[16];
        snprintf(stream, sizeof stream, "%s-%zu", s % 2 == 0 ? "Even" : "Odd", s);
        bool stale = i == 3; /* one that is refused, in the middle */
        for (size_t n = 0; n <= i; n++)
            add(units[i], stream, stale ? versions[s] + 1 : versions[s], "Changed");
        if (!stale) {
            versions[s] += i + 1;
            *even += s % 2 == 0 ? i + 1 : 0;
        }
    }
    commit(world, units, UNITS);
    for (size_t i = 0; i < UNITS; i++)
        assert_verdict(units[i], i == 3 ? NEAP_CONFLICT : NEAP_OK);
    release(units, UNITS);
}

void readers_see_a_prefix(void **state)
{
    contract_world *world = *state;
    shared_state shared;
    atomic_init(&shared.done, false);
    static reader_thread readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        readers[i] =
            (reader_thread){.shared = &shared, .page_size = 1 + 16 * i, .by_category = i == 1};
        assert_int_equal(
            neapi_session_open(world->store, NEAPI_MODE_READ, &readers[i].session, NULL), NEAP_OK);
        assert_int_equal(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
    }
    uint64_t versions[STREAMS] = {0}, even = 0, total = 0;
    for (int i = 0; i < BATCHES; i++)
        write_batch(world, versions, &even);
    for (size_t s = 0; s < STREAMS; s++)
        total += versions[s];
    atomic_store(&shared.done, true);
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        neapi_session_close(readers[i].session);
    }
    for (size_t i = 0; i < READERS; i++) {
        assert_string_equal(readers[i].wrong, "");
        assert_int_equal(readers[i].seen, readers[i].by_category ? even : total);
    }
}
