/* What the simulation has found once, each by itself: the same parts, with little else that
 * happens, over enough seeds to meet it again if it were back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "sim/run.h"
#include "sim/trace.h"

/* Nothing fails, all is quick, and threads are interrupted often. */
static sim_plan calm_plan(uint64_t seed)
{
    sim_plan plan = {.seed = seed, .store = "memory:"};
    neap_options_init(&plan.options);
    plan.options.store = plan.store;
    plan.scheduler =
        (scheduler_options){.seed = seed, .preempt = 200, .tick_us = 20, .most_steps = 100000};
    plan.unsure = (unsure_options){.seed = seed};
    plan.clients = 4;
    plan.accounts = plan.courses = plan.students = plan.topics = 3;
    plan.calls = 8;
    plan.sends = 400;
    plan.lives = 1;
    return plan;
}

static void run(const char *scenario, const sim_plan *plan)
{
    char replay[100];
    snprintf(replay, sizeof replay, "scenario '%s', seed %llu", scenario,
             (unsigned long long)plan->seed);
    trace_begin(replay, false);
    run_plan(plan);
}

/* Without lanes: who found the queue full waited for work, when the one who had driven before had
 * done it all, and nobody could drive any more. */
static void full_queue_that_another_has_emptied(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sim_plan plan = calm_plan(seed);
        plan.options.lanes = 0;
        plan.options.queue_length = 2;
        run("full queue that another has emptied", &plan);
    }
}

/* What was sent just before neap_close() with close_ms 0 was never answered: the lane had looked
 * for requests before it came, and ended. */
static void sent_just_before_closing(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        sim_plan plan = calm_plan(seed);
        plan.options.close_ms = 0;
        plan.scheduler.preempt = 300;
        plan.clients = 2;
        plan.calls = 2;
        plan.sends = 1000;
        plan.lives = 8;
        run("sent just before closing", &plan);
    }
}

/* A caller that drove a lane left it with its own answer, and with units of others that nobody was
 * woken to commit. */
static void units_behind_the_driver_s_answer(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        sim_plan plan = calm_plan(seed);
        plan.options.caller_runs = true;
        plan.unsure.slow = 200;
        plan.unsure.slow_us = 2000;
        plan.accounts = 1;
        run("units behind the driver's answer", &plan);
    }
}

/* Who follows the log was told that the runtime closes, and closed his cursor, whose session had
 * outlived the store. */
static void cursor_closed_while_the_runtime_is(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        sim_plan plan = calm_plan(seed);
        plan.followers = 4;
        plan.calls = 2;
        plan.lives = 4;
        run("cursor closed while the runtime is", &plan);
    }
}

/* A saga's timeouts that were due while it was paused were handled in another order than they were
 * due in: what stood behind the first was given to it when it had just gone on. Who tried dead
 * letters again while the store was gone was never answered. */
static void subscriptions_that_are_paused_all_the_time(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        sim_plan plan = calm_plan(seed);
        plan.subscribed = true;
        plan.errands = 400;
        plan.deaf = 100;
        plan.keeps = 40;
        plan.clients = 2;
        plan.lives = 2;
        plan.cuts = seed % 4 == 0;
        run("subscriptions that are paused all the time", &plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_queue_that_another_has_emptied),
        cmocka_unit_test(sent_just_before_closing),
        cmocka_unit_test(units_behind_the_driver_s_answer),
        cmocka_unit_test(cursor_closed_while_the_runtime_is),
        cmocka_unit_test(subscriptions_that_are_paused_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
