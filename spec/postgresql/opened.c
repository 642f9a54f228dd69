#include "opened.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define PATIENCE_S 60

static neap_uuid new_id(void)
{
    static atomic_uint counter;
    neap_uuid id = {{1}};
    unsigned number = atomic_fetch_add(&counter, 1) + 1;
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

neapi_unit *unit_behind(uint64_t version)
{
    char key[32];
    snprintf(key, sizeof key, "k-%u", (unsigned)version);
    neap_text tag = neapi_text_of("side:left");
    neapi_unit *unit = neapi_unit_new(new_id());
    neap_event event = {.id = new_id(),
                        .schema = 1,
                        .recorded_at = NOW,
                        .type = NEAPI_LITERAL("Changed"),
                        .data = NEAPI_LITERAL("{}"),
                        .tags = &tag,
                        .tag_count = 1};
    neapi_key kept = {
        .key = neapi_text_of(key), .expires_at = NOW + 1000, .types = NEAPI_LITERAL("[]")};
    neapi_document document = {.collection = NEAPI_LITERAL("c"),
                               .key = neapi_text_of(key),
                               .write = NEAPI_DOCUMENT_PUT,
                               .expect = NEAPI_DOCUMENT_ABSENT,
                               .data = NEAPI_LITERAL("1")};
    assert_int_equal(neapi_unit_append(unit, NEAPI_LITERAL("A-1"), version, &event), NEAP_OK);
    assert_int_equal(neapi_unit_key(unit, &kept), NEAP_OK);
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    return unit;
}

neapi_unit *unit_of_event(uint64_t version)
{
    neapi_unit *unit = neapi_unit_new(new_id());
    neap_event event = {.id = new_id(),
                        .schema = 1,
                        .recorded_at = NOW,
                        .type = NEAPI_LITERAL("Changed"),
                        .data = NEAPI_LITERAL("{}")};
    assert_int_equal(neapi_unit_append(unit, NEAPI_LITERAL("A-1"), version, &event), NEAP_OK);
    return unit;
}

neapi_unit *unit_of_document(neap_text key)
{
    neapi_unit *unit = neapi_unit_new(new_id());
    neapi_document document = {.collection = NEAPI_LITERAL("c"),
                               .key = key,
                               .write = NEAPI_DOCUMENT_PUT,
                               .expect = NEAPI_DOCUMENT_ABSENT,
                               .data = NEAPI_LITERAL("1")};
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    return unit;
}

void open_all(opened_store *opened, const char *url)
{
    neap_error error;
    neap_status status;
    time_t ends = time(NULL) + PATIENCE_S;
    error.message[0] = '\0';
    do /* a server with a short timeout may be too slow for it */
        status = neapi_store_open(url, NEAPI_MODE_WRITE, &opened->store, &error);
    while (status == NEAP_UNAVAILABLE && time(NULL) < ends);
    if (status != NEAP_OK ||
        neapi_session_open(opened->store, NEAPI_MODE_WRITE, &opened->writer, &error) != NEAP_OK ||
        neapi_session_open(opened->store, NEAPI_MODE_READ, &opened->reader, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

void close_all(opened_store *opened)
{
    neapi_session_close(opened->reader);
    neapi_session_close(opened->writer);
    neapi_store_close(opened->store);
}

uint64_t version_of(neapi_session *session)
{
    uint64_t version, position;
    neap_error error;
    if (neapi_stream_head(session, NEAPI_LITERAL("A-1"), &version, &position, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(version, position);
    return version;
}

static void print_finding(void *user, const char *text)
{
    (void)user;
    print_error("verify: %s\n", text);
}

static neap_verification verified(neapi_session *session, uint64_t count)
{
    neap_verification result = {0};
    neapi_verify_sink sink = {NULL, print_finding};
    assert_int_equal(version_of(session), count);
    assert_int_equal(neapi_verify(session, &sink, &result, NULL), NEAP_OK);
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.events, count);
    return result;
}

void assert_events(neapi_session *session, uint64_t count)
{
    verified(session, count);
}

void assert_whole(neapi_session *session, uint64_t count)
{
    neap_verification result = verified(session, count);
    assert_int_equal(result.keys, count);
    assert_int_equal(result.documents, count);
}

neap_status commit(neapi_session *writer, neapi_unit *unit, neapi_outcome *outcome,
                   neap_error *error)
{
    return neapi_commit(writer, &unit, 1, NOW, outcome, error);
}

static bool is_durable(neapi_session *writer, neapi_unit *unit, time_t ends)
{
    neap_error error;
    bool durable;
    neap_status status;
    do
        status = neapi_resolve(writer, &unit, 1, &durable, &error);
    while (status == NEAP_UNAVAILABLE && time(NULL) < ends);
    if (status != NEAP_OK)
        fail_msg("%s", error.message);
    return durable;
}

void commit_patiently(neapi_session *writer, neapi_unit *unit)
{
    neap_error error;
    neapi_outcome outcome;
    time_t ends = time(NULL) + PATIENCE_S;
    while (commit(writer, unit, &outcome, &error) != NEAP_OK) {
        if (error.status != NEAP_UNAVAILABLE || time(NULL) > ends)
            fail_msg("%s", error.message);
        if (outcome == NEAPI_OUTCOME_UNKNOWN && is_durable(writer, unit, ends))
            break;
    }
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
}

void commit_unit_well(neapi_session *writer, neapi_unit *unit, uint64_t version)
{
    neap_error error;
    neapi_outcome outcome;
    if (commit(writer, unit, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(unit->state, NEAPI_UNIT_ACCEPTED);
    assert_int_equal(unit->verdict.last_position, version + 1);
    neapi_unit_release(unit);
}

void commit_well(neapi_session *writer, uint64_t version)
{
    commit_unit_well(writer, unit_behind(version), version);
}
