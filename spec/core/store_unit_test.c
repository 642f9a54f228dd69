/* core/store: units of work, and the arenas that they live in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <pthread.h>

#include "base/alloc.h"
#include "base/text.h"
#include "base/uuid.h"
#include "store/unit.h"

#define T(string) neapi_text_of(string)

static const neap_uuid some_id = {{7}};

static void assert_text(neap_text actual, const char *expected)
{
    assert_int_equal(actual.size, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.size);
}

static neapi_unit *new_unit(void)
{
    neapi_unit *unit = neapi_unit_new(some_id);
    assert_non_null(unit);
    return unit;
}

static neap_event event_of(const char *type, const char *data)
{
    return (neap_event){
        .id = some_id, .recorded_at = 1, .schema = 1, .type = T(type), .data = T(data)};
}

static neap_status append(neapi_unit *unit, const char *stream, uint64_t expected)
{
    neap_event event = event_of("Changed", "{\"a\":1}");
    return neapi_unit_append(unit, T(stream), expected, &event);
}

static void unit_copies_what_it_is_given(void **unused)
{
    (void)unused;
    char stream[] = "Order-1", type[] = "Placed", data[] = "{}", meta[] = "{\"u\":\"a\"}";
    char tag[] = "order:1";
    const neap_text tags[] = {T(tag)};
    neap_event event = event_of(type, data);
    event.meta = T(meta);
    event.tags = tags;
    event.tag_count = 1;
    event.position = event.version = 99;
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_append(unit, T(stream), 3, &event), NEAP_OK);
    stream[0] = type[0] = data[0] = meta[0] = tag[0] = '?';
    const neap_event *kept = &unit->events[0];
    assert_text(unit->ops[0].append.stream, "Order-1");
    assert_text(kept->stream, "Order-1");
    assert_text(kept->type, "Placed");
    assert_text(kept->data, "{}");
    assert_text(kept->meta, "{\"u\":\"a\"}");
    assert_text(kept->tags[0], "order:1");
    assert_int_equal(kept->position, 0);
    assert_int_equal(kept->version, 0);
    assert_int_equal(unit->event_bytes, 2 + 9 + 7);
    assert_true(neapi_uuid_equal(unit->id, some_id));
    neapi_unit_release(unit);
}

static void condition_copies_what_it_is_given(void **unused)
{
    (void)unused;
    char type[] = "Placed", tag[] = "order:1";
    neap_text types[] = {T(type), T("Shipped")}, tags[] = {T("a:1"), T(tag), T("b:1")};
    neapi_unit *unit = new_unit();
    append(unit, "A-1", 0);
    assert_int_equal(neapi_unit_condition(unit, types, 2, tags, 3, 7), NEAP_OK);
    assert_int_equal(neapi_unit_condition(unit, NULL, 0, tags, 1, 8), NEAP_OK);
    append(unit, "A-1", 0);
    type[0] = tag[0] = '?';
    types[1] = tags[0] = tags[2] = T("gone");
    const neapi_condition *kept = &unit->ops[1].condition;
    assert_int_equal(unit->ops[1].kind, NEAPI_OP_CONDITION);
    assert_int_equal(kept->type_count, 2);
    assert_text(kept->types[0], "Placed");
    assert_text(kept->types[1], "Shipped");
    assert_int_equal(kept->tag_count, 3);
    assert_text(kept->tags[0], "a:1");
    assert_text(kept->tags[1], "order:1");
    assert_text(kept->tags[2], "b:1");
    assert_int_equal(kept->after, 7);
    assert_int_equal(unit->ops[2].condition.type_count, 0);
    assert_int_equal(unit->ops[2].condition.after, 8);
    assert_int_equal(unit->ops[3].kind, NEAPI_OP_APPEND);
    neapi_unit_release(unit);
}

static void documents_are_copied_and_share_their_collection(void **unused)
{
    (void)unused;
    char collection[] = "orders@1", key[] = "o-1", data[] = "{}", before[] = "old";
    const neapi_document document = {.collection = T(collection),
                                     .key = T(key),
                                     .write = NEAPI_DOCUMENT_PUT,
                                     .expect = NEAPI_DOCUMENT_EQUAL,
                                     .expected = T(before),
                                     .data = T(data)};
    neapi_document dropped = document;
    dropped.write = NEAPI_DOCUMENT_DROP;
    dropped.expect = NEAPI_DOCUMENT_ANY;
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    assert_int_equal(neapi_unit_document(unit, &dropped), NEAP_OK);
    assert_int_equal(neapi_unit_clear_collection(unit, T(collection), 7), NEAP_OK);
    collection[0] = key[0] = data[0] = before[0] = '?';
    assert_text(unit->ops[0].document.collection, "orders@1");
    assert_text(unit->ops[0].document.key, "o-1");
    assert_text(unit->ops[0].document.data, "{}");
    assert_text(unit->ops[0].document.expected, "old");
    assert_ptr_equal(unit->ops[1].document.collection.data, unit->ops[0].document.collection.data);
    assert_text(unit->ops[1].document.data, "");
    assert_text(unit->ops[1].document.expected, "");
    assert_text(unit->ops[2].clear.collection, "orders@1");
    assert_int_equal(unit->ops[2].clear.most, 7);
    neapi_unit_release(unit);
}

static void statements_are_copied_and_share_their_text(void **unused)
{
    (void)unused;
    char projection[] = "revenue", text[] = "DELETE", bytes[] = "ada";
    neapi_value values[] = {{.kind = NEAPI_VALUE_TEXT, .bytes = T(bytes)},
                            {.kind = NEAPI_VALUE_INTEGER, .integer = 5}};
    const neapi_statement statement = {.projection = T(projection),
                                       .build = 2,
                                       .text = T(text),
                                       .values = values,
                                       .value_count = 2,
                                       .position = 9};
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_sql(unit, &statement), NEAP_OK);
    assert_int_equal(neapi_unit_sql(unit, &statement), NEAP_OK);
    projection[0] = text[0] = bytes[0] = '?';
    values[1].integer = 0;
    const neapi_statement *first = &unit->ops[0].statement, *second = &unit->ops[1].statement;
    assert_text(first->projection, "revenue");
    assert_text(first->text, "DELETE");
    assert_int_equal(first->build, 2);
    assert_int_equal(first->position, 9);
    assert_text(first->values[0].bytes, "ada");
    assert_int_equal(first->values[1].integer, 5);
    assert_ptr_equal(second->text.data, first->text.data);
    assert_ptr_equal(second->projection.data, first->projection.data);
    assert_text(second->values[0].bytes, "ada");
    neapi_unit_say(unit, "%s: %d", "because", 7);
    assert_text(unit->message, "because: 7");
    neapi_unit_refuse(unit, NEAP_STORE, 0, 0);
    assert_text(unit->message, "because: 7");
    neapi_unit_clear(unit);
    assert_text(unit->message, "");
    neapi_unit_release(unit);
}

static void appends_of_one_stream_are_one_operation(void **unused)
{
    (void)unused;
    neapi_unit *unit = new_unit();
    append(unit, "A-1", 0);
    append(unit, "A-1", 77); /* expected is not looked at */
    append(unit, "B-1", 2);
    append(unit, "A-1", 2);
    neapi_unit_expect(unit, T("A-1"), 3);
    append(unit, "A-1", 3);
    assert_int_equal(unit->op_count, 5);
    assert_int_equal(unit->event_count, 5);
    const struct {
        neapi_op_kind kind;
        uint64_t expected;
        size_t first, count;
    } wanted[] = {{NEAPI_OP_APPEND, 0, 0, 2},
                  {NEAPI_OP_APPEND, 2, 2, 1},
                  {NEAPI_OP_APPEND, 2, 3, 1},
                  {NEAPI_OP_EXPECT, 3, 0, 0},
                  {NEAPI_OP_APPEND, 3, 4, 1}};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(unit->ops[i].kind, wanted[i].kind);
        if (wanted[i].kind != NEAPI_OP_APPEND)
            continue;
        assert_int_equal(unit->ops[i].append.expected, wanted[i].expected);
        assert_int_equal(unit->ops[i].append.first, wanted[i].first);
        assert_int_equal(unit->ops[i].append.count, wanted[i].count);
    }
    neapi_unit_release(unit);
}

static void usual_unit_is_one_allocation(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    neapi_unit *unit = new_unit();
    append(unit, "Order-1", 0);
    append(unit, "Order-1", 0);
    neapi_command command = {.id = some_id, .name = T("PlaceOrder"), .data = T("{\"a\":1}")};
    assert_int_equal(neapi_unit_command(unit, &command), NEAP_OK);
    assert_int_equal(neapi_alloc_blocks(), blocks + 1);
    neapi_unit_release(unit);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

static void fill(neapi_unit *unit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char stream[32], data[32];
        snprintf(stream, sizeof stream, "A-%zu", i / 3);
        snprintf(data, sizeof data, "%zu", i);
        neap_event event = event_of("Changed", data);
        assert_int_equal(neapi_unit_append(unit, T(stream), i, &event), NEAP_OK);
    }
}

static void unit_grows_and_can_begin_anew(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    neapi_unit *before = new_unit(), *unit = new_unit();
    int64_t blocks = neapi_alloc_blocks();
    neapi_unit_follow(unit, before);
    for (int round = 0; round < 3; round++) {
        fill(unit, 1000);
        assert_int_equal(unit->event_count, 1000);
        assert_int_equal(unit->op_count, 334);
        for (size_t i = 0; i < 1000; i++) {
            char stream[32], data[32];
            snprintf(stream, sizeof stream, "A-%zu", i / 3);
            snprintf(data, sizeof data, "%zu", i);
            assert_text(unit->events[i].stream, stream);
            assert_text(unit->events[i].data, data);
            assert_text(unit->ops[i / 3].append.stream, stream);
        }
        neapi_unit_clear(unit);
        assert_int_equal(unit->op_count, 0);
        assert_int_equal(unit->event_count, 0);
        assert_int_equal(unit->event_bytes, 0);
        assert_int_equal(unit->state, NEAPI_UNIT_BUILDING);
        assert_ptr_equal(unit->after, before);
        assert_true(neapi_alloc_blocks() <= blocks + 1);
        assert_true(neapi_uuid_equal(unit->id, some_id));
    }
    neapi_unit_release(unit);
    neapi_unit_release(before);
}

static neap_status build_all(neapi_unit *unit)
{
    neap_status status = NEAP_OK;
    neap_text tag = T("side:left");
    neap_event event = event_of("Changed", "{\"long\":\"enough to need another block soon\"}");
    event.tags = &tag;
    event.tag_count = 1;
    neapi_key key = {.key = T("k"), .stream = T("A-1"), .types = T("[]")};
    neapi_command command = {.id = some_id, .name = T("Do"), .data = T("{}"), .meta = T("{}")};
    neapi_snapshot snapshot = {
        .name = T("A-1"), .version = 1, .fingerprint = T("f"), .state = T("s"), .keep = 1};
    for (uint64_t i = 0; i < 20 && status == NEAP_OK; i++) {
        status = neapi_unit_append(unit, T("A-1"), i, &event);
        if (status == NEAP_OK)
            status = neapi_unit_expect(unit, T("A-1"), i);
        if (status == NEAP_OK)
            status = neapi_unit_condition(unit, &event.type, 1, &tag, 1, i);
        if (status == NEAP_OK)
            status = neapi_unit_key(unit, &key);
        if (status == NEAP_OK)
            status = neapi_unit_command(unit, &command);
        if (status == NEAP_OK)
            status = neapi_unit_snapshot(unit, &snapshot);
    }
    return status;
}

static void refused_allocation_adds_nothing(void **unused)
{
    (void)unused;
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        assert_true(nth < 100);
        neapi_alloc_refuse(0, false);
        int64_t blocks = neapi_alloc_blocks();
        neapi_alloc_refuse(nth, true);
        neapi_unit *unit = neapi_unit_new(some_id);
        status = unit != NULL ? build_all(unit) : NEAP_NOMEM;
        neapi_alloc_refuse(0, false);
        if (unit != NULL) {
            /* Operations and events still match: what was not added left no half of itself. */
            size_t events = 0;
            for (size_t i = 0; i < unit->op_count; i++)
                events += unit->ops[i].kind == NEAPI_OP_APPEND ? unit->ops[i].append.count : 0;
            assert_int_equal(events, unit->event_count);
            assert_int_equal(append(unit, "B-1", 0), NEAP_OK);
            assert_int_equal(unit->event_count, events + 1);
            neapi_unit_release(unit);
        }
        assert_int_equal(neapi_alloc_blocks(), blocks);
    }
}

static void following_holds_until_judged(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    neapi_unit *first = new_unit(), *second = new_unit(), *third = new_unit();
    neapi_unit_follow(second, first);
    neapi_unit_follow(third, second);
    neapi_unit_follow(third, third->after); /* the same again */
    assert_int_equal(atomic_load(&first->references), 2);
    assert_int_equal(atomic_load(&second->references), 2);
    neapi_unit_accept(second, 5, 6);
    assert_null(second->after);
    assert_int_equal(atomic_load(&first->references), 1);
    assert_int_equal(second->state, NEAPI_UNIT_ACCEPTED);
    assert_int_equal(second->verdict.first_position, 5);
    assert_int_equal(second->verdict.last_position, 6);
    neapi_unit_refuse(third, NEAP_CONFLICT, 1, 9);
    assert_null(third->after);
    assert_int_equal(third->state, NEAPI_UNIT_REFUSED);
    assert_int_equal(third->verdict.status, NEAP_CONFLICT);
    assert_int_equal(third->verdict.op, 1);
    assert_int_equal(third->verdict.actual, 9);
    neapi_unit_follow(third, first);
    neapi_unit_follow(third, NULL);
    assert_int_equal(atomic_load(&first->references), 1);
    neapi_unit_release(neapi_unit_hold(first));
    neapi_unit_release(first);
    neapi_unit_release(second);
    neapi_unit_release(third);
    neapi_unit_release(NULL);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

static void *release_chain(void *last)
{
    neapi_unit_release(last);
    return NULL;
}

static void long_chain_is_released_without_depth(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    neapi_unit *last = NULL;
    for (int i = 0; i < 100000; i++) {
        neapi_unit *unit = new_unit();
        neapi_unit_follow(unit, last);
        neapi_unit_release(last);
        last = unit;
    }
    pthread_t thread; /* with a stack far too small for a recursion */
    pthread_attr_t attributes;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attributes, release_chain, last), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

static void unit_is_blocked_by_what_was_not_accepted(void **unused)
{
    (void)unused;
    neapi_unit *before = new_unit(), *unit = new_unit();
    assert_false(neapi_unit_blocked(unit));
    neapi_unit_follow(unit, before);
    assert_false(neapi_unit_blocked(unit)); /* nothing is said against it yet */
    before->verdict.status = NEAP_CONFLICT; /* a store's verdict on a batch that is not durable */
    assert_true(neapi_unit_blocked(unit));
    before->verdict.status = NEAP_OK;
    before->state = NEAPI_UNIT_UNKNOWN;
    assert_true(neapi_unit_blocked(unit));
    neapi_unit_accept(before, 1, 1);
    assert_false(neapi_unit_blocked(unit));
    neapi_unit_refuse(before, NEAP_CONFLICT, 0, 0);
    assert_true(neapi_unit_blocked(unit));
    neapi_unit_release(before);
    neapi_unit_release(unit);
}

static void arena_begins_in_memory_of_the_callers(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    _Alignas(max_align_t) static char memory[128];
    neapi_arena arena;
    neapi_arena_init_with(&arena, memory, sizeof memory);
    for (int round = 0; round < 2; round++) {
        assert_ptr_equal(neapi_arena_alloc(&arena, 100), memory);
        assert_int_equal(neapi_alloc_blocks(), blocks);
        neapi_arena_clear(&arena);
        assert_int_equal(arena.total, 0);
    }
    char *more = neapi_arena_alloc(&arena, 1000);
    assert_non_null(more);
    assert_int_equal(neapi_alloc_blocks(), blocks + 1);
    neapi_arena_clear(&arena); /* keeps the larger block */
    assert_ptr_equal(neapi_arena_alloc(&arena, 1000), more);
    assert_int_equal(neapi_alloc_blocks(), blocks + 1);
    neapi_arena_fini(&arena);
    assert_int_equal(neapi_alloc_blocks(), blocks);
}

static void arena_takes_back_to_a_mark(void **unused)
{
    (void)unused;
    neapi_alloc_refuse(0, false);
    int64_t blocks = neapi_alloc_blocks();
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_arena_mark empty = neapi_arena_marked(&arena);
    neap_text kept = neapi_arena_text(&arena, T("kept"));
    neapi_arena_mark mark = neapi_arena_marked(&arena);
    int64_t held = neapi_alloc_blocks();
    for (int round = 0; round < 3; round++) {
        void *first = neapi_arena_alloc(&arena, 16);
        for (size_t size = 1; size < 100000; size *= 3)
            assert_non_null(memset(neapi_arena_alloc(&arena, size), 'x', size));
        neapi_arena_rewind(&arena, &mark);
        assert_int_equal(neapi_alloc_blocks(), held);
        assert_int_equal(arena.total, mark.total);
        assert_text(kept, "kept");
        assert_ptr_equal(neapi_arena_alloc(&arena, 16), first);
        neapi_arena_rewind(&arena, &mark);
    }
    neapi_arena_rewind(&arena, &empty);
    assert_int_equal(neapi_alloc_blocks(), blocks);
    neapi_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_copies_what_it_is_given),
        cmocka_unit_test(condition_copies_what_it_is_given),
        cmocka_unit_test(documents_are_copied_and_share_their_collection),
        cmocka_unit_test(statements_are_copied_and_share_their_text),
        cmocka_unit_test(appends_of_one_stream_are_one_operation),
        cmocka_unit_test(usual_unit_is_one_allocation),
        cmocka_unit_test(unit_grows_and_can_begin_anew),
        cmocka_unit_test(refused_allocation_adds_nothing),
        cmocka_unit_test(following_holds_until_judged),
        cmocka_unit_test(long_chain_is_released_without_depth),
        cmocka_unit_test(unit_is_blocked_by_what_was_not_accepted),
        cmocka_unit_test(arena_begins_in_memory_of_the_callers),
        cmocka_unit_test(arena_takes_back_to_a_mark),
    };
    return cmocka_run_group_tests_name("store_unit", tests, NULL, NULL);
}
