/* Memory that SQLite is refused while a session reads. */
#include "core/sqlite_support.h"

#include "core/sqlite_shim.h"
#include "stores/sqlite/backlog.h"

typedef neap_status reading(neapi_session *session);

static neap_status read_by_name(neapi_session *session)
{
    const neap_text types[] = {NEAPI_LITERAL("Said")};
    neapi_range range = {.stream = NEAPI_LITERAL("Order-1"),
                         .types = types,
                         .type_count = 1,
                         .from = 1,
                         .to = UINT64_MAX,
                         .max_events = 10,
                         .max_bytes = 1 << 20};
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = neapi_read(session, &range, &page, NULL);
    if (status == NEAP_OK)
        assert_int_equal(page.count, 1);
    neapi_page_fini(&page);
    return status;
}

static neap_status read_head(neapi_session *session)
{
    uint64_t version, position;
    return neapi_stream_head(session, NEAPI_LITERAL("Order-1"), &version, &position, NULL);
}

static neap_status find_nothing(neapi_session *session)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_key key;
    neapi_snapshot snapshot;
    bool found;
    neap_status status =
        neapi_find_key(session, NEAPI_LITERAL("k"), NOW, &arena, &key, &found, NULL);
    if (status == NEAP_OK)
        status = neapi_find_snapshot(session, NEAPI_LITERAL("Order-1"), 9, NEAPI_LITERAL("f"),
                                     &arena, &snapshot, &found, NULL);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status survey(neapi_session *session)
{
    neapi_survey figures;
    neap_status status = neapi_survey_take(session, NOW, &figures, NULL);
    neapi_survey_fini(&figures);
    return status;
}

static void ignore(void *user, const char *text)
{
    (void)user;
    (void)text;
}

static neap_status verify(neapi_session *session)
{
    const neapi_verify_sink sink = {NULL, ignore};
    neap_verification result = {0};
    neap_status status = neapi_verify(session, &sink, &result, NULL);
    if (status == NEAP_OK)
        assert_int_equal(result.findings, 0);
    return status;
}

/* A session for which there was no memory once does as before when there is. */
static void reading_goes_on_after_want_of_memory(void **state)
{
    static reading *const readings[] = {read_by_name, read_head, find_nothing, survey, verify};
    const spec_place *place = *state;
    spec_writing writing = open_writing(place->url);
    append(writing.session, "Order-1", 1);
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        for (int persistent = 0; persistent < 2; persistent++) {
            bool struck = true;
            for (unsigned nth = 1; struck; nth += 1 + nth / 64) {
                neapi_session *session = open_session(writing.store, NEAPI_MODE_READ);
                shim_arm(
                    (shim_plan){.calls = SHIM_MEMORY, .nth = nth, .persistent = persistent != 0});
                neap_status status = readings[i](session);
                struck = shim_disarm();
                assert_true(status == NEAP_NOMEM || status == NEAP_OK);
                assert_int_equal(readings[i](session), NEAP_OK);
                neapi_session_close(session);
            }
        }
    }
    close_writing(&writing);
}

int main(void)
{
    neapi_sqlite_run = 7; /* The indexes are always behind. */
    shim_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reading_goes_on_after_want_of_memory, place_setup,
                                        place_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
