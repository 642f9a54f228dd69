/* What holds of exporting from any kind of store, and importing into any. */
#include <stdio.h>

#include "transfer/transfer.h"
#ifdef WITH_POSTGRESQL
#include "postgresql/database.h"
#endif

#ifdef WITH_POSTGRESQL
#define SEEDS 3 /* each store takes a while to make */
#else
#define SEEDS 12
#endif

#define ALL_PAIRS(pair)                                                                            \
    for (size_t from_ = 0; from_ < transfer_store_count; from_++)                                  \
        for (size_t to_ = 0; to_ < transfer_store_count && (pair_open((pair), from_, to_), true);  \
             to_++)

/* Lines 2 to the one before the last: the others tell of the export itself. */
static neap_text body(const neapi_buffer *lines)
{
    const char *begin = line_of(lines, 2).data;
    const char *end = line_of(lines, count_lines(lines)).data;
    return neapi_text(begin, (size_t)(end - begin));
}

static void random_histories_come_back(void **state)
{
    (void)state;
    transfer_pair pair;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        ALL_PAIRS(&pair)
        {
            neapi_buffer there = NEAPI_BUFFER_INIT, back = NEAPI_BUFFER_INIT;
            write_history(pair.from, seed, seed * 7);
            export_lines(pair.from->store, NULL, &there);
            neap_error error;
            neap_text lines = {there.data, there.size};
            assert_int_equal(import_lines(pair.to, lines, seed * seed, false, &error), NEAP_OK);
            assert_same(&pair);
            export_lines(pair.to->store, NULL, &back);
            assert_texts_equal(body(&back), body(&there));
            neapi_buffer_fini(&there);
            neapi_buffer_fini(&back);
            pair_close(&pair, true);
        }
    }
}

static void empty_store_comes_back(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        export_lines(pair.from->store, NULL, &lines);
        assert_int_equal(count_lines(&lines), 2);
        import_all(pair.to, &lines);
        assert_same(&pair);
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

/* Also what no writer of ours stores. */
static void bytes_come_back_whatever_they_are(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "not JSON",          "{\"a\":1",
        "{\"a\":1}}",        "{\"a\":123456789012345678901234567890}",
        "{\"a\":1,\"a\":2}", "{\"a\":\"\\ud800\"}",
        "\r\n{}\r\n",        "\xFF\xFE",
        "\"\x01\"",          "}\n{\"end\":{}}",
    };
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        bool text_only = pair.from->fixture->text_only || pair.to->fixture->text_only;
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
            char key[8];
            bool text = neapi_utf8_valid(odd[i], strlen(odd[i]));
            snprintf(key, sizeof key, "%zu", i);
            write_event(pair.from, "Odd-1", text || !text_only ? odd[i] : "{}");
            write_document(pair.from, "$queue", key, T(odd[i]));
        }
        write_document(pair.from, "$queue", "empty", T(""));
        write_document(pair.from, "$queue", "zeros", neapi_text("\0a\0", 3));
        export_lines(pair.from->store, NULL, &lines);
        import_all(pair.to, &lines);
        assert_same(&pair);
        read_range(pair.to, pair.to->reader, forward());
        for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
            if (neapi_utf8_valid(odd[i], strlen(odd[i])) || !text_only)
                assert_text(pair.to->all.events[i].data, odd[i]);
        neapi_buffer_fini(&lines);
        pair_close(&pair, false);
    }
}

static void deepest_data_comes_back(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        char deep[256] = "";
        for (size_t i = 0; i < 100; i++)
            deep[i] = '[', deep[199 - i] = ']';
        write_event(pair.from, "Deep-1", deep);
        export_lines(pair.from->store, NULL, &lines);
        import_all(pair.to, &lines);
        assert_same(&pair);
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

/* What was imported before, and what an import that was cut off has left, is gone on with. */
static void import_goes_on_from_any_prefix(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer first = NEAPI_BUFFER_INIT, second = NEAPI_BUFFER_INIT;
        neap_error error;
        write_history(pair.from, 5, 20);
        export_lines(pair.from->store, NULL, &first);
        import_all(pair.to, &first);
        assert_same(&pair);
        import_all(pair.to, &first); /* nothing is missing */
        assert_same(&pair);
        write_history(pair.from, 6, 20);
        export_lines(pair.from->store, NULL, &second);
        for (size_t cut = 1; cut < count_lines(&second); cut += 3) {
            neap_text lines = {second.data, (size_t)(line_of(&second, cut).data - second.data)};
            assert_int_equal(import_lines(pair.to, lines, 4096, false, &error), NEAP_INVALID);
        }
        import_all(pair.to, &second);
        assert_same(&pair);
        neapi_buffer_fini(&first);
        neapi_buffer_fini(&second);
        pair_close(&pair, true);
    }
}

/* Documents of projections follow from the log, and are not as it says behind an import. */
static void what_was_kept_before_is_replaced(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        static const char record[] =
            "{\"build\":1,\"kind\":\"projection\",\"last\":2,\"next\":0,\"next_partitions\":1,"
            "\"next_schema\":0,\"next_version\":0,\"partitions\":1,\"paused\":false,\"schema\":0,"
            "\"version\":1}";
        static const char subscriber[] =
            "{\"build\":1,\"kind\":\"subscriber\",\"last\":1,\"next\":0,\"next_partitions\":1,"
            "\"next_schema\":0,\"next_version\":0,\"partitions\":1,\"paused\":true,\"schema\":0,"
            "\"version\":1}";
        static const char checkpoint[] = "{\"generation\":1,\"position\":1}";
        contract_world *const worlds[] = {pair.from, pair.to};
        assert_int_equal(
            neapi_session_open(pair.to->store, NEAPI_MODE_WRITE, &pair.to->writer, NULL), NEAP_OK);
        for (size_t i = 0; i < 2; i++) {
            write_document(worlds[i], "$subscription", "orders", T(record));
            write_document(worlds[i], "$checkpoint", "orders@1/0", T(checkpoint));
            write_document(worlds[i], "orders@1", "o-1", T("{}"));
        }
        write_event(pair.from, "Order-1", "{}");
        write_document(pair.from, "$subscription", "mailer", T(subscriber));
        write_document(pair.from, "$checkpoint", "mailer@1/0", T(checkpoint));
        write_document(pair.to, "$queue", "old", T("{}"));
        neapi_session_close(pair.to->writer);
        pair.to->writer = NULL;
        export_lines(pair.from->store, NULL, &lines);
        import_all(pair.to, &lines);
        assert_same(&pair);
        neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
        assert_int_equal(neapi_list_collections(pair.to->reader, &list, NULL), NEAP_OK);
        assert_int_equal(list.count, 2);
        assert_text(list.collections[0].name, "$checkpoint");
        assert_int_equal(list.collections[0].documents, 1);
        assert_text(list.collections[1].name, "$subscription");
        assert_int_equal(list.collections[1].documents, 1);
        neapi_collection_list_fini(&list);
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

static void part_is_its_events_alone(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        neap_error error;
        neap_filter filter;
        neap_filter_init(&filter);
        write_event(pair.from, "A-1", "{\"n\":1}");
        write_event(pair.from, "B-1", "{\"n\":2}");
        write_event(pair.from, "A-1", "{\"n\":3}");
        write_document(pair.from, "$queue", "x", T("{}"));
        filter.category = "A";
        export_lines(pair.from->store, &filter, &lines);
        assert_int_equal(count_lines(&lines), 5);
        neap_text text = {lines.data, lines.size};
        assert_int_equal(import_lines(pair.to, text, 4096, false, &error), NEAP_INVALID);
        assert_string_equal(error.message,
                            "line 3: position 3 follows position 1; events of a part of a store "
                            "have to be renumbered");
        assert_int_equal(import_lines(pair.to, text, 4096, true, &error), NEAP_OK);
        assert_int_equal(import_lines(pair.to, text, 4096, true, &error), NEAP_OK);
        read_range(pair.to, pair.to->reader, forward());
        assert_int_equal(pair.to->all.count, 2);
        assert_text(pair.to->all.events[1].data, "{\"n\":3}");
        assert_int_equal(pair.to->all.events[1].position, 2);
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

static void versions_are_given_anew_where_the_beginning_is_missing(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        neap_error error;
        neap_filter filter;
        neap_filter_init(&filter);
        filter.from = 2;
        write_event(pair.from, "A-1", "{\"n\":1}");
        write_event(pair.from, "B-1", "{\"n\":2}");
        write_event(pair.from, "A-1", "{\"n\":3}");
        export_lines(pair.from->store, &filter, &lines);
        neap_text text = neapi_text(lines.data, lines.size);
        assert_int_equal(import_lines(pair.to, text, 4096, true, &error), NEAP_OK);
        read_range(pair.to, pair.to->reader, forward());
        assert_int_equal(pair.to->all.count, 2);
        assert_text(pair.to->all.events[1].stream, "A-1");
        assert_int_equal(pair.to->all.events[1].version, 1);
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

/* ---- Something else -------------------------------------------------------------------------- */

static void refuse_other(size_t from, size_t to, void (*change)(contract_world *world),
                         const char *expected)
{
    transfer_pair pair;
    neapi_buffer lines = NEAPI_BUFFER_INIT, before = NEAPI_BUFFER_INIT, after = NEAPI_BUFFER_INIT;
    neap_error error;
    pair_open(&pair, from, to);
    write_event(pair.from, "A-1", "{\"n\":1}");
    export_lines(pair.from->store, NULL, &lines);
    import_all(pair.to, &lines);
    write_event(pair.from, "A-1", "{\"n\":2}");
    assert_int_equal(neapi_session_open(pair.to->store, NEAPI_MODE_WRITE, &pair.to->writer, NULL),
                     NEAP_OK);
    change(pair.to);
    neapi_session_close(pair.to->writer);
    pair.to->writer = NULL;
    neapi_buffer_clear(&lines);
    export_lines(pair.from->store, NULL, &lines);
    export_lines(pair.to->store, NULL, &before);
    neap_text text = {lines.data, lines.size};
    assert_int_equal(import_lines(pair.to, text, 4096, false, &error), NEAP_CONFLICT);
    if (strstr(error.message, expected) == NULL)
        fail_msg("%s, not %s", error.message, expected);
    export_lines(pair.to->store, NULL, &after); /* and is as it was */
    assert_texts_equal(body(&after), body(&before));
    neapi_buffer_fini(&lines);
    neapi_buffer_fini(&before);
    neapi_buffer_fini(&after);
    pair_close(&pair, true);
}

static void other_data(contract_world *world)
{
    write_event(world, "A-1", "{\"n\":3}");
}

static void other_stream(contract_world *world)
{
    write_event(world, "B-1", "{\"n\":2}");
}

static void more_events(contract_world *world)
{
    neapi_unit *unit = new_unit();
    neap_event event = new_event("Happened", "{\"n\":2}");
    add_event(unit, "A-1", NEAP_ANY_VERSION, &event);
    commit_one(world, unit, NEAP_OK);
    write_event(world, "A-1", "{}");
}

static void command_before(contract_world *world)
{
    neapi_unit *unit = new_unit();
    neap_event event = new_event("Happened", "{\"n\":2}");
    event.command_id = add_command(unit, "Do");
    add_event(unit, "A-1", NEAP_ANY_VERSION, &event);
    commit_one(world, unit, NEAP_OK);
}

static void store_with_something_else_is_left_alone(void **state)
{
    (void)state;
    for (size_t from = 0; from < transfer_store_count; from++) {
        for (size_t to = 0; to < transfer_store_count; to++) {
            refuse_other(from, to, other_data,
                         "line 3: the store has something else: event 2 (version 2 of A-1): data "
                         "is {\"n\":3} here and {\"n\":2} there");
            refuse_other(from, to, other_stream,
                         "line 3: the store has something else: event 2 (version 2 of A-1): "
                         "stream is B-1 here and A-1 there");
            refuse_other(from, to, more_events, "recorded_at is ");
            refuse_other(from, to, command_before, "the command Do ");
        }
    }
}

static void store_that_goes_on_is_left_alone(void **state)
{
    (void)state;
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        neapi_buffer first = NEAPI_BUFFER_INIT, second = NEAPI_BUFFER_INIT;
        neap_error error;
        write_event(pair.from, "A-1", "{\"n\":1}");
        export_lines(pair.from->store, NULL, &first);
        write_event(pair.from, "A-1", "{\"n\":2}");
        export_lines(pair.from->store, NULL, &second);
        import_all(pair.to, &second);
        neap_text text = {first.data, first.size};
        assert_int_equal(import_lines(pair.to, text, 4096, false, &error), NEAP_CONFLICT);
        assert_string_equal(error.message, "line 4: the store goes on behind the export, with "
                                           "event 2 (version 2 of A-1)");
        assert_same(&pair);
        neapi_buffer_fini(&first);
        neapi_buffer_fini(&second);
        pair_close(&pair, true);
    }
}

static void comparison_names_the_first_difference(void **state)
{
    (void)state;
    static const struct {
        const char *collection, *data, *difference;
    } kept[] = {
        {"orders@1", "{}", ""},
        {"$queue", "{}", "the document x of $queue here, the end there"},
    };
    transfer_pair pair;
    ALL_PAIRS(&pair)
    {
        char difference[2048];
        neapi_buffer lines = NEAPI_BUFFER_INIT;
        write_event(pair.from, "A-1", "{\"n\":1}");
        export_lines(pair.from->store, NULL, &lines);
        import_all(pair.to, &lines);
        for (size_t i = 0; i < 2; i++) {
            write_document(pair.from, kept[i].collection, "x", T(kept[i].data));
            assert_int_equal(same(pair.from->store, pair.to->store, difference), i == 0);
            assert_string_equal(difference, kept[i].difference);
        }
        write_event(pair.from, "A-1", "{\"n\":2}");
        assert_false(same(pair.to->store, pair.from->store, difference));
        assert_string_equal(difference,
                            "the end of the events here, event 2 (version 2 of A-1) there");
        neapi_buffer_fini(&lines);
        pair_close(&pair, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_come_back),
        cmocka_unit_test(empty_store_comes_back),
        cmocka_unit_test(bytes_come_back_whatever_they_are),
        cmocka_unit_test(deepest_data_comes_back),
        cmocka_unit_test(import_goes_on_from_any_prefix),
        cmocka_unit_test(what_was_kept_before_is_replaced),
        cmocka_unit_test(part_is_its_events_alone),
        cmocka_unit_test(versions_are_given_anew_where_the_beginning_is_missing),
        cmocka_unit_test(store_with_something_else_is_left_alone),
        cmocka_unit_test(store_that_goes_on_is_left_alone),
        cmocka_unit_test(comparison_names_the_first_difference),
    };
#ifdef WITH_POSTGRESQL
    if (!database_is_there())
        return DATABASE_SKIP;
#endif
    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
