#include "sim/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "bus/partition.h"
#include "sim/documents.h"
#include "sim/hearing.h"
#include "sim/states.h"
#include "sim/trace.h"

#define MOST_KEYS 64

/* ---- Plain folds ----------------------------------------------------------------------------- */

/* false: it is not there. */
static bool fold_account(const char *account, uint64_t position, ledger_account *folded)
{
    char stream[32];
    snprintf(stream, sizeof stream, "Account-%s", account);
    *folded = ledger_account_at(stream, position);
    return folded->count != 0;
}

static bool is_of_pair(const ledger_entry *entry, const char *key)
{
    bool tagged = entry->kind == LEDGER_ENROLLED || entry->kind == LEDGER_LEFT;
    return tagged && (strcmp(entry->course, key) == 0 || strcmp(entry->student, key) == 0);
}

static void fold_pair_once(reading_pair *pair, const char *key, const ledger_entry *entry)
{
    if (!is_of_pair(entry, key))
        return;
    pair->count++;
    pair->digest = (pair->digest * 31 + entry->op) % 1000003;
    if (pair->count == 5)
        *pair = (reading_pair){0};
}

static bool is_account(const ledger_account *folded, const char *json)
{
    return json == NULL ? folded->count == 0 : states_is_account(folded, json, strlen(json));
}

static bool is_pair(const reading_pair *folded, const char *json)
{
    if (json == NULL)
        return folded->count == 0;
    size_t size = strlen(json);
    return folded->count == (uint64_t)states_number(json, size, "count") &&
           folded->digest == (uint64_t)states_number(json, size, "digest");
}

bool reading_was_account(const char *account, uint64_t first, const char *json)
{
    for (uint64_t at = first; at <= ledger_head(); at++) {
        ledger_account folded;
        fold_account(account, at, &folded);
        if (is_account(&folded, json))
            return true;
    }
    return false;
}

bool reading_was_pair(const char *key, uint64_t first, const char *json)
{
    reading_pair folded = {0};
    for (uint64_t at = 0; at <= ledger_head(); at++) {
        if (at != 0)
            fold_pair_once(&folded, key, ledger_at(at));
        if (at >= first && is_pair(&folded, json))
            return true;
    }
    return false;
}

/* ---- What a checkpoint stands for ------------------------------------------------------------ */

typedef struct build {
    char name[16], collection[40];
    unsigned number, partition;
    uint64_t position;
    unsigned partitions;
} build;

static bool is_mine(const build *of, const char *key)
{
    return neapi_partition_of(neapi_text_of(key), of->partitions) == of->partition;
}

static void check_account(const build *of, const char *account)
{
    ledger_account folded;
    const char *json = documents_find(of->collection, account);
    fold_account(account, of->position, &folded);
    if (!is_account(&folded, json))
        trace_fail("%s of %s is %s at checkpoint %" PRIu64 ", not balance %lld, count %" PRIu64,
                   account, of->collection, json != NULL ? json : "not there", of->position,
                   (long long)folded.balance, folded.count);
}

static void check_pair(const build *of, const char *key)
{
    reading_pair folded = {0};
    const char *json = documents_find(of->collection, key);
    for (uint64_t at = 1; at <= of->position; at++)
        fold_pair_once(&folded, key, ledger_at(at));
    if (!is_pair(&folded, json))
        trace_fail("%s of %s is %s at checkpoint %" PRIu64 ", not count %" PRIu64, key,
                   of->collection, json != NULL ? json : "not there", of->position, folded.count);
}

/* Calls for each key that an event of the log had, once. */
static void each_key(const build *of, bool pairs, void (*check)(const build *of, const char *key))
{
    char keys[MOST_KEYS][16];
    unsigned count = 0;
    for (uint64_t at = 1; at <= ledger_head(); at++) {
        const ledger_entry *entry = ledger_at(at);
        const char *found[2] = {entry->course, entry->student};
        if (!pairs)
            found[0] = strncmp(entry->stream, "Account-", 8) == 0 ? entry->stream + 8 : "";
        for (unsigned i = 0; i < (pairs ? 2u : 1u); i++) {
            unsigned k = 0;
            while (k < count && strcmp(keys[k], found[i]) != 0)
                k++;
            if (k < count || found[i][0] == '\0' || count == MOST_KEYS)
                continue;
            snprintf(keys[count++], sizeof *keys, "%s", found[i]);
            if (is_mine(of, found[i]))
                check(of, found[i]);
        }
    }
}

static void check_checkpoint(const char *key, const char *data)
{
    build it = {0};
    int64_t position = 0;
    ledger_number(data, strlen(data), "position", &position);
    it.position = (uint64_t)position;
    if (sscanf(key, "%15[^@]@%u/%u", it.name, &it.number, &it.partition) != 3)
        trace_fail("a checkpoint called %s", key);
    snprintf(it.collection, sizeof it.collection, "%s@%u", it.name, it.number);
    if (it.position > ledger_head())
        trace_fail("%s is at %" PRIu64 ", and the log ends at %" PRIu64, key, it.position,
                   ledger_head());
    trace(key, "is at: position", position, 0);
    it.partitions = strcmp(it.name, "parts") == 0 ? 3 : strcmp(it.name, "pairs") == 0 ? 2 : 1;
    if (strcmp(it.name, "totals") == 0 || strcmp(it.name, "parts") == 0)
        each_key(&it, false, check_account);
    else if (strcmp(it.name, "pairs") == 0)
        each_key(&it, true, check_pair);
    else if (strcmp(it.name, "rows") != 0) /* which are looked at through SQL */
        hearing_check_checkpoint(it.name, it.partition, it.position);
}

/* The inline one has no checkpoint: it is always at the head. */
static void check_inline(const neapi_unit *unit)
{
    build it = {.name = "held", .collection = "held@1", .partitions = 1, .position = ledger_head()};
    for (size_t i = 0; i < unit->event_count; i++) {
        const ledger_entry *entry = ledger_at(unit->events[i].position);
        if (strncmp(entry->stream, "Account-", 8) == 0)
            check_account(&it, entry->stream + 8);
    }
}

void reading_committed(const neapi_unit *unit)
{
    bool read = documents_count("$subscription") != 0;
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_document *document = &unit->ops[i].document;
        char key[80];
        if (unit->ops[i].kind != NEAPI_OP_DOCUMENT)
            continue;
        snprintf(key, sizeof key, "%.*s", NEAPI_TEXT(document->key));
        const char *data = documents_find("$checkpoint", key);
        if (data != NULL && document->write == NEAPI_DOCUMENT_PUT &&
            neapi_text_equal(document->collection, NEAPI_LITERAL("$checkpoint")))
            check_checkpoint(key, data);
        else if (document->write == NEAPI_DOCUMENT_DROP &&
                 neapi_text_equal(document->collection, NEAPI_LITERAL("$dead_letter")))
            hearing_check_letter_gone(key);
    }
    if (read)
        check_inline(unit);
}
