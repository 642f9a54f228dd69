/* The PostgreSQL store, by itself and below the runtime, beside bare libpq: commits of 1,000 units,
 * each with an event and its command, and of one; and reading the log.
 *
 *   neap_bench_postgresql URL [EVENTS]   the schemas neap_bench, neap_bench_runtime and
 *                                        neap_bench_stream must be free, and are dropped
 *
 * The bare loops write the same rows into tables of the same layout, by arrays and by COPY, and
 * read them in the binary form; nothing is judged, and nothing is kept in memory. Medians of five
 * rounds, taken in turns. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fill.h"
#include "measure.h"
#include "postgresql_runtime.h"
#include "store/store.h"

#define BATCH   1000
#define SINGLE  1000
#define FIGURES 11
#define NOW     1700000000000000
#define ID      "0189c0a0-0000-7000-8000-%012u"

static PGconn *pg;
static neapi_session *writer, *reader;
static neap_error error;
static unsigned number;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void checked(PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
        die("libpq", PQerrorMessage(pg));
    PQclear(result);
}

static void run(const char *sql)
{
    checked(PQexec(pg, sql));
}

/* ---- Neap ------------------------------------------------------------------------------------ */

static neapi_unit *new_unit(void)
{
    char name[32];
    neap_text stream = {name, (size_t)snprintf(name, sizeof name, "Order-o-%u", number % 1000)};
    return line_unit(number++, stream);
}

static void commit_units(size_t count)
{
    neapi_unit *units[BATCH];
    neapi_outcome outcome;
    for (size_t i = 0; i < count; i++)
        units[i] = new_unit();
    check(neapi_commit(writer, units, count, NOW, &outcome, &error), "commit");
    for (size_t i = 0; i < count; i++)
        neapi_unit_release(units[i]);
}

static size_t read_log(void)
{
    neapi_page page = NEAPI_PAGE_INIT;
    size_t count = 0;
    neapi_range range = {.from = 1, .to = UINT64_MAX, .max_events = 1000, .max_bytes = 1 << 22};
    do {
        check(neapi_read(reader, &range, &page, &error), "read");
        count += page.count;
        range.from = page.next;
    } while (!page.last);
    neapi_page_fini(&page);
    return count;
}

/* ---- Bare ------------------------------------------------------------------------------------ */

#define COLUMNS                                                                                    \
    "(position, version, recorded_at, schema, id, command_id, correlation_id, causation_id, "      \
    "stream, type, data)"

static char text[BATCH * 600];

/* The same rows as arrays in PostgreSQL's text form, one parameter for all that differs. */
static void bare_arrays(unsigned first)
{
    char *numbers = text, *ids = numbers + BATCH * 12, *data = ids + BATCH * 40;
    size_t n = 0, i = 0, d = 0;
    for (unsigned k = 0; k < BATCH; k++) {
        char end = k + 1 == BATCH ? '}' : ',';
        n += (size_t)sprintf(numbers + n, "%s%u%c", k == 0 ? "{" : "", first + k, end);
        i += (size_t)sprintf(ids + i, "%s" ID "%c", k == 0 ? "{" : "", first + k, end);
        d += (size_t)sprintf(data + d, "%s\"", k == 0 ? "{" : "");
        for (const char *at = LINE_DATA; *at != '\0'; at++) {
            if (*at == '"')
                data[d++] = '\\';
            data[d++] = *at;
        }
        d += (size_t)sprintf(data + d, "\"%c", end);
    }
    const char *values[] = {numbers, ids, data};
    checked(PQexec(pg, "BEGIN"));
    checked(PQexecPrepared(pg, "events", 3, values, NULL, NULL, 0));
    checked(PQexecPrepared(pg, "commands", 3, values, NULL, NULL, 0));
    checked(PQexec(pg, "COMMIT"));
}

static void bare_copy(unsigned first)
{
    checked(PQexec(pg, "BEGIN"));
    checked(PQexec(pg, "COPY bare_events " COLUMNS " FROM STDIN"));
    size_t size = 0;
    for (unsigned k = first; k < first + BATCH; k++)
        size += (size_t)sprintf(text + size,
                                "%u\t%u\t%lld\t1\t" ID "\t" ID "\t" ID "\t" ID
                                "\tOrder-o-%u\tLineAdded\t%s\n",
                                k, k / 1000 + 1, (long long)NOW, k, k, k, k, k % 1000, LINE_DATA);
    if (PQputCopyData(pg, text, (int)size) != 1 || PQputCopyEnd(pg, NULL) != 1)
        die("copy", PQerrorMessage(pg));
    checked(PQgetResult(pg));
    checked(PQexec(pg, "COPY bare_commands (first, last, id, correlation_id, recorded_at, name, "
                       "data) FROM STDIN"));
    size = 0;
    for (unsigned k = first; k < first + BATCH; k++)
        size += (size_t)sprintf(text + size, "%u\t%u\t" ID "\t" ID "\t%lld\tAddLine\t%s\n", k, k, k,
                                k, (long long)NOW, LINE_DATA);
    if (PQputCopyData(pg, text, (int)size) != 1 || PQputCopyEnd(pg, NULL) != 1)
        die("copy", PQerrorMessage(pg));
    checked(PQgetResult(pg));
    checked(PQexec(pg, "COMMIT"));
}

static void bare_single(unsigned n)
{
    char position[16], id[48];
    snprintf(position, sizeof position, "%u", n);
    snprintf(id, sizeof id, ID, n);
    const char *values[] = {position, id, LINE_DATA};
    checked(PQexecPrepared(pg, "single", 3, values, NULL, NULL, 0));
}

static size_t bare_read(void)
{
    size_t count = 0;
    char after[16] = "0";
    for (int rows = 1000; rows == 1000;) {
        const char *values[] = {after};
        PGresult *result = PQexecPrepared(pg, "read", 1, values, NULL, NULL, 1);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            die("read", PQerrorMessage(pg));
        rows = PQntuples(result);
        count += (size_t)rows;
        snprintf(after, sizeof after, "%zu", count);
        PQclear(result);
    }
    return count;
}

static void prepare(const char *url, const char *schema)
{
    char sql[256];
    pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        die("connect", PQerrorMessage(pg));
    run("SET client_min_messages = warning");
    snprintf(sql, sizeof sql, "SET search_path = %s", schema);
    run(sql);
    run("CREATE TABLE bare_events (LIKE events INCLUDING ALL)");
    run("CREATE TABLE bare_commands (LIKE commands INCLUDING ALL)");
    checked(PQprepare(
        pg, "events",
        "INSERT INTO bare_events " COLUMNS " SELECT p, p / 1000 + 1, 1700000000000000, 1, i, i, i, "
        "i, 'Order-o-' || p % 1000, 'LineAdded', d FROM unnest($1::bigint[], $2::uuid[], "
        "$3::text[]) AS e (p, i, d)",
        0, NULL));
    checked(PQprepare(pg, "commands",
                      "INSERT INTO bare_commands (first, last, id, correlation_id, recorded_at, "
                      "name, data) SELECT p, p, i, i, 1700000000000000, 'AddLine', d "
                      "FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS e (p, i, d)",
                      0, NULL));
    checked(PQprepare(pg, "single",
                      "INSERT INTO bare_events " COLUMNS
                      " VALUES ($1::bigint, $1::bigint, 1700000000000000, 1, $2::uuid, $2::uuid, "
                      "$2::uuid, $2::uuid, 'Single-1', 'LineAdded', $3)",
                      0, NULL));
    checked(PQprepare(pg, "read",
                      "SELECT * FROM bare_events WHERE position > $1::bigint ORDER BY position "
                      "LIMIT 1000",
                      0, NULL));
}

/* ---- Figures --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;
    return (one > two) - (one < two);
}

static double middle(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    return values[count / 2];
}

static void tell(const char *what, double value, const char *unit, double against)
{
    printf("%-40s %12.1f %s", what, value, unit);
    if (against != 0)
        printf("   %.2f of bare", value / against);
    printf("\n");
}

static double commits_s(void (*commit)(unsigned), unsigned events, unsigned *next)
{
    double began = now_s();
    for (unsigned i = 0; i < events; i += BATCH, *next += BATCH)
        commit(*next);
    return events / (now_s() - began);
}

static void neap_commit(unsigned first)
{
    (void)first;
    commit_units(BATCH);
}

static void neap_single(unsigned first)
{
    (void)first;
    commit_units(1);
}

static double single_us(void (*commit)(unsigned), unsigned *next)
{
    static double taken[SINGLE];
    for (size_t i = 0; i < SINGLE; i++) {
        double began = now_s();
        commit((*next)++);
        taken[i] = (now_s() - began) * 1e6;
    }
    return middle(taken, SINGLE);
}

static double reads_s(size_t (*read)(void))
{
    double began = now_s();
    size_t count = read();
    return (double)count / (now_s() - began);
}

static char runtime_url[512], stream_url[512];

static void measure(unsigned events)
{
    double figures[FIGURES][ROUNDS], m[FIGURES];
    unsigned next = 1;
    runtime_make_stream(stream_url);
    for (size_t i = 0; i < ROUNDS; i++) {
        figures[0][i] = commits_s(neap_commit, events, &(unsigned){0});
        figures[1][i] = commits_s(bare_arrays, events, &next);
        figures[2][i] = commits_s(bare_copy, events, &next);
        figures[7][i] = runtime_commands_s(runtime_url, events);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        figures[5][i] = reads_s(read_log);
        figures[6][i] = reads_s(bare_read);
        figures[9][i] = runtime_folds_s(stream_url);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        figures[3][i] = single_us(neap_single, &(unsigned){0});
        figures[4][i] = single_us(bare_single, &next);
        runtime_single_us(runtime_url, &figures[10][i], &figures[8][i]);
    }
    for (size_t i = 0; i < FIGURES; i++)
        m[i] = median(figures[i]);
    double fastest = m[1] > m[2] ? m[1] : m[2];
    tell("bare, events/s by arrays", m[1], "/s", 0);
    tell("bare, events/s by COPY", m[2], "/s", 0);
    tell("Neap, events/s in units, 1,000 a commit", m[0], "/s", fastest);
    tell("runtime, commands/s, 1,000 in flight", m[7], "/s", fastest);
    tell("bare, one row a commit, p50", m[4], "us", 0);
    tell("Neap, one unit a commit, p50", m[3], "us", m[4]);
    tell("runtime, one command at a time, p50", m[8], "us", m[4]);
    tell("the same, its stream read first, p50", m[10], "us", m[4]);
    tell("bare, events/s read", m[6], "/s", 0);
    tell("Neap, events/s read", m[5], "/s", m[6]);
    tell("runtime, events/s into a fold in Lua", m[9], "/s", m[6]);
}

static void name_store(char *url, const char *base, const char *schema)
{
    snprintf(url, 512, "%s%cschema=%s", base, strchr(base, '?') != NULL ? '&' : '?', schema);
}

int main(int argc, char **argv)
{
    char url[512];
    neapi_store *store;
    unsigned events = argc > 2 ? (unsigned)atoi(argv[2]) / BATCH * BATCH : 50000;
    if (argc < 2 || events == 0)
        die("usage", "neap_bench_postgresql URL [EVENTS]");
    name_store(url, argv[1], "neap_bench");
    name_store(runtime_url, argv[1], "neap_bench_runtime");
    name_store(stream_url, argv[1], "neap_bench_stream");
    check(neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error), "open");
    neapi_store_alone(store, true); /* as a runtime would have found out */
    check(neapi_session_open(store, NEAPI_MODE_WRITE, &writer, &error), "session");
    check(neapi_session_open(store, NEAPI_MODE_READ, &reader, &error), "session");
    prepare(argv[1], "neap_bench");
    measure(events);
    neapi_session_close(reader);
    neapi_session_close(writer);
    neapi_store_close(store);
    run("DROP SCHEMA neap_bench, neap_bench_runtime, neap_bench_stream CASCADE");
    PQfinish(pg);
    return 0;
}
