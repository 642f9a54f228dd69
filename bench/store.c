/* The SQLite store by itself, without a runtime: what a commit of 1,000 units, each with an event
 * and its command, takes with so many streams written in turn, scattered over their names; and what
 * it takes to read from such a store.
 *
 *   neap_bench_store [EVENTS [STREAMS]]   one number of streams; all if not said
 *
 * Prints thousands a second and microseconds of wall-clock and processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "fill.h"
#include "measure.h"
#include "store/store.h"

#define BATCH 1000
#define LONG  100000
#define NOW   1700000000000000

static char folder[] = "/tmp/neap-store-XXXXXX";
static neapi_session *session;
static neap_error error;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void tell(const char *what, unsigned streams, span since, double count)
{
    span taken = end_span(since);
    printf("%-34s %9u streams %9.1f k/s %8.2f us %8.2f us processor\n", what, streams,
           count / taken.wall / 1e3, taken.wall / count * 1e6, taken.processor / count * 1e6);
    fflush(stdout);
}

static neap_text stream_name(char *name, size_t size, unsigned number)
{
    return (neap_text){name, (size_t)snprintf(name, size, "Order-o-%u", number)};
}

/* Commits so many events; streams 0: all to one. */
static void write_events(unsigned count, unsigned streams)
{
    static unsigned number;
    neapi_unit *units[BATCH];
    for (unsigned i = 0; i < count; i += BATCH) {
        char name[32];
        bool more;
        neapi_outcome outcome;
        for (unsigned n = 0; n < BATCH; n++, number++) {
            uint64_t turn = streams == 0 ? 0 : (uint64_t)(i + n) % streams * 7919 % streams;
            neap_text stream = streams == 0 ? NEAPI_LITERAL("Long-1")
                                            : stream_name(name, sizeof name, (unsigned)turn);
            units[n] = line_unit(number, stream);
        }
        check(neapi_commit(session, units, BATCH, NOW, &outcome, &error), "commit");
        for (unsigned n = 0; n < BATCH; n++)
            neapi_unit_release(units[n]);
        if (i / BATCH % 8 == 7)
            check(neapi_maintain(session, NOW, &more, &error), "maintain");
    }
}

static size_t read_range(neapi_session *reader, neapi_range range, bool whole)
{
    neapi_page page = NEAPI_PAGE_INIT;
    size_t count = 0;
    range.max_events = 1000;
    range.max_bytes = 1 << 22;
    do {
        check(neapi_read(reader, &range, &page, &error), "read");
        count += page.count;
        range.from = page.next;
    } while (whole && !page.last);
    neapi_page_fini(&page);
    return count;
}

static void read_streams(neapi_session *reader, unsigned streams)
{
    char name[32];
    size_t events = 0;
    neapi_range range = {.from = 1, .to = 100};
    span since = begin_span();
    for (unsigned i = 0; i < 2000; i++) {
        range.stream = stream_name(name, sizeof name, i * 7919 % streams);
        events += read_range(reader, range, false);
    }
    char what[64];
    snprintf(what, sizeof what, "read a stream of %zu events", events / 2000);
    tell(what, streams, since, 2000);
    since = begin_span();
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t version, position;
        check(neapi_stream_head(reader, stream_name(name, sizeof name, i * 7919 % streams),
                                &version, &position, &error),
              "head");
    }
    tell("head of a stream", streams, since, 20000);
}

static void read_rest(neapi_session *reader, unsigned streams)
{
    neapi_range range = {.from = 1, .to = UINT64_MAX, .stream = NEAPI_LITERAL("Long-1")};
    span since = begin_span();
    for (unsigned i = 0; i < 5; i++)
        read_range(reader, range, true);
    tell("events of one long stream", streams, since, 5.0 * LONG);
    range.stream = (neap_text){NULL, 0};
    range.to = LONG;
    since = begin_span();
    read_range(reader, range, true);
    tell("events of the log", streams, since, LONG);
    range.category = NEAPI_LITERAL("Long");
    range.to = UINT64_MAX;
    since = begin_span();
    size_t count = read_range(reader, range, true);
    tell("events of a category", streams, since, (double)count);
}

static void read_all(const char *url, unsigned streams, const char *when)
{
    neapi_store *store;
    neapi_session *reader;
    printf("-- read %s\n", when);
    check(neapi_store_open(url, NEAPI_MODE_READ, &store, &error), "open");
    check(neapi_session_open(store, NEAPI_MODE_READ, &reader, &error), "session");
    span since = begin_span();
    read_range(reader, (neapi_range){.from = 1, .to = 1, .stream = NEAPI_LITERAL("Order-o-0")},
               false);
    tell("the first reading of all", streams, since, 1);
    read_streams(reader, streams);
    read_rest(reader, streams);
    neapi_session_close(reader);
    neapi_store_close(store);
}

static void measure(unsigned count, unsigned streams)
{
    neapi_store *store;
    char path[80], url[100];
    snprintf(path, sizeof path, "%s/%u.db", folder, streams);
    snprintf(url, sizeof url, "sqlite:%s", path);
    check(neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error), "open");
    check(neapi_session_open(store, NEAPI_MODE_WRITE, &session, &error), "session");
    span since = begin_span();
    write_events(count, streams);
    tell("commit of 1,000 units", streams, since, count);
    if (streams > 1000) {
        since = begin_span();
        write_events(count, 1000);
        tell("the same, 1,000 streams in use", streams, since, count);
    }
    write_events(LONG, 0);
    read_all(url, streams, "while the writer is open");
    neapi_session_close(session);
    neapi_store_close(store);
    read_all(url, streams, "at rest");
    static const char *const endings[] = {"", "-lock", "-wal", "-shm"};
    for (size_t i = 0; i < 4; i++) {
        char whole[100];
        snprintf(whole, sizeof whole, "%s%s", path, endings[i]);
        unlink(whole);
    }
}

int main(int argc, char **argv)
{
    static const unsigned all[] = {1000, 100000, 1000000};
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) / BATCH * BATCH : 300000;
    unsigned only = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    if (count == 0 || mkdtemp(folder) == NULL)
        die("usage", "neap_bench_store [EVENTS [STREAMS]]; /tmp must be writable");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (only == 0 || only == all[i])
            measure(count, all[i]);
    return rmdir(folder) == 0 ? 0 : 1;
}
