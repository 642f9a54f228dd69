/* Documents in a store by themselves: what a unit of 1,000 of them takes, with a checkpoint or
 * without, and a unit of a checkpoint alone; and finding and listing them.
 *
 *   neap_bench_documents [DOCUMENTS [KEYS]]   300,000 and 10,000 if not said
 *
 * Prints thousands a second and microseconds of wall-clock and processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "measure.h"
#include "store/store.h"

#define BATCH 1000
#define NOW   1700000000000000

static char folder[] = "/tmp/neap-documents-XXXXXX";
static neapi_session *session;
static neap_error error;
static unsigned position; /* of the checkpoint */

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void tell(const char *store, const char *what, span since, double count)
{
    span taken = end_span(since);
    printf("%-7s %-44s %9.1f k/s %8.2f us %8.2f us processor\n", store, what,
           count / taken.wall / 1e3, taken.wall / count * 1e6, taken.processor / count * 1e6);
    fflush(stdout);
}

static neap_text key_of(char *key, size_t size, unsigned number)
{
    return (neap_text){key, (size_t)snprintf(key, size, "order-%u", number)};
}

static void add_checkpoint(neapi_unit *unit)
{
    char before[64], now[64];
    neapi_document checkpoint = {.collection = NEAPI_LITERAL("$checkpoint"),
                                 .key = NEAPI_LITERAL("orders/0"),
                                 .write = NEAPI_DOCUMENT_PUT,
                                 .expect =
                                     position != 0 ? NEAPI_DOCUMENT_EQUAL : NEAPI_DOCUMENT_ABSENT};
    snprintf(before, sizeof before, "{\"generation\":1,\"position\":%u}", position);
    snprintf(now, sizeof now, "{\"generation\":1,\"position\":%u}", ++position);
    checkpoint.expected = neapi_text_of(before);
    checkpoint.data = neapi_text_of(now);
    check(neapi_unit_document(unit, &checkpoint), "checkpoint");
}

static void add_documents(neapi_unit *unit, unsigned first, unsigned keys)
{
    char key[32], data[160];
    for (unsigned i = 0; i < BATCH; i++) {
        unsigned number = (unsigned)((uint64_t)(first + i) * 7919 % keys);
        neapi_document document = {.collection = NEAPI_LITERAL("orders@1"),
                                   .key = key_of(key, sizeof key, number),
                                   .write = NEAPI_DOCUMENT_PUT};
        document.data = (neap_text){
            data, (size_t)snprintf(data, sizeof data,
                                   "{\"customer\":\"customer-%u\",\"status\":\"placed\",\"total\":"
                                   "%u,\"tracking\":\"a text of some length\"}",
                                   number, first + i)};
        check(neapi_unit_document(unit, &document), "document");
    }
}

/* Commits so many documents, and a checkpoint with each 1,000; processor time of making the units
 * is in it. */
static void put(unsigned count, unsigned keys, bool documents, bool checkpoint)
{
    for (unsigned i = 0; i < count; i += documents ? BATCH : 1) {
        neapi_outcome outcome;
        bool more;
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        if (unit == NULL)
            die("unit", "no memory");
        if (documents)
            add_documents(unit, i, keys);
        if (checkpoint)
            add_checkpoint(unit);
        check(neapi_commit(session, &unit, 1, NOW, &outcome, &error), "commit");
        if (unit->state != NEAPI_UNIT_ACCEPTED)
            die("unit", "not accepted");
        neapi_unit_release(unit);
        if (i / BATCH % 8 == 7)
            check(neapi_maintain(session, NOW, &more, &error), "maintain");
    }
}

static void build_only(unsigned count, unsigned keys)
{
    for (unsigned i = 0; i < count; i += BATCH) {
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        add_documents(unit, i, keys);
        neapi_unit_release(unit);
    }
}

/* The same, kept in rows. */
static void put_rows(unsigned count, unsigned keys)
{
    const neapi_tables tables = {
        .projection = NEAPI_LITERAL("rows"),
        .build = 1,
        .text = NEAPI_LITERAL("CREATE TABLE {rows} (key TEXT PRIMARY KEY, status TEXT, total "
                              "INTEGER) WITHOUT ROWID")};
    for (unsigned i = 0; i < count; i += BATCH) {
        char key[32];
        neapi_outcome outcome;
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        if (i == 0)
            check(neapi_unit_tables(unit, &tables), "tables");
        for (unsigned n = i; n < i + BATCH; n++) {
            neap_text name = key_of(key, sizeof key, (unsigned)((uint64_t)n * 7919 % keys));
            const neapi_value values[] = {
                {.kind = NEAPI_VALUE_TEXT, .bytes = name},
                {.kind = NEAPI_VALUE_TEXT, .bytes = NEAPI_LITERAL("placed")},
                {.kind = NEAPI_VALUE_INTEGER, .integer = n}};
            const neapi_statement statement = {
                .projection = tables.projection,
                .build = 1,
                .text = NEAPI_LITERAL("INSERT INTO {rows} VALUES (?, ?, ?) ON CONFLICT (key) DO "
                                      "UPDATE SET total = {rows}.total + excluded.total"),
                .values = values,
                .value_count = 3};
            check(neapi_unit_sql(unit, &statement), "statement");
        }
        check(neapi_commit(session, &unit, 1, NOW, &outcome, &error), "commit");
        if (unit->state != NEAPI_UNIT_ACCEPTED)
            die("unit", unit->message.data);
        neapi_unit_release(unit);
    }
}

static void find(unsigned count, unsigned keys)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        neap_text data;
        bool found;
        neapi_arena_clear(&arena);
        check(neapi_find_document(session, NEAPI_LITERAL("orders@1"),
                                  key_of(key, sizeof key, i * 7919 % keys), &arena, &data, &found,
                                  &error),
              "find");
    }
    neapi_arena_fini(&arena);
}

static size_t list(void)
{
    size_t count = 0;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_document_range range = {.collection = NEAPI_LITERAL("orders@1"), .limit = 1000};
    do {
        check(neapi_list_documents(session, &range, &page, &error), "list");
        count += page.count;
        neapi_arena_clear(&arena);
        if (page.count != 0)
            range.behind = neapi_arena_text(&arena, page.documents[page.count - 1].key);
    } while (!page.last);
    neapi_document_page_fini(&page);
    neapi_arena_fini(&arena);
    return count;
}

static void clear(void)
{
    neapi_outcome outcome;
    for (bool left = true; left;) {
        neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
        neapi_document_range range = {.collection = NEAPI_LITERAL("orders@1"), .limit = 1};
        neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
        check(neapi_unit_clear_collection(unit, range.collection, BATCH), "clear");
        check(neapi_commit(session, &unit, 1, NOW, &outcome, &error), "commit");
        neapi_unit_release(unit);
        check(neapi_list_documents(session, &range, &page, &error), "list");
        left = page.count != 0;
        neapi_document_page_fini(&page);
    }
}

static void measure(const char *name, const char *url, unsigned count, unsigned keys)
{
    neapi_store *store;
    position = 0;
    check(neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error), "open");
    check(neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error), "session");
    span since = begin_span();
    build_only(count, keys);
    tell(name, "making units, a document", since, count);
    since = begin_span();
    put(count, keys, true, false);
    tell(name, "units of 1,000, a document", since, count);
    since = begin_span();
    put(count, keys, true, true);
    tell(name, "the same with a checkpoint", since, count);
    since = begin_span();
    put(count / 20, keys, false, true);
    tell(name, "units of a checkpoint alone", since, count / 20);
    if (strcmp(name, "sqlite") == 0) {
        since = begin_span();
        put_rows(count, keys);
        tell(name, "SQL, 1,000 statements a unit", since, count);
    }
    since = begin_span();
    find(count, keys);
    tell(name, "found by key", since, count);
    since = begin_span();
    size_t listed = list();
    tell(name, "listed, 1,000 a page", since, (double)listed);
    since = begin_span();
    clear();
    tell(name, "cleared, 1,000 a unit", since, (double)listed);
    neapi_session_close(session);
    neapi_store_close(store);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) / BATCH * BATCH : 300000;
    unsigned keys = argc > 2 ? (unsigned)atoi(argv[2]) : 10000;
    if (count == 0 || keys == 0 || mkdtemp(folder) == NULL)
        die("usage", "neap_bench_documents [DOCUMENTS [KEYS]]; /tmp must be writable");
    char path[80], url[100];
    snprintf(path, sizeof path, "%s/0.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    measure("memory", "memory:", count, keys);
    measure("sqlite", url, count, keys);
    static const char *const endings[] = {"", "-lock", "-wal", "-shm"};
    for (size_t i = 0; i < 4; i++) {
        char whole[100];
        snprintf(whole, sizeof whole, "%s%s", path, endings[i]);
        unlink(whole);
    }
    return rmdir(folder) == 0 ? 0 : 1;
}
