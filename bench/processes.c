/* Two processes on one store in PostgreSQL beside one: commands/s, a thousand in flight in each, on
 * streams of their own, which are in memory already.
 *
 *   neap_bench_processes URL [COMMANDS]   the schema neap_bench_processes must be free, and is
 *                                         dropped
 *
 * Medians of five rounds, taken in turns. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "measure.h"

#define SCHEMA    "neap_bench_processes"
#define STREAMS   1000
#define PROCESSES 2

static neap_error error;
static char url[512];
static unsigned first_stream;

typedef struct child {
    pid_t pid;
    int to, from; /* pipes */
} child;

static unsigned order_of(unsigned n)
{
    return first_stream + n % STREAMS;
}

static void must(bool well, const char *what)
{
    if (!well)
        die("bench", what);
}

/* Says when it is ready, waits for the word, and says how long it took. */
static void work(int from, int to, unsigned number, unsigned commands)
{
    char path[512], word = 'r';
    snprintf(path, sizeof path, "%s/shop.lua", FOLDER);
    neap_options options;
    neap_options_init(&options);
    options.store = url;
    options.record_commands = true;
    neap_runtime *runtime;
    if (neap_open(path, &options, &runtime, &error) != NEAP_OK)
        die("open", error.message);
    first_stream = 1 + number * STREAMS;
    closed_loop(runtime, STREAMS, order_of);
    must(write(to, &word, 1) == 1 && read(from, &word, 1) == 1, "pipe");
    double seconds = commands / closed_loop(runtime, commands, order_of);
    must(write(to, &seconds, sizeof seconds) == sizeof seconds, "pipe");
    must(read(from, &word, 1) == 1, "pipe"); /* it stays until all are done */
    neap_close(runtime);
}

static child begin(unsigned number, unsigned commands)
{
    int down[2], up[2];
    must(pipe(down) == 0 && pipe(up) == 0, "pipe");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        close(down[1]);
        close(up[0]);
        work(down[0], up[1], number, commands);
        exit(0);
    }
    close(down[0]);
    close(up[1]);
    return (child){pid, down[1], up[0]};
}

/* Commands a second of all together, until the last one is done. */
static double commands_s(unsigned count, unsigned commands)
{
    child children[PROCESSES];
    double longest = 0;
    char word = 'g';
    for (unsigned i = 0; i < count; i++)
        children[i] = begin(i, commands);
    for (unsigned i = 0; i < count; i++)
        must(read(children[i].from, &word, 1) == 1, "a process did not begin");
    for (unsigned i = 0; i < count; i++)
        must(write(children[i].to, &word, 1) == 1, "pipe");
    for (unsigned i = 0; i < count; i++) {
        double seconds;
        must(read(children[i].from, &seconds, sizeof seconds) == sizeof seconds,
             "a process did not come to its end");
        longest = seconds > longest ? seconds : longest;
    }
    for (unsigned i = 0; i < count; i++) {
        int status;
        must(write(children[i].to, &word, 1) == 1, "pipe");
        must(waitpid(children[i].pid, &status, 0) == children[i].pid && status == 0, "a process");
        close(children[i].to);
        close(children[i].from);
    }
    return count * commands / longest;
}

static void drop(const char *base)
{
    PGconn *pg = PQconnectdb(base);
    PQclear(PQexec(pg, "SET client_min_messages = warning"));
    PQclear(PQexec(pg, "DROP SCHEMA " SCHEMA " CASCADE"));
    PQfinish(pg);
}

int main(int argc, char **argv)
{
    unsigned commands = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
    if (argc < 2 || commands == 0)
        die("usage", "neap_bench_processes URL [COMMANDS]");
    snprintf(url, sizeof url, "%s%cschema=%s", argv[1], strchr(argv[1], '?') != NULL ? '&' : '?',
             SCHEMA);
    double one[ROUNDS], two[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        one[i] = commands_s(1, commands);
        two[i] = commands_s(2, commands);
    }
    double alone = median(one), both = median(two);
    printf("%-40s %12.1f /s\n", "one process, commands/s", alone);
    printf("%-40s %12.1f /s   %.2f of one\n", "two processes, commands/s", both, both / alone);
    drop(argv[1]);
    return 0;
}
