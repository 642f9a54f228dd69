/* Random histories: what projections keep is what a plain fold of their events gives, at every
 * checkpoint while they come, when the store was opened again, and when it was made anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <sqlite3.h>

#include "base/text.h"
#include "runtime/histories_model.h"
#include "runtime/runtime.h"

#define HISTORIES 1500
#define EVENTS    12 /* of each, and three after it was opened again */

static const char *const projections[] = {"one", "many"};

typedef struct world {
    char folder[40], path[80], url[112];
    neap_runtime *runtime;
    document documents[AT_ONCE][KEYS];
    unsigned events[AT_ONCE];
    uint64_t head;
    neap_error error;
} world;

static uint32_t random_state;

static uint32_t random_below(uint32_t most)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % most;
}

static void expect_ok(world *it, neap_status status)
{
    if (status != NEAP_OK)
        fail_msg("%s", it->error.message);
}

static void open_world(world *it, unsigned lanes)
{
    neap_options options;
    neap_options_init(&options);
    options.store = it->url;
    options.lanes = lanes;
    expect_ok(it, neap_open(DOMAIN, &options, &it->runtime, &it->error));
}

static void make_world(world *it, unsigned lanes)
{
    *it = (world){0};
    model_begin();
    snprintf(it->folder, sizeof it->folder, "histories-XXXXXX");
    assert_non_null(mkdtemp(it->folder));
    snprintf(it->path, sizeof it->path, "%s/store.db", it->folder);
    snprintf(it->url, sizeof it->url, "sqlite:%s?synchronous=normal", it->path);
    open_world(it, lanes);
}

static void drop_world(world *it)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    char path[80];
    neap_close(it->runtime);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s/store.db%s", it->folder, endings[i]);
        unlink(path);
    }
    rmdir(it->folder);
}

/* ---- What happens ---------------------------------------------------------------------------- */

/* Stands in the place of neapi_commit() (CMakeLists.txt). */
neap_status __real_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *why);
neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *why);

neap_status __wrap_neapi_commit(neapi_session *session, neapi_unit *const *units, size_t count,
                                int64_t at_us, neapi_outcome *outcome, neap_error *why)
{
    neap_status status = __real_neapi_commit(session, units, count, at_us, outcome, why);
    for (size_t i = 0; i < count && status == NEAP_OK; i++)
        if (units[i]->state == NEAPI_UNIT_ACCEPTED)
            model_check_unit(units[i]);
    return status;
}

static void publish(world *it, unsigned history, const char *type, const char *json)
{
    char stream[40];
    neap_reply *reply;
    snprintf(stream, sizeof stream, "%s-%u", random_below(2) == 0 ? "First" : "Second", history);
    expect_ok(it, neap_publish(it->runtime, stream, NEAP_ANY_VERSION, type, json, strlen(json),
                               NULL, &reply, &it->error));
    assert_int_equal(neap_reply_receipt(reply)->position, it->head);
    neap_reply_free(reply);
}

/* One more event of a history, in the model and in the store. */
static void go_on(world *it, unsigned history)
{
    static const char *const names[] = {"ada", "bob", "new"};
    unsigned key = random_below(KEYS), other = random_below(KEYS), n = random_below(100);
    document *of = &it->documents[history][key], *of_other = &it->documents[history][other];
    const char *type = "Added", *name = names[random_below(3)];
    char json[128];
    it->head++;
    it->events[history]++;
    switch (random_below(6)) {
    case 0:
        type = "Gone";
        snprintf(json, sizeof json, "{\"id\":\"%u-%u\"}", history, key);
        *of = (document){0};
        break;
    case 1:
        type = "Named";
        snprintf(json, sizeof json, "{\"id\":\"%u-%u\",\"name\":\"%s\"}", history, key, name);
        if (strcmp(name, "new") == 0)
            *of = (document){0};
        snprintf(of->name, sizeof of->name, "%s", name);
        break;
    case 2:
        type = "Moved";
        snprintf(json, sizeof json, "{\"id\":\"%u-%u\",\"n\":%u,\"other\":\"%u-%u\"}", history, key,
                 n, history, other);
        of->moves += n;
        of->moved = true;
        if (other != key) {
            of_other->moves += n;
            of_other->moved = true;
            model_change(it->head, history, other, of_other);
        }
        break;
    default:
        snprintf(json, sizeof json, "{\"id\":\"%u-%u\",\"n\":%u}", history, key, n);
        of->sum += n;
        of->count++;
    }
    model_change(it->head, history, key, of);
    publish(it, history, type, json);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void compare_document(world *it, const char *projection, unsigned history, unsigned key)
{
    char name[40], wanted[160] = "";
    char *json;
    size_t size;
    snprintf(name, sizeof name, "%u-%u", history, key);
    size_t wanted_size = model_write(&it->documents[history][key], wanted, sizeof wanted);
    expect_ok(it, neap_find(it->runtime, projection, name, &json, &size, &it->error));
    if (wanted_size == 0 && json == NULL)
        return;
    if (json == NULL || wanted_size == 0 || strcmp(json, wanted) != 0)
        fail_msg("%s of %s is %s, not %s", name, projection, json != NULL ? json : "not there",
                 wanted_size != 0 ? wanted : "not there");
    neap_free(json);
}

static void compare_history(world *it, unsigned history)
{
    expect_ok(it, neap_catch_up(it->runtime, NULL, 0, 0, &it->error));
    for (unsigned key = 0; key < KEYS; key++) {
        for (size_t i = 0; i < 2; i++)
            compare_document(it, projections[i], history, key);
        compare_document(it, "asked", history, key);
    }
}

/* The inline one has seen each event as soon as it was published. */
static void compare_count(world *it, unsigned history)
{
    char name[16], wanted[32];
    char *json;
    size_t size;
    snprintf(name, sizeof name, "%u", history);
    snprintf(wanted, sizeof wanted, "{\"count\":%u}", it->events[history]);
    expect_ok(it, neap_find(it->runtime, "counted", name, &json, &size, &it->error));
    if (json == NULL ? it->events[history] != 0 : strcmp(json, wanted) != 0)
        fail_msg("%u of counted is %s, not %s", history, json != NULL ? json : "not there", wanted);
    neap_free(json);
}

static document read_row(sqlite3_stmt *statement)
{
    const char *name = (const char *)sqlite3_column_text(statement, 3);
    document row = {.count = (unsigned)sqlite3_column_int(statement, 1),
                    .moved = sqlite3_column_type(statement, 2) != SQLITE_NULL,
                    .moves = sqlite3_column_int(statement, 2),
                    .sum = sqlite3_column_int(statement, 4)};
    snprintf(row.name, sizeof row.name, "%s", name != NULL ? name : "");
    return row;
}

/* All rows, and no others. */
static void compare_rows(world *it)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    unsigned found = 0, wanted = 0, history, key;
    char text[160], json[160];
    assert_int_equal(sqlite3_open_v2(it->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT id, count, moves, name, sum FROM rows", -1,
                                        &statement, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(statement) == SQLITE_ROW; found++) {
        document row = read_row(statement);
        const char *id = (const char *)sqlite3_column_text(statement, 0);
        assert_int_equal(sscanf(id, "%u-%u", &history, &key), 2);
        model_write(&row, json, sizeof json);
        if (model_write(&it->documents[history][key], text, sizeof text) == 0 ||
            strcmp(text, json) != 0)
            fail_msg("%s of rows is %s, not %s", id, json, text);
    }
    for (history = 0; history < AT_ONCE; history++)
        for (key = 0; key < KEYS; key++)
            wanted += model_write(&it->documents[history][key], text, sizeof text) != 0;
    assert_int_equal(wanted, found);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* All documents, and no others. */
static void compare_all(world *it)
{
    expect_ok(it, neap_catch_up(it->runtime, NULL, 0, 0, &it->error));
    if (model_finding() != NULL)
        fail_msg("%s", model_finding());
    compare_rows(it);
    for (unsigned history = 0; history < AT_ONCE; history++)
        compare_count(it, history);
    for (size_t i = 0; i < 2; i++) {
        unsigned wanted = 0, found = 0;
        char *json, text[160];
        size_t size;
        for (unsigned history = 0; history < AT_ONCE; history++)
            for (unsigned key = 0; key < KEYS; key++) {
                compare_document(it, projections[i], history, key);
                wanted += model_write(&it->documents[history][key], text, sizeof text) != 0;
            }
        expect_ok(it, neap_list(it->runtime, projections[i], NULL, &json, &size, &it->error));
        for (const char *at = json; (at = strstr(at, "{\"key\":")) != NULL; at++)
            found++;
        neap_free(json);
        assert_int_equal(wanted, found);
    }
}

static void run_world(uint32_t seed)
{
    static world it; /* large */
    unsigned lanes = seed % 3, left[AT_ONCE], unfinished = AT_ONCE;
    random_state = seed;
    make_world(&it, lanes);
    for (unsigned i = 0; i < AT_ONCE; i++)
        left[i] = EVENTS;
    while (unfinished != 0) {
        unsigned history = random_below(AT_ONCE);
        if (left[history] == 0)
            continue;
        go_on(&it, history);
        if (--left[history] == 0)
            unfinished--;
        compare_count(&it, history);
        if (random_below(100) == 0)
            compare_history(&it, history);
    }
    compare_all(&it);
    neap_close(it.runtime);
    open_world(&it, lanes);
    compare_all(&it);
    for (unsigned i = 0; i < AT_ONCE; i++)
        go_on(&it, i);
    for (size_t i = 0; i < 3; i++) {
        const char *name = i < 2 ? projections[i] : "rows";
        expect_ok(&it, neap_rebuild_begin(it.runtime, name, &it.error));
        for (unsigned n = 0; n < AT_ONCE / 2; n++) /* while it is made anew */
            go_on(&it, random_below(AT_ONCE));
        expect_ok(&it, neap_rebuild(it.runtime, name, 0, &it.error));
    }
    compare_all(&it);
    drop_world(&it);
}

static void documents_are_the_plain_fold_of_their_events(void **state)
{
    const char *given = getenv("NEAP_HISTORIES");
    unsigned histories = given != NULL ? (unsigned)atoi(given) : HISTORIES;
    (void)state;
    for (uint32_t seed = 1; (seed - 1) * AT_ONCE < histories; seed++)
        run_world(seed);
    assert_true(model_checkpoints() > histories / 100);
}

/* Commits over a checkpoint of a build as if it were still driven. */
static neap_status move_checkpoint(world *it, const char *key, const char *mark)
{
    neapi_outcome outcome;
    neapi_unit *unit = neapi_unit_new((neap_uuid){{7}});
    const neapi_document moved = {.collection = NEAPI_LITERAL("$checkpoint"),
                                  .key = neapi_text_of(key),
                                  .write = NEAPI_DOCUMENT_PUT,
                                  .expect = NEAPI_DOCUMENT_EQUAL,
                                  .expected = neapi_text_of(mark),
                                  .data = neapi_text_of(mark)};
    assert_non_null(unit);
    assert_int_equal(NEAP_OK, neapi_unit_document(unit, &moved));
    expect_ok(it, neapi_commit(it->runtime->writer.session, &unit, 1, 1, &outcome, &it->error));
    neap_status verdict = unit->verdict.status;
    neapi_unit_release(unit);
    return verdict;
}

static void who_drives_a_build_that_was_replaced_can_commit_nothing(void **state)
{
    static world it;
    const char *mark = "{\"generation\":1,\"position\":20}";
    (void)state;
    make_world(&it, 0);
    for (unsigned i = 0; i < 20; i++)
        go_on(&it, 0);
    compare_all(&it);
    assert_int_equal(NEAP_OK, move_checkpoint(&it, "one@1/0", mark));
    expect_ok(&it, neap_rebuild(it.runtime, "one", 0, &it.error));
    assert_int_equal(NEAP_CONFLICT, move_checkpoint(&it, "one@1/0", mark));
    assert_int_equal(NEAP_OK, move_checkpoint(&it, "one@2/0", mark));
    compare_all(&it);
    drop_world(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_the_plain_fold_of_their_events),
        cmocka_unit_test(who_drives_a_build_that_was_replaced_can_commit_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
