/* A SQLite store exported, imported into another one, imported there once more when all of it is
 * there, and compared: events a second, each with the command that decided it.
 *
 *   neap_bench_transfer [EVENTS]   200,000 if not said
 *
 * Prints thousands of events a second of wall-clock time, and nanoseconds of processor time an
 * event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"

#define STREAMS 10000

static char folder[] = "/tmp/neap-transfer-XXXXXX";
static char from[64], to[64], file[64];
static neap_error error;

static void check(neap_status status, const char *what)
{
    if (status != NEAP_OK)
        die(what, error.message);
}

static void fill(unsigned events)
{
    char json[160];
    neap_runtime *runtime = open_runtime("shop.lua", from, false);
    for (unsigned i = 0; i < events; i++) {
        snprintf(json, sizeof json,
                 "{\"note\":\"a note\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,"
                 "\"sku\":\"sku-%u\"}",
                 i % STREAMS, i % 9 + 1, i % 1000);
        send_command(runtime, "AddLine", json);
    }
    wait_for_commands(runtime, events);
    neap_close(runtime);
}

static span export_store(void)
{
    neap_store *store;
    neap_exporter *exporter;
    const char *line = "";
    size_t size;
    FILE *out = fopen(file, "wb");
    if (out == NULL)
        die("file", file);
    check(neap_store_open(from, &store, &error), "store");
    span taken = begin_span();
    check(neap_store_export(store, NULL, &exporter, &error), "export");
    while (line != NULL) {
        check(neap_exporter_next(exporter, &line, &size, &error), "line");
        if (line != NULL && (fwrite(line, 1, size, out) != size || fputc('\n', out) == EOF))
            die("file", "not written");
    }
    taken = end_span(taken);
    neap_exporter_close(exporter);
    neap_store_close(store);
    fclose(out);
    return taken;
}

static span import_store(void)
{
    static char bytes[1 << 18];
    size_t size;
    neap_importer *importer;
    FILE *in = fopen(file, "rb");
    if (in == NULL)
        die("file", file);
    span taken = begin_span();
    check(neap_import(to, NULL, &importer, &error), "import");
    while ((size = fread(bytes, 1, sizeof bytes, in)) > 0)
        check(neap_importer_write(importer, bytes, size, &error), "lines");
    check(neap_importer_finish(importer, &error), "finish");
    neap_importer_close(importer);
    fclose(in);
    return end_span(taken);
}

static span compare(void)
{
    neap_store *store, *other;
    neap_comparison result;
    check(neap_store_open(from, &store, &error), "store");
    check(neap_store_open(to, &other, &error), "store");
    span taken = begin_span();
    check(neap_store_compare(store, other, NULL, NULL, &result, &error), "compare");
    taken = end_span(taken);
    if (!result.same)
        die("compare", "not the same");
    neap_store_close(other);
    neap_store_close(store);
    return taken;
}

static void remove_copy(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -f %s/to.db*", folder);
    if (system(command) != 0)
        die("copy", "not removed");
}

#define WHATS 4

int main(int argc, char **argv)
{
    static const char *const whats[WHATS] = {"exported", "imported", "imported once more",
                                             "compared"};
    unsigned events = argc > 1 ? (unsigned)atoi(argv[1]) : 200000;
    double walls[WHATS][ROUNDS], processors[WHATS][ROUNDS];
    if (mkdtemp(folder) == NULL)
        die("folder", "not made");
    snprintf(from, sizeof from, "sqlite:%s/from.db", folder);
    snprintf(to, sizeof to, "sqlite:%s/to.db", folder);
    snprintf(file, sizeof file, "%s/lines", folder);
    fill(events);
    for (int i = 0; i < ROUNDS; i++) {
        remove_copy();
        const span spans[WHATS] = {export_store(), import_store(), import_store(), compare()};
        for (int what = 0; what < WHATS; what++) {
            walls[what][i] = spans[what].wall;
            processors[what][i] = spans[what].processor;
        }
    }
    for (int what = 0; what < WHATS; what++)
        printf("%-36s %9.1f k/s %8.0f ns processor\n", whats[what],
               events / median(walls[what]) / 1e3, median(processors[what]) / events * 1e9);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 ? 0 : 1;
}
