#include "sim/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "sim/documents.h"
#include "sim/errands.h"
#include "sim/later.h"
#include "sim/reading.h"
#include "sim/trace.h"

#define MOST_ENTRIES 4096
/* The rules of world.lua. */
#define SEATS   3
#define COURSES 2

static ledger_entry entries[MOST_ENTRIES];
static uint64_t head;

void ledger_begin(void)
{
    head = 0;
}

uint64_t ledger_head(void)
{
    return head;
}

const ledger_entry *ledger_at(uint64_t position)
{
    return &entries[position - 1];
}

/* ---- What an event says ---------------------------------------------------------------------- */

/* What stands behind "name": in flat JSON; NULL: nothing. */
static const char *find(const char *json, size_t size, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = json, *end = json + size; at + length + 3 < end; at++)
        if (at[0] == '"' && memcmp(at + 1, name, length) == 0 && at[length + 1] == '"' &&
            at[length + 2] == ':')
            return at + length + 3;
    return NULL;
}

bool ledger_number(const char *json, size_t size, const char *name, int64_t *number)
{
    const char *at = find(json, size, name);
    if (at != NULL)
        *number = strtoll(at, NULL, 10);
    return at != NULL;
}

void ledger_text(const char *json, size_t size, const char *name, char *text, size_t room)
{
    const char *at = find(json, size, name);
    size_t used = 0;
    for (; at != NULL && *++at != '"' && used + 1 < room; used++)
        text[used] = *at;
    text[used] = '\0';
}

static ledger_kind kind_of(neap_text type)
{
    static const char *const names[] = {
        [LEDGER_DEPOSITED] = "Deposited", [LEDGER_WITHDRAWN] = "Withdrawn",
        [LEDGER_ENROLLED] = "Enrolled",   [LEDGER_LEFT] = "Left",
        [LEDGER_CLAIMED] = "Claimed",     [LEDGER_NOTED] = "Noted",
        [LEDGER_STARTED] = "Started",     [LEDGER_WENT] = "Went",
        [LEDGER_ECHOED] = "Echoed"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (neapi_text_equal(type, neapi_text_of(names[i])))
            return (ledger_kind)i;
    trace_fail("an event of type %.*s", NEAPI_TEXT(type));
}

/* ---- Folds ----------------------------------------------------------------------------------- */

static uint64_t digest(uint64_t before, uint64_t op)
{
    return (before * 31 + op) % 1000003;
}

void ledger_fold_account(ledger_account *account, const char *stream, const ledger_entry *entry)
{
    if (strcmp(entry->stream, stream) != 0)
        return;
    account->count++;
    account->digest = digest(account->digest, entry->op);
    account->balance += entry->kind == LEDGER_DEPOSITED ? entry->amount : -entry->amount;
}

ledger_account ledger_account_at(const char *stream, uint64_t position)
{
    ledger_account account = {0};
    for (uint64_t at = 1; at <= position; at++)
        ledger_fold_account(&account, stream, ledger_at(at));
    return account;
}

void ledger_fold_enrolment(ledger_enrolment *enrolment, const char *course, const char *student,
                           const ledger_entry *entry)
{
    bool tagged = entry->kind == LEDGER_ENROLLED || entry->kind == LEDGER_LEFT;
    bool of_course = tagged && course[0] != '\0' && strcmp(entry->course, course) == 0;
    bool of_student = tagged && student[0] != '\0' && strcmp(entry->student, student) == 0;
    if (!of_course && !of_student)
        return;
    int64_t change = entry->kind == LEDGER_ENROLLED ? 1 : -1;
    enrolment->count++;
    enrolment->digest = digest(enrolment->digest, entry->op);
    enrolment->seats += of_course ? change : 0;
    enrolment->courses += of_student ? change : 0;
    if (of_course && of_student)
        enrolment->enrolled = change > 0;
}

ledger_enrolment ledger_enrolment_at(const char *course, const char *student, uint64_t position)
{
    ledger_enrolment enrolment = {0};
    for (uint64_t at = 1; at <= position; at++)
        ledger_fold_enrolment(&enrolment, course, student, ledger_at(at));
    return enrolment;
}

uint64_t ledger_version(const char *stream, uint64_t position)
{
    uint64_t version = 0;
    for (uint64_t at = 1; at <= position; at++)
        version += strcmp(ledger_at(at)->stream, stream) == 0;
    return version;
}

/* ---- What has been answered for ----------------------------------------------------------------
 */

void ledger_ack(uint64_t position)
{
    entries[position - 1].acked = true;
}

uint64_t ledger_acked_of_stream(const char *stream)
{
    for (uint64_t at = ledger_head(); at > 0; at--)
        if (entries[at - 1].acked && strcmp(ledger_at(at)->stream, stream) == 0)
            return at;
    return 0;
}

uint64_t ledger_acked_of_tags(const char *course, const char *student)
{
    for (uint64_t at = ledger_head(); at > 0; at--) {
        ledger_enrolment concerned = {0};
        ledger_fold_enrolment(&concerned, course, student, ledger_at(at));
        if (entries[at - 1].acked && concerned.count != 0)
            return at;
    }
    return 0;
}

/* ---- What a commit adds ---------------------------------------------------------------------- */

/* Each rule is broken by the newest event, if it is at all. */
static void check_rules(const ledger_entry *entry)
{
    if (entry->kind == LEDGER_WITHDRAWN && ledger_account_at(entry->stream, head).balance < 0)
        trace_fail("%s holds less than nothing at position %" PRIu64, entry->stream, head);
    if (entry->kind == LEDGER_CLAIMED && entry->version != 1)
        trace_fail("%s was claimed twice", entry->stream);
    if (entry->kind == LEDGER_WENT)
        errands_check_step(head);
    if (entry->kind != LEDGER_ENROLLED && entry->kind != LEDGER_LEFT)
        return;
    ledger_enrolment both = ledger_enrolment_at(entry->course, entry->student, head);
    if (both.seats > SEATS || both.courses > COURSES || both.seats < 0 || both.courses < 0)
        trace_fail("%s has %lld of %d seats taken, %s %lld of %d courses, at position %" PRIu64,
                   entry->course, (long long)both.seats, SEATS, entry->student,
                   (long long)both.courses, COURSES, head);
    ledger_enrolment before = ledger_enrolment_at(entry->course, entry->student, head - 1);
    if (before.enrolled == (entry->kind == LEDGER_ENROLLED))
        trace_fail("%s came to %s, or left it, twice: position %" PRIu64, entry->student,
                   entry->course, head);
}

static void add(const neap_event *event)
{
    if (head == MOST_ENTRIES)
        trace_fail("more than %d events", MOST_ENTRIES);
    ledger_entry *entry = &entries[head++];
    int64_t op = 0;
    *entry = (ledger_entry){.version = event->version,
                            .kind = kind_of(event->type),
                            .id = event->id,
                            .command_id = event->command_id};
    snprintf(entry->stream, sizeof entry->stream, "%.*s", NEAPI_TEXT(event->stream));
    ledger_number(event->data.data, event->data.size, "amount", &entry->amount);
    ledger_number(event->data.data, event->data.size, "op", &op);
    entry->op = (uint64_t)op;
    neap_text data = event->data;
    ledger_text(data.data, data.size, "course", entry->course, sizeof entry->course);
    ledger_text(data.data, data.size, "student", entry->student, sizeof entry->student);
    ledger_text(data.data, data.size, "what", entry->what, sizeof entry->what);
    ledger_text(data.data, data.size, "how", entry->how, sizeof entry->how);
    if (event->position != head)
        trace_fail("an event at position %" PRIu64 " was committed behind %" PRIu64,
                   event->position, head - 1);
    if (event->version != ledger_version(entry->stream, head))
        trace_fail("%s got version %" PRIu64 " where %" PRIu64 " is next", entry->stream,
                   event->version, ledger_version(entry->stream, head));
    trace(entry->stream, "durable: version, op", (int64_t)entry->version, op);
    check_rules(entry);
}

void ledger_committed(neapi_unit *const *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const neapi_unit *unit = units[i];
        if (unit->state != NEAPI_UNIT_ACCEPTED)
            continue;
        for (size_t k = 0; k < unit->event_count; k++)
            add(&unit->events[k]);
        documents_apply(unit);
        later_committed(unit);
        reading_committed(unit);
    }
}
