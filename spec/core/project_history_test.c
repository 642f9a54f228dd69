/* core/script: however a history is cut into batches, whatever is let go and found again, documents
 * are the plain fold of it; and every refused allocation leaves things as they can be begun anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/project_support.h"
#include "script/vm.h"

#define HISTORIES 200
#define EVENTS    60
#define KEYS      6

static const char domain[] =
    "local neap = require 'neap'\n"
    "local spec = neap.domain 'spec'\n"
    "spec:event 'Put' { id = 'string', field = 'string', value = 'any?' }\n"
    "spec:event 'Added' { id = 'string', other = 'string', n = 'integer' }\n"
    "spec:event 'Gone' { id = 'string' }\n"
    "spec:projection 'orders' {\n"
    "  key = { Put = 'id', Gone = 'id', Added = function(event) return event.id, event.other end "
    "},\n"
    "  events = {\n"
    "    Put = function(doc, event)\n"
    "      doc.fields = doc.fields or {}\n"
    "      doc.fields[event.field] = event.value\n"
    "      if next(doc.fields) == nil then doc.fields = nil end\n"
    "    end,\n"
    "    Added = function(doc, event, context)\n"
    "      local list = doc.list or neap.array {}\n"
    "      list[#list + 1] = { n = event.n, half = event.n / 2, at = context.event.position }\n"
    "      if #list > 3 then table.remove(list, 1) end\n"
    "      doc.list, doc.last = list, neap.null\n"
    "      if event.n % 7 == 0 then return { list = { event.n }, made = event.n } end\n"
    "      if event.n % 11 == 0 then doc.list = nil doc.last = nil end\n"
    "    end,\n"
    "    Gone = function() return neap.delete end,\n"
    "  } }\n"
    "return spec\n";

typedef struct history {
    char data[EVENTS][128];
    neap_event events[EVENTS];
} history;

static uint32_t random_state;

static uint32_t random_below(uint32_t most)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % most;
}

static void make_history(history *made, uint32_t seed)
{
    static const char *const values[] = {"1", "2.5", "\"x\"", "null", "[]", "{}", "{\"a\":[1,{}]}"};
    random_state = seed;
    for (unsigned i = 0; i < EVENTS; i++) {
        char *data = made->data[i];
        unsigned key = random_below(KEYS), kind = random_below(10);
        if (kind == 0)
            snprintf(data, sizeof made->data[i], "{\"id\":\"k%u\"}", key);
        else if (kind < 5)
            snprintf(data, sizeof made->data[i], "{\"field\":\"f%u\",\"id\":\"k%u\",\"value\":%s}",
                     random_below(3), key, values[random_below(sizeof values / sizeof *values)]);
        else
            snprintf(data, sizeof made->data[i], "{\"id\":\"k%u\",\"n\":%u,\"other\":\"k%u\"}", key,
                     random_below(50), random_below(KEYS));
        made->events[i] = (neap_event){.position = i + 1,
                                       .schema = 1,
                                       .type = neapi_text_of(kind == 0  ? "Gone"
                                                             : kind < 5 ? "Put"
                                                                        : "Added"),
                                       .data = neapi_text_of(data)};
    }
}

static void check(project_world *world, neap_status status)
{
    if (status != NEAP_OK)
        fail_msg("%s", world->error->message);
}

static void fold_whole(project_world *world, const history *of)
{
    check(world, project_events(world, of->events, EVENTS));
    check(world, project_save(world));
}

/* In batches of any size, saved, let go and begun anew as it comes. */
static void fold_cut(project_world *world, const history *of)
{
    for (unsigned i = 0; i < EVENTS;) {
        unsigned count = 1 + random_below(12);
        count = count < EVENTS - i ? count : EVENTS - i;
        check(world, project_events(world, of->events + i, count));
        i += count;
        if (random_below(2) == 0)
            continue;
        check(world, project_save(world));
        neapi_engine_documents_trim(world->engine.engine, world->where.documents, random_below(4));
        if (random_below(4) == 0)
            project_reopen(world);
    }
    check(world, project_save(world));
}

static void clear(project_world *world)
{
    while (world->document_count != 0)
        free(world->documents[--world->document_count].data);
    project_reopen(world);
}

static void compare(uint32_t histories)
{
    project_world *whole = calloc(1, sizeof *whole), *cut = calloc(1, sizeof *cut);
    history *of = calloc(1, sizeof *of);
    project_open(whole, domain, NULL);
    project_open(cut, domain, NULL);
    for (uint32_t seed = 1; seed <= histories; seed++) {
        make_history(of, seed);
        fold_whole(whole, of);
        fold_cut(cut, of);
        for (unsigned key = 0; key < KEYS; key++) {
            char name[8];
            snprintf(name, sizeof name, "k%u", key);
            if (strcmp(project_stored(whole, name), project_stored(cut, name)) != 0)
                fail_msg("seed %u, %s: %s\ninstead of: %s", seed, name, project_stored(cut, name),
                         project_stored(whole, name));
        }
        clear(whole);
        clear(cut);
    }
    project_close(whole);
    project_close(cut);
    free(of);
    free(whole);
    free(cut);
}

static void batches_make_no_difference(void **unused)
{
    (void)unused;
    compare(HISTORIES);
}

/* What is not held is soon gone. */
static void nor_does_an_eager_collector(void **unused)
{
    (void)unused;
    neapi_vm_collect_eagerly(true);
    compare(HISTORIES / 10);
    neapi_vm_collect_eagerly(false);
}

static void a_refused_allocation_is_begun_anew(void **unused)
{
    (void)unused;
    project_world *world = calloc(1, sizeof *world);
    history *of = calloc(1, sizeof *of);
    make_history(of, 7);
    project_open(world, domain, NULL);
    fold_whole(world, of);
    char expected[256];
    snprintf(expected, sizeof expected, "%s", project_stored(world, "k1"));
    bool whole = false;
    for (uint64_t nth = 1; !whole; nth++) {
        clear(world);
        neapi_unit_clear(world->engine.unit);
        neapi_alloc_refuse(nth, nth % 2 == 0);
        neap_status status = project_events(world, of->events, EVENTS);
        if (status == NEAP_OK)
            status = project_save(world);
        neapi_alloc_refuse(0, false);
        whole = status == NEAP_OK;
        if (!whole)
            assert_int_equal(status, NEAP_NOMEM);
        assert_true(nth < 10000);
    }
    assert_string_equal(project_stored(world, "k1"), expected);
    project_close(world);
    free(of);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_make_no_difference),
        cmocka_unit_test(nor_does_an_eager_collector),
        cmocka_unit_test(a_refused_allocation_is_begun_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
