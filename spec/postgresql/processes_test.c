/* Several processes decide on the same streams and run what follows, while they are killed, stopped
 * for a while and cut off from the server: nothing that was acknowledged is lost, and everything
 * takes effect once. NEAP_PROCESSES_SECONDS: how long at least (and then with more processes and
 * streams); it goes on until enough was acknowledged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "database.h"
#include "neap.h"

#define MOST_PROCESSES 4
#define MOST_STREAMS   100
#define PATIENCE_S     120
#define TIMER_MS       1500 /* commands are sent for so late at most */
#define ENOUGH_EVENTS  50
#define ENOUGH_TIMERS  5

static char url[512], acknowledged[80], book[80];
static unsigned processes = 3, streams = 12, seconds = 9, pause_ms = 12;
static pid_t children[MOST_PROCESSES];
static unsigned births;
static neap_error error;

/* What all processes together acknowledged. */
typedef struct tally {
    atomic_uint events, timers;
} tally;

static tally *acknowledgements;

static void rest(unsigned ms)
{
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static neap_runtime *open_one(unsigned lanes)
{
    neap_options options;
    neap_runtime *runtime = NULL;
    neap_options_init(&options);
    options.store = url;
    options.lanes = lanes;
    double began = now();
    while (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK) {
        if (now() - began > PATIENCE_S) {
            fprintf(stderr, "cannot open: %s\n", error.message);
            exit(1);
        }
        rest(50);
    }
    return runtime;
}

/* ---- A process ------------------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_end;

static void on_term(int number)
{
    (void)number;
    told_to_end = 1;
}

static void acknowledge(const char *format, ...)
{
    static int file = -1;
    char line[160];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (file < 0)
        file = open(acknowledged, O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (write(file, line, (size_t)size) != size)
        abort();
}

static void sent(void *user, neap_status status, neap_reply *reply, const neap_error *why)
{
    (void)why;
    if (status == NEAP_OK) {
        acknowledge("timer %s\n", (const char *)user);
        atomic_fetch_add(&acknowledgements->timers, 1);
    }
    neap_reply_free(reply);
    free(user);
}

static void send_for_later(neap_runtime *runtime, unsigned born, unsigned number)
{
    char json[80], name[40];
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.queued = true;
    options.after_ms = (uint64_t)(rand() % TIMER_MS);
    snprintf(name, sizeof name, "timer_%u_%u", born, number);
    int size = snprintf(json, sizeof json, "{\"of\":\"%s\"}", name);
    char *user = strdup(name);
    if (neap_send(runtime, "Tell", json, (size_t)size, &options, sent, user, &error) != NEAP_OK)
        free(user);
}

static void decide(neap_runtime *runtime, unsigned born, unsigned number)
{
    char json[80], key[40];
    neap_reply *reply;
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    snprintf(key, sizeof key, "k-%u-%u", born, number);
    int size = snprintf(json, sizeof json, "{\"id\":\"t%02u\",\"n\":%d}",
                        (unsigned)rand() % streams, 100 + rand() % 100);
    if (neap_dispatch(runtime, "Add", json, (size_t)size, &options, &reply, &error) != NEAP_OK)
        return;
    const neap_receipt *receipt = neap_reply_receipt(reply);
    acknowledge("event %.*s %llu %llu\n", NEAPI_TEXT(receipt->stream),
                (unsigned long long)receipt->version, (unsigned long long)receipt->position);
    atomic_fetch_add(&acknowledgements->events, 1);
    neap_reply_free(reply);
}

static void let_term_wait(bool waits)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(waits ? SIG_BLOCK : SIG_UNBLOCK, &signals, NULL);
}

/* Nobody outlives the test, however that ends. */
static void live(unsigned born, pid_t parent)
{
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    let_term_wait(false);
    srand(born * 7919 + 1);
    neap_runtime *runtime = open_one(2);
    for (unsigned number = 0; told_to_end == 0 && getppid() == parent; number++) {
        decide(runtime, born, number);
        if (number % 8 == 0)
            send_for_later(runtime, born, number);
        rest(pause_ms);
    }
    neap_close(runtime);
    exit(0);
}

static void give_birth(unsigned which)
{
    fflush(NULL);
    births++;
    let_term_wait(true);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(births, parent);
    let_term_wait(false);
    children[which] = pid;
}

/* ---- What happens to them -------------------------------------------------------------------- */

static double stopped_until[MOST_PROCESSES]; /* 0: it runs */

static void kill_one(unsigned which)
{
    kill(children[which], SIGKILL);
    waitpid(children[which], NULL, 0);
    stopped_until[which] = 0;
    give_birth(which);
}

static void stop_one(unsigned which, double for_seconds)
{
    kill(children[which], SIGSTOP);
    stopped_until[which] = now() + for_seconds;
}

static void let_go_on(double at)
{
    for (unsigned i = 0; i < processes; i++)
        if (stopped_until[i] != 0 && stopped_until[i] <= at) {
            kill(children[i], SIGCONT);
            stopped_until[i] = 0;
        }
}

static void cut_some(void)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
             "WHERE application_name = 'p%ld' AND random() < 0.3",
             (long)getpid());
    database_run(url, sql);
}

static bool is_enough(void)
{
    return atomic_load(&acknowledgements->events) >= ENOUGH_EVENTS &&
           atomic_load(&acknowledgements->timers) >= ENOUGH_TIMERS;
}

/* Whether it is over. Where a machine is so slow that nobody gets anything done between two harms,
 * they become rarer, the later it is. */
static bool pause_or_end(double began)
{
    double late = now() - began - seconds;
    if (late >= 0 && is_enough())
        return true;
    if (late > PATIENCE_S)
        fail_msg("only %u events and %u timers were acknowledged in %u s, by %u processes",
                 atomic_load(&acknowledgements->events), atomic_load(&acknowledgements->timers),
                 seconds + PATIENCE_S, births);
    double until = now() + 0.2 + (rand() % 500) / 1000.0 + (late > 0 ? late / 4 : 0);
    while (now() < until && (late < 0 || !is_enough())) {
        rest(50);
        let_go_on(now());
    }
    return false;
}

/* Who stands still does so for long enough to be held for dead, or for a moment. */
static void harass(void)
{
    double began = now();
    unsigned stops = 0;
    for (unsigned i = 0; !pause_or_end(began); i++) {
        unsigned which = (unsigned)rand() % processes;
        if (stopped_until[which] != 0)
            continue;
        if (i % 4 == 0)
            stop_one(which, stops++ % 2 == 0 ? 6.5 : 0.5);
        else if (i % 4 == 2)
            cut_some();
        else
            kill_one(which);
    }
    let_go_on(now() + 3600);
}

static void end_all(void)
{
    for (unsigned i = 0; i < processes; i++)
        kill(children[i], SIGTERM);
    for (unsigned i = 0; i < processes; i++) {
        int status = 0;
        double began = now();
        while (waitpid(children[i], &status, WNOHANG) == 0) {
            if (now() - began > PATIENCE_S)
                fail_msg("a process does not end");
            rest(20);
        }
        children[i] = 0;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("a process ended with %#x", (unsigned)status);
    }
}

static int kill_who_is_left(void **state)
{
    (void)state;
    for (unsigned i = 0; i < processes; i++)
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    return 0;
}

/* ---- What is there in the end ---------------------------------------------------------------- */

typedef struct thing {
    unsigned count, seen;
    long sum;
} thing;

static thing things[MOST_STREAMS];

typedef struct line {
    char text[64];
} line;

static line *notes; /* what was told, in order of the text */
static size_t note_count, note_capacity;

static void add_note(neap_text stream)
{
    if (note_count == note_capacity) {
        note_capacity = 2 * note_capacity + 1000;
        notes = realloc(notes, note_capacity * sizeof *notes);
        assert_non_null(notes);
    }
    snprintf(notes[note_count++].text, sizeof notes->text, "%.*s", (int)stream.size, stream.data);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const line *)a)->text, ((const line *)b)->text);
}

static void assert_told(const char *format, ...)
{
    line wanted;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wanted.text, sizeof wanted.text, format, arguments);
    va_end(arguments);
    if (bsearch(&wanted, notes, note_count, sizeof *notes, compare) == NULL)
        fail_msg("%s was not told", wanted.text);
}

/* By position. */
typedef struct logged {
    unsigned thing, version; /* version 0: it is no thing's */
} logged;

static logged *events;
static size_t event_count, event_capacity;

static void add_event(unsigned number, unsigned version)
{
    if (event_count == event_capacity) {
        event_capacity = 2 * event_capacity + 1000;
        events = realloc(events, event_capacity * sizeof *events);
        assert_non_null(events);
    }
    events[event_count++] = (logged){number, version};
}

static void read_log(neap_runtime *runtime)
{
    neap_cursor *cursor;
    const neap_event *event;
    uint64_t position = 0;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        assert_int_equal(event->position, ++position);
        if (neapi_text_equal(event->type, NEAPI_LITERAL("Told"))) {
            if (event->version != 1)
                fail_msg("%.*s was told twice", (int)event->stream.size, event->stream.data);
            add_note(event->stream);
            add_event(0, 0);
            continue;
        }
        unsigned number = (unsigned)atoi(event->stream.data + strlen("Thing-t"));
        thing *it = &things[number];
        assert_int_equal(event->version, ++it->count);
        add_event(number, it->count);
        it->sum += atol(strstr(event->data.data, "\"n\":") + 4);
    }
    neap_cursor_close(cursor);
    qsort(notes, note_count, sizeof *notes, compare);
}

static bool is_there(const char *stream, unsigned long long version, unsigned long long position)
{
    return position <= event_count && events[position - 1].version == version &&
           events[position - 1].thing == (unsigned)atoi(stream + strlen("Thing-t"));
}

static void check_acknowledged(void)
{
    char stream[64], name[64], text[160];
    unsigned long long version, position;
    unsigned count = 0, timers = 0;
    FILE *file = fopen(acknowledged, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL) {
        if (sscanf(text, "event %63s %llu %llu", stream, &version, &position) == 3) {
            count++;
            if (!is_there(stream, version, position))
                fail_msg("lost: %s", text);
        } else if (sscanf(text, "timer %63s", name) == 1) {
            timers++;
            assert_told("Note-%s", name);
        }
    }
    fclose(file);
    print_message("%u events and %u timers were acknowledged, by %u processes\n", count, timers,
                  births);
    assert_true(count >= ENOUGH_EVENTS && timers >= ENOUGH_TIMERS);
}

/* What follows from each event did, once. */
static void check_what_followed(void)
{
    for (unsigned i = 0; i < streams; i++) {
        for (unsigned version = 1; version <= things[i].count; version++)
            assert_told("Note-t%02u_%u", i, version);
        if (things[i].count != 0)
            assert_told("Note-saga_t%02u", i);
    }
}

static void check_projection(neap_runtime *runtime, const char *projection)
{
    neapi_buffer expected = NEAPI_BUFFER_INIT;
    char *json;
    size_t size;
    neapi_buffer_byte(&expected, '[');
    for (unsigned i = 0; i < streams; i++)
        if (things[i].count != 0)
            neapi_buffer_format(&expected,
                                "%s{\"key\":\"t%02u\",\"document\":{\"count\":%u,\"sum\":%ld}}",
                                expected.size > 1 ? "," : "", i, things[i].count, things[i].sum);
    neapi_buffer_byte(&expected, ']');
    assert_int_equal(neap_list(runtime, projection, NULL, &json, &size, &error), NEAP_OK);
    assert_string_equal(json, neapi_buffer_terminated(&expected));
    neap_free(json);
    neapi_buffer_fini(&expected);
}

/* Of each stream every event, none before the one before it; some of them more than once. */
static void check_book(void)
{
    unsigned number, version, lines = 0, all = 0;
    FILE *file = fopen(book, "r");
    assert_non_null(file);
    while (fscanf(file, "t%u %u\n", &number, &version) == 2) {
        lines++;
        assert_true(number < streams);
        if (version > things[number].seen + 1)
            fail_msg("t%02u: %u was handled behind %u", number, version, things[number].seen);
        if (version == things[number].seen + 1)
            things[number].seen = version;
    }
    assert_true(feof(file));
    fclose(file);
    for (unsigned i = 0; i < streams; i++) {
        all += things[i].count;
        assert_int_equal(things[i].seen, things[i].count);
    }
    print_message("%u events were handled %u times\n", all, lines);
}

static void await_empty_queue(neap_runtime *runtime)
{
    double began = now();
    for (uint64_t left = 1; left != 0;) {
        const neap_queue *queued;
        if (neap_drain(runtime, PATIENCE_S * 1000, &error) != NEAP_OK)
            fail_msg("%s", error.message);
        assert_int_equal(neap_queue_read(runtime, NULL, 10, &queued, &error), NEAP_OK);
        left = queued->count;
        neap_queue_free(queued);
        if (now() - began > PATIENCE_S)
            fail_msg("the queue does not become empty");
        rest(20);
    }
}

static void nothing_is_lost_and_nothing_done_twice(void **state)
{
    (void)state;
    snprintf(url, sizeof url,
             "postgresql://neap@/postgres?host=%s&application_name=p%ld&schema=p%ld",
             database_folder(), (long)getpid(), (long)getpid());
    neap_close(open_one(0));
    acknowledgements = mmap(NULL, sizeof *acknowledgements, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(acknowledgements != MAP_FAILED);
    for (unsigned i = 0; i < processes; i++)
        give_birth(i);
    harass();
    end_all();
    neap_runtime *runtime = open_one(2);
    await_empty_queue(runtime);
    if (neap_drain(runtime, PATIENCE_S * 1000, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    read_log(runtime);
    check_acknowledged();
    check_what_followed();
    check_projection(runtime, "one");
    check_projection(runtime, "parts");
    char *json;
    size_t size;
    assert_int_equal(neap_dead_letters(runtime, NULL, &json, &size, &error), NEAP_OK);
    assert_string_equal(json, "[]");
    neap_free(json);
    neap_close(runtime);
    check_book();
    neap_store *store;
    neap_verification verification;
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_verify(store, NULL, NULL, &verification, &error), NEAP_OK);
    assert_int_equal(verification.findings, 0);
    neap_store_close(store);
    free(notes);
    free(events);
    database_discard(url);
}

int main(void)
{
    if (!database_is_there())
        return DATABASE_SKIP;
    const char *given = getenv("NEAP_PROCESSES_SECONDS");
    if (given != NULL) {
        seconds = (unsigned)atoi(given);
        processes = MOST_PROCESSES;
        streams = MOST_STREAMS;
        pause_ms = 4;
    }
    srand((unsigned)getpid());
    print_message("seed %ld\n", (long)getpid());
    snprintf(acknowledged, sizeof acknowledged, "processes_%ld_acknowledged", (long)getpid());
    snprintf(book, sizeof book, "processes_%ld_book", (long)getpid());
    setenv("SHARED_BOOK", book, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_is_lost_and_nothing_done_twice, kill_who_is_left),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (failed == 0) {
        unlink(acknowledged);
        unlink(book);
    }
    return failed;
}
