#include "runtime/follow.h"

#include "base/error.h"
#include "runtime/thread.h"

#define POLL_US 20000 /* how long others' commits may take to be seen */

static neapi_following *following_of(neapi_hub_reader *reader)
{
    return (neapi_following *)((char *)reader - offsetof(neapi_following, live.reader));
}

static void close_session(neapi_following *following)
{
    pthread_mutex_lock(&following->mutex);
    neapi_session_close(following->session);
    following->session = NULL;
    pthread_mutex_unlock(&following->mutex);
}

/* The store is about to be closed. */
static void detach(neapi_hub_reader *reader)
{
    close_session(following_of(reader));
}

neap_status neapi_following_open(neapi_following *following, const neapi_followed *where,
                                 neapi_range *range, uint32_t timeout_ms, neap_error *error)
{
    *following = (neapi_following){.where = *where, .timeout_ms = timeout_ms};
    if (!neapi_gate_init(&following->gate))
        return neapi_nomem(error);
    neap_status status = pthread_mutex_init(&following->mutex, NULL) == 0 ? NEAP_OK : NEAP_NOMEM;
    if (status != NEAP_OK) {
        neapi_gate_fini(&following->gate);
        return neapi_nomem(error);
    }
    status = neapi_session_open(where->store, NEAPI_MODE_READ, &following->session, error);
    if (status == NEAP_OK) {
        neapi_session_count_calls(following->session, where->calls);
        status =
            neapi_live_open(&following->live, where->hub, range, &following->gate, detach, error);
        if (status == NEAP_OK)
            return NEAP_OK;
        neapi_session_close(following->session);
    }
    pthread_mutex_destroy(&following->mutex);
    neapi_gate_fini(&following->gate);
    return status;
}

void neapi_following_close(neapi_following *following)
{
    close_session(following); /* as long as the hub knows of it: then the store is still open */
    neapi_live_close(&following->live);
    pthread_mutex_destroy(&following->mutex);
    neapi_gate_fini(&following->gate);
}

static neap_status closed(neap_error *error)
{
    return neapi_fail(error, NEAP_CLOSED, "what the cursor follows is closed");
}

/* Waits for the gate, or as long as the log may grow without its being told. Meanwhile the session
 * may be closed, and all that it came from: then nothing of that is touched any more. */
static neap_status await(neapi_following *following, unsigned seen, int64_t deadline_us,
                         neap_error *error)
{
    const neapi_followed *where = &following->where;
    int64_t until_us = deadline_us;
    if (where->others_write) {
        int64_t poll_us = neapi_monotonic_us(where->platform) + POLL_US;
        until_us = poll_us < deadline_us ? poll_us : deadline_us;
    }
    pthread_mutex_unlock(&following->mutex);
    neapi_park(where->platform, &following->gate, seen, until_us);
    pthread_mutex_lock(&following->mutex);
    if (following->session == NULL)
        return closed(error);
    if (!where->others_write)
        return NEAP_OK;
    uint64_t head;
    neap_status status = neapi_head(following->session, &head, error);
    if (status == NEAP_OK)
        neapi_hub_missed(where->hub, head);
    return status;
}

/* What a call waits with. */
typedef struct call_wait {
    uint32_t timeout_ms;
    int64_t deadline_us; /* 0: not known yet */
    bool worked;         /* what was sent has been done here */
} call_wait;

static bool is_past(const neapi_followed *where, call_wait *wait)
{
    if (wait->timeout_ms == 0)
        return false;
    int64_t now_us = neapi_monotonic_us(where->platform);
    if (wait->deadline_us == 0)
        wait->deadline_us = now_us + (int64_t)wait->timeout_ms * 1000;
    return now_us >= wait->deadline_us;
}

/* Does what was sent. */
static neap_status work(neapi_following *following, call_wait *wait, neap_error *error)
{
    wait->worked = true;
    pthread_mutex_unlock(&following->mutex);
    neap_status status = neap_drain(following->where.runtime, wait->timeout_ms, error);
    pthread_mutex_lock(&following->mutex);
    return status;
}

/* Nothing wanted is there yet. *over: nothing will be, as far as this call is concerned. */
static neap_status go_on(neapi_following *following, call_wait *wait, unsigned seen, bool waits,
                         bool *over, neap_error *error)
{
    const neapi_followed *where = &following->where;
    if (waits && where->nobody_works) {
        *over = wait->worked;
        return *over ? NEAP_OK : work(following, wait, error);
    }
    if (is_past(where, wait))
        return neapi_fail(error, NEAP_TIMEOUT, "no event within %u ms", wait->timeout_ms);
    if (!waits)
        return NEAP_OK;
    return await(following, seen, wait->timeout_ms != 0 ? wait->deadline_us : NEAPI_NO_DEADLINE,
                 error);
}

/* *event: NULL at the end of the range, or where nobody works any more. */
static neap_status find_next(neapi_following *following, neapi_page *page, uint32_t timeout_ms,
                             const neap_event **event, neap_error *error)
{
    call_wait wait = {.timeout_ms = timeout_ms};
    bool over = false;
    while ((*event = neapi_live_next(&following->live)) == NULL && !over) {
        if (following->session == NULL)
            return closed(error);
        unsigned seen = neapi_gate_seen(&following->gate);
        neapi_live_answer answer;
        neap_status status =
            neapi_live_get(&following->live, following->session, page, &answer, error);
        if (status == NEAP_OK && answer == NEAPI_LIVE_ENDED)
            status = closed(error);
        over = answer == NEAPI_LIVE_OVER;
        if (status == NEAP_OK && (answer == NEAPI_LIVE_WAITS || answer == NEAPI_LIVE_ON))
            status = go_on(following, &wait, seen, answer == NEAPI_LIVE_WAITS, &over, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

static neap_status look(neapi_following *following, neapi_page *page, uint32_t timeout_ms,
                        neap_error *error)
{
    neap_error local;
    if (following->found != NULL)
        return NEAP_OK;
    return find_next(following, page, timeout_ms, &following->found,
                     error != NULL ? error : &local);
}

static neap_status refuse_within(neap_error *error)
{
    return neapi_fail(error, NEAP_USAGE, "a handler or callback cannot wait for what is committed");
}

neap_status neapi_following_next(neapi_following *following, neapi_page *page,
                                 const neap_event **event, neap_error *error)
{
    if (neapi_thread_own())
        return refuse_within(error);
    pthread_mutex_lock(&following->mutex);
    neap_status status = look(following, page, following->timeout_ms, error);
    if (status == NEAP_OK)
        *event = following->found;
    following->found = NULL;
    pthread_mutex_unlock(&following->mutex);
    return status;
}

neap_status neapi_following_wait(neapi_following *following, neapi_page *page, uint32_t timeout_ms,
                                 neap_error *error)
{
    if (neapi_thread_own())
        return refuse_within(error);
    pthread_mutex_lock(&following->mutex);
    /* Not at all is a wait, too. */
    neap_status status = look(following, page, timeout_ms != 0 ? timeout_ms : 1, error);
    pthread_mutex_unlock(&following->mutex);
    return status == NEAP_TIMEOUT ? NEAP_OK : status;
}
