/* Figures: what a survey counts. */
#include <stdio.h>

#include "contract/rules.h"
#include "contract/world.h"

static void survey_at(contract_world *world, int64_t now_us, neapi_survey *survey)
{
    assert_int_equal(neapi_survey_take(world->reader, now_us, survey, NULL), NEAP_OK);
}

static const neap_type_statistics *type_of(const neapi_survey *survey, const char *name,
                                           uint32_t schema)
{
    const neap_type_statistics *type = survey->result.types;
    while (type != NULL && (!neapi_text_equal(type->type, T(name)) || type->schema != schema))
        type = type->next;
    assert_non_null(type);
    return type;
}

static void add_many(contract_world *world, const char *stream, const char *type, uint32_t schema,
                     const char *data, unsigned count)
{
    neapi_unit *unit = new_unit();
    for (unsigned i = 0; i < count; i++) {
        neap_event event = new_event(type, data);
        event.schema = schema;
        add_event(unit, stream, NEAP_ANY_VERSION, &event);
    }
    commit_one(world, unit, NEAP_OK);
}

void survey_of_an_empty_store(void **state)
{
    neapi_survey survey;
    survey_at(*state, NOW, &survey);
    const neap_statistics *result = &survey.result;
    assert_int_equal(result->taken_at, NOW);
    assert_int_equal(result->events, 0);
    assert_int_equal(result->streams, 0);
    assert_int_equal(result->commands, 0);
    assert_int_equal(result->keys, 0);
    assert_int_equal(result->snapshots, 0);
    assert_int_equal(result->first_at, 0);
    assert_int_equal(result->last_at, 0);
    assert_true(result->per_second == 0);
    assert_null(result->types);
    assert_null(result->categories);
    assert_null(result->longest_streams);
    neapi_survey_fini(&survey);
}

void survey_counts_types(void **state)
{
    contract_world *world = *state;
    neapi_survey survey;
    add_many(world, "A-1", "Opened", 1, "{}", 3);
    add_many(world, "A-1", "Opened", 2, "{\"n\":\"\xE2\x82\xAC\"}", 2);
    add_many(world, "B-1", "Closed", 1, "{\"n\":1}", 40000);
    add_many(world, "A-1", "Opened", 1, "{}", 1);
    survey_at(world, NOW, &survey);
    const neap_type_statistics *first = type_of(&survey, "Opened", 1);
    assert_int_equal(first->events, 4);
    assert_int_equal(first->first, 1);
    assert_int_equal(first->last, 40006);
    assert_int_equal(first->data_bytes, 8);
    const neap_type_statistics *second = type_of(&survey, "Opened", 2);
    assert_int_equal(second->events, 2);
    assert_int_equal(second->first, 4);
    assert_int_equal(second->last, 5);
    assert_int_equal(second->data_bytes, 2 * 11);
    const neap_type_statistics *closed = survey.result.types; /* most events first */
    assert_text(closed->type, "Closed");
    assert_int_equal(closed->events, 40000);
    assert_int_equal(closed->first, 6);
    assert_int_equal(closed->last, 40005);
    assert_ptr_equal(closed->next, first);
    assert_ptr_equal(first->next, second);
    assert_null(second->next);
    assert_int_equal(survey.result.events, 40006);
    assert_int_equal(survey.result.data_bytes, 8 + 22 + 40000 * 7);
    neapi_survey_fini(&survey);
}

void survey_counts_categories_and_streams(void **state)
{
    contract_world *world = *state;
    neapi_survey survey;
    neap_text tag = T("side:left");
    append(world, "A-1", "Opened");
    append(world, "A-2", "Opened");
    append(world, "A-1", "Closed");
    append(world, "AB-1", "Opened");
    append(world, "single", "Opened");
    neap_event event = new_event("Opened", "{}");
    event.tags = &tag;
    event.tag_count = 1;
    neapi_unit *unit = new_unit();
    add_event(unit, "A-3", 0, &event);
    commit_one(world, unit, NEAP_OK);
    survey_at(world, NOW, &survey);
    assert_int_equal(survey.result.streams, 5);
    assert_int_equal(survey.result.tagged_events, 1);
    static const struct {
        const char *name;
        uint64_t streams, events;
    } expected[] = {{"A", 3, 4}, {"AB", 1, 1}, {"single", 1, 1}};
    const neap_category_statistics *category = survey.result.categories;
    for (size_t i = 0; i < 3; i++, category = category->next) {
        assert_non_null(category);
        assert_text(category->category, expected[i].name);
        assert_int_equal(category->streams, expected[i].streams);
        assert_int_equal(category->events, expected[i].events);
    }
    assert_null(category);
    neapi_survey_fini(&survey);
}

void survey_finds_the_longest_streams(void **state)
{
    contract_world *world = *state;
    neapi_survey survey;
    uint64_t lengths[40] = {0}, last[40] = {0};
    neapi_unit *unit = new_unit();
    for (uint64_t position = 1, random = 7; position <= 3000; position++) {
        char stream[16];
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint64_t one = (random >> 33) % 40, two = (random >> 48) % 40, s = one < two ? one : two;
        snprintf(stream, sizeof stream, "S-%u", (unsigned)s);
        add(unit, stream, NEAP_ANY_VERSION, "Changed");
        lengths[s]++;
        last[s] = position;
    }
    commit_one(world, unit, NEAP_OK);
    survey_at(world, NOW, &survey);
    const neap_stream_statistics *stream = survey.result.longest_streams;
    for (int i = 0; i < 10; i++, stream = stream->next) {
        size_t longest = 0;
        for (size_t s = 1; s < 40; s++)
            if (lengths[s] > lengths[longest] ||
                (lengths[s] == lengths[longest] && last[s] < last[longest]))
                longest = s;
        char name[16];
        snprintf(name, sizeof name, "S-%u", (unsigned)longest);
        assert_non_null(stream);
        assert_int_equal(stream->events, lengths[longest]);
        assert_text(stream->stream, name);
        assert_int_equal(stream->last, last[longest]);
        lengths[longest] = 0;
    }
    assert_null(stream);
    neapi_survey_fini(&survey);
}

void survey_counts_what_is_kept_beside_events(void **state)
{
    contract_world *world = *state;
    neapi_survey survey;
    neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
    for (size_t i = 0; i < 2; i++) {
        neap_event event = new_event("Changed", "{}");
        event.command_id = add_command(units[i], "Change");
        add_event(units[i], "A-1", NEAP_ANY_VERSION, &event);
        event.id = new_id();
        add_event(units[i], "A-1", NEAP_ANY_VERSION, &event);
    }
    add_key(units[0], "k-1", NOW + 1000);
    add_snapshot(units[1], "A-1", 4, "f", "state", 1);
    add_key(units[2], "k-1", NOW + 1000); /* refused */
    commit(world, units, 3);
    release(units, 3);
    survey_at(world, NOW, &survey);
    assert_int_equal(survey.result.commands, 2);
    assert_int_equal(survey.result.keys, 1);
    assert_int_equal(survey.result.snapshots, 1);
    assert_int_equal(survey.result.snapshot_bytes, 5);
    if (world->fixture->persistent)
        assert_true(survey.result.store_bytes > survey.result.data_bytes);
    else
        assert_int_equal(survey.result.store_bytes, 0);
    neapi_survey_fini(&survey);
}

void survey_ends_at_its_position(void **state)
{
    contract_world *world = *state;
    append(world, "A-1", "Opened");
    append(world, "A-2", "Opened");
    append(world, "A-1", "Closed"); /* came while the survey was under way */
    append(world, "B-1", "Opened");
    neapi_survey survey = {.result = {.taken_at = NOW, .events = 2}};
    neapi_map_init(&survey.groups);
    neap_error error;
    assert_int_equal(world->store->backend->survey(world->reader, &survey, &error), NEAP_OK);
    assert_int_equal(survey.result.events, 2);
    assert_int_equal(survey.result.streams, 2);
    assert_int_equal(survey.result.longest_streams->events, 1);
    assert_int_equal(survey.result.types->events, 2);
    assert_null(survey.result.types->next);
    assert_null(survey.result.categories->next);
    neapi_survey_fini(&survey);
}

void survey_knows_times(void **state)
{
    static const int64_t second = 1000000, hour = 3600 * second;
    contract_world *world = *state;
    const int64_t times[] = {NOW - 25 * hour, NOW - 24 * hour, NOW - 2 * hour, NOW - hour,
                             NOW - hour + 1,  NOW - 1,         NOW - 2};
    neapi_survey survey;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        neapi_unit *unit = new_unit();
        neap_event event = new_event("Changed", "{}");
        event.recorded_at = times[i];
        add_event(unit, "A-1", NEAP_ANY_VERSION, &event);
        commit_one(world, unit, NEAP_OK);
    }
    survey_at(world, NOW, &survey);
    assert_int_equal(survey.result.first_at, times[0]);
    assert_int_equal(survey.result.last_at, NOW - 1);
    assert_int_equal(survey.result.last_hour, 3);
    assert_int_equal(survey.result.last_day, 5);
    assert_true(survey.result.per_second > 7.0 / (25 * 3600) - 1e-9 &&
                survey.result.per_second < 7.0 / (25 * 3600) + 1e-9);
    neapi_survey_fini(&survey);
    survey_at(world, NOW - hour, &survey); /* a clock behind the one that recorded */
    assert_int_equal(survey.result.last_hour, 1);
    neapi_survey_fini(&survey);
}
