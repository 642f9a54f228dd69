#include "runtime/delivery.h"

#include "base/alloc.h"
#include "base/error.h"
#include "runtime/filter.h"
#include "runtime/thread.h"

#define EVENTS_PER_CALL 256
#define POLL_US         20000

struct neap_follower {
    neapi_delivery *delivery;    /* held */
    neap_follower *next, **link; /* of all that are called; link NULL: it has had its last call */
    neapi_live live;
    neapi_range range;
    neapi_arena arena; /* holds the filter's texts */
    uint64_t left;     /* how many more the filter allows */
    neap_follow_callback callback;
    void *user;
};

struct neapi_delivery {
    atomic_uint references;
    neapi_followed where;
    neapi_gate work; /* of all followers */
    pthread_mutex_t mutex;
    /* Under the mutex. */
    neap_follower *first;
    neap_follower *current; /* in whose turn the step is */
    neap_follower *upcoming;
    bool stopping;
    int64_t give_up_us; /* when stopping */
    unsigned closing;   /* who waits at `calm` for the current one's turn to end */
    neapi_gate calm;
    /* Of whoever steps. */
    neapi_session *session;
    neapi_page page;
    neap_error error;
    const neap_event *events[EVENTS_PER_CALL];
    _Atomic(pthread_t) stepper;
    atomic_bool stepping;
    pthread_t thread;
    bool running;
};

neap_status neapi_delivery_new(const neapi_followed *where, neapi_delivery **delivery,
                               neap_error *error)
{
    neapi_delivery *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    atomic_init(&made->references, 1);
    made->where = *where;
    if (!neapi_gate_init(&made->work))
        goto nothing;
    if (!neapi_gate_init(&made->calm))
        goto work;
    if (pthread_mutex_init(&made->mutex, NULL) != 0)
        goto calm;
    neap_status status = neapi_session_open(where->store, NEAPI_MODE_READ, &made->session, error);
    if (status != NEAP_OK) {
        neapi_delivery_release(made);
        return status;
    }
    neapi_session_count_calls(made->session, where->calls);
    *delivery = made;
    return NEAP_OK;
calm:
    neapi_gate_fini(&made->calm);
work:
    neapi_gate_fini(&made->work);
nothing:
    neapi_free(made);
    return neapi_nomem(error);
}

void neapi_delivery_release(neapi_delivery *delivery)
{
    if (delivery == NULL || atomic_fetch_sub(&delivery->references, 1) != 1)
        return;
    neapi_session_close(delivery->session);
    neapi_page_fini(&delivery->page);
    pthread_mutex_destroy(&delivery->mutex);
    neapi_gate_fini(&delivery->work);
    neapi_gate_fini(&delivery->calm);
    neapi_free(delivery);
}

bool neapi_delivery_is_here(const neapi_delivery *delivery)
{
    return atomic_load(&delivery->stepping) &&
           pthread_equal(atomic_load(&delivery->stepper), pthread_self());
}

/* ---- One follower's turn --------------------------------------------------------------------- */

/* Gathers what is at hand, as far as one call goes. */
static size_t gather(neapi_delivery *delivery, neap_follower *follower)
{
    size_t count = 0;
    while (count < EVENTS_PER_CALL && follower->left != 0) {
        const neap_event *event = neapi_live_next(&follower->live);
        if (event == NULL)
            break;
        delivery->events[count++] = event;
        if (follower->left != UINT64_MAX)
            follower->left--;
    }
    return count;
}

static bool call(neapi_delivery *delivery, neap_follower *follower, neap_status status,
                 size_t count)
{
    const neap_event *const *events = count != 0 ? delivery->events : NULL;
    return follower->callback(follower->user, status, events, count,
                              status != NEAP_OK ? &delivery->error : NULL);
}

/* Gives all that is at hand. false: no more is wanted. */
static bool give(neapi_delivery *delivery, neap_follower *follower)
{
    for (size_t count; (count = gather(delivery, follower)) != 0;)
        if (!call(delivery, follower, NEAP_OK, count))
            return false;
    return true;
}

/* *ended: the follower is not to be asked again. false: there was nothing for it. */
static bool take_turn(neapi_delivery *delivery, neap_follower *follower, bool *ended)
{
    neapi_live_answer answer;
    neap_status status = neapi_live_get(&follower->live, delivery->session, &delivery->page,
                                        &answer, &delivery->error);
    if (status == NEAP_OK && answer == NEAPI_LIVE_WAITS)
        return false;
    if (status == NEAP_OK && answer == NEAPI_LIVE_ON)
        return true;
    if (status == NEAP_OK && answer == NEAPI_LIVE_EVENTS) {
        *ended = !give(delivery, follower);
        if (*ended || follower->left != 0)
            return true;
    }
    if (status == NEAP_OK && answer == NEAPI_LIVE_ENDED)
        status = neapi_fail(&delivery->error, NEAP_CLOSED, "the runtime is closed");
    call(delivery, follower, status, 0);
    *ended = true;
    return true;
}

/* ---- Going round ----------------------------------------------------------------------------- */

static neap_follower *begin_turn(neapi_delivery *delivery, neap_follower *follower)
{
    delivery->current = follower;
    delivery->upcoming = follower != NULL ? follower->next : NULL;
    return follower;
}

static void unlist_locked(neapi_delivery *delivery, neap_follower *follower)
{
    if (follower->link == NULL)
        return;
    if (delivery->upcoming == follower)
        delivery->upcoming = follower->next;
    *follower->link = follower->next;
    if (follower->next != NULL)
        follower->next->link = follower->link;
    follower->link = NULL;
}

/* It was the follower's last turn. Whoever closes it waits until this one is over. */
static void retire(neapi_delivery *delivery)
{
    neap_follower *follower = delivery->current;
    pthread_mutex_lock(&delivery->mutex);
    unlist_locked(delivery, follower);
    pthread_mutex_unlock(&delivery->mutex);
    neapi_live_close(&follower->live);
}

static void end_turn_locked(neapi_delivery *delivery)
{
    begin_turn(delivery, delivery->upcoming);
    if (delivery->closing != 0)
        neapi_wake(delivery->where.platform, &delivery->calm);
}

static void begin_stepping(neapi_delivery *delivery)
{
    atomic_store(&delivery->stepper, pthread_self());
    atomic_store(&delivery->stepping, true);
}

static void end_stepping(neapi_delivery *delivery)
{
    atomic_store(&delivery->stepping, false);
}

bool neapi_delivery_step(neapi_delivery *delivery)
{
    bool busy = false;
    begin_stepping(delivery);
    pthread_mutex_lock(&delivery->mutex);
    begin_turn(delivery, delivery->first);
    while (delivery->current != NULL) {
        bool ended = false;
        pthread_mutex_unlock(&delivery->mutex);
        busy = take_turn(delivery, delivery->current, &ended) || busy;
        if (ended)
            retire(delivery);
        pthread_mutex_lock(&delivery->mutex);
        end_turn_locked(delivery);
    }
    pthread_mutex_unlock(&delivery->mutex);
    end_stepping(delivery);
    return busy;
}

/* What others commit has to be looked for. */
static void await(neapi_delivery *delivery, unsigned seen)
{
    const neapi_followed *where = &delivery->where;
    int64_t until_us =
        where->others_write ? neapi_monotonic_us(where->platform) + POLL_US : NEAPI_NO_DEADLINE;
    neapi_park(where->platform, &delivery->work, seen, until_us);
    uint64_t head;
    neap_error error;
    if (where->others_write && neapi_head(delivery->session, &head, &error) == NEAP_OK)
        neapi_hub_missed(where->hub, head);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

/* Those that are left, whether they have had everything or not. */
static void tell_the_rest(neapi_delivery *delivery)
{
    pthread_mutex_lock(&delivery->mutex);
    begin_turn(delivery, delivery->first);
    while (delivery->current != NULL) {
        pthread_mutex_unlock(&delivery->mutex);
        neapi_fail(&delivery->error, NEAP_CLOSED,
                   "the runtime is closed; there was no time to give all that is committed");
        call(delivery, delivery->current, NEAP_CLOSED, 0);
        retire(delivery);
        pthread_mutex_lock(&delivery->mutex);
        end_turn_locked(delivery);
    }
    pthread_mutex_unlock(&delivery->mutex);
}

static void finish(neapi_delivery *delivery)
{
    const neapi_platform *platform = delivery->where.platform;
    while (neapi_monotonic_us(platform) < delivery->give_up_us && neapi_delivery_step(delivery))
        continue;
    begin_stepping(delivery);
    tell_the_rest(delivery);
    end_stepping(delivery);
}

static void *run(void *argument)
{
    neapi_delivery *delivery = argument;
    neapi_thread_is_runtimes();
    for (;;) {
        unsigned seen = neapi_gate_seen(&delivery->work);
        pthread_mutex_lock(&delivery->mutex);
        bool stopping = delivery->stopping;
        pthread_mutex_unlock(&delivery->mutex);
        if (stopping)
            break;
        if (!neapi_delivery_step(delivery))
            await(delivery, seen);
    }
    finish(delivery);
    return NULL;
}

neap_status neapi_delivery_start(neapi_delivery *delivery, neap_error *error)
{
    neap_status status = neapi_thread_start(&delivery->thread, run, delivery, error);
    delivery->running = status == NEAP_OK;
    return status;
}

void neapi_delivery_stop(neapi_delivery *delivery, uint32_t patience_ms)
{
    pthread_mutex_lock(&delivery->mutex);
    delivery->stopping = true;
    delivery->give_up_us =
        neapi_monotonic_us(delivery->where.platform) + (int64_t)patience_ms * 1000;
    pthread_mutex_unlock(&delivery->mutex);
    if (delivery->running) {
        neapi_wake(delivery->where.platform, &delivery->work);
        pthread_join(delivery->thread, NULL);
        delivery->running = false;
    } else {
        bool own_before = neapi_thread_set_own(true);
        finish(delivery);
        neapi_thread_set_own(own_before);
    }
    neapi_session_close(delivery->session);
    delivery->session = NULL;
}

/* ---- Followers ------------------------------------------------------------------------------- */

static neap_status list(neapi_delivery *delivery, neap_follower *follower, neap_error *error)
{
    neap_status status = NEAP_OK;
    pthread_mutex_lock(&delivery->mutex);
    if (delivery->stopping)
        status = neapi_fail(error, NEAP_CLOSED, "the runtime is closed");
    else
        status = neapi_live_open(&follower->live, delivery->where.hub, &follower->range,
                                 &delivery->work, NULL, error);
    if (status == NEAP_OK) {
        follower->next = delivery->first;
        follower->link = &delivery->first;
        if (follower->next != NULL)
            follower->next->link = &follower->next;
        delivery->first = follower;
        follower->delivery = delivery;
        atomic_fetch_add(&delivery->references, 1);
    }
    pthread_mutex_unlock(&delivery->mutex);
    return status;
}

static void free_follower(neap_follower *follower)
{
    neapi_arena_fini(&follower->arena);
    neapi_free(follower);
}

neap_status neapi_delivery_follow(neapi_delivery *delivery, const neap_filter *filter,
                                  neap_follow_callback callback, void *user,
                                  neap_follower **follower, neap_error *error)
{
    neap_follower *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    made->callback = callback;
    made->user = user;
    neap_filter taken;
    neap_status status = neapi_filter_read(filter, NEAPI_FILTER_FOLLOWS, &made->arena, &taken,
                                           &made->range, &made->left, error);
    if (status == NEAP_OK)
        status = list(delivery, made, error);
    if (status != NEAP_OK) {
        free_follower(made);
        return status;
    }
    neapi_wake(delivery->where.platform, &delivery->work);
    *follower = made;
    return NEAP_OK;
}

void neap_follower_close(neap_follower *follower)
{
    if (follower == NULL || neapi_delivery_is_here(follower->delivery))
        return;
    neapi_delivery *delivery = follower->delivery;
    pthread_mutex_lock(&delivery->mutex);
    delivery->closing++;
    while (delivery->current == follower) {
        unsigned seen = neapi_gate_seen(&delivery->calm);
        pthread_mutex_unlock(&delivery->mutex);
        neapi_park(delivery->where.platform, &delivery->calm, seen, NEAPI_NO_DEADLINE);
        pthread_mutex_lock(&delivery->mutex);
    }
    delivery->closing--;
    bool listed = follower->link != NULL;
    unlist_locked(delivery, follower);
    pthread_mutex_unlock(&delivery->mutex);
    if (listed)
        neapi_live_close(&follower->live);
    free_follower(follower);
    neapi_delivery_release(delivery);
}
