#include "sim/scheduler.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/dice.h"
#include "sim/fiber.h"
#include "sim/trace.h"

#define MOST_THREADS 32
#define NEVER        INT64_MAX

/* Steps after which the threads are weighed anew: some run often for a while, others hardly. */
#define STEPS_OF_ONE_WEIGHT 64

struct sim_thread {
    sim_fiber *fiber; /* NULL: the place is free */
    void (*run)(void *argument);
    void *argument;
    char name[16];
    const char *waits_for; /* NULL: it can run */
    bool (*ready)(void *of);
    void *of;
    int64_t deadline_us;
    unsigned weight;
    uint64_t halted; /* until that step it goes on only if no other can */
    bool has_ended;
};

static scheduler_options options;
static sim_dice chance;
static sim_thread threads[MOST_THREADS];
static sim_thread *running;
static unsigned held;
static int64_t now_us;
static uint64_t steps;

void scheduler_begin(const scheduler_options *given)
{
    options = *given;
    chance = dice_of(given->seed, 1);
    memset(threads, 0, sizeof threads);
    running = NULL;
    held = 0;
    now_us = 1000000;
    steps = 0;
}

/* Few are heavy: then one may run on and on while another, which could, stands still. */
static void weigh(sim_thread *it)
{
    static const unsigned weights[] = {1, 4, 4, 16, 64};
    it->weight = DICE_PICK(&chance, weights);
}

static void begin(void *argument)
{
    sim_thread *it = argument;
    it->run(it->argument);
    it->has_ended = true;
}

sim_thread *scheduler_spawn(const char *name, void (*run)(void *argument), void *argument)
{
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        sim_thread *it = &threads[i];
        if (it->fiber != NULL)
            continue;
        *it = (sim_thread){.run = run, .argument = argument, .deadline_us = NEVER};
        snprintf(it->name, sizeof it->name, "%s", name);
        it->fiber = fiber_new(begin, it);
        weigh(it);
        return it;
    }
    trace_fail("more than %d threads", MOST_THREADS);
}

/* ---- Choosing -------------------------------------------------------------------------------- */

static bool can_run(const sim_thread *it)
{
    if (it->fiber == NULL || it->has_ended)
        return false;
    return it->waits_for == NULL || it->deadline_us <= now_us || it->ready(it->of);
}

/* One of those that can run; halted: also of those that stand still. */
static sim_thread *choose_of(bool halted)
{
    sim_thread *can[MOST_THREADS];
    unsigned count = 0, weight = 0;
    for (unsigned i = 0; i < MOST_THREADS; i++)
        if (can_run(&threads[i]) && (halted || threads[i].halted <= steps)) {
            can[count++] = &threads[i];
            weight += threads[i].weight;
        }
    if (count == 0)
        return NULL;
    unsigned at = (unsigned)dice_below(&chance, weight), chosen = 0;
    while (at >= can[chosen]->weight)
        at -= can[chosen++]->weight;
    return can[chosen];
}

static sim_thread *choose(void)
{
    sim_thread *chosen = choose_of(false);
    return chosen != NULL ? chosen : choose_of(true);
}

/* One that waits and may be woken by nobody: park() says that it may return early. */
static sim_thread *choose_spurious(void)
{
    sim_thread *it = &threads[dice_below(&chance, MOST_THREADS)];
    bool parked = it->fiber != NULL && !it->has_ended && it->waits_for != NULL &&
                  strcmp(it->waits_for, "gate") == 0;
    return parked ? it : NULL;
}

static int64_t next_deadline(void)
{
    int64_t next = NEVER;
    for (unsigned i = 0; i < MOST_THREADS; i++) {
        const sim_thread *it = &threads[i];
        bool waits = it->fiber != NULL && !it->has_ended && it->waits_for != NULL;
        if (waits && it->deadline_us > now_us && it->deadline_us < next)
            next = it->deadline_us;
    }
    return next;
}

static bool is_over(void)
{
    for (unsigned i = 0; i < MOST_THREADS; i++)
        if (threads[i].fiber != NULL && !threads[i].has_ended)
            return false;
    return true;
}

/* Who has not come to an end, and what each waits for. */
static const char *waiting(void)
{
    static char text[1024];
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < MOST_THREADS && used < sizeof text; i++)
        if (threads[i].fiber != NULL && !threads[i].has_ended)
            used += (size_t)snprintf(text + used, sizeof text - used, " %s (%s)", threads[i].name,
                                     threads[i].waits_for != NULL ? threads[i].waits_for : "runs");
    return text;
}

static void move_clock(void)
{
    int64_t next = dice_chance(&chance, options.jump) ? next_deadline() : NEVER;
    now_us = next != NEVER ? next : now_us + dice_between(&chance, 0, options.tick_us);
}

static void free_ended(sim_thread *it)
{
    fiber_free(it->fiber);
    it->fiber = NULL;
}

static void step(sim_thread *it)
{
    trace(it->name, "runs: at us, waited", now_us, it->waits_for != NULL);
    it->waits_for = NULL;
    it->deadline_us = NEVER;
    running = it;
    fiber_enter(it->fiber);
    running = NULL;
}

void scheduler_run(void)
{
    while (!is_over()) {
        if (++steps > options.most_steps)
            trace_fail("it does not end: %" PRIu64 " steps;%s", steps, waiting());
        if (steps % STEPS_OF_ONE_WEIGHT == 0)
            for (unsigned i = 0; i < MOST_THREADS; i++)
                weigh(&threads[i]);
        move_clock();
        sim_thread *chosen = dice_chance(&chance, options.spurious) ? choose_spurious() : NULL;
        if (chosen == NULL)
            chosen = choose();
        if (chosen != NULL) {
            step(chosen);
            continue;
        }
        int64_t next = next_deadline();
        if (next == NEVER)
            trace_fail("all wait, and nobody will wake them:%s", waiting());
        now_us = next;
    }
    for (unsigned i = 0; i < MOST_THREADS; i++)
        if (threads[i].fiber != NULL)
            free_ended(&threads[i]);
}

/* ---- For threads ----------------------------------------------------------------------------- */

sim_thread *scheduler_running(void)
{
    return running;
}

const char *scheduler_name(void)
{
    return running != NULL ? running->name : "-";
}

void scheduler_wait(const char *what, bool (*ready)(void *of), void *of, int64_t deadline_us)
{
    if (held != 0)
        trace_fail("%s waits for %s where no other thread may go on", running->name, what);
    running->waits_for = what;
    running->ready = ready;
    running->of = of;
    running->deadline_us = deadline_us;
    fiber_leave();
}

/* Now and then it stays there while the others do all that they can. */
void scheduler_may_yield(void)
{
    if (running == NULL || held != 0 || !dice_chance(&chance, options.preempt))
        return;
    if (dice_chance(&chance, 300))
        running->halted = steps + dice_below(&chance, 100);
    fiber_leave();
}

static bool never(void *of)
{
    (void)of;
    return false;
}

void scheduler_sleep(int64_t us)
{
    if (us > 0)
        scheduler_wait("time", never, NULL, now_us + us);
}

static bool has_ended(void *of)
{
    return ((const sim_thread *)of)->has_ended;
}

void scheduler_join(sim_thread *joined)
{
    if (!joined->has_ended)
        scheduler_wait(joined->name, has_ended, joined, NEVER);
    free_ended(joined);
}

void scheduler_hold(void)
{
    held++;
}

void scheduler_release(void)
{
    held--;
}

int64_t scheduler_now_us(void)
{
    return now_us;
}

uint64_t scheduler_steps(void)
{
    return steps;
}
