#include "sim/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim/dice.h"

static void plan_options(sim_plan *plan, sim_dice *chance)
{
    static const unsigned lanes[] = {0, 1, 1, 2, 2, 3, 4}, lengths[] = {2, 5, 10000},
                          warm[] = {1, 2, 1000};
    static const size_t live[] = {1, 2000, 8 << 20};
    static const uint32_t close_ms[] = {0, 30, 10000};
    neap_options *options = &plan->options;
    neap_options_init(options);
    options->store = plan->store;
    options->lanes = DICE_PICK(chance, lanes);
    options->reaction_lanes = (unsigned)dice_between(chance, 1, 2);
    options->caller_runs = dice_chance(chance, 400);
    options->live_bytes = DICE_PICK(chance, live);
    options->queue_length = DICE_PICK(chance, lengths);
    options->warm_aggregates = DICE_PICK(chance, warm);
    options->conflict_retries = (unsigned)dice_below(chance, 4);
    options->record_commands = dice_chance(chance, 500);
    options->close_ms = DICE_PICK(chance, close_ms);
}

static void plan_scheduler(sim_plan *plan, sim_dice *chance)
{
    static const unsigned preempt[] = {0, 50, 300};
    static const int64_t tick_us[] = {1, 20, 500};
    plan->scheduler = (scheduler_options){
        .seed = plan->seed,
        .preempt = DICE_PICK(chance, preempt),
        .spurious = dice_chance(chance, 300) ? 20 : 0,
        .jump = dice_chance(chance, 300) ? 10 : 0,
        .tick_us = DICE_PICK(chance, tick_us),
        .most_steps = 200000,
    };
}

/* A third of the runs is over a store that does not fail, so that nothing else may either. */
static void plan_store(sim_plan *plan, sim_dice *chance)
{
    static const unsigned few[] = {0, 20, 100}, many[] = {0, 30, 200};
    static const unsigned resolve[] = {0, 500, 980}; /* the last, longer than anybody is patient */
    static const int64_t slow_us[] = {500, 20000, 4000000};
    plan->unsure = (unsure_options){.seed = plan->seed};
    if (dice_chance(chance, 600)) {
        plan->unsure.slow = DICE_PICK(chance, many);
        plan->unsure.slow_us = DICE_PICK(chance, slow_us);
    }
    if (dice_chance(chance, 333))
        return;
    plan->unsure.refuse = DICE_PICK(chance, few);
    plan->unsure.unknown = DICE_PICK(chance, many);
    plan->unsure.resolve = DICE_PICK(chance, resolve);
    plan->unsure.read = DICE_PICK(chance, few);
    plan->unsure.open = dice_chance(chance, 200) ? 100 : 0;
    plan->cuts = dice_chance(chance, 250);
    plan->outages = dice_chance(chance, 250) ? 3 : 0;
}

static void plan_reading(sim_plan *plan, sim_dice *chance)
{
    static const unsigned deaf[] = {0, 100, 100, 500}, errands[] = {0, 100, 300};
    static const unsigned keeps[] = {0, 10, 40};
    plan->subscribed = dice_chance(chance, 500);
    if (!plan->subscribed)
        return;
    plan->deaf = DICE_PICK(chance, deaf);
    plan->errands = DICE_PICK(chance, errands);
    plan->keeps = DICE_PICK(chance, keeps);
    plan->lives = (unsigned)dice_between(chance, 1, 3);
}

sim_plan plan_of(uint64_t seed, const char *store)
{
    sim_dice chance = dice_of(seed, 4);
    sim_plan made = {.seed = seed, .store = store};
    static const int64_t think_us[] = {0, 300, 20000};
    static const unsigned sends[] = {100, 400, 900}, reads[] = {50, 400}, repeats[] = {0, 100, 400};
    made.wrapped = dice_chance(&chance, 250);
    plan_options(&made, &chance);
    plan_scheduler(&made, &chance);
    plan_store(&made, &chance);
    made.clients = (unsigned)dice_between(&chance, 1, 5);
    made.accounts = (unsigned)dice_between(&chance, 1, 4);
    made.courses = (unsigned)dice_between(&chance, 1, 3);
    made.students = (unsigned)dice_between(&chance, 1, 6);
    made.topics = (unsigned)dice_between(&chance, 1, 6);
    made.calls = (unsigned)dice_between(&chance, 5, 30);
    made.sends = DICE_PICK(&chance, sends);
    made.reads = DICE_PICK(&chance, reads);
    made.repeats = DICE_PICK(&chance, repeats);
    made.think_us = DICE_PICK(&chance, think_us);
    made.lives = dice_chance(&chance, 300) ? 2 : 1;
    made.refusals = dice_chance(&chance, 250) ? (unsigned)dice_between(&chance, 1, 4) : 0;
    made.wall_jumps = dice_chance(&chance, 200) ? 2 : 0;
    made.host = dice_chance(&chance, 200);
    made.followers = dice_chance(&chance, 400) ? (unsigned)dice_between(&chance, 1, 3) : 0;
    made.timeouts = dice_chance(&chance, 600) ? 300 : 0;
    made.laters = dice_chance(&chance, 400) ? 250 : 0;
    plan_reading(&made, &chance);
    return made;
}

bool plan_store_fails(const sim_plan *plan)
{
    const unsure_options *unsure = &plan->unsure;
    return unsure->refuse + unsure->unknown + unsure->read + unsure->open != 0 || plan->cuts ||
           plan->outages != 0;
}

bool plan_has_time(const sim_plan *plan)
{
    return plan->options.close_ms >= 10000 && !plan->wrapped && !plan->subscribed &&
           plan->unsure.slow_us <= 20000 && !plan_store_fails(plan);
}

void plan_print(const sim_plan *plan)
{
    printf(
        "seed %" PRIu64
        ": %u clients, %u followers, %u calls each, %u lives, %u lanes and %u%s%s, queues of %u, "
        "%u retries, %u warm, closing in %u ms, preempted %u, ticks of %lld us; commits fail %u, "
        "unknown %u, resolve fails %u, reads %u, slow %u up to %lld us%s, %u outages; memory short "
        "%u times; %s, %u errands, %u deliveries fail, %u times kept\n",
        plan->seed, plan->clients, plan->followers, plan->calls, plan->lives, plan->options.lanes,
        plan->options.reaction_lanes, plan->options.caller_runs ? ", callers run" : "",
        plan->wrapped ? ", in middleware"
        : plan->host  ? ", in the host's"
                      : "",
        plan->options.queue_length, plan->options.conflict_retries, plan->options.warm_aggregates,
        plan->options.close_ms, plan->scheduler.preempt, (long long)plan->scheduler.tick_us,
        plan->unsure.refuse, plan->unsure.unknown, plan->unsure.resolve, plan->unsure.read,
        plan->unsure.slow, (long long)plan->unsure.slow_us, plan->cuts ? ", cut" : "",
        plan->outages, plan->refusals, plan->subscribed ? "with its read side" : "without",
        plan->errands, plan->deaf, plan->keeps);
}
