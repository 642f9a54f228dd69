/* core/store: what the front checks for all backends, and what it makes of their answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "store/check.h"
#include "store/store.h"

#define T(string) neapi_text_of(string)

static const neap_uuid some_id = {{7}};

/* A backend that does what it is told. */
static struct fake {
    neap_status status; /* of every call */
    neapi_outcome outcome;
    bool durable;
    size_t calls;
    neapi_unit *units[8];
    size_t count;
    neapi_session session;
} fake;

static neap_status answer(neap_error *error)
{
    fake.calls++;
    return fake.status == NEAP_OK ? NEAP_OK : neapi_fail(error, fake.status, "disk full");
}

static neap_status fake_session_open(neapi_store *store, neapi_mode mode, neapi_session **session,
                                     neap_error *error)
{
    (void)store;
    (void)mode;
    *session = &fake.session;
    return answer(error);
}

static void fake_session_close(neapi_session *session)
{
    (void)session;
}

static void judge_all(neapi_unit *const *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (neapi_unit_blocked(units[i]))
            neapi_unit_refuse(units[i], NEAP_CONFLICT, 0, 0);
        else
            neapi_unit_accept(units[i], 1, 1);
    }
}

static neap_status fake_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                               int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    (void)session;
    (void)now_us;
    fake.count = count;
    for (size_t i = 0; i < count; i++)
        fake.units[i] = units[i];
    *outcome = fake.outcome;
    if (fake.status == NEAP_OK)
        judge_all(units, count);
    return answer(error);
}

static neap_status fake_resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                                bool *durable, neap_error *error)
{
    (void)session;
    fake.count = count;
    if (fake.status == NEAP_OK && fake.durable)
        judge_all(units, count);
    *durable = fake.durable;
    return answer(error);
}

static neap_status fake_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                             neap_error *error)
{
    (void)session;
    (void)range;
    const neap_event event = {.position = 1, .stream = T("A-1"), .type = T("T"), .data = T("{}")};
    assert_int_equal(page->count, 0);
    assert_true(neapi_page_add(page, &event));
    return answer(error);
}

static neap_status fake_head(neapi_session *session, uint64_t *position, neap_error *error)
{
    (void)session;
    *position = 1;
    return answer(error);
}

static const neapi_backend fake_backend = {.scheme = "fake",
                                           .session_open = fake_session_open,
                                           .session_close = fake_session_close,
                                           .commit = fake_commit,
                                           .resolve = fake_resolve,
                                           .read = fake_read,
                                           .head = fake_head};
static char fake_name[] = "fake:shop";
static neapi_store fake_store;
static neapi_session *session;

static int setup(void **unused)
{
    (void)unused;
    fake = (struct fake){0};
    fake_store =
        (neapi_store){.backend = &fake_backend, .mode = NEAPI_MODE_WRITE, .name = fake_name};
    return neapi_session_open(&fake_store, NEAPI_MODE_WRITE, &session, NULL) == NEAP_OK ? 0 : -1;
}

static int teardown(void **unused)
{
    (void)unused;
    neapi_session_close(session);
    return 0;
}

static void unknown_scheme_lists_the_known_ones(void **unused)
{
    (void)unused;
    neapi_store *store;
    neap_error error;
    assert_int_equal(neapi_store_open("sqlight:shop.db", NEAPI_MODE_WRITE, &store, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message, "unknown kind of store \"sqlight\"; did you mean "
                                       "\"sqlite\"?; known are memory, sqlite and "
                                       "postgresql");
    assert_int_equal(neapi_store_open("oracle:x", NEAPI_MODE_WRITE, &store, &error), NEAP_USAGE);
    assert_string_equal(
        error.message, "unknown kind of store \"oracle\"; known are memory, sqlite and postgresql");
    assert_int_equal(neapi_store_open(NULL, NEAPI_MODE_WRITE, &store, NULL), NEAP_USAGE);
}

static void store_in_memory_is_new_and_private(void **unused)
{
    (void)unused;
    neapi_store *store;
    neap_error error;
    assert_int_equal(neapi_store_open("memory:", NEAPI_MODE_READ, &store, &error), NEAP_UNKNOWN);
    assert_string_equal(error.message, "open memory:: a store in memory is new and private: there "
                                       "is nothing to read");
    assert_int_equal(neapi_store_open("memory:shop", NEAPI_MODE_WRITE, &store, &error), NEAP_USAGE);
    assert_int_equal(neapi_store_open("memory:", NEAPI_MODE_WRITE, &store, &error), NEAP_OK);
    assert_string_equal(store->name, "memory:");
    neapi_store_close(store);
    neapi_store_close(NULL);
    neapi_session_close(NULL);
}

static void writing_sessions_are_counted(void **unused)
{
    (void)unused;
    neapi_session *second;
    neap_error error;
    assert_int_equal(neapi_session_open(&fake_store, NEAPI_MODE_WRITE, &second, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message, "fake:shop has a writing session already");
    neapi_session_close(session);
    fake.status = NEAP_STORE; /* an attempt that fails does not count */
    assert_int_equal(neapi_session_open(&fake_store, NEAPI_MODE_WRITE, &second, &error),
                     NEAP_STORE);
    assert_string_equal(error.message, "open a session of fake:shop: disk full");
    fake.status = NEAP_OK;
    assert_int_equal(neapi_session_open(&fake_store, NEAPI_MODE_WRITE, &session, &error), NEAP_OK);
    fake_store.mode = NEAPI_MODE_READ;
    assert_int_equal(neapi_session_open(&fake_store, NEAPI_MODE_WRITE, &second, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message, "fake:shop is open for reading only");
}

static neapi_unit *unit_of(const char *stream)
{
    neapi_unit *unit = neapi_unit_new(some_id);
    neap_event event = {
        .id = some_id, .recorded_at = 1, .schema = 1, .type = T("Changed"), .data = T("{}")};
    assert_non_null(unit);
    assert_int_equal(neapi_unit_append(unit, T(stream), 0, &event), NEAP_OK);
    return unit;
}

static void assert_check(neapi_unit *unit, neap_status status, size_t op, const char *says)
{
    neap_error error;
    size_t at = 99;
    error.message[0] = '\0';
    assert_int_equal(neapi_unit_check(unit, &at, &error), status);
    if (status != NEAP_OK) {
        assert_int_equal(at, op);
        if (strstr(error.message, says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", error.message, says);
        assert_int_equal(neapi_unit_check(unit, &at, NULL), status);
    }
    neapi_unit_release(unit);
}

static void names_are_checked(void **unused)
{
    (void)unused;
    static char longest[514];
    memset(longest, 'x', 513);
    assert_check(unit_of(longest), NEAP_INVALID, 0, "513 bytes; at most 512");
    longest[512] = '\0';
    assert_check(unit_of(longest), NEAP_OK, 0, "");
    assert_check(unit_of(""), NEAP_INVALID, 0, "a stream's name is empty");
    assert_check(unit_of("A-\x01"), NEAP_INVALID, 0, "control character");
    assert_check(unit_of("A-\x7F"), NEAP_INVALID, 0, "control character");
    assert_check(unit_of("A-\xC2\x85"), NEAP_INVALID, 0, "control character");
    assert_check(unit_of("A-\xC2\xA0"), NEAP_OK, 0, "");
    assert_check(unit_of("A-\xFF"), NEAP_INVALID, 0, "not UTF-8");
    assert_check(unit_of("\xC3\x84 b-\xF0\x9F\x98\x80"), NEAP_OK, 0, "");
    assert_check(unit_of("no dash"), NEAP_OK, 0, "");
    neapi_unit *unit = neapi_unit_new(some_id);
    assert_int_equal(neapi_unit_expect(unit, T("A-\n"), 0), NEAP_OK);
    assert_check(unit, NEAP_INVALID, 0, "control character");
}

static void check_event(void (*spoil)(neap_event *), neap_status status, const char *says)
{
    neapi_unit *unit = unit_of("A-1");
    neapi_unit_expect(unit, T("A-1"), 1);
    neap_event event = {
        .id = some_id, .recorded_at = 1, .schema = 1, .type = T("Changed"), .data = T("{}")};
    spoil(&event);
    assert_int_equal(neapi_unit_append(unit, T("A-1"), 1, &event), NEAP_OK);
    assert_check(unit, status, 2, says);
}

static void no_type(neap_event *event)
{
    event->type = T("");
}
static void no_data(neap_event *event)
{
    event->data = T("");
}
static void no_schema(neap_event *event)
{
    event->schema = 0;
}
static void no_id(neap_event *event)
{
    event->id = (neap_uuid){{0}};
}
static void no_time(neap_event *event)
{
    event->recorded_at = 0;
}

static neap_text tags[3];
static void set_tags(neap_event *event, const char *a, const char *b)
{
    tags[0] = T(a);
    tags[1] = T(b);
    event->tags = tags;
    event->tag_count = 2;
}
static void good_tags(neap_event *event)
{
    set_tags(event, "a:1", "a:2");
}
static void unsorted_tags(neap_event *event)
{
    set_tags(event, "a:2", "a:1");
}
static void equal_tags(neap_event *event)
{
    set_tags(event, "a:1", "a:1");
}
static void bare_tag(neap_event *event)
{
    set_tags(event, "a", "b:1");
}
static void nameless_tag(neap_event *event)
{
    set_tags(event, ":a", "b:1");
}

static void events_are_checked(void **unused)
{
    (void)unused;
    check_event(no_type, NEAP_INVALID, "type's name is empty");
    check_event(no_data, NEAP_INVALID, "Changed has no data");
    check_event(no_schema, NEAP_USAGE, "schema version 0");
    check_event(no_id, NEAP_USAGE, "no id");
    check_event(no_time, NEAP_USAGE, "no recorded time");
    check_event(good_tags, NEAP_OK, "");
    check_event(unsorted_tags, NEAP_USAGE, "bytewise order");
    check_event(equal_tags, NEAP_USAGE, "bytewise order");
    check_event(bare_tag, NEAP_INVALID, "name:value");
    check_event(nameless_tag, NEAP_INVALID, "name:value");
}

static void appends_and_events_have_to_match(void **unused)
{
    (void)unused;
    static const char says[] = "do not match";
    neapi_unit *unit = unit_of("A-1");
    unit->ops[0].append.count = 0;
    assert_check(unit, NEAP_USAGE, 0, says);
    unit = unit_of("A-1");
    unit->ops[0].append.count = 2;
    assert_check(unit, NEAP_USAGE, 0, says);
    unit = unit_of("A-1");
    unit->ops[0].append.first = 1;
    assert_check(unit, NEAP_USAGE, 0, says);
    unit = unit_of("A-1");
    unit->op_count = 0;
    assert_check(unit, NEAP_USAGE, 0, says);
    unit = unit_of("A-1");
    unit->events[0].stream = T("B-1");
    assert_check(unit, NEAP_USAGE, 0, "an event of B-1 is appended to A-1");
}

static void keys_commands_and_snapshots_are_checked(void **unused)
{
    (void)unused;
    neapi_key key = {.key = T("k")};
    neapi_unit *unit = unit_of("A-1");
    neapi_unit_key(unit, &key);
    key.key = T("k2");
    neapi_unit_key(unit, &key);
    key.key = T("k");
    neapi_unit_key(unit, &key);
    assert_check(unit, NEAP_USAGE, 3, "the key \"k\" twice");
    unit = unit_of("A-1");
    key.key = T("");
    neapi_unit_key(unit, &key);
    assert_check(unit, NEAP_INVALID, 1, "key is empty");

    neapi_command command = {.id = some_id, .name = T("Do")};
    unit = unit_of("A-1");
    neapi_unit_command(unit, &command);
    command.name = T("Undo");
    neapi_unit_command(unit, &command);
    assert_check(unit, NEAP_USAGE, 2, "two commands, Do and Undo");
    unit = unit_of("A-1");
    command.id = (neap_uuid){{0}};
    neapi_unit_command(unit, &command);
    assert_check(unit, NEAP_USAGE, 1, "Undo has no id");

    neapi_snapshot snapshot = {.name = T("A-1"), .version = 1, .keep = 1};
    unit = unit_of("A-1");
    neapi_unit_snapshot(unit, &snapshot);
    snapshot.keep = 0;
    neapi_unit_snapshot(unit, &snapshot);
    assert_check(unit, NEAP_USAGE, 2, "at least 1 has to stay");
    unit = unit_of("A-1");
    snapshot.keep = 1;
    snapshot.version = 0;
    neapi_unit_snapshot(unit, &snapshot);
    assert_check(unit, NEAP_USAGE, 1, "version 0");
}

static void check_condition(const char *type, const neap_text *wanted, size_t count,
                            neap_status status, const char *says)
{
    neapi_unit *unit = unit_of("A-1");
    neap_text types = T(type);
    assert_int_equal(neapi_unit_condition(unit, &types, type != NULL, wanted, count, 0), NEAP_OK);
    assert_check(unit, status, 1, says);
}

static void conditions_are_checked(void **unused)
{
    (void)unused;
    neap_text many[NEAPI_TAGS_MOST + 1];
    for (size_t i = 0; i <= NEAPI_TAGS_MOST; i++)
        many[i] = T("a:1");
    const neap_text bare[] = {T("a:1"), T("a")}, empty[] = {T("")};
    check_condition(NULL, many, 1, NEAP_OK, "");
    check_condition("Changed", many, NEAPI_TAGS_MOST, NEAP_OK, "");
    check_condition("Changed", many, NEAPI_TAGS_MOST + 1, NEAP_USAGE, "65 tags are asked for");
    check_condition("Changed", NULL, 0, NEAP_USAGE, "a condition names no tag");
    check_condition("Changed", bare, 2, NEAP_INVALID, "\"a\" is not of the form name:value");
    check_condition("Changed", empty, 1, NEAP_INVALID, "a tag is empty");
    check_condition("", many, 1, NEAP_INVALID, "type's name is empty");
}

static void documents_are_checked(void **unused)
{
    (void)unused;
    char longest[NEAPI_STREAM_BYTES + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const neapi_document good = {
        .collection = T("c"), .key = T("k"), .write = NEAPI_DOCUMENT_PUT, .data = T("")};
    neapi_document bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].collection = T("");
    bad[1].key = T("");
    bad[2].key = T("a\nb");
    bad[3].key = T(longest);
    bad[4].write = (neapi_document_write)7;
    bad[5].expect = (neapi_document_expect)7;
    for (size_t i = 0; i < 6; i++) {
        size_t op;
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        assert_int_equal(neapi_unit_document(unit, &good), NEAP_OK);
        assert_int_equal(neapi_unit_check(unit, &op, NULL), NEAP_OK);
        assert_int_equal(neapi_unit_document(unit, &bad[i]), NEAP_OK);
        assert_int_equal(neapi_unit_check(unit, &op, NULL), i < 4 ? NEAP_INVALID : NEAP_USAGE);
        assert_int_equal(op, 1);
        neapi_unit_release(unit);
    }
    static const char *const names[] = {"c", "c", ""};
    for (uint32_t i = 0; i < 3; i++) {
        size_t op;
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        assert_int_equal(neapi_unit_clear_collection(unit, T(names[i]), i), NEAP_OK);
        assert_int_equal(neapi_unit_check(unit, &op, NULL), i == 0   ? NEAP_USAGE
                                                            : i == 1 ? NEAP_OK
                                                                     : NEAP_INVALID);
        neapi_unit_release(unit);
    }
}

static void bad_unit_is_refused_alone(void **unused)
{
    (void)unused;
    neapi_unit *units[4] = {unit_of("A-1"), unit_of(""), unit_of("B-1"), unit_of("C-1")};
    neapi_unit_follow(units[3], units[1]);
    neapi_outcome outcome;
    assert_int_equal(neapi_commit(session, units, 4, 1, &outcome, NULL), NEAP_OK);
    assert_int_equal(fake.count, 3);
    assert_ptr_equal(fake.units[0], units[0]);
    assert_ptr_equal(fake.units[1], units[2]);
    assert_ptr_equal(fake.units[2], units[3]);
    assert_int_equal(units[0]->state, NEAPI_UNIT_ACCEPTED);
    assert_int_equal(units[1]->state, NEAPI_UNIT_REFUSED);
    assert_int_equal(units[1]->verdict.status, NEAP_INVALID);
    assert_int_equal(units[2]->state, NEAPI_UNIT_ACCEPTED);
    assert_int_equal(units[3]->verdict.status, NEAP_CONFLICT);
    for (size_t i = 0; i < 4; i++)
        neapi_unit_release(units[i]);

    units[0] = unit_of(""); /* nothing is left: the backend is not asked */
    fake.calls = 0;
    assert_int_equal(neapi_commit(session, units, 1, 1, &outcome, NULL), NEAP_OK);
    assert_int_equal(fake.calls, 0);
    assert_int_equal(units[0]->state, NEAPI_UNIT_REFUSED);
    neapi_unit_release(units[0]);
}

static void good_units_cost_no_allocation(void **unused)
{
    (void)unused;
    neapi_unit *units[2] = {unit_of("A-1"), unit_of("B-1")};
    neapi_outcome outcome;
    neapi_alloc_refuse(1, true);
    neap_status status = neapi_commit(session, units, 2, 1, &outcome, NULL);
    neapi_alloc_refuse(0, false);
    assert_int_equal(status, NEAP_OK);
    for (size_t i = 0; i < 2; i++)
        neapi_unit_release(units[i]);
}

static void failed_commit_judges_nobody(void **unused)
{
    (void)unused;
    neapi_unit *units[3] = {unit_of("A-1"), unit_of(""), unit_of("B-1")};
    neapi_unit_follow(units[1], units[0]);
    neapi_outcome outcome;
    neap_error error;
    fake.status = NEAP_STORE;
    assert_int_equal(neapi_commit(session, units, 3, 1, &outcome, &error), NEAP_STORE);
    assert_int_equal(outcome, NEAPI_OUTCOME_NONE);
    assert_string_equal(error.message, "commit 3 units: fake:shop: disk full");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(units[i]->state, NEAPI_UNIT_BUILDING);
        assert_int_equal(units[i]->verdict.status, NEAP_OK);
    }
    assert_ptr_equal(units[1]->after, units[0]);

    assert_int_equal(neapi_commit(session, units, 1, 1, &outcome, &error), NEAP_STORE);
    assert_string_equal(error.message, "append A-1: fake:shop: disk full");
    fake.outcome = NEAPI_OUTCOME_UNKNOWN;
    fake.status = NEAP_UNAVAILABLE;
    assert_int_equal(neapi_commit(session, units, 3, 1, &outcome, &error), NEAP_UNAVAILABLE);
    assert_int_equal(outcome, NEAPI_OUTCOME_UNKNOWN);

    bool durable = true; /* still not known */
    assert_int_equal(neapi_resolve(session, units, 3, &durable, &error), NEAP_UNAVAILABLE);
    assert_string_equal(error.message, "resolve fake:shop: disk full");
    assert_true(durable);
    fake.status = NEAP_OK; /* known, and not durable */
    assert_int_equal(neapi_resolve(session, units, 3, &durable, &error), NEAP_OK);
    assert_false(durable);
    assert_int_equal(units[1]->state, NEAPI_UNIT_BUILDING);
    fake.durable = true; /* durable: judged as commit would have */
    assert_int_equal(neapi_resolve(session, units, 3, &durable, &error), NEAP_OK);
    assert_true(durable);
    assert_int_equal(fake.count, 2);
    assert_int_equal(units[0]->state, NEAPI_UNIT_ACCEPTED);
    assert_int_equal(units[1]->state, NEAPI_UNIT_REFUSED);
    assert_int_equal(units[2]->state, NEAPI_UNIT_ACCEPTED);
    for (size_t i = 0; i < 3; i++)
        neapi_unit_release(units[i]);
}

static void range_is_checked(void **unused)
{
    (void)unused;
    const neap_text types[] = {T("Good"), T("B\nad")};
    const neapi_range good = {.from = 1, .to = UINT64_MAX, .max_events = 1};
    neapi_range ranges[8];
    for (size_t i = 0; i < 8; i++)
        ranges[i] = good;
    ranges[0].stream = T("A-1");
    ranges[0].category = T("A");
    ranges[1].stream = T("A\n");
    ranges[2].category = T("A-1");
    ranges[3].types = types;
    ranges[3].type_count = 2;
    ranges[4].max_events = 0;
    ranges[5].from = 0;
    ranges[6].backward = true;
    ranges[6].to = 0;
    ranges[7].category = T("\xFF");
    static const neap_status statuses[] = {NEAP_USAGE, NEAP_INVALID, NEAP_USAGE, NEAP_INVALID,
                                           NEAP_USAGE, NEAP_USAGE,   NEAP_USAGE, NEAP_INVALID};
    neapi_page page = NEAPI_PAGE_INIT;
    fake.calls = 0;
    for (size_t i = 0; i < 8; i++) {
        neap_error error;
        assert_int_equal(neapi_read(session, &ranges[i], &page, &error), statuses[i]);
        assert_int_not_equal(error.message[0], '\0');
    }
    assert_int_equal(fake.calls, 0);
    ranges[3].type_count = 1;
    assert_int_equal(neapi_read(session, &ranges[3], &page, NULL), NEAP_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(fake.calls, 1);
    neapi_page_fini(&page);
}

static void refused_read(neapi_range range, neap_status status, const char *says)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neap_error error;
    error.message[0] = '\0';
    range.from = range.to = range.max_events = 1;
    fake.calls = 0;
    assert_int_equal(neapi_read(session, &range, &page, &error), status);
    assert_int_equal(fake.calls, status == NEAP_OK);
    if (strstr(error.message, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, says);
    neapi_page_fini(&page);
}

static void tags_of_a_range_are_checked(void **unused)
{
    (void)unused;
    neap_text many[NEAPI_TAGS_MOST + 1], type = T("Changed");
    for (size_t i = 0; i <= NEAPI_TAGS_MOST; i++)
        many[i] = T("a:1");
    neapi_range range = {.tags = many, .tag_count = NEAPI_TAGS_MOST};
    refused_read(range, NEAP_OK, "");
    range.types = &type;
    range.type_count = 1;
    refused_read(range, NEAP_OK, "");
    range.stream = T("A-1");
    refused_read(range, NEAP_USAGE, "either tags are read or one stream, not both: a:1, A-1");
    range.stream = T("");
    range.category = T("A");
    refused_read(range, NEAP_USAGE, "either tags are read or one category, not both: a:1, A");
    range.category = T("");
    range.tag_count = NEAPI_TAGS_MOST + 1;
    refused_read(range, NEAP_USAGE, "65 tags are asked for; at most 64 are allowed");
    range.tag_count = 1;
    many[0] = T("math");
    refused_read(range, NEAP_INVALID, "the tag \"math\" is not of the form name:value");
}

static void empty_range_asks_nobody(void **unused)
{
    (void)unused;
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = {.from = 5, .to = 4, .max_events = 1};
    fake.calls = 0;
    assert_int_equal(neapi_read(session, &range, &page, NULL), NEAP_OK);
    assert_true(page.last);
    assert_int_equal(page.next, 5);
    range = (neapi_range){.from = 0, .to = 1, .backward = true, .max_events = 1};
    assert_int_equal(neapi_read(session, &range, &page, NULL), NEAP_OK);
    assert_true(page.last);
    assert_int_equal(fake.calls, 0);
    neapi_page_fini(&page);
}

static void failed_reading_is_prefixed_and_leaves_an_empty_page(void **unused)
{
    (void)unused;
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = {.from = 1, .to = 4, .max_events = 1};
    neap_error error;
    uint64_t position;
    fake.status = NEAP_STORE;
    assert_int_equal(neapi_read(session, &range, &page, &error), NEAP_STORE);
    assert_string_equal(error.message, "read fake:shop: disk full");
    assert_int_equal(page.count, 0);
    assert_int_equal(neapi_head(session, &position, &error), NEAP_STORE);
    assert_string_equal(error.message, "read fake:shop: disk full");
    neapi_page_fini(&page);
}

static void what_is_looked_for_is_checked(void **unused)
{
    (void)unused;
    neapi_arena arena = NEAPI_ARENA_INIT;
    uint64_t version, position;
    neapi_key key;
    neapi_snapshot snapshot;
    neapi_command command;
    bool found;
    assert_int_equal(neapi_stream_head(session, T(""), &version, &position, NULL), NEAP_INVALID);
    assert_int_equal(neapi_find_key(session, T(""), 1, &arena, &key, &found, NULL), NEAP_INVALID);
    assert_int_equal(
        neapi_find_snapshot(session, T("\n"), 1, T("f"), &arena, &snapshot, &found, NULL),
        NEAP_INVALID);
    assert_int_equal(neapi_find_command(session, 0, &arena, &command, &found, NULL), NEAP_USAGE);
    neap_text data;
    assert_int_equal(neapi_find_document(session, T(""), T("k"), &arena, &data, &found, NULL),
                     NEAP_INVALID);
    assert_int_equal(neapi_find_document(session, T("c"), T("\n"), &arena, &data, &found, NULL),
                     NEAP_INVALID);
}

/* Each look at this clock finds it 5 µs later. */
static int64_t ticking(void *self)
{
    return *(int64_t *)self += 5;
}

static void calls_are_counted(void **unused)
{
    (void)unused;
    int64_t clock_us = 0;
    uint64_t position;
    const neapi_platform platform = {.self = &clock_us, .monotonic_us = ticking};
    static neapi_store_calls calls; /* all zero */
    calls.platform = &platform;
    assert_int_equal(neapi_head(session, &position, NULL), NEAP_OK);
    assert_int_equal(clock_us, 0); /* nobody asked to */
    neapi_session_count_calls(session, &calls);
    assert_int_equal(neapi_head(session, &position, NULL), NEAP_OK);
    fake.status = NEAP_STORE;
    assert_int_equal(neapi_head(session, &position, NULL), NEAP_STORE);
    neapi_unit *unit = unit_of("A-1");
    neapi_outcome outcome;
    assert_int_equal(neapi_commit(session, &unit, 1, 1, &outcome, NULL), NEAP_STORE);
    neapi_unit_release(unit);
    for (neapi_call_kind kind = 0; kind < NEAPI_CALL_KINDS; kind++) {
        neapi_distribution us = {0};
        neapi_distribution_add(&us, &calls.of[kind].us);
        uint64_t made = kind == NEAPI_CALL_HEAD ? 2 : kind == NEAPI_CALL_COMMIT;
        assert_int_equal(us.count, made);
        assert_int_equal(us.sum, 5 * made);
        assert_int_equal(neapi_count_get(&calls.of[kind].failures), made > 0);
    }
    neapi_session_count_calls(session, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unknown_scheme_lists_the_known_ones),
        TEST(store_in_memory_is_new_and_private),
        TEST(writing_sessions_are_counted),
        TEST(names_are_checked),
        TEST(events_are_checked),
        TEST(appends_and_events_have_to_match),
        TEST(keys_commands_and_snapshots_are_checked),
        TEST(documents_are_checked),
        TEST(bad_unit_is_refused_alone),
        TEST(good_units_cost_no_allocation),
        TEST(failed_commit_judges_nobody),
        TEST(conditions_are_checked),
        TEST(range_is_checked),
        TEST(tags_of_a_range_are_checked),
        TEST(empty_range_asks_nobody),
        TEST(failed_reading_is_prefixed_and_leaves_an_empty_page),
        TEST(what_is_looked_for_is_checked),
        TEST(calls_are_counted),
    };
    return cmocka_run_group_tests_name("store_front", tests, NULL, NULL);
}
