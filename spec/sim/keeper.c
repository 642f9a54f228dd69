#include "sim/keeper.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/documents.h"
#include "sim/hearing.h"
#include "sim/history.h"
#include "sim/reading.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

/* Without rows the first is not there. */
static const char *const all[] = {"rows",   "totals", "parts", "pairs", "ear",
                                  "strict", "scribe", "echo",  "errand"};
enum { ALL = sizeof all / sizeof *all, PROJECTIONS = 4 };
/* Those that can be found by account. */
static const char *const accounts[] = {"totals", "parts", "held", "asked"};

static void note(const char *call, neap_status status, const neap_error *error)
{
    trace(scheduler_name(), call, -1, status);
    if (status != NEAP_OK)
        history_failed(call, status, error);
}

/* Of what cannot be done while a subscription is paused, or with a dead letter that is gone. */
static void note_change(const char *call, neap_status status, const neap_error *error)
{
    bool may_be = status == NEAP_UNAVAILABLE || status == NEAP_UNKNOWN;
    note(call, may_be ? NEAP_OK : status, error);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* The last position that somebody has been told of. */
static uint64_t known_position(void)
{
    for (uint64_t at = ledger_head(); at > 0; at--)
        if (ledger_at(at)->acked)
            return at;
    return 0;
}

static void find_account(sim_keeper *it, const char *projection, uint64_t first)
{
    char key[16];
    char *json = NULL;
    size_t size;
    neap_error error;
    snprintf(key, sizeof key, "a%u", (unsigned)dice_below(&it->chance, it->accounts));
    neap_status status = neap_find(it->runtime, projection, key, &json, &size, &error);
    note("find: status", status, &error);
    if (status == NEAP_OK && !reading_was_account(key, first, json))
        trace_fail("%s of %s was found as %s, which it was at no position from %" PRIu64, key,
                   projection, json != NULL ? json : "nothing", first);
    neap_free(json);
}

/* As find_account, of rows. */
static void select_account(sim_keeper *it, uint64_t first)
{
    char key[16], parameters[20];
    char *json = NULL;
    size_t size = 0;
    neap_error error;
    snprintf(key, sizeof key, "a%u", (unsigned)dice_below(&it->chance, it->accounts));
    snprintf(parameters, sizeof parameters, "[\"%s\"]", key);
    neap_status status = neap_select(it->runtime, "rows",
                                     "SELECT balance, count, digest FROM {rows} WHERE account = ?",
                                     parameters, &json, &size, &error);
    note("select: status", status, &error);
    if (status == NEAP_OK) {
        bool none = size == 2;
        json[size - 1] = '\0'; /* one row, or none */
        if (!reading_was_account(key, first, none ? NULL : json + 1))
            trace_fail("the row of %s was %s, which it was at no position from %" PRIu64, key, json,
                       first);
    }
    neap_free(json);
}

static unsigned first_of(const sim_keeper *it)
{
    return it->rows ? 0 : 1;
}

static const char *pick(sim_keeper *it, unsigned below)
{
    unsigned first = first_of(it);
    return all[first + dice_below(&it->chance, below - first)];
}

static void find_pair(sim_keeper *it, uint64_t first)
{
    char key[16];
    char *json = NULL;
    size_t size;
    neap_error error;
    bool student = dice_chance(&it->chance, 500);
    snprintf(key, sizeof key, "%c%u", student ? 's' : 'c',
             (unsigned)dice_below(&it->chance, student ? it->students : it->courses));
    neap_status status = neap_find(it->runtime, "pairs", key, &json, &size, &error);
    note("find: status", status, &error);
    if (status == NEAP_OK && !reading_was_pair(key, first, json))
        trace_fail("%s of pairs was found as %s, which it was at no position from %" PRIu64, key,
                   json != NULL ? json : "nothing", first);
    neap_free(json);
}

/* Reads a projection that may be anywhere, or one that has caught up with what is known. */
static void read_one(sim_keeper *it)
{
    uint64_t known = known_position();
    unsigned which = (unsigned)dice_below(&it->chance, 4);
    bool of_rows = it->rows && dice_chance(&it->chance, 250);
    const char *name = of_rows ? "rows" : which == 3 ? "pairs" : accounts[which % 2];
    neap_error error;
    bool waits = dice_chance(&it->chance, 500);
    neap_status status = waits ? neap_catch_up(it->runtime, name, 0, 2000, &error) : NEAP_OK;
    if (waits)
        note_change("catches up: status", status, &error);
    if (of_rows)
        select_account(it, waits && status == NEAP_OK ? known : 0);
    else if (which == 2)
        find_account(it, accounts[2 + dice_below(&it->chance, 2)], known); /* never behind */
    else if (which == 3)
        find_pair(it, waits && status == NEAP_OK ? known : 0);
    else
        find_account(it, name, waits && status == NEAP_OK ? known : 0);
}

static void look(sim_keeper *it)
{
    char *json = NULL;
    size_t size;
    neap_error error;
    neap_status status = NEAP_OK;
    switch (dice_below(&it->chance, 4)) {
    case 0:
        status = neap_subscriptions(it->runtime, &json, &size, &error);
        break;
    case 1:
        status = neap_sagas(it->runtime, NULL, &json, &size, &error);
        break;
    case 2:
        status = neap_dead_letters(it->runtime, NULL, &json, &size, &error);
        break;
    default:
        status = neap_list(it->runtime, pick(it, ALL), NULL, &json, &size, &error);
        if (status == NEAP_USAGE)
            status = NEAP_OK; /* it is no projection */
    }
    note("looks: status", status, &error);
    neap_free(json);
}

/* ---- Changing -------------------------------------------------------------------------------- */

typedef struct first_letter {
    const char *subscriber;
    uint64_t position;
} first_letter;

static void see_letter(void *of, const char *key, const char *data)
{
    first_letter *it = of;
    int64_t position = 0;
    size_t length = strlen(it->subscriber);
    if (strncmp(key, it->subscriber, length) != 0 || key[length] != '/' || it->position != 0)
        return;
    ledger_number(data, strlen(data), "position", &position);
    it->position = (uint64_t)position;
}

static void treat_letters(sim_keeper *it)
{
    unsigned subscriber = (unsigned)dice_below(&it->chance, HEARING_SUBSCRIBERS);
    first_letter letter = {.subscriber = hearing_name(subscriber)};
    neap_error error;
    documents_each("$dead_letter", see_letter, &letter);
    bool one = letter.position != 0 && dice_chance(&it->chance, 500);
    if (one && dice_chance(&it->chance, 300)) {
        hearing_drop(subscriber, letter.position);
        note_change("drops a dead letter: status",
                    neap_drop_dead_letter(it->runtime, letter.subscriber, letter.position, &error),
                    &error);
        return;
    }
    note_change(
        "tries dead letters again: status",
        neap_retry_dead_letters(it->runtime, letter.subscriber, one ? letter.position : 0, &error),
        &error);
}

static void rebuild(sim_keeper *it)
{
    const char *name = pick(it, PROJECTIONS);
    neap_error error;
    neap_progress progress;
    neap_progress_init(&progress);
    switch (dice_below(&it->chance, 3)) {
    case 0:
        note_change(
            "rebuilds: status",
            neap_rebuild(it->runtime, name, 1 + (uint32_t)dice_below(&it->chance, 3000), &error),
            &error);
        return;
    case 1:
        note_change("begins to rebuild: status", neap_rebuild_begin(it->runtime, name, &error),
                    &error);
        return;
    default:
        note_change("asks how far a rebuild is: status",
                    neap_rebuild_progress(it->runtime, name, (uint32_t)dice_below(&it->chance, 50),
                                          &progress, &error),
                    &error);
    }
}

static void act(sim_keeper *it)
{
    const char *name = pick(it, ALL);
    neap_error error;
    switch (dice_below(&it->chance, 12)) {
    case 0:
        note_change("pauses: status", neap_pause(it->runtime, name, &error), &error);
        break;
    case 1:
    case 2:
        note_change("resumes: status", neap_resume(it->runtime, name, &error), &error);
        break;
    case 3:
    case 4:
        treat_letters(it);
        break;
    case 5:
    case 6:
        rebuild(it);
        break;
    case 7:
        look(it);
        break;
    default:
        read_one(it);
    }
}

void keeper_run(void *argument)
{
    sim_keeper *it = argument;
    for (unsigned i = 0; i < it->calls && !*it->stop; i++) {
        act(it);
        scheduler_sleep(dice_between(&it->chance, 0, 30000));
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

static void must(const char *call, neap_status status, const neap_error *error)
{
    trace(scheduler_name(), call, -1, status);
    if (status != NEAP_OK)
        trace_fail("%s at the end: %s", call, error->message);
}

static void wait_for_all(neap_runtime *runtime)
{
    neap_error error;
    must("drains: status", neap_drain(runtime, 0, &error), &error);
}

static void resume_all(sim_keeper *it)
{
    neap_error error;
    for (unsigned i = first_of(it); i < ALL; i++)
        must("resumes: status", neap_resume(it->runtime, all[i], &error), &error);
    wait_for_all(it->runtime);
}

void keeper_mend(sim_keeper *it)
{
    neap_runtime *runtime = it->runtime;
    neap_error error;
    hearing_heal();
    resume_all(it);
    for (unsigned tries = 0; documents_count("$saga_stopped:errand") != 0; tries++) {
        if (tries == 1000)
            trace_fail("%u sagas stay stopped", documents_count("$saga_stopped:errand"));
        must("resumes: status", neap_resume(runtime, "errand", &error), &error);
        wait_for_all(runtime);
    }
    for (unsigned i = 0; i < HEARING_SUBSCRIBERS; i++) {
        first_letter letter = {.subscriber = hearing_name(i)};
        must("tries dead letters again: status",
             neap_retry_dead_letters(runtime, hearing_name(i), 0, &error), &error);
        documents_each("$dead_letter", see_letter, &letter);
        if (letter.position != 0)
            trace_fail("position %" PRIu64 " stays a dead letter of %s", letter.position,
                       letter.subscriber);
    }
    wait_for_all(runtime);
}

void keeper_check_end(sim_keeper *it)
{
    uint64_t head = ledger_head();
    neap_error error;
    char *json;
    size_t size;
    for (unsigned i = first_of(it); i < PROJECTIONS; i++)
        must("rebuilds: status", neap_rebuild(it->runtime, all[i], 0, &error), &error);
    must("catches up: status", neap_catch_up(it->runtime, NULL, head, 0, &error), &error);
    for (unsigned i = 0; i < 20; i++) {
        find_account(it, DICE_PICK(&it->chance, accounts), head);
        find_pair(it, head);
        if (it->rows)
            select_account(it, head);
    }
    must("looks: status", neap_subscriptions(it->runtime, &json, &size, &error), &error);
    for (const char *at = json; (at = strstr(at, "\"state\":\"")) != NULL; at++)
        if (strncmp(at, "\"state\":\"live\"", 14) != 0)
            trace_fail("a subscription is not live: %s", json);
    neap_free(json);
    hearing_check_end();
}
