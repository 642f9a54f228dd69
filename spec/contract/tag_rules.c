/* Reading by tags. */
#include <stdio.h>

#include "contract/rules.h"
#include "contract/world.h"

#define MATH "course:math"
#define ART  "course:art"
#define ADA  "student:ada"
#define BOB  "student:bob"

/* 1 Created math · 2 Created art · 3 Enrolled math, ada · 4 Enrolled art, bob · 5 Noted, no tag ·
 * 6 Left math, ada · 7 Enrolled math, bob */
static void fill(contract_world *world)
{
    append_tagged(world, "Course-math", "Created", MATH, NULL);
    append_tagged(world, "Course-art", "Created", ART, NULL);
    append_tagged(world, "Enrolment-1", "Enrolled", MATH, ADA);
    append_tagged(world, "Enrolment-2", "Enrolled", ART, BOB);
    append_tagged(world, "Note-1", "Noted", NULL, NULL);
    append_tagged(world, "Enrolment-1", "Left", MATH, ADA);
    append_tagged(world, "Enrolment-2", "Enrolled", MATH, BOB);
}

static neapi_range by_tags(neapi_range range, const neap_text *tags, size_t count)
{
    range.tags = tags;
    range.tag_count = count;
    return range;
}

static void assert_nothing(contract_world *world, neapi_range range)
{
    assert_positions(world, range, NULL, 0);
}

void reads_tags(void **state)
{
    contract_world *world = *state;
    const neap_text tags[] = {T(MATH), T(BOB), T("course:none"), T(MATH), T(ART)};
    assert_nothing(world, by_tags(forward(), tags, 5));
    fill(world);
    ASSERT_READ(world, by_tags(forward(), tags, 1), 1, 3, 6, 7);
    ASSERT_READ(world, by_tags(forward(), tags + 1, 1), 4, 7);
    ASSERT_READ(world, by_tags(forward(), tags, 2), 1, 3, 4, 6, 7);
    ASSERT_READ(world, by_tags(forward(), tags, 4), 1, 3, 4, 6, 7);
    ASSERT_READ(world, by_tags(forward(), tags, 5), 1, 2, 3, 4, 6, 7);
    assert_nothing(world, by_tags(forward(), tags + 2, 1));
    ASSERT_READ(world, by_tags(backward(), tags, 1), 7, 6, 3, 1);
    ASSERT_READ(world, by_tags(backward(), tags, 5), 7, 6, 4, 3, 2, 1);

    read_range(world, world->reader, by_tags(forward(), tags + 1, 1));
    assert_text(world->all.events[0].stream, "Enrolment-2");
    assert_int_equal(world->all.events[1].version, 2);
    assert_int_equal(world->all.events[1].tag_count, 2);
    assert_text(world->all.events[1].tags[0], MATH);
    assert_text(world->all.events[1].tags[1], BOB);
    append_tagged(world, "Enrolment-3", "Enrolled", BOB, NULL); /* seen at once */
    ASSERT_READ(world, by_tags(forward(), tags + 1, 1), 4, 7, 8);
}

void tags_combine_with_types(void **state)
{
    contract_world *world = *state;
    fill(world);
    const neap_text tags[] = {T(MATH), T(BOB)};
    const neap_text types[] = {T("Enrolled"), T("Left"), T("Unknown"), T("Noted")};
    neapi_range range = by_tags(forward(), tags, 2);
    range.types = types;
    range.type_count = 1;
    ASSERT_READ(world, range, 3, 4, 7);
    range.type_count = 4;
    ASSERT_READ(world, range, 3, 4, 6, 7);
    range.backward = true;
    range.from = UINT64_MAX;
    range.to = 1;
    ASSERT_READ(world, range, 7, 6, 4, 3);
    range = by_tags(forward(), tags, 1);
    range.types = types + 1;
    range.type_count = 1;
    ASSERT_READ(world, range, 6);
    range.types = types + 2;
    range.type_count = 2; /* The one is nowhere, the other has no tag. */
    assert_nothing(world, range);
}

void tag_is_not_a_prefix(void **state)
{
    contract_world *world = *state;
    append_tagged(world, "A-1", "One", "a:1", "a:10");
    append_tagged(world, "A-1", "Two", "a:10", "a:1:0");
    append_tagged(world, "A-1", "Three", "A:1", "a:\"\\");
    static const struct {
        const char *tag;
        uint64_t positions[2];
        size_t count;
    } cases[] = {{"a:1", {1}, 1},   {"a:10", {1, 2}, 2}, {"a:1:0", {2}, 1}, {"A:1", {3}, 1},
                 {"a:%", {0}, 0},   {"a:", {0}, 0},      {"a:_", {0}, 0},   {"a:1 ", {0}, 0},
                 {"a:100", {0}, 0}, {"a:\"\\", {3}, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        neap_text tag = T(cases[i].tag);
        assert_positions(world, by_tags(forward(), &tag, 1), cases[i].positions, cases[i].count);
    }
}

void tags_have_bounds(void **state)
{
    contract_world *world = *state;
    fill(world);
    const neap_text tags[] = {T(ADA), T(ART)}; /* 2, 3, 4, 6 */
    neapi_range range = by_tags(forward(), tags, 2);
    range.from = 3;
    range.to = 6;
    ASSERT_READ(world, range, 3, 4, 6);
    range.from = 4;
    range.to = 5;
    ASSERT_READ(world, range, 4);
    range.from = 7;
    range.to = UINT64_MAX;
    assert_nothing(world, range);
    range.backward = true;
    range.from = 4;
    range.to = 3;
    ASSERT_READ(world, range, 4, 3);
    range.from = 5;
    range.to = 5;
    assert_nothing(world, range);

    /* The page after the last one begins behind all that is there. */
    neapi_page page = NEAPI_PAGE_INIT;
    assert_int_equal(neapi_read(world->reader,
                                &(neapi_range){.tags = tags,
                                               .tag_count = 2,
                                               .from = 1,
                                               .to = UINT64_MAX,
                                               .max_events = 10,
                                               .max_bytes = 1000},
                                &page, NULL),
                     NEAP_OK);
    assert_int_equal(page.count, 4);
    assert_true(page.last);
    assert_int_equal(page.next, 8);
    neapi_page_fini(&page);
}

/* Every third event carries both tags, one in a hundred a rare one, and one in three hundred is of
 * the type Rare. */
static void fill_many(contract_world *world, size_t count)
{
    neapi_unit *unit = new_unit();
    for (size_t i = 1; i <= count; i++) {
        const char *first = i % 2 == 0 || i % 3 == 0 ? "common:2" : NULL;
        const char *second = i % 3 == 0 ? "common:3" : NULL;
        if (i % 100 == 1)
            first = "rare:1", second = NULL;
        add_tagged(unit, "A-1", i % 300 == 150 ? "Rare" : "Changed", first, second);
    }
    commit_one(world, unit, NEAP_OK);
}

static bool is_expected(size_t i, size_t tag_count, bool rare_type)
{
    bool rare = i % 100 == 1;
    bool tagged[] = {rare, !rare && i % 3 == 0, !rare && i % 2 == 0};
    if (rare_type && i % 300 != 150)
        return false;
    return tagged[0] || (tag_count > 1 && tagged[1]) || (tag_count > 2 && tagged[2]);
}

void pages_of_tags_join_without_gap_or_repeat(void **state)
{
    contract_world *world = *state;
    enum { EVENTS = 1500 };
    fill_many(world, EVENTS);
    const neap_text tags[] = {T("rare:1"), T("common:3"), T("common:2")};
    const neap_text rare = T("Rare");
    static const size_t sizes[] = {1, 2, 7, 127, 128, 129, 1000, SIZE_MAX};
    for (size_t which = 0; which < sizeof sizes / sizeof *sizes * 12; which++) {
        bool is_backward = which % 2 != 0, rare_type = which / 2 % 2 != 0;
        size_t tag_count = 1 + which / 4 % 3;
        neapi_range range = by_tags(is_backward ? backward() : forward(), tags, tag_count);
        range.max_events = sizes[which / 12];
        range.types = &rare;
        range.type_count = rare_type;
        read_range(world, world->reader, range);
        size_t at = 0;
        for (size_t n = 1; n <= EVENTS; n++) {
            size_t position = is_backward ? EVENTS + 1 - n : n;
            if (!is_expected(position, tag_count, rare_type))
                continue;
            assert_true(at < world->all.count);
            assert_int_equal(world->all.events[at++].position, position);
        }
        assert_int_equal(at, world->all.count);
    }
}
