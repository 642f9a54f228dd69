#include "sim/follower.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "sim/history.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

/* ---- What is wanted -------------------------------------------------------------------------- */

static const char *const types[] = {"Enrolled", "Left"};

/* Now and then only what is committed from here on. */
static void choose_filter(sim_follower *it)
{
    neap_filter *filter = &it->filter;
    neap_filter_init(filter);
    switch (dice_below(&it->chance, 4)) {
    case 0:
        filter->stream = "Account-a0";
        break;
    case 1:
        filter->category = "Account";
        break;
    case 2:
        filter->types = types;
        filter->type_count = 2;
        break;
    default:
        break;
    }
    if (filter->stream == NULL && dice_chance(&it->chance, 300)) {
        it->seen = ledger_head();
        filter->from = it->seen + 1;
    }
}

static bool wants(const neap_filter *filter, const ledger_entry *entry)
{
    if (filter->stream != NULL)
        return strcmp(entry->stream, filter->stream) == 0;
    if (filter->category != NULL)
        return strncmp(entry->stream, "Account-", 8) == 0;
    if (filter->type_count != 0)
        return entry->kind == LEDGER_ENROLLED || entry->kind == LEDGER_LEFT;
    return true;
}

/* The next position that it wants, up to `last`; 0: there is none. */
static uint64_t next_wanted(const sim_follower *it, uint64_t last)
{
    for (uint64_t position = it->seen + 1; position <= last; position++)
        if (wants(&it->filter, ledger_at(position)))
            return position;
    return 0;
}

static void take(sim_follower *it, const neap_event *event)
{
    uint64_t next = next_wanted(it, ledger_head());
    trace(scheduler_name(), "follows: position", (int64_t)event->position, 0);
    if (event->position != next)
        trace_fail("%s got position %" PRIu64 " behind %" PRIu64 "; %" PRIu64 " is next",
                   scheduler_name(), event->position, it->seen, next);
    const ledger_entry *entry = ledger_at(next);
    if (event->version != entry->version || memcmp(&event->id, &entry->id, sizeof event->id) != 0 ||
        !neapi_text_equal(event->stream, neapi_text_of(entry->stream)))
        trace_fail("%s got something else at position %" PRIu64, scheduler_name(), next);
    it->seen = next;
}

/* It is said to have what somebody was told of up to that position. */
static void check_complete(const sim_follower *it, uint64_t last)
{
    uint64_t missed = next_wanted(it, last);
    if (missed != 0 && ledger_at(missed)->acked)
        trace_fail("%s is said to have it all, and has not seen position %" PRIu64,
                   scheduler_name(), missed);
}

void follower_check_quiet(const sim_follower *it)
{
    if (it->kind == FOLLOWER_IS_CALLED_BACK && it->opened && !it->ended)
        check_complete(it, ledger_head());
}

/* ---- With a cursor --------------------------------------------------------------------------- */

static neap_cursor *open_cursor(sim_follower *it)
{
    neap_cursor *cursor = NULL;
    neap_error error;
    it->filter.follow = it->kind == FOLLOWER_WAITS;
    if (it->filter.follow)
        it->filter.timeout_ms = 1 + (uint32_t)dice_below(&it->chance, 400);
    neap_status status = neap_read(it->runtime, &it->filter, &cursor, &error);
    it->opened = true;
    if (status != NEAP_OK)
        history_failed("no cursor: status", status, &error);
    return cursor;
}

/* Reads what there is. false: it has to be tried again. */
static bool read_all(sim_follower *it, neap_cursor *cursor)
{
    const neap_event *event;
    neap_error error;
    for (;;) {
        uint64_t durable = ledger_head();
        neap_status status = neap_cursor_next(cursor, &event, &error);
        if (status != NEAP_OK) {
            history_failed("cursor: status", status, &error);
            return false;
        }
        if (event == NULL) {
            check_complete(it, durable);
            return true;
        }
        take(it, event);
    }
}

static void fall_behind(sim_follower *it)
{
    if (dice_chance(&it->chance, 200))
        scheduler_sleep(dice_between(&it->chance, 0, 200000));
}

static void poll(sim_follower *it, neap_cursor *cursor)
{
    neap_error error;
    for (unsigned last_tries = 0; last_tries < 20;) {
        bool stop = *it->stop;
        last_tries += stop;
        if (!read_all(it, cursor)) {
            scheduler_sleep(dice_between(&it->chance, 0, 100000));
            continue;
        }
        if (stop)
            return;
        neap_status status =
            neap_cursor_wait(cursor, (uint32_t)dice_below(&it->chance, 400), &error);
        if (status != NEAP_OK)
            history_failed("cursor waits: status", status, &error);
        fall_behind(it);
    }
}

static void wait_on(sim_follower *it, neap_cursor *cursor)
{
    const neap_event *event;
    neap_error error;
    for (;;) {
        uint64_t durable = ledger_head();
        neap_status status = neap_cursor_next(cursor, &event, &error);
        if (status == NEAP_CLOSED)
            return;
        if (status == NEAP_OK && event != NULL) {
            take(it, event);
            fall_behind(it);
            continue;
        }
        if (status != NEAP_TIMEOUT && status != NEAP_OK)
            history_failed("cursor follows: status", status, &error);
        else if (it->sure) /* else an idempotency key may tell of what the writer does not know */
            check_complete(it, durable);
        scheduler_sleep(dice_between(&it->chance, 1, 50000));
    }
}

/* ---- Called back ----------------------------------------------------------------------------- */

static bool on_events(void *user, neap_status status, const neap_event *const *events, size_t count,
                      const neap_error *error)
{
    sim_follower *it = user;
    if (it->ended)
        trace_fail("a follower that has ended is called back");
    for (size_t i = 0; i < count; i++)
        take(it, events[i]);
    if (status == NEAP_CLOSED && it->all)
        check_complete(it, ledger_head());
    else if (status != NEAP_OK && status != NEAP_CLOSED)
        history_failed("follower: status", status, error);
    it->ended = status != NEAP_OK || count == 0 || dice_chance(&it->chance, 5);
    return !it->ended;
}

static bool is_closed(void *of)
{
    const sim_follower *it = of;
    return *it->closed;
}

/* Closes it at some moment, before the runtime is closed or behind that. */
static void be_called_back(sim_follower *it)
{
    neap_follower *follower;
    neap_error error;
    neap_status status = neap_follow(it->runtime, &it->filter, on_events, it, &follower, &error);
    it->opened = true;
    if (status != NEAP_OK) {
        history_failed("no follower: status", status, &error);
        return;
    }
    if (dice_chance(&it->chance, 300))
        scheduler_sleep(dice_between(&it->chance, 0, 100000));
    else if (!*it->closed)
        scheduler_wait("the end", is_closed, it, INT64_MAX);
    neap_follower_close(follower);
    it->ended = true;
}

void follower_run(void *argument)
{
    sim_follower *it = argument;
    choose_filter(it);
    if (it->kind == FOLLOWER_IS_CALLED_BACK) {
        be_called_back(it);
        return;
    }
    neap_cursor *cursor = open_cursor(it);
    if (cursor == NULL)
        return;
    (it->kind == FOLLOWER_POLLS ? poll : wait_on)(it, cursor);
    neap_cursor_close(cursor);
}
