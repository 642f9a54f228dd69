#include "sim/hearing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "sim/dice.h"
#include "sim/documents.h"
#include "sim/ledger.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

#define MOST 4096

static const struct {
    const char *name;
    unsigned partitions;
} subscribers[HEARING_SUBSCRIBERS] = {{"ear", 2}, {"strict", 1}, {"scribe", 3}, {"echo", 1}};

static sim_dice chance;
static unsigned failing;
static bool heard[HEARING_SUBSCRIBERS][MOST + 1], dropped[HEARING_SUBSCRIBERS][MOST + 1];

void hearing_begin(uint64_t seed, unsigned fails)
{
    chance = dice_of(seed, 8);
    failing = fails;
    memset(heard, 0, sizeof heard);
    memset(dropped, 0, sizeof dropped);
}

void hearing_heal(void)
{
    failing = 0;
}

const char *hearing_name(unsigned subscriber)
{
    return subscribers[subscriber].name;
}

void hearing_drop(unsigned subscriber, uint64_t position)
{
    dropped[subscriber][position] = true;
}

static unsigned subscriber_of(const char *name)
{
    for (unsigned i = 0; i < HEARING_SUBSCRIBERS; i++)
        if (strcmp(subscribers[i].name, name) == 0)
            return i;
    return HEARING_SUBSCRIBERS;
}

static bool wants(unsigned subscriber, const ledger_entry *entry)
{
    switch (subscriber) {
    case 0:
        return entry->kind == LEDGER_DEPOSITED || entry->kind == LEDGER_WITHDRAWN;
    case 1:
        return entry->kind == LEDGER_CLAIMED || entry->kind == LEDGER_NOTED;
    case 2:
        return strncmp(entry->stream, "Enrolment-", 10) == 0 ||
               strncmp(entry->stream, "Errand-", 7) == 0;
    default:
        return entry->kind == LEDGER_ENROLLED || entry->kind == LEDGER_LEFT;
    }
}

/* ---- The service ----------------------------------------------------------------------------- */

/* All of the stream before it were heard. */
static void check_order(unsigned subscriber, uint64_t position)
{
    const ledger_entry *entry = ledger_at(position);
    for (uint64_t at = 1; at < position; at++) {
        const ledger_entry *before = ledger_at(at);
        if (wants(subscriber, before) && strcmp(before->stream, entry->stream) == 0 &&
            !heard[subscriber][at] && !dropped[subscriber][at])
            trace_fail("%s is told of position %" PRIu64 " of %s before position %" PRIu64,
                       subscribers[subscriber].name, position, entry->stream, at);
    }
}

static neap_status hear(neap_service_call *call, const char *json, size_t size, void *user,
                        neap_error *error)
{
    char who[16], stream[32];
    int64_t position = 0, version = 0;
    (void)user;
    ledger_text(json, size, "who", who, sizeof who);
    ledger_text(json, size, "stream", stream, sizeof stream);
    ledger_number(json, size, "position", &position);
    ledger_number(json, size, "version", &version);
    trace(who, "is told: position, version", position, version);
    unsigned subscriber = subscriber_of(who);
    if (subscriber == HEARING_SUBSCRIBERS || position < 1 || (uint64_t)position > ledger_head())
        trace_fail("%s is told of position %" PRId64 ", which is not durable", who, position);
    const ledger_entry *entry = ledger_at((uint64_t)position);
    if (!wants(subscriber, entry) || strcmp(entry->stream, stream) != 0 ||
        entry->version != (uint64_t)version)
        trace_fail("%s is told of something else at position %" PRId64, who, position);
    check_order(subscriber, (uint64_t)position);
    scheduler_may_yield();
    if (dice_chance(&chance, failing))
        return neapi_fail(error, NEAP_UNAVAILABLE, "nobody hears");
    heard[subscriber][position] = true;
    return neap_service_result(call, "true", 4, error);
}

neap_status hearing_provide(neap_runtime *runtime, neap_error *error)
{
    return neap_service_provide(runtime, "ear", "hear", hear, NULL, error);
}

/* ---- Nothing is lost ------------------------------------------------------------------------- */

static void check_not_lost(unsigned subscriber, uint64_t position)
{
    char key[48];
    snprintf(key, sizeof key, "%s/%020" PRIu64, subscribers[subscriber].name, position);
    if (!heard[subscriber][position] && !dropped[subscriber][position] &&
        documents_find("$dead_letter", key) == NULL)
        trace_fail("%s has lost position %" PRIu64, subscribers[subscriber].name, position);
}

void hearing_check_checkpoint(const char *name, unsigned partition, uint64_t position)
{
    unsigned subscriber = subscriber_of(name);
    if (subscriber == HEARING_SUBSCRIBERS)
        return;
    unsigned partitions = subscribers[subscriber].partitions;
    for (uint64_t at = 1; at <= position; at++)
        if (wants(subscriber, ledger_at(at)) &&
            neapi_partition_of(neapi_text_of(ledger_at(at)->stream), partitions) == partition)
            check_not_lost(subscriber, at);
}

void hearing_check_letter_gone(const char *key)
{
    const char *slash = strchr(key, '/');
    char name[16];
    if (slash == NULL)
        return; /* one of the queue's */
    snprintf(name, sizeof name, "%.*s", (int)(slash - key), key);
    unsigned subscriber = subscriber_of(name);
    uint64_t position = strtoull(slash + 1, NULL, 10);
    if (subscriber != HEARING_SUBSCRIBERS && !heard[subscriber][position] &&
        !dropped[subscriber][position])
        trace_fail("the dead letter %s is gone, and was not handled", key);
}

/* Also what came of it: an echo each, once. */
static void check_echo(uint64_t position)
{
    unsigned echoes = 0;
    for (uint64_t at = 1; at <= ledger_head(); at++)
        echoes +=
            ledger_at(at)->kind == LEDGER_ECHOED && ledger_at(at)->op == LEDGER_ECHO_OP + position;
    bool may_miss = dropped[3][position] || documents_count("$dead_letter") != 0;
    if (echoes > 1 || (echoes == 0 && !may_miss))
        trace_fail("position %" PRIu64 " has %u echoes", position, echoes);
}

void hearing_check_end(void)
{
    for (unsigned i = 0; i < HEARING_SUBSCRIBERS; i++)
        for (uint64_t at = 1; at <= ledger_head(); at++) {
            if (!wants(i, ledger_at(at)))
                continue;
            if (!heard[i][at] && !dropped[i][at])
                trace_fail("%s was never told of position %" PRIu64, subscribers[i].name, at);
            if (i == 3)
                check_echo(at);
        }
}
