#include "runtime/hub.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/ring.h"

#define BATCH_UNITS  256
#define BATCH_EVENTS 1024
#define BATCH_BYTES  (256u << 10)

struct neapi_hub {
    atomic_uint references;
    atomic_uint readers;
    atomic_size_t held_bytes; /* of all batches that somebody holds */
    neapi_count given, fetched, pages;
    const neapi_platform *platform;
    neapi_batch_limits limits;
    pthread_mutex_t mutex;
    /* Under the mutex. */
    neapi_ring ring;
    uint64_t head; /* the last position that was published; 0: nothing was as long as there have
                      been readers */
    neapi_topics topics;
    neapi_hub_reader *all;
    neapi_hub_reader *fired, **last_fired; /* to be woken, in order */
    uint64_t wakes;
    unsigned waiting;
    bool ended;
    unsigned closing; /* who waits at `unpinned` */
    neapi_gate unpinned;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

neapi_hub *neapi_hub_new(const neapi_platform *platform, size_t most_bytes, size_t most_events)
{
    neapi_hub *hub = neapi_alloc_zero(1, sizeof *hub);
    if (hub == NULL)
        return NULL;
    if (!neapi_gate_init(&hub->unpinned)) {
        neapi_free(hub);
        return NULL;
    }
    if (pthread_mutex_init(&hub->mutex, NULL) != 0) {
        neapi_gate_fini(&hub->unpinned);
        neapi_free(hub);
        return NULL;
    }
    atomic_init(&hub->references, 1);
    atomic_init(&hub->readers, 0);
    atomic_init(&hub->held_bytes, 0);
    hub->platform = platform;
    /* So small that what goes first from the ring is a small part of it. */
    hub->limits = (neapi_batch_limits){.units = BATCH_UNITS,
                                       .events = least(BATCH_EVENTS, most_events / 8),
                                       .bytes = least(BATCH_BYTES, most_bytes / 8)};
    neapi_ring_init(&hub->ring, most_bytes, most_events);
    neapi_topics_init(&hub->topics);
    hub->last_fired = &hub->fired;
    return hub;
}

neapi_hub *neapi_hub_hold(neapi_hub *hub)
{
    atomic_fetch_add(&hub->references, 1);
    return hub;
}

void neapi_hub_release(neapi_hub *hub)
{
    if (hub == NULL || atomic_fetch_sub(&hub->references, 1) != 1)
        return;
    neapi_ring_fini(&hub->ring);
    neapi_topics_fini(&hub->topics);
    pthread_mutex_destroy(&hub->mutex);
    neapi_gate_fini(&hub->unpinned);
    neapi_free(hub);
}

/* ---- Waking ---------------------------------------------------------------------------------- */

/* The reader goes on at its position, as soon as it is woken. */
static void fire_locked(neapi_hub *hub, neapi_hub_reader *reader)
{
    neapi_topics_stop_waiting(&reader->interest);
    reader->waiting = false;
    hub->waiting--;
    if (reader->fired)
        return;
    reader->fired = true;
    reader->next_fired = NULL;
    *hub->last_fired = reader;
    hub->last_fired = &reader->next_fired;
}

static neapi_hub_reader *reader_of(neapi_interest *interest)
{
    return (neapi_hub_reader *)((char *)interest - offsetof(neapi_hub_reader, interest));
}

/* Everything before the event was of no interest to it, or it would not wait any more. */
static void found_locked(void *user, neapi_interest *interest, const neap_event *event)
{
    neapi_hub_reader *reader = reader_of(interest);
    if (event->position < reader->position)
        return; /* it has it from the store already */
    reader->position = event->position;
    fire_locked(user, reader);
}

static void move_lazily_locked(const neapi_hub *hub, neapi_hub_reader *reader)
{
    if (reader->waiting && reader->position <= hub->head)
        reader->position = hub->head + 1;
}

/* Something from `head` up to `first` was not seen here: who waits has to look in the store. */
static void fire_all_before_locked(neapi_hub *hub, uint64_t first)
{
    for (neapi_hub_reader *reader = hub->all; reader != NULL; reader = reader->next) {
        move_lazily_locked(hub, reader);
        if (reader->waiting && reader->position < first)
            fire_locked(hub, reader);
    }
}

static void unpin_locked(neapi_hub *hub, neapi_hub_reader *reader)
{
    reader->pins--;
    if (hub->closing != 0)
        neapi_wake(hub->platform, &hub->unpinned);
}

void neapi_hub_wake(neapi_hub *hub)
{
    if (atomic_load(&hub->readers) == 0)
        return;
    pthread_mutex_lock(&hub->mutex);
    for (neapi_hub_reader *reader; (reader = hub->fired) != NULL;) {
        hub->fired = reader->next_fired;
        if (hub->fired == NULL)
            hub->last_fired = &hub->fired;
        reader->fired = false;
        reader->pins++;
        hub->wakes++;
        pthread_mutex_unlock(&hub->mutex); /* who is woken wants it next */
        neapi_wake(hub->platform, reader->gate);
        pthread_mutex_lock(&hub->mutex);
        unpin_locked(hub, reader);
    }
    pthread_mutex_unlock(&hub->mutex);
}

/* ---- Publishing ------------------------------------------------------------------------------ */

static void match_locked(neapi_hub *hub, const neapi_batch *batch)
{
    neapi_topics_hint hint = {0};
    neapi_batch_place place = {0};
    const neap_event *event;
    while (hub->waiting != 0 && (event = neapi_batch_next(batch, &place)) != NULL)
        neapi_topics_match(&hub->topics, event, &hint, found_locked, hub);
}

/* Gives what is kept no more, for whoever does not have the mutex. batch: NULL, there was no memory
 * for it. */
static neapi_batch *add(neapi_hub *hub, neapi_batch *batch, const neapi_batch_extent *extent)
{
    pthread_mutex_lock(&hub->mutex);
    neapi_batch *gone = NULL;
    if (hub->all == NULL || extent->last <= hub->head) {
        gone = batch;
    } else {
        bool follows = extent->first == hub->head + 1;
        bool kept = batch != NULL && neapi_ring_reserve(&hub->ring);
        if (!follows || !kept) {
            gone = neapi_ring_clear(&hub->ring);
            fire_all_before_locked(hub, kept ? extent->first : extent->last + 1);
        }
        hub->head = extent->last;
        if (kept) {
            match_locked(hub, batch);
            neapi_ring_add(&hub->ring, batch, &gone);
        } else if (batch != NULL) {
            batch->next = gone;
            gone = batch;
        }
    }
    pthread_mutex_unlock(&hub->mutex);
    return gone;
}

static void release_list(neapi_batch *batch)
{
    while (batch != NULL) {
        neapi_batch *next = batch->next;
        neapi_batch_release(batch);
        batch = next;
    }
}

void neapi_hub_publish(neapi_hub *hub, neapi_unit *const *units, size_t count)
{
    /* Reads and writes, so that of a reader that opens now and this one or the other comes first:
     * either it is seen here, or it sees in the store what has been committed. */
    if (atomic_fetch_add(&hub->readers, 0) == 0)
        return;
    for (size_t at = 0; at < count;) {
        neapi_batch_extent extent = neapi_batch_measure(units, at, count, &hub->limits);
        if (extent.unit_count != 0)
            release_list(add(hub, neapi_batch_new(units, at, &extent, &hub->held_bytes), &extent));
        at = extent.end;
    }
}

void neapi_hub_missed(neapi_hub *hub, uint64_t last)
{
    neapi_batch *gone = NULL;
    pthread_mutex_lock(&hub->mutex);
    if (hub->all != NULL && last > hub->head) {
        gone = neapi_ring_clear(&hub->ring);
        fire_all_before_locked(hub, last + 1);
        hub->head = last;
    }
    pthread_mutex_unlock(&hub->mutex);
    release_list(gone);
    neapi_hub_wake(hub);
}

/* ---- The end --------------------------------------------------------------------------------- */

void neapi_hub_end(neapi_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    hub->ended = true;
    for (neapi_hub_reader *reader = hub->all; reader != NULL; reader = reader->next) {
        move_lazily_locked(hub, reader);
        if (reader->waiting)
            fire_locked(hub, reader);
    }
    pthread_mutex_unlock(&hub->mutex);
    neapi_hub_wake(hub);
}

static neapi_hub_reader *next_to_detach_locked(neapi_hub *hub)
{
    neapi_hub_reader *reader = hub->all;
    while (reader != NULL && reader->detached)
        reader = reader->next;
    if (reader != NULL) {
        reader->detached = true;
        reader->pins++;
    }
    return reader;
}

void neapi_hub_detach_all(neapi_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    for (neapi_hub_reader *reader; (reader = next_to_detach_locked(hub)) != NULL;) {
        pthread_mutex_unlock(&hub->mutex);
        if (reader->detach != NULL)
            reader->detach(reader);
        pthread_mutex_lock(&hub->mutex);
        unpin_locked(hub, reader);
    }
    pthread_mutex_unlock(&hub->mutex);
}

void neapi_hub_count(neapi_hub_reader *reader, uint64_t events, uint64_t pages)
{
    neapi_hub *hub = reader->hub;
    neapi_count_add_shared(pages == 0 ? &hub->given : &hub->fetched, events);
    neapi_count_add_shared(&hub->pages, pages);
}

/* Of the reader that is furthest behind; who waits is behind nobody. */
static uint64_t lag_of(const neapi_hub *hub)
{
    uint64_t lag = 0;
    for (const neapi_hub_reader *reader = hub->all; reader != NULL; reader = reader->next)
        if (!reader->waiting && reader->position <= hub->head &&
            hub->head + 1 - reader->position > lag)
            lag = hub->head + 1 - reader->position;
    return lag;
}

neapi_hub_figures neapi_hub_look(neapi_hub *hub)
{
    pthread_mutex_lock(&hub->mutex);
    neapi_hub_figures figures = {.readers = atomic_load(&hub->readers),
                                 .waiting = hub->waiting,
                                 .batches = hub->ring.count,
                                 .events = hub->ring.events,
                                 .kept_bytes = hub->ring.bytes,
                                 .held_bytes = atomic_load(&hub->held_bytes),
                                 .first = hub->head + 1 - hub->ring.events,
                                 .last = hub->head,
                                 .wakes = hub->wakes,
                                 .lag = lag_of(hub),
                                 .given = neapi_count_get(&hub->given),
                                 .fetched = neapi_count_get(&hub->fetched),
                                 .pages = neapi_count_get(&hub->pages)};
    pthread_mutex_unlock(&hub->mutex);
    return figures;
}

/* ---- Readers --------------------------------------------------------------------------------- */

neap_status neapi_hub_open(neapi_hub *hub, neapi_hub_reader *reader, const neapi_range *range,
                           neap_error *error)
{
    neap_status status = NEAP_OK;
    pthread_mutex_lock(&hub->mutex);
    if (hub->ended)
        status = neapi_fail(error, NEAP_CLOSED, "the runtime is closed");
    else if (neapi_topics_enter(&hub->topics, &reader->interest, range) != NEAP_OK)
        status = neapi_nomem(error);
    if (status == NEAP_OK) {
        reader->hub = neapi_hub_hold(hub);
        reader->position = range->stream.size != 0 ? 1 : range->from;
        reader->next = hub->all;
        reader->link = &hub->all;
        if (reader->next != NULL)
            reader->next->link = &reader->next;
        hub->all = reader;
        atomic_fetch_add(&hub->readers, 1);
    }
    pthread_mutex_unlock(&hub->mutex);
    return status;
}

static void unlist_fired_locked(neapi_hub *hub, neapi_hub_reader *reader)
{
    neapi_hub_reader **link = &hub->fired;
    while (*link != reader)
        link = &(*link)->next_fired;
    *link = reader->next_fired;
    if (*link == NULL)
        hub->last_fired = link;
    reader->fired = false;
}

/* Until no other thread uses it. */
static void wait_for_pins_locked(neapi_hub *hub, const neapi_hub_reader *reader)
{
    hub->closing++;
    while (reader->pins != 0) {
        unsigned seen = neapi_gate_seen(&hub->unpinned);
        pthread_mutex_unlock(&hub->mutex);
        neapi_park(hub->platform, &hub->unpinned, seen, NEAPI_NO_DEADLINE);
        pthread_mutex_lock(&hub->mutex);
    }
    hub->closing--;
}

void neapi_hub_close(neapi_hub_reader *reader)
{
    neapi_hub *hub = reader->hub;
    if (hub == NULL)
        return;
    neapi_batch *gone = NULL;
    pthread_mutex_lock(&hub->mutex);
    if (reader->waiting) {
        neapi_topics_stop_waiting(&reader->interest);
        hub->waiting--;
    }
    if (reader->fired)
        unlist_fired_locked(hub, reader);
    if (reader->pins != 0)
        wait_for_pins_locked(hub, reader);
    neapi_topics_leave(&reader->interest);
    *reader->link = reader->next;
    if (reader->next != NULL)
        reader->next->link = reader->link;
    atomic_fetch_sub(&hub->readers, 1);
    if (hub->all == NULL) { /* what is committed now is not seen here */
        gone = neapi_ring_clear(&hub->ring);
        hub->head = 0;
    }
    pthread_mutex_unlock(&hub->mutex);
    reader->hub = NULL;
    release_list(gone);
    neapi_hub_release(hub);
}

static void wait_locked(neapi_hub *hub, neapi_hub_reader *reader)
{
    neapi_topics_wait(&reader->interest);
    reader->waiting = true;
    hub->waiting++;
}

neapi_hub_answer neapi_hub_take(neapi_hub_reader *reader, neapi_batch **batch, uint64_t *position)
{
    neapi_hub *hub = reader->hub;
    neapi_hub_answer answer = NEAPI_HUB_WAITS;
    pthread_mutex_lock(&hub->mutex);
    move_lazily_locked(hub, reader);
    if (!reader->waiting) {
        /* Before anything was published the hub cannot know what the store has. */
        bool knows = reader->at_end || hub->head != 0;
        if (!knows || reader->position + hub->ring.events <= hub->head)
            answer = NEAPI_HUB_BEHIND;
        else if (reader->position <= hub->head)
            answer = NEAPI_HUB_EVENTS;
        else if (hub->ended)
            answer = NEAPI_HUB_ENDED;
        else
            wait_locked(hub, reader);
    }
    if (answer == NEAPI_HUB_EVENTS)
        *batch = neapi_batch_hold(neapi_ring_find(&hub->ring, reader->position));
    *position = reader->position;
    pthread_mutex_unlock(&hub->mutex);
    return answer;
}

uint64_t neapi_hub_position(const neapi_hub_reader *reader)
{
    neapi_hub *hub = reader->hub;
    pthread_mutex_lock(&hub->mutex);
    bool waits = reader->waiting && reader->position <= hub->head;
    uint64_t position = waits ? hub->head + 1 : reader->position;
    pthread_mutex_unlock(&hub->mutex);
    return position;
}

void neapi_hub_move(neapi_hub_reader *reader, uint64_t position, bool at_end)
{
    pthread_mutex_lock(&reader->hub->mutex);
    reader->position = position;
    reader->at_end = reader->at_end || at_end;
    pthread_mutex_unlock(&reader->hub->mutex);
}
