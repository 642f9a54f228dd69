/* core/store: verification finds every broken invariant that the interface can show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "store/idset.h"
#include "store/store.h"

#define T(string) neapi_text_of(string)
#define EVENTS    5

/* A store whose log is whatever the test made of it. */
static struct broken {
    neap_event events[EVENTS];
    size_t count;
    uint64_t head;
    uint64_t later_head;        /* from the second time that it is asked; 0: the same */
    uint64_t version, position; /* of the stream A-1 */
    neapi_command command;
    uint64_t command_from, command_to; /* positions that it is found from */
    neap_verification counts;
    const char *finding;  /* the backend's own */
    neap_status status;   /* of reading */
    const char *lost_tag; /* the index of tags does not have it */
    const char *tag;      /* the index of tags has it at this position as well, or instead */
    uint64_t tag_at;
    bool tag_moved;
    neap_status tag_status; /* of reading by tags */
} broken;

static bool carries(const neap_event *event, neap_text tag)
{
    for (uint32_t i = 0; i < event->tag_count; i++)
        if (neapi_text_equal(event->tags[i], tag))
            return true;
    return false;
}

static neap_status read_by_tags(const neapi_range *range, neapi_page *page, neap_error *error)
{
    neap_text tag = range->tags[0];
    if (broken.tag_status != NEAP_OK)
        return neapi_fail(error, broken.tag_status, "page 8 is damaged");
    bool strange = broken.tag != NULL && neapi_text_equal(tag, T(broken.tag));
    for (size_t i = 0; i < broken.count; i++) {
        uint64_t position = broken.events[i].position;
        bool listed = carries(&broken.events[i], tag) && !(strange && broken.tag_moved);
        if (broken.lost_tag != NULL && neapi_text_equal(tag, T(broken.lost_tag)))
            listed = false;
        listed = listed || (strange && position == broken.tag_at);
        if (listed && position >= range->from && position <= range->to &&
            !neapi_page_add(page, &broken.events[i]))
            return neapi_nomem(error);
    }
    page->last = true;
    return NEAP_OK;
}

static neap_status read_events(neapi_session *session, const neapi_range *range, neapi_page *page,
                               neap_error *error)
{
    (void)session;
    if (broken.status != NEAP_OK)
        return neapi_fail(error, broken.status, "page 7 is damaged");
    if (range->tag_count != 0)
        return read_by_tags(range, page, error);
    size_t at = (size_t)range->from - 1; /* one event a page */
    if (at < broken.count && !neapi_page_add(page, &broken.events[at]))
        return neapi_nomem(error);
    page->next = at < broken.count ? range->from + 1 : range->from;
    page->last = at + 1 >= broken.count;
    return NEAP_OK;
}

static neap_status read_head(neapi_session *session, uint64_t *position, neap_error *error)
{
    (void)session;
    (void)error;
    *position = broken.head;
    if (broken.later_head != 0)
        broken.head = broken.later_head;
    return NEAP_OK;
}

static neap_status read_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                                    uint64_t *position, neap_error *error)
{
    (void)session;
    (void)error;
    bool first = neapi_text_equal(stream, T("A-1"));
    *version = first ? broken.version : 1;
    *position = first ? broken.position : 3;
    return NEAP_OK;
}

static neap_status find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error)
{
    (void)session;
    (void)arena;
    (void)error;
    *found = position >= broken.command_from && position <= broken.command_to;
    *result = broken.command;
    return NEAP_OK;
}

static neap_status verify(neapi_session *session, const neapi_verify_sink *sink,
                          neap_verification *result, neap_error *error)
{
    (void)session;
    (void)error;
    *result = broken.counts;
    if (broken.finding != NULL)
        sink->finding(sink->user, broken.finding);
    return NEAP_OK;
}

static const neapi_backend backend = {.scheme = "broken",
                                      .read = read_events,
                                      .head = read_head,
                                      .stream_head = read_stream_head,
                                      .find_command = find_command,
                                      .verify = verify};

/* A sound log, B-1, A-1, A-1; the last two decided by a command. */
static int setup(void **unused)
{
    (void)unused;
    static const char *const streams[EVENTS] = {"A-1", "A-1", "B-1", "A-1", "A-1"};
    static const uint64_t versions[EVENTS] = {1, 2, 1, 3, 4};
    broken = (struct broken){.count = EVENTS,
                             .head = EVENTS,
                             .version = 4,
                             .position = 5,
                             .command = {.id = {{9}}, .name = T("Do"), .data = T("{}")},
                             .command_from = 4,
                             .command_to = 5,
                             .counts = {.events = EVENTS, .streams = 2, .types = 1}};
    for (uint8_t i = 0; i < EVENTS; i++) {
        broken.events[i] = (neap_event){.position = i + 1u,
                                        .version = versions[i],
                                        .recorded_at = 1,
                                        .id = {{(uint8_t)(i + 1)}},
                                        .schema = 1,
                                        .type = T("Changed"),
                                        .stream = T(streams[i]),
                                        .data = T("{\"a\":1}")};
        if (i >= 3)
            broken.events[i].command_id = broken.command.id;
    }
    return 0;
}

static char findings[4096];

static void note(void *user, const char *text)
{
    (void)user;
    size_t used = strlen(findings);
    snprintf(findings + used, sizeof findings - used, "%s\n", text);
}

static neap_status run(neap_verification *result, neap_error *error)
{
    static char name[] = "broken:";
    neapi_store store = {.backend = &backend, .name = name};
    neapi_session session = {.store = &store};
    neapi_verify_sink sink = {NULL, note};
    findings[0] = '\0';
    return neapi_verify(&session, &sink, result, error);
}

/* What was found is exactly this, one sentence a line. */
static void assert_found(const char *expected, uint64_t count)
{
    neap_verification result;
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_string_equal(findings, expected);
    assert_int_equal(result.findings, count);
    assert_int_equal(result.events, broken.counts.events);
}

static void sound_store_has_no_findings(void **unused)
{
    (void)unused;
    assert_found("", 0);
    broken = (struct broken){0};
    assert_found("", 0);
}

static void hole_in_positions(void **unused)
{
    (void)unused;
    broken.events[4].position = 6;
    broken.position = broken.head = 6;
    broken.command_to = 6;
    assert_found("Position 6 follows position 4.\n", 1);
}

static void hole_in_versions(void **unused)
{
    (void)unused;
    broken.events[3].version = 4;
    assert_found("Position 4: version 4 of A-1 follows version 2.\n"
                 "Position 5: version 4 of A-1 follows version 4.\n",
                 2);
}

static void id_used_twice(void **unused)
{
    (void)unused;
    broken.events[4].id = broken.events[0].id;
    assert_found("Position 5: the id 01000000-0000-0000-0000-000000000000 belongs to an earlier "
                 "event too.\n",
                 1);
    broken.events[4].id = (neap_uuid){{0}};
    assert_found("Position 5: the event has no id.\n", 1);
}

static void data_that_is_not_json(void **unused)
{
    (void)unused;
    broken.events[1].data = T("{\"a\":}");
    neap_verification result;
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 1);
    assert_non_null(strstr(findings, "Position 2, version 2 of A-1: its data: "));
    setup(NULL);
    broken.events[1].data = T("{\"a\":\"\xFF\"}");
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 1);
    setup(NULL);
    broken.events[1].meta = T("[");
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 1);
    assert_non_null(strstr(findings, "Position 2, version 2 of A-1: its meta: "));
    setup(NULL);
    broken.command.data = T("nil");
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 1); /* once, not for each of its events */
    assert_non_null(strstr(findings, "Position 4, version 3 of A-1: its command's data: "));
    setup(NULL);
    broken.command.meta = T("nil");
    assert_int_equal(run(&result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 1);
}

static void names_that_cannot_be(void **unused)
{
    (void)unused;
    broken.events[2].stream = T("B\n1");
    assert_found("Position 3, version 1 of B?1: a stream's name contains a control character.\n",
                 1);
    setup(NULL);
    broken.events[2].type = T("\xFF");
    broken.counts.types = 2;
    assert_found("Position 3, version 1 of B-1: the type's name is not UTF-8.\n", 1);
}

static void tags_out_of_order(void **unused)
{
    (void)unused;
    const neap_text tags[] = {T("b:1"), T("a:1")};
    broken.events[2].tags = tags;
    broken.events[2].tag_count = 2;
    assert_found("Position 3: the tags are not in bytewise order, each once.\n", 1);
    const neap_text bare[] = {T("b")};
    broken.events[2].tags = bare;
    broken.events[2].tag_count = 1;
    assert_found("Position 3, version 1 of B-1: the tag \"b\" is not of the form name:value.\n", 1);
}

/* Tags of the second and the third event. */
static void tag_events(void)
{
    static const neap_text tags[] = {{"a:1", 3}, {"b:1", 3}};
    broken.events[1].tags = broken.events[2].tags = tags;
    broken.events[1].tag_count = 1;
    broken.events[2].tag_count = 2;
}

static void index_of_tags_that_does_not_agree(void **unused)
{
    (void)unused;
    tag_events();
    assert_found("", 0);
    broken.lost_tag = "b:1";
    assert_found("The tag b:1 is on 1 event; reading by it finds 0.\n", 1);
    broken.lost_tag = NULL;
    broken.tag = "a:1";
    broken.tag_at = 5;
    assert_found("The tag a:1 is on 2 events; reading by it finds 3.\n", 1);
    broken.tag = "b:1";
    broken.tag_moved = true;
    assert_found("Reading by the tag b:1 finds other events than carry it.\n", 1);
}

static void index_of_tags_that_is_damaged(void **unused)
{
    (void)unused;
    tag_events();
    broken.events[2].tag_count = 1;
    broken.tag_status = NEAP_CORRUPT;
    assert_found("Reading by the tag a:1 fails: read broken:: page 8 is damaged.\n", 1);
    broken.tag_status = NEAP_UNAVAILABLE;
    neap_verification result;
    neap_error error;
    assert_int_equal(run(&result, &error), NEAP_UNAVAILABLE);
    assert_string_equal(error.message, "read broken:: page 8 is damaged");
}

static void times_and_schemas_that_cannot_be(void **unused)
{
    (void)unused;
    broken.events[2].recorded_at = -5;
    broken.events[4].schema = 0;
    assert_found("Position 3: the event was recorded at -5 µs.\n"
                 "Position 5: the event has schema version 0.\n",
                 2);
}

static void heads_that_do_not_agree(void **unused)
{
    (void)unused;
    broken.head = 6;
    assert_found("The store's last position is 6; its last event has position 5.\n", 1);
    setup(NULL);
    broken.head = 4;
    assert_found("The store's last position is 4; its last event has position 5.\n", 1);
    setup(NULL);
    broken.version = 3;
    assert_found("The stream A-1 ends with version 4 at position 5; the store says version 3 at "
                 "position 5.\n",
                 1);
    setup(NULL);
    broken.version = 5;
    assert_found("The stream A-1 ends with version 4 at position 5; the store says version 5 at "
                 "position 5.\n",
                 1);
}

static void store_that_grows_meanwhile(void **unused)
{
    (void)unused;
    broken.later_head = broken.position = 6;
    broken.version = 5;
    broken.counts.events = 6;
    assert_found("", 0);
}

static void commands_that_do_not_agree(void **unused)
{
    (void)unused;
    broken.command_to = 4;
    assert_found("Position 5: the event's command is missing, and is there for the event before, "
                 "which the same command decided.\n",
                 1);
    setup(NULL);
    broken.command_to = 0; /* recording was turned off */
    assert_found("", 0);
    setup(NULL);
    broken.events[4].command_id = (neap_uuid){{8}};
    assert_found("Position 5: the event names another command than the store does.\n", 1);
}

static void counts_that_do_not_agree(void **unused)
{
    (void)unused;
    broken.counts = (neap_verification){.events = 6, .streams = 3, .types = 2, .keys = 7};
    broken.finding = "Row 3 is missing from its index.";
    assert_found("Row 3 is missing from its index.\n"
                 "The store counts 6 events; its log has 5.\n"
                 "The store counts 3 streams; its log has 2.\n"
                 "The store counts 2 types; its log has 1.\n",
                 4);
}

static void store_that_cannot_be_read_to_the_end(void **unused)
{
    (void)unused;
    neap_verification result = {.events = 77};
    neap_error error;
    broken.status = NEAP_CORRUPT;
    assert_int_equal(run(&result, &error), NEAP_CORRUPT);
    assert_string_equal(error.message, "read broken:: page 7 is damaged");
    assert_int_equal(result.events, 77);
}

static void refused_allocation_is_said(void **unused)
{
    (void)unused;
    neap_status status = NEAP_NOMEM;
    tag_events();
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        assert_true(nth < 100);
        neap_verification result;
        neapi_alloc_refuse(0, false);
        int64_t blocks = neapi_alloc_blocks();
        neapi_alloc_refuse(nth, true);
        status = run(&result, NULL);
        neapi_alloc_refuse(0, false);
        assert_true(status == NEAP_OK || status == NEAP_NOMEM);
        assert_int_equal(neapi_alloc_blocks(), blocks);
    }
    assert_string_equal(findings, "");
}

static void set_of_ids_knows_each(void **unused)
{
    (void)unused;
    neapi_idset set = NEAPI_IDSET_INIT;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 1; i <= 5000; i++) {
            bool known;
            neap_uuid id = neapi_uuid_derive((neap_uuid){{1}}, i);
            assert_int_equal(neapi_idset_add(&set, id, &known), NEAP_OK);
            assert_int_equal(known, round == 1);
        }
    }
    assert_int_equal(set.count, 5000);
    neapi_idset_fini(&set);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_store_has_no_findings),
        TEST(hole_in_positions),
        TEST(hole_in_versions),
        TEST(id_used_twice),
        TEST(data_that_is_not_json),
        TEST(names_that_cannot_be),
        TEST(tags_out_of_order),
        TEST(index_of_tags_that_does_not_agree),
        TEST(index_of_tags_that_is_damaged),
        TEST(times_and_schemas_that_cannot_be),
        TEST(heads_that_do_not_agree),
        TEST(store_that_grows_meanwhile),
        TEST(commands_that_do_not_agree),
        TEST(counts_that_do_not_agree),
        TEST(store_that_cannot_be_read_to_the_end),
        TEST(refused_allocation_is_said),
        TEST(set_of_ids_knows_each),
    };
    return cmocka_run_group_tests_name("store_verify", tests, NULL, NULL);
}
