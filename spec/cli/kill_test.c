/* kill -9 during `neap run`, again and again, on one SQLite store: no receipt that was read is
 * lost, no command takes effect twice, and the store stays sound.
 *
 * kill_test NEAP DOMAIN CYCLES [SEED]. The domain is fixtures/tally.lua: each command records one
 * event with the command's number. A command whose receipt was not read is sent again, with its
 * key, in the next cycle. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "neap.h"

extern char **environ;

#define BATCH         100 /* commands that one cycle has to offer */
#define STREAMS       7
#define TALK_US       60000 /* until a process is killed, at most, once it is open */
#define PATIENCE_US   120000000
#define PATH_MAX_SIZE 512

typedef struct sent_command {
    bool acknowledged; /* a receipt was read */
    uint64_t position; /* as the receipt said */
    uint64_t version;
    unsigned stored; /* how often it is in the store */
} sent_command;

typedef struct kill_test {
    const char *neap, *domain;
    char folder[PATH_MAX_SIZE], store[PATH_MAX_SIZE + 16], words[PATH_MAX_SIZE + 16];
    uint64_t random;
    int64_t opening_us; /* what a process takes until its first receipt */
    sent_command *commands;
    size_t count; /* commands that were made so far */
    size_t unread;
    size_t repeated; /* receipts of commands that had become durable before a kill */
} kill_test;

typedef struct child_process {
    pid_t pid;
    int in, out;
    char text[64 * 1024]; /* output, as far as it makes no whole line yet */
    size_t size;
    size_t offered[BATCH]; /* numbers, in the order of sending */
    size_t count, sent, answered;
} child_process;

static _Noreturn void die(const kill_test *test, const char *what)
{
    fprintf(stderr, "kill_test: %s (%s); see %s\n", what, strerror(errno), test->folder);
    exit(1);
}

static uint64_t next_random(kill_test *test, uint64_t limit)
{
    test->random += 0x9e3779b97f4a7c15U;
    uint64_t mixed = test->random;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return (mixed ^ (mixed >> 31)) % limit;
}

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void spawn(kill_test *test, child_process *child)
{
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        die(test, "no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, test->words, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char *arguments[] = {(char *)test->neap, (char *)"run",       (char *)test->domain,
                         (char *)"--store",  (char *)test->store, NULL};
    if (posix_spawn(&child->pid, test->neap, &actions, NULL, arguments, environ) != 0)
        die(test, "cannot start the command");
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    child->in = in[1];
    child->out = out[0];
}

/* Offers what was never acknowledged, and then commands that are new. */
static void offer(kill_test *test, child_process *child, size_t fresh)
{
    child->size = child->count = child->sent = child->answered = 0;
    for (size_t i = 0; i < test->count && child->count < BATCH; i++)
        if (!test->commands[i].acknowledged)
            child->offered[child->count++] = i;
    while (fresh-- > 0 && child->count < BATCH)
        child->offered[child->count++] = test->count++;
}

/* Keeps so many commands under way. Errors: false, the process no longer reads. */
static bool feed(child_process *child, size_t window)
{
    while (child->sent < child->count && child->sent - child->answered < window) {
        char line[256];
        size_t number = child->offered[child->sent];
        int size = snprintf(line, sizeof line,
                            "{\"command\":\"Add\",\"data\":{\"tally_id\":\"t%zu\",\"number\":%zu},"
                            "\"key\":\"k-%zu\"}\n",
                            number % STREAMS, number, number);
        if (write(child->in, line, (size_t)size) != size)
            return false;
        child->sent++;
    }
    return true;
}

static bool read_number(const char *line, const char *name, uint64_t *number)
{
    const char *at = strstr(line, name);
    return at != NULL && sscanf(at + strlen(name), "%" SCNu64, number) == 1;
}

static void note_receipt(kill_test *test, child_process *child, const char *line)
{
    uint64_t position, version;
    if (child->answered >= child->sent || strncmp(line, "{\"ok\":true,", 11) != 0 ||
        !read_number(line, "\"position\":", &position) ||
        !read_number(line, "\"version\":", &version)) {
        fprintf(stderr, "kill_test: not a receipt: %s\n", line);
        exit(1);
    }
    test->commands[child->offered[child->answered]] = (sent_command){true, position, version, 0};
    child->answered++;
    test->repeated += strstr(line, "\"repeated\":true") != NULL;
}

/* Reads what there is. Errors: false, at the end. */
static bool read_receipts(kill_test *test, child_process *child)
{
    ssize_t got = read(child->out, child->text + child->size, sizeof child->text - 1 - child->size);
    if (got <= 0)
        return false;
    child->size += (size_t)got;
    char *line = child->text, *newline;
    while ((newline = memchr(line, '\n', child->size - (size_t)(line - child->text))) != NULL) {
        *newline = '\0';
        note_receipt(test, child, line);
        line = newline + 1;
    }
    child->size -= (size_t)(line - child->text);
    memmove(child->text, line, child->size);
    return true;
}

/* Feeds and reads until the time is over, or everything was answered. */
static void converse(kill_test *test, child_process *child, size_t window, int64_t until_us)
{
    while (child->answered < child->count && feed(child, window)) {
        struct pollfd out = {.fd = child->out, .events = POLLIN};
        int64_t left = until_us - now_us();
        if (left <= 0)
            return;
        struct timespec wait = {left / 1000000, (left % 1000000) * 1000};
        if (ppoll(&out, 1, &wait, NULL) > 0 && !read_receipts(test, child))
            return;
    }
}

static int finish(kill_test *test, child_process *child)
{
    int status;
    close(child->in);
    while (read_receipts(test, child)) {
    }
    close(child->out);
    if (waitpid(child->pid, &status, 0) != child->pid)
        die(test, "lost the process");
    return status;
}

/* One command, and no kill: how long a process takes depends on machine and build. */
static void measure_opening(kill_test *test)
{
    child_process child;
    offer(test, &child, 1);
    int64_t began = now_us();
    spawn(test, &child);
    converse(test, &child, 1, began + PATIENCE_US);
    test->opening_us = now_us() - began;
    if (finish(test, &child) != 0 || child.answered != 1)
        die(test, "the first run did not end well");
}

static void run_cycle(kill_test *test)
{
    child_process child;
    offer(test, &child, BATCH);
    spawn(test, &child);
    int64_t until = now_us() + (int64_t)next_random(test, (uint64_t)(test->opening_us + TALK_US));
    converse(test, &child, 1 + next_random(test, 16), until);
    while (now_us() < until && child.answered == child.count) {
        struct timespec pause = {0, 200000};
        nanosleep(&pause, NULL);
    }
    kill(child.pid, SIGKILL);
    int status = finish(test, &child);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        die(test, "the command ended by itself");
    test->unread += child.sent - child.answered;
}

/* Lets the command end by itself, so that everything that was ever sent is acknowledged. */
static void run_rest(kill_test *test)
{
    child_process child;
    do {
        offer(test, &child, 0);
        spawn(test, &child);
        converse(test, &child, 16, now_us() + PATIENCE_US);
        int status = finish(test, &child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || child.answered < child.count)
            die(test, "the last run did not end well");
    } while (child.count == BATCH);
}

static unsigned check_event(kill_test *test, const neap_event *event)
{
    char data[256];
    uint64_t number;
    snprintf(data, sizeof data, "%.*s", (int)event->data.size, event->data.data);
    if (!read_number(data, "\"number\":", &number) || number >= test->count) {
        fprintf(stderr, "kill_test: an event that nobody sent: %s\n", data);
        return 1;
    }
    sent_command *command = &test->commands[number];
    command->stored++;
    if (command->position == event->position && command->version == event->version)
        return 0;
    fprintf(stderr,
            "kill_test: command %" PRIu64 ": stored at %" PRIu64 ", version %" PRIu64
            "; the receipt said %" PRIu64 ", version %" PRIu64 "\n",
            number, event->position, event->version, command->position, command->version);
    return 1;
}

/* Compares the receipts with the store; returns how many do not fit. */
static unsigned check_store(kill_test *test)
{
    neap_error error;
    neap_store *store;
    neap_cursor *cursor;
    neap_filter filter;
    neap_filter_init(&filter);
    if (neap_store_open(test->store, &store, &error) != NEAP_OK ||
        neap_store_read(store, &filter, &cursor, &error) != NEAP_OK) {
        fprintf(stderr, "kill_test: %s\n", error.message);
        exit(1);
    }
    unsigned wrong = 0;
    const neap_event *event = NULL;
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL)
        wrong += check_event(test, event);
    for (size_t i = 0; i < test->count; i++) {
        if (test->commands[i].stored != 1) {
            fprintf(stderr, "kill_test: command %zu is in the store %u times\n", i,
                    test->commands[i].stored);
            wrong++;
        }
    }
    neap_cursor_close(cursor);
    neap_store_close(store);
    return wrong;
}

/* What the tallies' events fold to, through the snapshots that survived; returns how many are
 * wrong.
 */
static unsigned check_states(const kill_test *test)
{
    neap_options options;
    neap_error error;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.store = test->store;
    options.read_only = true;
    if (neap_open(test->domain, &options, &runtime, &error) != NEAP_OK) {
        fprintf(stderr, "kill_test: %s\n", error.message);
        exit(1);
    }
    unsigned wrong = 0;
    for (size_t stream = 0; stream < STREAMS && stream < test->count; stream++) {
        char id[16];
        uint64_t counted = 0, expected = (test->count - stream + STREAMS - 1) / STREAMS;
        neap_reply *reply;
        snprintf(id, sizeof id, "t%zu", stream);
        if (neap_state(runtime, "Tally", id, 0, &reply, &error) != NEAP_OK) {
            fprintf(stderr, "kill_test: %s\n", error.message);
            exit(1);
        }
        if (!read_number(neap_reply_json(reply, NULL), "\"count\":", &counted) ||
            counted != expected) {
            fprintf(stderr, "kill_test: %s should count %" PRIu64 ": %s\n", id, expected,
                    neap_reply_json(reply, NULL));
            wrong++;
        }
        neap_reply_free(reply);
    }
    neap_close(runtime);
    return wrong;
}

static bool verify(const kill_test *test)
{
    char line[3 * PATH_MAX_SIZE];
    snprintf(line, sizeof line, "'%s' verify --store '%s' 2>'%s'", test->neap, test->store,
             test->words);
    return system(line) == 0;
}

static void open_test(kill_test *test, int count, char **arguments)
{
    if (count < 4) {
        fprintf(stderr, "usage: kill_test NEAP DOMAIN CYCLES [SEED]\n");
        exit(2);
    }
    const char *temporary = getenv("TMPDIR");
    *test = (kill_test){.neap = arguments[1], .domain = arguments[2]};
    snprintf(test->folder, sizeof test->folder, "%s/neap-kill-XXXXXX",
             temporary != NULL ? temporary : "/tmp");
    if (mkdtemp(test->folder) == NULL)
        die(test, "no folder");
    snprintf(test->store, sizeof test->store, "sqlite:%s/kill.db", test->folder);
    snprintf(test->words, sizeof test->words, "%s/words", test->folder);
    test->random = count > 4 ? strtoull(arguments[4], NULL, 10) : (uint64_t)time(NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int count, char **arguments)
{
    static kill_test test;
    open_test(&test, count, arguments);
    size_t cycles = strtoul(arguments[3], NULL, 10);
    printf("kill_test: seed %" PRIu64 ", %zu cycles\n", test.random, cycles);
    fflush(stdout);
    test.commands = calloc((cycles + 1) * BATCH, sizeof *test.commands);
    if (cycles == 0 || test.commands == NULL)
        die(&test, "no cycles, or no memory");
    int64_t began = now_us();
    measure_opening(&test);
    for (size_t i = 0; i < cycles; i++) {
        run_cycle(&test);
        if (i % 25 == 24 && !verify(&test))
            die(&test, "verify found something");
    }
    run_rest(&test);
    unsigned wrong = check_store(&test) + check_states(&test);
    if (wrong > 0 || !verify(&test))
        die(&test, "receipts and store do not fit");
    printf("kill_test: %zu commands, %zu killed under way, %zu of them durable, %.1f s\n",
           test.count, test.unread, test.repeated, (double)(now_us() - began) / 1e6);
    char line[PATH_MAX_SIZE + 16];
    snprintf(line, sizeof line, "rm -rf '%s'", test.folder);
    free(test.commands);
    if (cycles >= 100 && (test.unread == 0 || test.repeated == 0)) {
        fprintf(stderr, "kill_test: no command was killed under way: nothing was tested\n");
        return 1;
    }
    return system(line) == 0 ? 0 : 1;
}
