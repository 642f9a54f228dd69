#include "sim/errands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/ledger.h"
#include "sim/trace.h"

#define MOST 512

typedef enum errand_state { ASKED, STARTED, REFUSED, MAYBE } errand_state;

static const struct {
    const char *how, *steps, *status;
} ways[] = {
    {"well", "took finish ", "completed"},
    {"raises", "took finish ", "completed"},
    {"timers", "tb tc ta ", "completed"},
    {"declined", "took second first ", "failed"},
    {"refused", "took second first ", "failed"},
    {"late", "took first ", "failed"},
    {"stuck", "took first ", "compensation_failed"},
};
enum { WAYS = sizeof ways / sizeof *ways };

static struct {
    errand_state state;
    unsigned way;
} errands[MOST];
static unsigned count;
static bool is_sure;

void errands_begin(bool sure)
{
    count = 0;
    is_sure = sure;
}

static void on_answer(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    errand_state *state = user;
    neap_reply_free(reply);
    *state = status == NEAP_OK ? STARTED : error->outcome_unknown ? MAYBE : REFUSED;
}

void errands_do(neap_runtime *runtime, sim_dice *chance)
{
    char json[100];
    neap_error error;
    if (count == MOST)
        return;
    unsigned number = count++, way = (unsigned)dice_below(chance, WAYS);
    errands[number].state = ASKED;
    errands[number].way = way;
    int size = snprintf(json, sizeof json, "{\"id\":\"e%u\",\"how\":\"%s\",\"op\":%u}", number,
                        ways[way].how, ERRANDS_FIRST_OP + number);
    if (neap_send(runtime, "Start", json, (size_t)size, NULL, on_answer, &errands[number].state,
                  &error) != NEAP_OK)
        errands[number].state = REFUSED;
}

/* ---- Its steps ------------------------------------------------------------------------------- */

/* As the log has them up to a position, each with a space behind it. */
static void steps_of(const char *stream, uint64_t position, char *steps, size_t room)
{
    size_t used = 0;
    steps[0] = '\0';
    for (uint64_t at = 1; at <= position; at++) {
        const ledger_entry *entry = ledger_at(at);
        if (entry->kind == LEDGER_WENT && strcmp(entry->stream, stream) == 0 && used < room)
            used += (size_t)snprintf(steps + used, room - used, "%s ", entry->what);
    }
}

static bool begins_with(const char *text, const char *other)
{
    return strncmp(text, other, strlen(other)) == 0;
}

/* What was done is a beginning of what it does, and then what compensates for that, newest first;
 * some of it may have failed. */
static bool may_be_of(const char *how, const char *steps)
{
    static const char *const of_timers[] = {"", "tb ", "tb tc ", "tb tc ta "};
    static const char *const dones[] = {"", "took ", "took finish "};
    static const char *const undone[] = {"", "first ", "second ", "second first "};
    for (unsigned i = 0; i < 4; i++)
        if (strcmp(how, "timers") == 0 && strcmp(steps, of_timers[i]) == 0)
            return true;
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < 4; k++) {
            size_t done = strlen(dones[i]);
            bool taken = i != 0 || k < 2; /* the second is recorded when it was taken */
            if (taken && begins_with(steps, dones[i]) && strcmp(steps + done, undone[k]) == 0)
                return true;
        }
    return false;
}

void errands_check_step(uint64_t position)
{
    const ledger_entry *entry = ledger_at(position);
    char steps[80];
    for (uint64_t at = 1; at < position; at++)
        if (ledger_at(at)->kind == LEDGER_WENT && strcmp(ledger_at(at)->what, entry->what) == 0 &&
            strcmp(ledger_at(at)->stream, entry->stream) == 0)
            trace_fail("%s took the step '%s' twice: positions %" PRIu64 " and %" PRIu64,
                       entry->stream, entry->what, at, position);
    steps_of(entry->stream, position, steps, sizeof steps);
    if (!may_be_of(entry->how, steps))
        trace_fail("%s, which goes '%s', took the steps %s", entry->stream, entry->how, steps);
}

/* ---- At the end ------------------------------------------------------------------------------ */

static bool fits(unsigned way, const char *steps, const char *status)
{
    bool of_way = strcmp(steps, ways[way].steps) == 0 && strcmp(status, ways[way].status) == 0;
    if (of_way)
        return true;
    /* Its time may be over before the first step is taken, which is taken back then. */
    if (strcmp(ways[way].how, "late") == 0 && strcmp(steps, "first ") == 0)
        return strcmp(status, "failed") == 0;
    if (is_sure)
        return false;
    return strcmp(status, "compensation_failed") == 0 ||
           (strcmp(status, "failed") == 0 &&
            (strstr(steps, "first ") != NULL || strcmp(ways[way].how, "timers") == 0));
}

static bool has_started(const char *stream)
{
    for (uint64_t at = 1; at <= ledger_head(); at++)
        if (ledger_at(at)->kind == LEDGER_STARTED && strcmp(ledger_at(at)->stream, stream) == 0)
            return true;
    return false;
}

static void check_one(neap_runtime *runtime, unsigned number)
{
    char key[16], stream[32], steps[80], status[24];
    char *json;
    size_t size;
    neap_error error;
    snprintf(key, sizeof key, "e%u", number);
    snprintf(stream, sizeof stream, "Errand-%s", key);
    bool started = has_started(stream);
    if (errands[number].state == ASKED)
        trace_fail("nobody was told whether errand %s has begun", key);
    if (started ? errands[number].state == REFUSED : errands[number].state == STARTED)
        trace_fail("errand %s was %s", key, started ? "refused, and has begun" : "begun, and lost");
    if (neap_saga(runtime, "errand", key, &json, &size, &error) != NEAP_OK)
        trace_fail("saga %s cannot be read: %s", key, error.message);
    if ((json != NULL) != started)
        trace_fail("errand %s has begun: %d; it has a saga: %d", key, started, json != NULL);
    if (json == NULL)
        return;
    ledger_text(json, size, "status", status, sizeof status);
    steps_of(stream, ledger_head(), steps, sizeof steps);
    if (!fits(errands[number].way, steps, status))
        trace_fail("errand %s, which goes '%s', is %s after the steps %s: %s", key,
                   ways[errands[number].way].how, status, steps, json);
    neap_free(json);
}

void errands_check_end(neap_runtime *runtime)
{
    for (unsigned i = 0; i < count; i++)
        check_one(runtime, i);
}
