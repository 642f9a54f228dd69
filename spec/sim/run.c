#include "sim/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "sim/client.h"
#include "sim/documents.h"
#include "sim/errands.h"
#include "sim/follower.h"
#include "sim/hearing.h"
#include "sim/keeper.h"
#include "sim/later.h"
#include "sim/threads.h"
#include "sim/trace.h"

#define MOST_CLIENTS   8
#define MOST_FOLLOWERS 4

typedef struct sim_run {
    sim_plan plan;
    sim_dice chance;
    neap_runtime *runtime;
    sim_client clients[MOST_CLIENTS];
    sim_thread *threads[MOST_CLIENTS];
    sim_follower followers[MOST_FOLLOWERS];
    sim_thread *following[MOST_FOLLOWERS];
    bool stop;           /* the clients shall come to an end */
    bool settle, closed; /* the followers shall; the runtime is closed */
    bool over;           /* no trouble any more */
    sim_thread *trouble;
    sim_keeper keeper;
    sim_thread *keeping;
    int passing; /* messages that the host's middleware waits for */
    run_result result;
} sim_run;

/* ---- Trouble --------------------------------------------------------------------------------- */

/* Refuses memory for a while, one time only or all of it. */
static void refuse_memory(sim_dice *chance)
{
    bool persistent = dice_chance(chance, 300);
    uint64_t nth = 1 + dice_below(chance, 400);
    trace(scheduler_name(), "memory is short: nth, for a while", (int64_t)nth, persistent);
    neapi_alloc_refuse(nth, persistent);
    for (unsigned i = 0; i < 100 && !neapi_alloc_struck(); i++)
        scheduler_sleep(dice_between(chance, 0, 5000));
    if (persistent)
        scheduler_sleep(dice_between(chance, 0, 5000));
    trace(scheduler_name(), "memory is there again: was refused", neapi_alloc_struck(), 0);
    neapi_alloc_refuse(0, false);
}

/* Longer, now and then, than the writer asks what became of a commit. */
static void cut_off(sim_dice *chance)
{
    static const int64_t most_us[] = {3000, 300000, 30000000};
    unsure_cut(true);
    scheduler_sleep(dice_between(chance, 0, DICE_PICK(chance, most_us)));
    unsure_cut(false);
}

static void make_trouble(void *argument)
{
    sim_run *it = argument;
    sim_dice chance = dice_of(it->plan.seed, 5);
    unsigned refusals = it->plan.refusals, jumps = it->plan.wall_jumps;
    unsigned outages = it->plan.outages;
    while (refusals + jumps + outages != 0) {
        scheduler_sleep(dice_between(&chance, 0, 50000));
        if (it->over)
            return;
        unsigned which = (unsigned)dice_below(&chance, refusals + jumps + outages);
        if (which < refusals) {
            refusals--;
            refuse_memory(&chance);
        } else if (which < refusals + jumps) {
            jumps--;
            threads_set_wall(dice_between(&chance, -3600000000, 3600000000));
        } else {
            outages--;
            cut_off(&chance);
        }
    }
}

/* ---- The runtime ----------------------------------------------------------------------------- */

static void on_log(void *user, neap_log_level level, const char *text)
{
    (void)user;
    trace(text, "is logged: level", (int64_t)level, 0);
}

static bool has_rows(const sim_plan *plan)
{
    return plan->subscribed && !plan->wrapped && strncmp(plan->store, "sqlite:", 7) == 0;
}

static const char *domain_of(const sim_plan *plan)
{
    if (has_rows(plan))
        return SIM_FOLDER "/rows.lua";
    if (plan->subscribed)
        return plan->wrapped ? SIM_FOLDER "/wrapped_subscribed.lua" : SIM_FOLDER "/subscribed.lua";
    return plan->wrapped ? SIM_FOLDER "/wrapped.lua" : SIM_FOLDER "/world.lua";
}

/* Middleware of the host: what it let through has to come back to it, once. */
static neap_status on_before(void *user, const neap_passing *message, neap_error *error)
{
    sim_run *it = user;
    (void)message;
    (void)error;
    it->passing++;
    return NEAP_OK;
}

static void on_after(void *user, const neap_passing *message, neap_status status,
                     const neap_reply *reply, const neap_error *error, int64_t elapsed_us)
{
    sim_run *it = user;
    (void)message;
    (void)elapsed_us;
    it->passing--;
    if ((status == NEAP_OK) != (reply != NULL) || (status == NEAP_OK) != (error == NULL))
        trace_fail("middleware hears of status %d with the wrong things", status);
}

static neap_status open_once(sim_run *it, neap_error *error)
{
    const sim_plan *plan = &it->plan;
    neap_status status = neap_load(domain_of(plan), &plan->options, &it->runtime, error);
    if (status != NEAP_OK)
        return status;
    if (plan->host)
        status = neap_use(it->runtime, on_before, on_after, it, error);
    if (status == NEAP_OK && plan->subscribed)
        status = hearing_provide(it->runtime, error);
    if (status == NEAP_OK)
        status = neap_start(it->runtime, error);
    if (status != NEAP_OK)
        neap_close(it->runtime);
    return status;
}

static void open_runtime(sim_run *it)
{
    neap_error error;
    it->plan.options.log = on_log;
    int64_t pause_us = 10000;
    unsigned most = it->plan.subscribed ? 400 : 25; /* which reads more to begin with */
    for (unsigned tries = 0;; tries++, pause_us += pause_us < 30000000 ? pause_us / 2 : 0) {
        neap_status status = open_once(it, &error);
        if (status == NEAP_OK)
            break;
        history_failed("open: status", status, &error);
        if (tries == most)
            trace_fail("it cannot be opened: %s", error.message);
        scheduler_sleep(pause_us);
    }
    trace("director", "opened", 0, 0);
}

static void start_clients(sim_run *it, unsigned life)
{
    for (unsigned i = 0; i < it->plan.clients; i++) {
        char name[16];
        snprintf(name, sizeof name, "client-%u", i % 10);
        it->clients[i] =
            (sim_client){.plan = &it->plan,
                         .runtime = it->runtime,
                         .number = life * MOST_CLIENTS + i + 1,
                         .chance = dice_of(it->plan.seed, 100 + life * MOST_CLIENTS + i),
                         .stop = &it->stop};
        it->threads[i] = scheduler_spawn(name, client_run, &it->clients[i]);
    }
}

static void start_keeper(sim_run *it, unsigned life)
{
    it->keeper = (sim_keeper){.runtime = it->runtime,
                              .chance = dice_of(it->plan.seed, 300 + life),
                              .accounts = it->plan.accounts,
                              .courses = it->plan.courses,
                              .students = it->plan.students,
                              .calls = it->plan.keeps,
                              .rows = has_rows(&it->plan),
                              .stop = &it->stop};
    if (it->plan.keeps != 0)
        it->keeping = scheduler_spawn("keeper", keeper_run, &it->keeper);
}

static void start_followers(sim_run *it, unsigned life)
{
    it->settle = it->closed = false;
    for (unsigned i = 0; i < it->plan.followers; i++) {
        char name[16];
        snprintf(name, sizeof name, "follower-%u", i % 10);
        sim_follower *follower = &it->followers[i];
        *follower =
            (sim_follower){.runtime = it->runtime,
                           .chance = dice_of(it->plan.seed, 200 + life * MOST_FOLLOWERS + i),
                           .stop = &it->settle,
                           .closed = &it->closed,
                           .sure = !plan_store_fails(&it->plan),
                           .all = plan_has_time(&it->plan) && it->plan.refusals == 0};
        follower->kind = (follower_kind)dice_below(&follower->chance, FOLLOWER_KINDS);
        if (it->plan.options.lanes == 0 && follower->kind == FOLLOWER_WAITS)
            follower->kind = FOLLOWER_POLLS; /* it would do the runtime's work while it is closed */
        it->following[i] = scheduler_spawn(name, follower_run, follower);
    }
}

static bool has_opened(void *of)
{
    return ((const sim_follower *)of)->opened;
}

static void wait_for_followers(sim_run *it)
{
    for (unsigned i = 0; i < it->plan.followers; i++)
        if (!it->followers[i].opened)
            scheduler_wait("followers", has_opened, &it->followers[i], INT64_MAX);
}

/* Once all is quiet nobody has to be asked for anything. */
static void check_quiet(sim_run *it)
{
    neap_error error;
    if (!dice_chance(&it->chance, 500) || !plan_has_time(&it->plan) || it->plan.refusals != 0 ||
        it->plan.options.lanes == 0 || neap_drain(it->runtime, 0, &error) != NEAP_OK)
        return;
    scheduler_sleep(2000000);
    for (unsigned i = 0; i < it->plan.followers; i++)
        follower_check_quiet(&it->followers[i]);
}

/* Those who poll, before the runtime is closed, or the others behind it. */
static void join_followers(sim_run *it, bool polling)
{
    for (unsigned i = 0; i < it->plan.followers; i++)
        if ((it->followers[i].kind == FOLLOWER_POLLS) == polling)
            scheduler_join(it->following[i]);
}

/* While it is used somebody wants to close it, or the store is gone for good. */
static void live(sim_run *it, unsigned life)
{
    it->stop = false;
    open_runtime(it);
    start_clients(it, life);
    start_keeper(it, life);
    start_followers(it, life);
    bool cut = it->plan.cuts && dice_chance(&it->chance, 500);
    if (cut || dice_chance(&it->chance, 500))
        scheduler_sleep(dice_between(&it->chance, 0, 100000));
    if (cut)
        unsure_cut(true);
    it->stop = cut || dice_chance(&it->chance, 500);
    for (unsigned i = 0; i < it->plan.clients; i++)
        scheduler_join(it->threads[i]);
    it->stop = true;
    if (it->plan.keeps != 0)
        scheduler_join(it->keeping);
    it->settle = true;
    wait_for_followers(it);
    check_quiet(it);
    join_followers(it, true);
    trace("director", "closes: cut", cut, 0);
    neap_close(it->runtime);
    if (it->passing != 0)
        trace_fail("the host's middleware never heard of %d messages", it->passing);
    it->closed = true;
    join_followers(it, false);
    unsure_cut(false);
    history_check_answers();
    trace("director", "closed: events", (int64_t)ledger_head(), 0);
}

/* Until nothing waits in the queue either, however late it is due. */
static void settle(sim_run *it)
{
    neap_error error;
    it->keeper.runtime = it->runtime;
    it->keeper.rows = has_rows(&it->plan);
    for (unsigned tries = 0;; tries++) {
        if (it->plan.subscribed)
            keeper_mend(&it->keeper);
        else if (neap_drain(it->runtime, 0, &error) != NEAP_OK)
            trace_fail("draining at the end: %s", error.message);
        if (documents_count("$queue") == 0)
            return;
        if (tries == 100)
            trace_fail("%u entries stay in the queue", documents_count("$queue"));
        threads_set_wall(3600000000);
    }
}

static void check_reading(sim_run *it)
{
    it->keeper = (sim_keeper){.runtime = it->runtime,
                              .chance = dice_of(it->plan.seed, 9),
                              .accounts = it->plan.accounts,
                              .courses = it->plan.courses,
                              .students = it->plan.students,
                              .rows = has_rows(&it->plan)};
    keeper_check_end(&it->keeper);
    errands_check_end(it->runtime);
}

/* Nothing fails any more: what was left open can be asked for again, and is done once. */
static void live_well(sim_run *it)
{
    it->over = true;
    scheduler_join(it->trouble);
    unsure_heal();
    open_runtime(it);
    sim_client last = {.plan = &it->plan,
                       .runtime = it->runtime,
                       .number = 99,
                       .chance = dice_of(it->plan.seed, 6),
                       .stop = &it->over};
    for (unsigned i = 0; i < history_ops(); i++) {
        sim_op *again = history_op_at(i);
        if (again->key[0] != '\0' && (again->done || again->maybe))
            client_dispatch(&last, again);
    }
    settle(it);
    client_read_all(&last);
    if (it->plan.subscribed)
        check_reading(it);
    neap_close(it->runtime);
}

static void direct(void *argument)
{
    sim_run *it = argument;
    it->trouble = scheduler_spawn("trouble", make_trouble, it);
    for (unsigned life = 0; life < it->plan.lives; life++)
        live(it, life);
    live_well(it);
}

/* ---- What is stored -------------------------------------------------------------------------- */

static uint64_t store_hash;

static void add_to_hash(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        store_hash = (store_hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001B3u;
}

static void check_stored(const neap_event *event)
{
    if (event->position > ledger_head())
        trace_fail("position %" PRIu64 " is stored, and was never committed", event->position);
    const ledger_entry *entry = ledger_at(event->position);
    if (event->version != entry->version || memcmp(&event->id, &entry->id, sizeof event->id) != 0 ||
        !neapi_text_equal(event->stream, neapi_text_of(entry->stream)))
        trace_fail("position %" PRIu64 " is stored as something else", event->position);
    add_to_hash(&event->position, sizeof event->position);
    add_to_hash(&event->recorded_at, sizeof event->recorded_at);
    add_to_hash(&event->id, sizeof event->id);
    add_to_hash(&event->command_id, sizeof event->command_id);
    add_to_hash(&event->correlation_id, sizeof event->correlation_id);
    add_to_hash(event->stream.data, event->stream.size);
    add_to_hash(event->type.data, event->type.size);
    add_to_hash(event->data.data, event->data.size);
}

static void on_finding(void *user, const char *text)
{
    (void)user;
    trace_fail("verify found: %s", text);
}

/* Reads all of it as somebody does who has nothing else. */
static void check_store(const char *url)
{
    neap_store *store;
    neap_cursor *cursor;
    neap_error error;
    neap_verification found;
    uint64_t count = 0;
    store_hash = 0xCBF29CE484222325u;
    if (neap_store_open(url, &store, &error) != NEAP_OK ||
        neap_store_read(store, NULL, &cursor, &error) != NEAP_OK)
        trace_fail("it cannot be read: %s", error.message);
    for (const neap_event *event;; count++) {
        if (neap_cursor_next(cursor, &event, &error) != NEAP_OK)
            trace_fail("it cannot be read: %s", error.message);
        if (event == NULL)
            break;
        check_stored(event);
    }
    if (count != ledger_head())
        trace_fail("%" PRIu64 " events are stored, %" PRIu64 " were committed", count,
                   ledger_head());
    neap_cursor_close(cursor);
    if (neap_store_verify(store, on_finding, NULL, &found, &error) != NEAP_OK)
        trace_fail("it cannot be verified: %s", error.message);
    neap_store_close(store);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static void remove_files(const char *url)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char path[300];
    if (strncmp(url, "sqlite:", 7) != 0)
        return;
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s%s", url + 7, ends[i]);
        unlink(path);
    }
}

static void begin(const sim_plan *plan)
{
    scheduler_begin(&plan->scheduler);
    threads_begin(plan->seed);
    unsure_begin(&plan->unsure);
    ledger_begin();
    bool sure = !plan_store_fails(plan) && plan->refusals == 0 && !plan->wrapped;
    documents_begin();
    later_begin(sure && plan->wall_jumps == 0);
    hearing_begin(plan->seed, plan->deaf);
    errands_begin(sure);
    history_begin(&(history_rules){
        .store_fails = plan_store_fails(plan),
        .memory_fails = plan->refusals != 0,
        .closes = !plan_has_time(plan),
        .in_order = !plan->wrapped,
    });
}

run_result run_plan(const sim_plan *plan)
{
    static sim_run it;
    memset(&it, 0, sizeof it);
    it.plan = *plan;
    it.chance = dice_of(plan->seed, 7);
    remove_files(plan->store);
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    begin(&it.plan);
    scheduler_spawn("director", direct, &it);
    scheduler_run();
    history_check_end();
    later_check();
    check_store(plan->store);
    documents_check_store(plan->store);
    unsure_end();
    remove_files(plan->store);
    if (neapi_alloc_blocks() != blocks)
        trace_fail("%" PRId64 " blocks of memory are not given back",
                   neapi_alloc_blocks() - blocks);
    return (run_result){.trace = trace_hash(),
                        .store = store_hash,
                        .operations = history_ops(),
                        .events = ledger_head(),
                        .steps = scheduler_steps()};
}
