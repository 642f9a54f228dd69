/* The REPL on a long log: what its verbs take, beside folding from the start, and its memory; then
 * one stream of LONG events, beside folding it once.
 *
 *   neap_bench_history [EVENTS [KEYS [FOLDER]]]   1,000,000, 10,000 and /tmp if not said
 *
 * Opening is folding from the start, once; each verb is then asked VISITS times at positions that
 * are the same in each run. Prints milliseconds: the median and the worst. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fill.h"
#include "measure.h"

#define VISITS 25
#define LONG   20000

static neap_error error;
static unsigned keys = 10000;
static uint64_t random_state = 1;

static void append(neapi_unit *unit, unsigned number)
{
    char stream[40], data[160];
    unsigned key = (unsigned)((uint64_t)number * 7919 % keys);
    snprintf(stream, sizeof stream, "Customer-c-%u", key);
    snprintf(data, sizeof data,
             "{\"customer\":\"c-%u\",\"name\":\"customer number %u\",\"total\":%u}", key, key,
             number % 1000);
    append_event(unit, number, "OrderPlaced", stream, data);
}

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random_state >> 33) % limit);
}

/* Of this process, in MiB; `name` is as in /proc/self/status. 0: it is not known here. */
static double memory_mib(const char *name)
{
    char line[256];
    unsigned long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoul(line + strlen(name) + 1, NULL, 10);
    if (status != NULL)
        fclose(status);
    return (double)kib / 1024;
}

static double enter_ms(neap_console *console, const char *line)
{
    double since = now_s();
    if (neap_console_enter(console, line, strlen(line), &error) != NEAP_CONSOLE_DONE)
        die(line, error.message);
    return (now_s() - since) * 1e3;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Asks at a random position each time. `before`: "%u" is the position; `line`: what is measured,
 * "%u" is a key. */
static void visit(neap_console *console, unsigned events, const char *what, const char *before,
                  const char *line)
{
    double taken[VISITS];
    for (int i = 0; i < VISITS; i++) {
        char text[160], asked[200];
        /* The last positions are spared, so that what is looked for comes behind. */
        snprintf(text, sizeof text, before, 1 + random_below(events - events / 10));
        snprintf(asked, sizeof asked, line, random_below(keys));
        double first = enter_ms(console, text);
        taken[i] = asked[0] != '\0' ? enter_ms(console, asked) : first;
    }
    qsort(taken, VISITS, sizeof *taken, by_value);
    printf("%-36s %9.1f ms, at most %9.1f\n", what, taken[VISITS / 2], taken[VISITS - 1]);
    fflush(stdout);
}

/* One stream alone. */
static void append_long(neapi_unit *unit, unsigned number)
{
    char data[160];
    snprintf(data, sizeof data,
             "{\"customer\":\"c-0\",\"name\":\"customer number 0\",\"total\":%u}", number % 1000);
    append_event(unit, number, "OrderPlaced", "Customer-c-0", data);
}

static neap_console *open_console(const char *url)
{
    neap_console *console;
    neap_console_options options;
    neap_console_options_init(&options);
    options.store = url;
    if (neap_console_open(FOLDER "/history.lua", &options, &console, &error) != NEAP_OK)
        die("console", error.message);
    return console;
}

static void measure(const char *url, unsigned events)
{
    double since = now_s();
    neap_console *console = open_console(url);
    double taken = now_s() - since;
    printf("%-36s %9.1f ms (%.1f k events/s)\n", "opening, folding from the start", taken * 1e3,
           events / taken / 1e3);
    printf("%-36s %9.1f MiB\n", "memory then", memory_mib("VmRSS:"));
    fflush(stdout);
    visit(console, events, "at(a random position)", "at(%u)", "");
    visit(console, events, "back()", "at(%u)", "back()");
    visit(console, events, "step()", "at(%u)", "step()");
    visit(console, events, "until_change(customer, \"dozens\")", "at(%u)",
          "until_change(\"Customer\", \"c-%u\", \"dozens\")");
    visit(console, events, "until_change, backward", "at(%u)",
          "until_change(\"Customer\", \"c-%u\", \"dozens\", { backward = true })");
    visit(console, events, "branch()", "pcall(discard); at(%u)", "branch()");
    visit(console, events, "branch(), dispatch, diff()", "pcall(discard); at(%u)",
          "branch(); dispatch(\"PlaceOrder\", { customer = \"c-%u\", name = \"x\", total = 1 }); "
          "diff()");
    visit(console, events, "dispatch on a branch", "return 1, %u",
          "dispatch(\"PlaceOrder\", { customer = \"c-%u\", name = \"x\", total = 1 })");
    printf("%-36s %9.1f MiB\n", "memory at most", memory_mib("VmHWM:"));
    neap_console_close(console);
}

static double best_ms(neap_console *console, const char *before, const char *line)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        enter_ms(console, before);
        double taken = enter_ms(console, line);
        best = taken < best ? taken : best;
    }
    return best;
}

/* What walks through a stream must not fold it once for each event. */
static void measure_long(const char *url)
{
    static const struct {
        const char *what, *before, *line;
    } cases[] = {
        {"until_change, of what never changes", "at(1)",
         "until_change(\"Customer\", \"c-0\", \"nothing\")"},
        {"the same, backward", "at()",
         "until_change(\"Customer\", \"c-0\", \"nothing\", { backward = true })"},
        {"why, of what nothing sets", "at()", "why(\"Customer\", \"c-0\", \"nothing\")"},
        {"changes, all of them", "at()", "for _ in now:changes(\"Customer\", \"c-0\") do end"},
        {"changes, backward", "at()",
         "for _ in now:changes(\"Customer\", \"c-0\", { backward = true }) do end"},
    };
    char text[96];
    neap_console *console = open_console(url);
    snprintf(text, sizeof text, "once = now:state(\"Customer\", \"c-0\", %u)", LONG);
    double once = best_ms(console, "now = at()", text);
    printf("\none stream of %u events, folded once %10.1f ms\n", LONG, once);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double taken = best_ms(console, cases[i].before, cases[i].line);
        printf("%-36s %9.1f ms, %.1f folds\n", cases[i].what, taken, taken / once);
    }
    neap_console_close(console);
}

static unsigned number_of(const char *text, const char *what)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (*end != '\0' || number < 10 || number > UINT32_MAX)
        die(what, "is an integer from 10");
    return (unsigned)number;
}

int main(int argc, char **argv)
{
    char folder[256], url[300], command[300];
    unsigned events = argc > 1 ? number_of(argv[1], "EVENTS") : 1000000;
    if (argc > 2)
        keys = number_of(argv[2], "KEYS");
    snprintf(folder, sizeof folder, "%s/neap-history-XXXXXX", argc > 3 ? argv[3] : "/tmp");
    if (mkdtemp(folder) == NULL)
        die(folder, "not made");
    snprintf(url, sizeof url, "sqlite:%s/bench.db", folder);
    fill_store(url, events, append);
    printf("%u events, %u streams and documents; memory before %.1f MiB\n", events, keys,
           memory_mib("VmRSS:"));
    measure(url, events);
    snprintf(url, sizeof url, "sqlite:%s/long.db", folder);
    fill_store(url, LONG, append_long);
    measure_long(url);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
