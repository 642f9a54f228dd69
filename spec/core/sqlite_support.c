#include "core/sqlite_support.h"

#include <dirent.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int place_setup(void **state)
{
    spec_place *made = calloc(1, sizeof *made);
    const char *root = getenv("TMPDIR");
    if (made == NULL)
        return -1;
    snprintf(made->folder, sizeof made->folder, "%.40s/neap-spec-XXXXXX",
             root != NULL && root[0] != '\0' ? root : "/tmp");
    if (mkdtemp(made->folder) == NULL)
        return -1;
    snprintf(made->path, sizeof made->path, "%s/store.db", made->folder);
    snprintf(made->url, sizeof made->url, "sqlite:%s", made->path);
    *state = made;
    return 0;
}

int place_teardown(void **state)
{
    spec_place *place = *state;
    DIR *folder = opendir(place->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[sizeof place->folder + sizeof entry->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", place->folder, entry->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(place->folder);
    free(place);
    return 0;
}

neapi_store *open_store(const char *url, neapi_mode mode)
{
    neapi_store *store = NULL;
    neap_error error = {0};
    if (neapi_store_open(url, mode, &store, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return store;
}

neapi_session *open_session(neapi_store *store, neapi_mode mode)
{
    neapi_session *session = NULL;
    neap_error error = {0};
    if (neapi_session_open(store, mode, &session, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return session;
}

neap_error assert_refused(const char *url, neapi_mode mode, neap_status status, const char *words)
{
    neapi_store *store = NULL;
    neap_error error = {0};
    neap_status actual = neapi_store_open(url, mode, &store, &error);
    if (actual == NEAP_OK)
        neapi_store_close(store);
    if (actual != status || strstr(error.message, words) == NULL)
        fail_msg("expected %s with \"%s\", got %s: %s", neap_status_name(status), words,
                 neap_status_name(actual), error.message);
    return error;
}

spec_writing open_writing(const char *url)
{
    neapi_store *store = open_store(url, NEAPI_MODE_WRITE);
    return (spec_writing){store, open_session(store, NEAPI_MODE_WRITE)};
}

void close_writing(spec_writing *writing)
{
    neapi_session_close(writing->session);
    neapi_store_close(writing->store);
    writing->session = NULL;
    writing->store = NULL;
}

static neap_uuid new_id(void)
{
    static uint64_t last;
    pid_t pid = getpid(); /* Of every process another one. */
    neap_uuid id;
    last++;
    memcpy(id.bytes, &pid, sizeof pid);
    memset(id.bytes + sizeof pid, 7, 8 - sizeof pid);
    memcpy(id.bytes + 8, &last, sizeof last);
    return id;
}

neapi_unit *new_unit(const char *stream, uint64_t expected, uint64_t number)
{
    char data[32];
    neap_event event = {.id = new_id(),
                        .recorded_at = NOW,
                        .schema = 1,
                        .type = NEAPI_LITERAL("Said"),
                        .stream = neapi_text_of(stream),
                        .data = {data, 0}};
    event.data.size = (size_t)snprintf(data, sizeof data, "%" PRIu64, number);
    neapi_unit *unit = neapi_unit_new(new_id());
    assert_non_null(unit);
    const neapi_document last = {.collection = NEAPI_LITERAL("last"),
                                 .key = event.stream,
                                 .write = NEAPI_DOCUMENT_PUT,
                                 .data = event.data};
    assert_int_equal(neapi_unit_append(unit, event.stream, expected, &event), NEAP_OK);
    assert_int_equal(neapi_unit_document(unit, &last), NEAP_OK);
    return unit;
}

neap_status commit_unit(neapi_session *session, neapi_unit *unit, neapi_outcome *outcome,
                        neap_error *error)
{
    neap_status status = neapi_commit(session, &unit, 1, NOW, outcome, error);
    if (status == NEAP_OK)
        assert_int_equal(unit->verdict.status, NEAP_OK);
    else
        assert_int_equal(unit->state, NEAPI_UNIT_BUILDING);
    neapi_unit_release(unit);
    return status;
}

void put_document(neapi_session *session, const char *collection, const char *key, const char *data)
{
    neapi_outcome outcome;
    neap_error error;
    const neapi_document document = {.collection = neapi_text_of(collection),
                                     .key = neapi_text_of(key),
                                     .write = NEAPI_DOCUMENT_PUT,
                                     .data = neapi_text_of(data)};
    neapi_unit *unit = neapi_unit_new((neap_uuid){{1}});
    assert_int_equal(neapi_unit_document(unit, &document), NEAP_OK);
    if (commit_unit(session, unit, &outcome, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

void add_row(neapi_unit *unit, uint64_t number, bool first)
{
    const neapi_value value = {.kind = NEAPI_VALUE_INTEGER, .integer = (int64_t)number};
    const neapi_tables tables = {.projection = NEAPI_LITERAL("said"),
                                 .build = 1,
                                 .change = NEAPI_TABLES_CREATE,
                                 .text = NEAPI_LITERAL("CREATE TABLE {said} (n INTEGER UNIQUE)")};
    const neapi_statement statement = {.projection = tables.projection,
                                       .build = 1,
                                       .text = NEAPI_LITERAL("INSERT INTO {said} VALUES (?)"),
                                       .values = &value,
                                       .value_count = 1};
    if (first)
        assert_int_equal(neapi_unit_tables(unit, &tables), NEAP_OK);
    assert_int_equal(neapi_unit_sql(unit, &statement), NEAP_OK);
}

void assert_rows(neapi_session *session, uint64_t count, uint64_t highest)
{
    neapi_result result = NEAPI_RESULT_INIT;
    const neapi_statement statement = {.projection = NEAPI_LITERAL("said"),
                                       .build = 1,
                                       .text =
                                           NEAPI_LITERAL("SELECT count(*), max(n) FROM {said}")};
    neap_status status = neapi_select(session, &statement, 1, &result, NULL);
    assert_int_equal(status, count != 0 ? NEAP_OK : NEAP_USAGE);
    if (count != 0) {
        assert_int_equal(result.values[0].integer, count);
        assert_int_equal(result.values[1].integer, highest);
    }
    neapi_result_fini(&result);
}

void append(neapi_session *session, const char *stream, uint64_t number)
{
    neapi_outcome outcome;
    neap_error error = {0};
    if (commit_unit(session, new_unit(stream, NEAP_ANY_VERSION, number), &outcome, &error) !=
        NEAP_OK)
        fail_msg("%s", error.message);
}

uint64_t head_of(neapi_session *session)
{
    uint64_t position;
    neap_error error = {0};
    if (neapi_head(session, &position, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return position;
}

uint64_t read_log(neapi_session *session, uint64_t (*number)(uint64_t position))
{
    neapi_range range = {.from = 1, .to = UINT64_MAX, .max_events = 500, .max_bytes = 1 << 20};
    neapi_page page = NEAPI_PAGE_INIT;
    uint64_t count = 0;
    do {
        neap_error error = {0};
        if (neapi_read(session, &range, &page, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.events[i].position, ++count);
            if (number != NULL)
                assert_int_equal(strtoull(page.events[i].data.data, NULL, 10), number(count));
        }
        range.from = page.next;
    } while (!page.last);
    neapi_page_fini(&page);
    return count;
}

/* The data of the last event: of the stream, or of all. */
static neap_text last_data(neapi_session *session, neap_text *stream, neapi_page *page)
{
    neapi_range range = {.from = UINT64_MAX,
                         .to = 1,
                         .backward = true,
                         .stream = *stream,
                         .max_events = 1,
                         .max_bytes = 1};
    assert_int_equal(neapi_read(session, &range, page, NULL), NEAP_OK);
    if (page->count == 0)
        return (neap_text){NULL, 0};
    *stream = page->events[0].stream;
    return page->events[0].data;
}

void assert_documents_follow(neapi_session *session)
{
    bool newest_is_there = false;
    neap_text newest = {NULL, 0};
    neapi_page all = NEAPI_PAGE_INIT, page = NEAPI_PAGE_INIT;
    neapi_document_page documents = NEAPI_DOCUMENT_PAGE_INIT;
    const neapi_document_range range = {.collection = NEAPI_LITERAL("last"), .limit = 100};
    bool empty = last_data(session, &newest, &all).data == NULL;
    assert_int_equal(neapi_list_documents(session, &range, &documents, NULL), NEAP_OK);
    for (size_t i = 0; i < documents.count; i++) {
        neap_text data = last_data(session, &documents.documents[i].key, &page);
        assert_true(neapi_text_equal(data, documents.documents[i].data));
        newest_is_there |= neapi_text_equal(documents.documents[i].key, newest);
    }
    assert_true(empty ? documents.count == 0 : newest_is_there);
    neapi_document_page_fini(&documents);
    neapi_page_fini(&all);
    neapi_page_fini(&page);
}

static void print_finding(void *user, const char *text)
{
    int *printed = user;
    if ((*printed)++ < 5)
        print_error("verify: %s\n", text);
}

void assert_sound(const char *url)
{
    neapi_store *store = open_store(url, NEAPI_MODE_READ);
    neapi_session *session = open_session(store, NEAPI_MODE_READ);
    int printed = 0;
    neapi_verify_sink sink = {&printed, print_finding};
    neap_verification result = {0};
    neap_error error = {0};
    if (neapi_verify(session, &sink, &result, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_int_equal(result.findings, 0);
    neapi_session_close(session);
    neapi_store_close(store);
}

void write_fixture(const char *path, const char *name)
{
    char from[512];
    snprintf(from, sizeof from, "%s/%s", FIXTURES, name);
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    static char sql[64 * 1024];
    size_t size = fread(sql, 1, sizeof sql - 1, file);
    fclose(file);
    sql[size] = '\0';
    run_sql(path, sql);
}

void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

int64_t ask_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

int64_t file_size(const char *path, const char *ending)
{
    char whole[160];
    struct stat about;
    snprintf(whole, sizeof whole, "%s%s", path, ending);
    return stat(whole, &about) == 0 ? about.st_size : -1;
}
