/* Conditions: what others must not have appended. */
#include <stdio.h>

#include "contract/rules.h"
#include "contract/world.h"

#define MATH "course:math"
#define ART  "course:art"
#define ADA  "student:ada"
#define BOB  "student:bob"

/* 1 Created math · 2 Created art · 3 Enrolled math, ada · 4 Noted, no tag · 5 Left math, ada */
static void fill(contract_world *world)
{
    append_tagged(world, "Course-math", "Created", MATH, NULL);
    append_tagged(world, "Course-art", "Created", ART, NULL);
    append_tagged(world, "Enrolment-1", "Enrolled", MATH, ADA);
    append_tagged(world, "Note-1", "Noted", NULL, NULL);
    append_tagged(world, "Enrolment-1", "Left", MATH, ADA);
}

/* Commits a unit of one condition and sees which position stood against it; 0: none. */
static void judge(contract_world *world, const char *type, const char *tag, uint64_t after,
                  uint64_t against)
{
    neapi_unit *unit = new_unit();
    add_condition(unit, type, tag, after);
    commit(world, &unit, 1);
    assert_verdict(unit, against != 0 ? NEAP_CONFLICT : NEAP_OK);
    assert_int_equal(unit->verdict.actual, against);
    neapi_unit_release(unit);
}

void condition_is_judged(void **state)
{
    contract_world *world = *state;
    judge(world, NULL, MATH, 0, 0);
    judge(world, "Enrolled", MATH, 0, 0);
    fill(world);
    for (int round = 0; round < 2; round++) {
        judge(world, NULL, MATH, 4, 5);
        judge(world, NULL, MATH, 5, 0);
        judge(world, NULL, MATH, UINT64_MAX, 0);
        judge(world, NULL, ART, 1, 2);
        judge(world, NULL, ART, 2, 0);
        judge(world, NULL, "course:none", 0, 0);
        judge(world, NULL, "course:mat", 0, 0);
        judge(world, NULL, BOB, 0, 0);
        judge(world, "Enrolled", MATH, 2, 3);
        judge(world, "Enrolled", MATH, 3, 0); /* The one behind it is of another type. */
        judge(world, "Enrolled", ART, 0, 0);
        judge(world, "Noted", MATH, 0, 0); /* It is there, but carries no tag. */
        judge(world, "Unknown", MATH, 0, 0);
        world_close(world); /* and with nothing known by heart */
        if (!world->fixture->persistent)
            world->fixture->fresh(world->url);
        world_open(world);
        if (!world->fixture->persistent)
            fill(world);
    }

    neapi_unit *unit = new_unit();
    add_tagged(unit, "Enrolment-2", "Enrolled", MATH, BOB);
    add_condition(unit, "Created", MATH, 1);
    add_condition(unit, "Left", ADA, 4);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_CONFLICT);
    assert_int_equal(unit->verdict.op, 2);
    assert_int_equal(unit->verdict.actual, 5);
    neapi_unit_release(unit);
    assert_head(world, 5);
}

void condition_names_many_tags(void **state)
{
    contract_world *world = *state;
    fill(world);
    static char names[NEAPI_TAGS_MOST][16];
    neap_text tags[NEAPI_TAGS_MOST];
    for (size_t i = 0; i < NEAPI_TAGS_MOST; i++) {
        snprintf(names[i], sizeof names[i], "course:%zu", i);
        tags[i] = T(names[i]);
    }
    const neap_text types[] = {T("Unknown"), T("Left"), T("Enrolled"), T("Enrolled")};
    for (size_t place = 0; place < NEAPI_TAGS_MOST; place += 21) {
        neap_text before = tags[place];
        neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
        assert_int_equal(neapi_unit_condition(units[0], types, 4, tags, NEAPI_TAGS_MOST, 0),
                         NEAP_OK);
        tags[place] = T(ADA);
        assert_int_equal(neapi_unit_condition(units[1], types, 4, tags, NEAPI_TAGS_MOST, 4),
                         NEAP_OK);
        assert_int_equal(neapi_unit_condition(units[2], types, 4, tags, NEAPI_TAGS_MOST, 5),
                         NEAP_OK);
        commit(world, units, 3);
        assert_verdict(units[0], NEAP_OK);
        assert_verdict(units[1], NEAP_CONFLICT);
        assert_int_equal(units[1]->verdict.actual, 5);
        assert_verdict(units[2], NEAP_OK);
        release(units, 3);
        tags[place] = before;
    }
}

void condition_tells_the_newest_event(void **state)
{
    contract_world *world = *state;
    fill(world);
    append_tagged(world, "Enrolment-2", "Enrolled", ART, BOB);
    append_tagged(world, "Enrolment-3", "Enrolled", MATH, NULL);
    const neap_text types[] = {T("Created"), T("Enrolled")};
    static const struct {
        const char *tags[2];
        size_t type_count;
        uint64_t actual;
    } cases[] = {{{MATH, ADA}, 0, 7}, {{ADA, MATH}, 0, 7}, {{ADA, ART}, 0, 6},  {{ART, ADA}, 0, 6},
                 {{ADA, ADA}, 2, 3},  {{ART, MATH}, 1, 2}, {{MATH, ART}, 1, 2}, {{BOB, ADA}, 2, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const neap_text tags[] = {T(cases[i].tags[0]), T(cases[i].tags[1])};
        neapi_unit *unit = new_unit();
        neapi_unit_condition(unit, types, cases[i].type_count, tags, 2, 0);
        commit(world, &unit, 1);
        assert_verdict(unit, NEAP_CONFLICT);
        assert_int_equal(unit->verdict.op, 0);
        assert_int_equal(unit->verdict.actual, cases[i].actual);
        neapi_unit_release(unit);
    }
}

/* Of many who want the last seat, each having seen the same, one gets it. */
void condition_sees_accepted_units_before_it(void **state)
{
    contract_world *world = *state;
    append_tagged(world, "Course-math", "Created", MATH, NULL);
    for (uint64_t round = 0; round < 3; round++) {
        uint64_t head = round + 1;
        neapi_unit *units[5];
        for (size_t i = 0; i < 5; i++) {
            units[i] = new_unit();
            add_condition(units[i], i % 2 == 0 ? NULL : "Enrolled", MATH, head);
            add_tagged(units[i], "Enrolment-1", "Enrolled", MATH, ADA);
        }
        commit(world, units, 5);
        assert_verdict(units[0], NEAP_OK);
        for (size_t i = 1; i < 5; i++) {
            assert_verdict(units[i], NEAP_CONFLICT);
            assert_int_equal(units[i]->verdict.actual, head + 1);
        }
        release(units, 5);
        assert_head(world, head + 1);
    }
}

void condition_does_not_see_its_own_unit(void **state)
{
    contract_world *world = *state;
    append_tagged(world, "Course-math", "Created", MATH, NULL);
    neapi_unit *units[3] = {new_unit(), new_unit(), new_unit()};
    add_tagged(units[0], "Enrolment-1", "Enrolled", MATH, ADA);
    add_tagged(units[0], "Enrolment-2", "Enrolled", MATH, BOB);
    add_condition(units[0], NULL, MATH, 1);
    add_condition(units[0], "Enrolled", BOB, 0);
    add_tagged(units[1], "Enrolment-3", "Enrolled", MATH, NULL);
    add_condition(units[1], NULL, MATH, 3); /* knows what the first one appended */
    add_tagged(units[2], "Enrolment-4", "Enrolled", MATH, NULL);
    add_condition(units[2], NULL, MATH, 3); /* but not what the second one did */
    commit(world, units, 3);
    assert_verdict(units[0], NEAP_OK);
    assert_verdict(units[1], NEAP_OK);
    assert_verdict(units[2], NEAP_CONFLICT);
    assert_int_equal(units[2]->verdict.op, 1);
    assert_int_equal(units[2]->verdict.actual, 4);
    release(units, 3);
    assert_head(world, 4);
}

void condition_does_not_see_refused_units(void **state)
{
    contract_world *world = *state;
    append_tagged(world, "Course-math", "Created", MATH, NULL);
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add_tagged(units[0], "Enrolment-1", "Enrolled", MATH, ADA);
    assert_int_equal(neapi_unit_expect(units[0], T("Enrolment-1"), 7), NEAP_OK);
    add_condition(units[1], NULL, MATH, 1);
    add_condition(units[1], NULL, ADA, 0);
    add_tagged(units[1], "Enrolment-2", "Enrolled", MATH, BOB);
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_CONFLICT);
    assert_verdict(units[1], NEAP_OK);
    release(units, 2);
    judge(world, NULL, ADA, 0, 0);
}

void condition_alone_appends_nothing(void **state)
{
    contract_world *world = *state;
    fill(world);
    neapi_unit *unit = new_unit();
    add_condition(unit, NULL, MATH, 5);
    add_condition(unit, NULL, "course:new", 0);
    commit(world, &unit, 1);
    assert_verdict(unit, NEAP_OK);
    assert_int_equal(unit->verdict.first_position, 0);
    assert_int_equal(unit->verdict.last_position, 0);
    neapi_unit_release(unit);
    assert_head(world, 5);
    assert_sound(world); /* and no tag was made of it */
}

void refused_unit_leaves_no_tags(void **state)
{
    contract_world *world = *state;
    append_tagged(world, "A-1", "First", "side:left", NULL);
    neapi_unit *units[2] = {new_unit(), new_unit()};
    add_tagged(units[0], "A-1", "Second", "side:left", "side:right");
    assert_int_equal(neapi_unit_expect(units[0], T("A-1"), 7), NEAP_OK);
    add_tagged(units[1], "A-1", "Third", "side:left", NULL);
    commit(world, units, 2);
    assert_verdict(units[0], NEAP_CONFLICT);
    assert_verdict(units[1], NEAP_OK);
    release(units, 2);
    const neap_text tags[] = {T("side:left"), T("side:right")};
    neapi_range range = forward();
    range.tags = tags;
    range.tag_count = 1;
    ASSERT_READ(world, range, 1, 2);
    range.tags = tags + 1;
    assert_positions(world, range, NULL, 0);
    append_tagged(world, "A-1", "Fourth", "side:right", NULL);
    ASSERT_READ(world, range, 3);
}
