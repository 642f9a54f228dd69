#include "runtime/ahead.h"

#include <string.h>

#include "base/alloc.h"
#include "runtime/thread.h"

typedef enum stage {
    WAITS,
    IS_READ, /* by the thread, which looks at it afterwards */
    READ,
    FAILED,
} stage;

struct neapi_ahead_page {
    neapi_ahead *ahead;
    neapi_ahead_page *next;
    neapi_range range;
    neapi_page page;
    neapi_gate *gate;
    stage stage;
    bool dropped; /* while it was read */
};

struct neapi_ahead {
    neapi_store *store;
    const neapi_platform *platform;
    neapi_store_calls *calls;
    pthread_mutex_t mutex;
    neapi_gate gate;
    neapi_ahead_page *first, **end; /* that wait */
    bool stopping, tried;           /* to start the thread */
    bool running;
    pthread_t thread;
};

neapi_ahead *neapi_ahead_new(neapi_store *store, const neapi_platform *platform,
                             neapi_store_calls *calls)
{
    neapi_ahead *ahead = neapi_alloc_zero(1, sizeof *ahead);
    if (ahead == NULL)
        return NULL;
    ahead->store = store;
    ahead->platform = platform;
    ahead->calls = calls;
    ahead->end = &ahead->first;
    if (!neapi_gate_init(&ahead->gate)) {
        neapi_free(ahead);
        return NULL;
    }
    if (pthread_mutex_init(&ahead->mutex, NULL) != 0) {
        neapi_gate_fini(&ahead->gate);
        neapi_free(ahead);
        return NULL;
    }
    return ahead;
}

void neapi_ahead_stop(neapi_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->mutex);
    bool running = ahead->running;
    ahead->stopping = ahead->tried = true;
    ahead->running = false;
    pthread_mutex_unlock(&ahead->mutex);
    if (!running)
        return;
    neapi_wake(ahead->platform, &ahead->gate);
    pthread_join(ahead->thread, NULL);
}

void neapi_ahead_free(neapi_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_destroy(&ahead->mutex);
    neapi_gate_fini(&ahead->gate);
    neapi_free(ahead);
}

static void free_page(neapi_ahead_page *asked)
{
    neapi_page_fini(&asked->page);
    neapi_free(asked);
}

/* ---- The thread ------------------------------------------------------------------------------ */

static neapi_ahead_page *begin_next_locked(neapi_ahead *ahead)
{
    neapi_ahead_page *asked = ahead->first;
    if (asked == NULL)
        return NULL;
    ahead->first = asked->next;
    if (ahead->first == NULL)
        ahead->end = &ahead->first;
    asked->stage = IS_READ;
    return asked;
}

/* NULL: it is time to stop. */
static neapi_ahead_page *await_next(neapi_ahead *ahead)
{
    for (;;) {
        unsigned seen = neapi_gate_seen(&ahead->gate);
        pthread_mutex_lock(&ahead->mutex);
        bool stopping = ahead->stopping;
        neapi_ahead_page *asked = stopping ? NULL : begin_next_locked(ahead);
        pthread_mutex_unlock(&ahead->mutex);
        if (stopping || asked != NULL)
            return asked;
        neapi_park(ahead->platform, &ahead->gate, seen, NEAPI_NO_DEADLINE);
    }
}

static void end_page(neapi_ahead_page *asked, bool read)
{
    neapi_ahead *ahead = asked->ahead;
    pthread_mutex_lock(&ahead->mutex);
    bool dropped = asked->dropped;
    asked->stage = read ? READ : FAILED;
    if (!dropped)
        neapi_wake(ahead->platform, asked->gate);
    pthread_mutex_unlock(&ahead->mutex);
    if (dropped)
        free_page(asked);
}

/* Opened when it is wanted: a store may come to be reached later. */
static bool open_session(const neapi_ahead *ahead, neapi_session **session)
{
    if (*session != NULL)
        return true;
    if (neapi_session_open(ahead->store, NEAPI_MODE_READ, session, NULL) != NEAP_OK) {
        *session = NULL;
        return false;
    }
    neapi_session_count_calls(*session, ahead->calls);
    return true;
}

static void *run(void *argument)
{
    neapi_ahead *ahead = argument;
    neapi_session *session = NULL;
    neapi_ahead_page *asked;
    neapi_thread_is_runtimes();
    while ((asked = await_next(ahead)) != NULL)
        end_page(asked, open_session(ahead, &session) &&
                            neapi_read(session, &asked->range, &asked->page, NULL) == NEAP_OK);
    if (session != NULL)
        neapi_session_close(session);
    return NULL;
}

/* ---- Who asks -------------------------------------------------------------------------------- */

/* false: there is none, nor will be. */
static bool start_locked(neapi_ahead *ahead)
{
    if (!ahead->tried)
        ahead->running = neapi_thread_start(&ahead->thread, run, ahead, NULL) == NEAP_OK;
    ahead->tried = true;
    return ahead->running;
}

neapi_ahead_page *neapi_ahead_ask(neapi_ahead *ahead, const neapi_range *range, uint64_t from,
                                  neapi_gate *gate)
{
    neapi_ahead_page *asked = neapi_alloc_zero(1, sizeof *asked + range->stream.size);
    if (asked == NULL)
        return NULL;
    *asked = (neapi_ahead_page){.ahead = ahead, .range = *range, .gate = gate};
    asked->range.from = from;
    if (range->stream.size != 0) {
        memcpy(asked + 1, range->stream.data, range->stream.size);
        asked->range.stream.data = (const char *)(asked + 1);
    }
    pthread_mutex_lock(&ahead->mutex);
    bool running = start_locked(ahead);
    if (running) {
        *ahead->end = asked;
        ahead->end = &asked->next;
    }
    pthread_mutex_unlock(&ahead->mutex);
    if (!running) {
        neapi_free(asked);
        return NULL;
    }
    neapi_wake(ahead->platform, &ahead->gate);
    return asked;
}

neapi_ahead_answer neapi_ahead_take(neapi_ahead_page *asked, uint64_t from, neapi_page *page)
{
    neapi_ahead *ahead = asked->ahead;
    if (asked->range.from != from)
        return NEAPI_AHEAD_NOT;
    pthread_mutex_lock(&ahead->mutex);
    stage now = asked->stage;
    pthread_mutex_unlock(&ahead->mutex);
    if (now == FAILED)
        return NEAPI_AHEAD_NOT;
    if (now != READ)
        return NEAPI_AHEAD_COMES;
    neapi_page read = asked->page;
    asked->page = *page;
    *page = read;
    return NEAPI_AHEAD_TAKEN;
}

static void take_out_locked(neapi_ahead *ahead, neapi_ahead_page *asked)
{
    neapi_ahead_page **link = &ahead->first;
    while (*link != asked)
        link = &(*link)->next;
    *link = asked->next;
    if (asked->next == NULL)
        ahead->end = link;
}

neapi_ahead_answer neapi_ahead_await(neapi_ahead_page *asked, uint64_t from, neapi_page *page)
{
    neapi_ahead *ahead = asked->ahead;
    pthread_mutex_lock(&ahead->mutex);
    if (asked->stage == WAITS) {
        take_out_locked(ahead, asked);
        asked->stage = FAILED;
    }
    pthread_mutex_unlock(&ahead->mutex);
    for (;;) {
        unsigned seen = neapi_gate_seen(asked->gate);
        neapi_ahead_answer answer = neapi_ahead_take(asked, from, page);
        if (answer != NEAPI_AHEAD_COMES)
            return answer;
        neapi_park(ahead->platform, asked->gate, seen, NEAPI_NO_DEADLINE);
    }
}

void neapi_ahead_drop(neapi_ahead_page *asked)
{
    if (asked == NULL)
        return;
    neapi_ahead *ahead = asked->ahead;
    pthread_mutex_lock(&ahead->mutex);
    bool under_way = asked->stage == IS_READ;
    asked->dropped = under_way;
    if (asked->stage == WAITS)
        take_out_locked(ahead, asked);
    pthread_mutex_unlock(&ahead->mutex);
    if (!under_way)
        free_page(asked);
}
