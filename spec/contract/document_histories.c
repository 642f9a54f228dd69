/* Random units of documents against a plain model; every allocation refused; readers beside. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "contract/documents.h"
#include "contract/rules.h"

#define SEED        20261126u /* or $NEAP_SEED */
#define BATCHES     400
#define LARGEST     12 /* units in a batch */
#define COLLECTIONS 3
#define KEYS        9
#define ABSENT      (-1)

static const char *const names[COLLECTIONS] = {"c", "c@1", "$c"};

typedef struct kept_model {
    int data[COLLECTIONS][KEYS]; /* a number, as text; ABSENT: not there */
} kept_model;

typedef struct kept_history {
    contract_world *world;
    uint32_t random;
    kept_model model;
} kept_history;

static uint32_t random_below(kept_history *history, uint32_t bound)
{
    history->random ^= history->random << 13;
    history->random ^= history->random >> 17;
    history->random ^= history->random << 5;
    return history->random % bound;
}

static void key_of(size_t k, char key[8])
{
    snprintf(key, 8, "k%s%zu", k % 2 == 0 ? "-" : "", k);
}

/* The order of the keys: those with a dash come first. */
static size_t in_order(size_t n)
{
    return n < (KEYS + 1) / 2 ? 2 * n : 2 * (n - (KEYS + 1) / 2) + 1;
}

/* Adds a document and judges it; false: it is refused. */
static bool random_document(kept_history *history, neapi_unit *unit, kept_model *model)
{
    char key[8], data[16], expected[16];
    size_t c = random_below(history, COLLECTIONS), k = random_below(history, KEYS);
    int *there = &model->data[c][k], number = (int)random_below(history, 5);
    uint32_t likely = random_below(history, 100);
    neapi_document_expect expect = (neapi_document_expect)random_below(history, 4);
    neapi_document_write write = (neapi_document_write)random_below(history, 3);
    if (likely < 90 && expect == NEAPI_DOCUMENT_ABSENT && *there != ABSENT)
        expect = NEAPI_DOCUMENT_PRESENT;
    else if (likely < 90 && expect > NEAPI_DOCUMENT_ABSENT && *there == ABSENT)
        expect = NEAPI_DOCUMENT_ABSENT;
    int wanted = likely < 90 ? *there : number;
    key_of(k, key);
    snprintf(data, sizeof data, "%d", number);
    snprintf(expected, sizeof expected, "%d", wanted);
    add_document(unit, names[c], key, write, data, expect, expected);
    if ((expect == NEAPI_DOCUMENT_ABSENT && *there != ABSENT) ||
        (expect == NEAPI_DOCUMENT_PRESENT && *there == ABSENT) ||
        (expect == NEAPI_DOCUMENT_EQUAL && (*there != wanted || *there == ABSENT)))
        return false;
    if (write != NEAPI_DOCUMENT_KEEP)
        *there = write == NEAPI_DOCUMENT_PUT ? number : ABSENT;
    return true;
}

static void random_clear(kept_history *history, neapi_unit *unit, kept_model *model)
{
    size_t c = random_below(history, COLLECTIONS);
    uint32_t most = 1 + random_below(history, 4);
    assert_int_equal(neapi_unit_clear_collection(unit, T(names[c]), most), NEAP_OK);
    for (size_t n = 0; n < KEYS && most > 0; n++) {
        int *there = &model->data[c][in_order(n)];
        most -= *there != ABSENT;
        *there = ABSENT;
    }
}

/* Adds operations and judges them: *op is the first that is refused. */
static bool random_unit(kept_history *history, neapi_unit *unit, size_t *op)
{
    bool accepted = true;
    kept_model after = history->model;
    for (uint32_t ops = random_below(history, 7); ops > 0; ops--) {
        size_t at = unit->op_count;
        bool fine = true;
        if (random_below(history, 10) == 0)
            random_clear(history, unit, &after);
        else
            fine = random_document(history, unit, &after);
        if (accepted && !fine)
            *op = at;
        accepted = accepted && fine;
    }
    if (accepted)
        history->model = after;
    return accepted;
}

static void compare(kept_history *history)
{
    for (size_t c = 0; c < COLLECTIONS; c++) {
        char texts[KEYS][8];
        const char *listed[KEYS];
        size_t count = 0;
        for (size_t n = 0; n < KEYS; n++) {
            char data[16];
            int there = history->model.data[c][in_order(n)];
            key_of(in_order(n), texts[n]);
            snprintf(data, sizeof data, "%d", there);
            assert_document(history->world, names[c], texts[n], there != ABSENT ? data : NULL);
            if (there != ABSENT)
                listed[count++] = texts[n];
        }
        neapi_document_range range = all_of(names[c]);
        range.limit = 1 + random_below(history, KEYS);
        assert_listed(history->world, range, listed, count);
    }
}

static void run_batch(kept_history *history)
{
    neapi_unit *units[LARGEST];
    size_t ops[LARGEST], count = 1 + random_below(history, LARGEST);
    bool accepted[LARGEST];
    for (size_t i = 0; i < count; i++) {
        units[i] = new_unit();
        accepted[i] = random_unit(history, units[i], &ops[i]);
    }
    commit(history->world, units, count);
    for (size_t i = 0; i < count; i++) {
        assert_verdict(units[i], accepted[i] ? NEAP_OK : NEAP_CONFLICT);
        if (!accepted[i])
            assert_int_equal(units[i]->verdict.op, ops[i]);
    }
    release(units, count);
}

void random_documents_match_the_model(void **state)
{
    contract_world *world = *state;
    const char *given = getenv("NEAP_SEED");
    uint32_t seed = given != NULL ? (uint32_t)strtoul(given, NULL, 10) | 1 : SEED;
    kept_history history = {.world = world, .random = seed};
    for (size_t c = 0; c < COLLECTIONS; c++)
        for (size_t k = 0; k < KEYS; k++)
            history.model.data[c][k] = ABSENT;
    for (unsigned batch = 0; batch < BATCHES; batch++) {
        snprintf(world->note, sizeof world->note, "seed %u, batch %u", seed, batch);
        run_batch(&history);
        compare(&history);
        if (random_below(&history, 50) == 0)
            world_renew(world);
    }
    world->note[0] = '\0';
}

/* ---- Refused allocations --------------------------------------------------------------------- */

#define UNITS        3
#define MOST_REFUSED 1000

static void build(neapi_unit **units)
{
    for (size_t i = 0; i < UNITS; i++)
        units[i] = new_unit();
    for (int i = 0; i < 20; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%02d", i);
        add_document(units[0], "c", key, NEAPI_DOCUMENT_PUT, "new", NEAPI_DOCUMENT_ANY, NULL);
    }
    add_document(units[0], "old", "a", NEAPI_DOCUMENT_PUT, "2", NEAPI_DOCUMENT_EQUAL, "1");
    add_document(units[1], "d", "a", NEAPI_DOCUMENT_PUT, "1", NEAPI_DOCUMENT_ABSENT, NULL);
    assert_int_equal(neapi_unit_clear_collection(units[1], T("old"), 2), NEAP_OK);
    add(units[1], "A-1", 0, "Opened");
    add_document(units[2], "old", "c", NEAPI_DOCUMENT_DROP, NULL, NEAPI_DOCUMENT_PRESENT, NULL);
}

static void assert_whole(contract_world *world, neapi_unit *const *units)
{
    bool accepted[UNITS];
    for (size_t i = 0; i < UNITS; i++)
        accepted[i] = units[i]->state == NEAPI_UNIT_ACCEPTED;
    assert_document(world, "c", "k00", accepted[0] ? "new" : NULL);
    assert_document(world, "c", "k19", accepted[0] ? "new" : NULL);
    assert_document(world, "d", "a", accepted[1] ? "1" : NULL);
    assert_document(world, "old", "a", accepted[1] ? NULL : accepted[0] ? "2" : "1");
    assert_document(world, "old", "b", accepted[1] ? NULL : "1");
    assert_document(world, "old", "c", accepted[2] ? NULL : "1");
    assert_head(world, accepted[1]);
    uint64_t there = 3 + (accepted[0] ? 20u : 0u) - (accepted[1] ? 1u : 0u) - accepted[2];
    assert_int_equal(assert_sound(world).documents, there);
}

/* One store, one batch, one refusal. Whether all went well nevertheless. */
static bool commit_refused(const contract_fixture *fixture, uint64_t nth, bool persistent)
{
    void *state = (void *)fixture;
    world_setup(&state);
    contract_world *world = state;
    snprintf(world->note, sizeof world->note, "refusal %u%s", (unsigned)nth,
             persistent ? " and all after it" : "");
    put(world, "old", "a", "1");
    put(world, "old", "b", "1");
    put(world, "old", "c", "1");
    neapi_unit *units[UNITS];
    build(units);
    neapi_outcome outcome;
    neapi_alloc_refuse(nth, persistent);
    neap_status status = neapi_commit(world->writer, units, UNITS, NOW, &outcome, NULL);
    neapi_alloc_refuse(0, false);
    bool well = status == NEAP_OK;
    if (!well) {
        assert_int_equal(status, NEAP_NOMEM);
        assert_whole(world, units);
        commit(world, units, UNITS);
    }
    for (size_t i = 0; i < UNITS; i++) {
        if (units[i]->state == NEAPI_UNIT_ACCEPTED)
            continue;
        well = false;
        assert_verdict(units[i], NEAP_NOMEM);
    }
    assert_whole(world, units);
    release(units, UNITS);
    put(world, "c", "k00", "newer");
    world->note[0] = '\0';
    world_teardown(&state);
    return well;
}

static neap_status list_everything(neapi_session *session, neapi_arena *arena, uint64_t *seen)
{
    bool found = false;
    neap_text data;
    neapi_document_range range = all_of("c");
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_find_document(session, T("c"), T("k07"), arena, &data, &found, NULL);
    if (status == NEAP_OK)
        status = neapi_list_documents(session, &range, &page, NULL);
    if (status == NEAP_OK)
        status = neapi_list_collections(session, &list, NULL);
    *seen = found + page.count + list.count;
    neapi_document_page_fini(&page);
    neapi_collection_list_fini(&list);
    return status;
}

static void list_refused(contract_world *world, uint64_t expected)
{
    neap_status status = NEAP_NOMEM;
    for (uint64_t nth = 1; status != NEAP_OK; nth++) {
        neapi_session *session = NULL;
        neapi_arena arena = NEAPI_ARENA_INIT;
        uint64_t seen = 0;
        assert_true(nth < MOST_REFUSED);
        neapi_alloc_refuse(nth, false);
        status = neapi_session_open(world->store, NEAPI_MODE_READ, &session, NULL);
        if (status == NEAP_OK)
            status = list_everything(session, &arena, &seen);
        neapi_alloc_refuse(0, false);
        if (status == NEAP_OK)
            assert_int_equal(seen, expected);
        else
            assert_int_equal(status, NEAP_NOMEM);
        neapi_arena_fini(&arena);
        neapi_session_close(session);
    }
}

void refused_allocation_in_documents(void **state)
{
    contract_world *world = *state;
    uint64_t most = 1;
    while (!commit_refused(world->fixture, most, true))
        assert_true(++most < MOST_REFUSED);
    for (uint64_t nth = 1; nth < most; nth++)
        commit_refused(world->fixture, nth, false);
    neapi_unit *unit = new_unit();
    for (int i = 0; i < 20; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%02d", i);
        add_document(unit, "c", key, NEAPI_DOCUMENT_PUT, "new", NEAPI_DOCUMENT_ANY, NULL);
    }
    commit_one(world, unit, NEAP_OK);
    list_refused(world, 22);
}

/* ---- Readers beside the writer --------------------------------------------------------------- */

#define ROUNDS 150

typedef struct watching {
    pthread_t thread;
    neapi_session *session;
    atomic_bool done;
    char wrong[200];
} watching;

/* All documents of a page are of one commit, which never goes back. */
static void *watch(void *argument)
{
    watching *watcher = argument;
    long last = 0;
    neapi_document_range range = all_of("c");
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    while (watcher->wrong[0] == '\0') {
        bool done = atomic_load(&watcher->done);
        neap_error error;
        if (neapi_list_documents(watcher->session, &range, &page, &error) != NEAP_OK)
            snprintf(watcher->wrong, sizeof watcher->wrong, "%.150s", error.message);
        for (size_t i = 0; i < page.count && watcher->wrong[0] == '\0'; i++) {
            long number = strtol(page.documents[i].data.data, NULL, 10);
            if (page.count != KEYS || number < last || (i > 0 && number != last))
                snprintf(watcher->wrong, sizeof watcher->wrong, "%ld of %zu follows %ld", number,
                         page.count, last);
            last = number;
        }
        if (done)
            break;
    }
    if (last != ROUNDS && watcher->wrong[0] == '\0')
        snprintf(watcher->wrong, sizeof watcher->wrong, "the last that was seen is %ld", last);
    neapi_document_page_fini(&page);
    return NULL;
}

void readers_see_documents_as_they_were_committed(void **state)
{
    contract_world *world = *state;
    static watching watcher;
    watcher.wrong[0] = '\0';
    atomic_init(&watcher.done, false);
    assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_READ, &watcher.session, NULL),
                     NEAP_OK);
    assert_int_equal(pthread_create(&watcher.thread, NULL, watch, &watcher), 0);
    for (int round = 1; round <= ROUNDS; round++) {
        char data[16], key[8];
        neapi_unit *unit = new_unit();
        snprintf(data, sizeof data, "%d", round);
        for (size_t k = 0; k < KEYS; k++) {
            key_of(k, key);
            add_document(unit, "c", key, NEAPI_DOCUMENT_PUT, data, NEAPI_DOCUMENT_ANY, NULL);
        }
        commit_one(world, unit, NEAP_OK);
    }
    atomic_store(&watcher.done, true);
    pthread_join(watcher.thread, NULL);
    neapi_session_close(watcher.session);
    assert_string_equal(watcher.wrong, "");
}
