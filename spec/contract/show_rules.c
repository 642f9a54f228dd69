/* Showing what is kept beside events, as of one moment. */
#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "contract/documents.h"
#include "contract/rules.h"
#include "contract/world.h"

/* Everything that was shown, as text: "k-1;" for a key, "$a/x=1;" for a document. */
typedef struct shown {
    char text[1024];
    const char *unwanted; /* a collection; NULL: all are wanted */
    size_t most;          /* so many are taken, then it fails */
    size_t count;
    neapi_key last;
} shown;

static neap_status take(shown *it, neap_error *error)
{
    if (it->count++ < it->most)
        return NEAP_OK;
    snprintf(error->message, sizeof error->message, "enough");
    return error->status = NEAP_LIMIT;
}

static bool wants(void *user, neap_text collection)
{
    const shown *it = user;
    return it->unwanted == NULL || !neapi_text_equal(collection, T(it->unwanted));
}

static neap_status see_key(void *user, const neapi_key *key, neap_error *error)
{
    shown *it = user;
    size_t used = strlen(it->text);
    snprintf(it->text + used, sizeof it->text - used, "%.*s;", (int)key->key.size, key->key.data);
    it->last = *key;
    return take(it, error);
}

static neap_status see_document(void *user, neap_text collection, neap_text key, neap_text data,
                                neap_error *error)
{
    shown *it = user;
    size_t used = strlen(it->text);
    snprintf(it->text + used, sizeof it->text - used, "%.*s/%.*s=%.*s;", (int)collection.size,
             collection.data, (int)key.size, key.data, (int)data.size, data.data);
    return take(it, error);
}

static neap_status show(neapi_session *session, int64_t now_us, shown *it, uint64_t *head)
{
    neap_error error;
    const neapi_kept_sink sink = {it, wants, see_key, see_document};
    it->text[0] = '\0';
    it->count = 0;
    return neapi_show_kept(session, now_us, &sink, head, &error);
}

static void assert_shown(contract_world *world, const char *unwanted, uint64_t head,
                         const char *expected)
{
    neapi_session *const sessions[] = {world->reader, world->writer};
    for (size_t s = 0; s < 2; s++) {
        uint64_t last;
        shown it = {.unwanted = unwanted, .most = SIZE_MAX};
        assert_int_equal(show(sessions[s], NOW, &it, &last), NEAP_OK);
        assert_string_equal(it.text, expected);
        assert_int_equal(last, head);
    }
}

static void keep_key(contract_world *world, const char *key, int64_t expires_at)
{
    neapi_unit *unit = new_unit();
    add_key(unit, key, expires_at);
    commit_one(world, unit, NEAP_OK);
}

void kept_is_shown_in_bytewise_order(void **state)
{
    contract_world *world = *state;
    assert_shown(world, NULL, 0, "");
    append(world, "A-1", "Opened");
    put(world, "b", "x", "1");
    put(world, "$a", "z", "");
    put(world, "$a", "Z", "2");
    put(world, "$a", "\xC3\xA4", "3");
    put(world, "$a", "za", "4");
    put(world, "$A", "y", "5");
    put(world, "$gone", "y", "6");
    drop(world, "$gone", "y");
    keep_key(world, "k", NOW + 1);
    keep_key(world, "K", NOW + 3);
    keep_key(world, "\xC3\xA4", NOW + 2);
    keep_key(world, "k-1", NOW + 1000);
    assert_shown(world, NULL, 1,
                 "K;k;k-1;\xC3\xA4;$A/y=5;$a/Z=2;$a/z=;$a/za=4;$a/\xC3\xA4=3;b/x=1;");
}

void expired_keys_are_not_shown(void **state)
{
    contract_world *world = *state;
    const neapi_key given = {.key = T("k-1"),
                             .hash = 0xFEDCBA9876543210u,
                             .command_id = new_id(),
                             .expires_at = NOW + 1,
                             .stream = T("A-1"),
                             .types = T("[]"),
                             .version = 3,
                             .position = 4};
    for (int i = 0; i < 4; i++)
        append(world, "A-1", "Opened");
    neapi_unit *unit = new_unit();
    assert_int_equal(neapi_unit_key(unit, &given), NEAP_OK);
    commit_at(world, &unit, 1, NOW - 10);
    neapi_unit_release(unit);
    keep_key(world, "k-2", NOW + 1);
    uint64_t head;
    shown it = {.most = SIZE_MAX};
    assert_int_equal(show(world->reader, NOW, &it, &head), NEAP_OK);
    assert_string_equal(it.text, "k-1;k-2;");
    it.most = 0; /* stops at the first one */
    assert_int_equal(show(world->reader, NOW, &it, &head), NEAP_LIMIT);
    assert_true(it.last.hash == given.hash);
    assert_memory_equal(&it.last.command_id, &given.command_id, sizeof given.command_id);
    assert_int_equal(it.last.expires_at, given.expires_at);
    assert_int_equal(it.last.version, 3);
    assert_int_equal(it.last.position, 4);
    it.most = SIZE_MAX;
    assert_int_equal(show(world->reader, NOW + 1, &it, &head), NEAP_OK);
    assert_string_equal(it.text, "");
}

void unwanted_collections_are_passed_over(void **state)
{
    contract_world *world = *state;
    put(world, "a", "x", "1");
    put(world, "b", "x", "2");
    put(world, "c", "x", "3");
    assert_shown(world, "b", 0, "a/x=1;c/x=3;");
    assert_shown(world, "a", 0, "b/x=2;c/x=3;");
}

/* ---- One moment ------------------------------------------------------------------------------ */

#define UNITS 400

typedef struct moments {
    contract_world *world;
    atomic_bool done;
} moments;

/* Each unit appends one event, and leaves its number in two documents. */
static void *write_on(void *user)
{
    moments *it = user;
    for (int i = 1; i <= UNITS; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        neapi_unit *unit = new_unit();
        add(unit, "A-1", NEAP_ANY_VERSION, "Counted");
        add_document(unit, "$a", "n", NEAPI_DOCUMENT_PUT, number, NEAPI_DOCUMENT_ANY, NULL);
        add_document(unit, "$z", "n", NEAPI_DOCUMENT_PUT, number, NEAPI_DOCUMENT_ANY, NULL);
        commit_one(it->world, unit, NEAP_OK);
    }
    atomic_store(&it->done, true);
    return NULL;
}

void kept_is_shown_as_of_one_moment(void **state)
{
    moments it = {.world = *state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_on, &it), 0);
    bool done;
    do {
        done = atomic_load(&it.done);
        uint64_t head = 0;
        char expected[64] = "";
        shown seen = {.most = SIZE_MAX};
        assert_int_equal(show(it.world->reader, NOW, &seen, &head), NEAP_OK);
        if (head != 0)
            snprintf(expected, sizeof expected, "$a/n=%u;$z/n=%u;", (unsigned)head, (unsigned)head);
        assert_string_equal(seen.text, expected);
    } while (!done);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

void sink_ends_the_showing(void **state)
{
    contract_world *world = *state;
    keep_key(world, "k-1", NOW + 1);
    put(world, "a", "x", "1");
    put(world, "b", "x", "2");
    for (size_t most = 0; most < 4; most++) {
        uint64_t head = 4711;
        shown it = {.most = most};
        bool whole = most == 3;
        assert_int_equal(show(world->reader, NOW, &it, &head), whole ? NEAP_OK : NEAP_LIMIT);
        assert_int_equal(head, whole ? 0 : 4711);
        assert_int_equal(it.count, whole ? 3 : most + 1);
    }
    append(world, "A-1", "Opened"); /* Nothing was left open. */
    assert_shown(world, NULL, 1, "k-1;a/x=1;b/x=2;");
}

void refused_allocation_in_showing(void **state)
{
    contract_world *world = *state;
    keep_key(world, "k-1", NOW + 1);
    put(world, "a", "x", "1");
    append(world, "A-1", "Opened");
    neap_status status;
    uint64_t nth = 0;
    do {
        neapi_session *session;
        assert_int_equal(neapi_session_open(world->store, NEAPI_MODE_READ, &session, NULL),
                         NEAP_OK);
        uint64_t head;
        shown it = {.most = SIZE_MAX};
        neapi_alloc_refuse(++nth, false);
        status = show(session, NOW, &it, &head);
        bool struck = neapi_alloc_struck();
        neapi_alloc_refuse(0, false);
        assert_true(status == NEAP_OK || status == NEAP_NOMEM);
        if (status == NEAP_OK && struck)
            status = NEAP_NOMEM; /* It managed without. */
        assert_int_equal(show(session, NOW, &it, &head), NEAP_OK);
        assert_string_equal(it.text, "k-1;a/x=1;");
        neapi_session_close(session);
        assert_true(nth < 10000);
    } while (status == NEAP_NOMEM);
}
