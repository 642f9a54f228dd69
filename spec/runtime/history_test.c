/* A past through neap.h: any number at once, from several threads, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "neap.h"

#define EVENTS  60
#define THREADS 3

static char folder[] = "/tmp/neap-history-XXXXXX";
static char url[64];

static void remove_files(void)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < 4; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/s.db%s", folder, endings[i]);
        unlink(path);
    }
}

/* Event n adds n to the counter "a" or "b" in turn. */
static int fill(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/s.db", folder);
    neap_options options;
    neap_options_init(&options);
    options.store = url;
    neap_runtime *runtime;
    neap_error error;
    assert_int_equal(neap_open(DOMAIN, &options, &runtime, &error), NEAP_OK);
    for (int n = 1; n <= EVENTS; n++) {
        char json[64];
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":%d}", n % 2 != 0 ? "a" : "b", n);
        assert_int_equal(neap_dispatch(runtime, "Add", json, strlen(json), NULL, NULL, &error),
                         NEAP_OK);
    }
    neap_close(runtime);
    return 0;
}

static int empty(void **state)
{
    (void)state;
    remove_files();
    return rmdir(folder);
}

static uint64_t total_of_a(uint64_t position)
{
    uint64_t total = 0;
    for (uint64_t n = 1; n <= position; n += 2)
        total += n;
    return total;
}

static neap_history_options every(uint64_t spacing)
{
    neap_history_options options;
    neap_history_options_init(&options);
    options.store = url;
    options.checkpoint_spacing = spacing;
    return options;
}

static void assert_past(neap_runtime *past, uint64_t position)
{
    char wanted[64], *json;
    size_t size;
    uint64_t at;
    neap_error error;
    assert_int_equal(neap_history_position(past, &at, &error), NEAP_OK);
    assert_int_equal(at, position);
    assert_int_equal(neap_find(past, "totals", "a", &json, &size, &error), NEAP_OK);
    snprintf(wanted, sizeof wanted, "{\"total\":%llu}", (unsigned long long)total_of_a(position));
    if (position == 0)
        assert_null(json);
    else
        assert_string_equal(json, wanted);
    neap_free(json);
    neap_reply *reply;
    neap_status status = neap_state(past, "Counter", "a", 0, &reply, &error);
    assert_int_equal(status, position == 0 ? NEAP_UNKNOWN : NEAP_OK);
    if (status == NEAP_OK) {
        assert_string_equal(neap_reply_json(reply, NULL), wanted);
        neap_reply_free(reply);
    }
}

static void several_pasts_at_a_time(void **state)
{
    (void)state;
    const neap_history_options options = every(7);
    neap_history *history;
    neap_error error;
    neap_runtime *pasts[4];
    const uint64_t positions[] = {EVENTS, 0, 33, 5};
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(neap_history_at(history, positions[i], &pasts[i], &error), NEAP_OK);
    neap_history_close(history); /* pasts may outlive it */
    for (size_t i = 0; i < 4; i++)
        assert_past(pasts[i], positions[i]);
    for (uint64_t position = 5; position <= EVENTS; position += 11) {
        assert_int_equal(neap_history_forward(pasts[3], position, &error), NEAP_OK);
        assert_past(pasts[3], position);
    }
    assert_past(pasts[2], 33);
    for (size_t i = 0; i < 4; i++)
        neap_close(pasts[i]);
}

/* One in which the first event is another one, with the same data. */
static void assert_branch(neap_runtime *past, uint64_t position)
{
    static const char json[] = "{\"id\":\"a\",\"n\":1}";
    const neap_edit edit = {.position = 1, .json = json, .json_size = sizeof json - 1};
    neap_branch_options options;
    neap_runtime *branch;
    neap_branch_options_init(&options);
    options.edits = &edit;
    options.edit_count = 1;
    assert_int_equal(neap_history_branch(past, &options, &branch, NULL), NEAP_OK);
    assert_past(branch, position);
    assert_int_equal(neap_dispatch(branch, "Add", json, strlen(json), NULL, NULL, NULL), NEAP_OK);
    neap_close(branch);
    assert_past(past, position);
}

typedef struct looking {
    neap_history *history;
    unsigned number;
    pthread_t thread;
} looking;

static void *look(void *user)
{
    const looking *it = user;
    for (uint64_t i = 0; i < 12; i++) {
        uint64_t position = (i * 17 + it->number * 5) % (EVENTS + 1);
        neap_runtime *past;
        char *streams;
        assert_int_equal(neap_history_at(it->history, position, &past, NULL), NEAP_OK);
        assert_past(past, position);
        if (position != 0)
            assert_branch(past, position);
        assert_int_equal(neap_history_streams(past, NULL, &streams, NULL, NULL), NEAP_OK);
        neap_free(streams);
        neap_close(past);
    }
    return NULL;
}

static void pasts_on_several_threads(void **state)
{
    (void)state;
    neap_history_options options = every(4);
    options.checkpoint_bytes = 4000; /* so that what is kept comes and goes */
    looking threads[THREADS];
    neap_history *history;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, NULL), NEAP_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = (looking){.history = history, .number = i};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, look, &threads[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
    neap_history_close(history);
}

static void what_a_past_refuses(void **state)
{
    (void)state;
    const char *json = "{\"id\":\"a\",\"n\":1}";
    const neap_history_options options = every(50000);
    neap_history *history;
    neap_runtime *past;
    neap_error error;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    assert_int_equal(neap_history_at(history, EVENTS + 1, &past, &error), NEAP_UNKNOWN);
    assert_int_equal(neap_history_at(history, NEAP_LAST, &past, &error), NEAP_OK);
    assert_int_equal(neap_dispatch(past, "Add", json, strlen(json), NULL, NULL, &error),
                     NEAP_USAGE);
    assert_string_equal(error.message,
                        "a past takes no commands and no events: what happened, happened");
    assert_int_equal(neap_publish(past, "Counter-a", NEAP_ANY_VERSION, "Added", json, strlen(json),
                                  NULL, NULL, &error),
                     NEAP_USAGE);
    assert_int_equal(neap_send(past, "Add", json, strlen(json), NULL, NULL, NULL, &error),
                     NEAP_USAGE);
    assert_int_equal(neap_history_forward(past, EVENTS - 1, &error), NEAP_USAGE);
    assert_past(past, EVENTS);
    neap_close(past);
    neap_history_close(history);
    neap_options plain;
    neap_options_init(&plain);
    assert_int_equal(neap_open(DOMAIN, &plain, &past, &error), NEAP_OK);
    assert_int_equal(neap_history_forward(past, 1, &error), NEAP_USAGE);
    assert_int_equal(neap_history_streams(past, NULL, &(char *){NULL}, NULL, &error), NEAP_USAGE);
    neap_close(past);
}

static void tells_the_command_of_an_event(void **state)
{
    (void)state;
    const neap_history_options options = every(50000);
    neap_history *history;
    neap_runtime *past;
    neap_error error;
    char *json;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    assert_int_equal(neap_history_at(history, 4, &past, &error), NEAP_OK);
    assert_int_equal(neap_history_command(past, 3, &json, NULL, &error), NEAP_OK);
    assert_non_null(strstr(json, "{\"name\":\"Add\",\"id\":\""));
    assert_non_null(strstr(json, "\"data\":{\"id\":\"a\",\"n\":3}"));
    neap_free(json);
    assert_int_equal(neap_history_command(past, 5, &json, NULL, &error), NEAP_OK);
    assert_null(json); /* not yet */
    assert_int_equal(neap_history_command(past, 0, &json, NULL, &error), NEAP_USAGE);
    neap_close(past);
    neap_history_close(history);
}

/* The text of a member of the command that decided an event. */
static void command_member(neap_runtime *past, uint64_t position, const char *name, char id[37])
{
    char *json, quoted[40];
    neap_error error;
    assert_int_equal(neap_history_command(past, position, &json, NULL, &error), NEAP_OK);
    snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
    const char *at = strstr(json, quoted);
    assert_non_null(at);
    memcpy(id, at + strlen(quoted), 36);
    id[36] = '\0';
    neap_free(json);
}

static void finds_what_belongs_to_an_id(void **state)
{
    (void)state;
    const neap_history_options options = every(50000);
    neap_history *history;
    neap_runtime *past;
    neap_error error;
    uint64_t positions[2], from = 0;
    size_t count = 2;
    char id[37];
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    assert_int_equal(neap_history_log(history, &past, &error), NEAP_OK);
    command_member(past, 31, "correlation_id", id);
    assert_int_equal(neap_history_related(past, id, NEAP_RELATION_CORRELATED, &from, NEAP_LAST,
                                          positions, &count, &error),
                     NEAP_OK);
    assert_int_equal(count, 1);
    assert_int_equal(positions[0], 31);
    assert_int_equal(from, EVENTS + 1);
    from = 32; /* behind it */
    count = 2;
    assert_int_equal(neap_history_related(past, id, NEAP_RELATION_CORRELATED, &from, 40, positions,
                                          &count, &error),
                     NEAP_OK);
    assert_int_equal(count, 0);
    assert_int_equal(from, 41);
    from = 1; /* one is enough: the rest is not looked at */
    count = 1;
    assert_int_equal(neap_history_related(past, id, NEAP_RELATION_CORRELATED, &from, NEAP_LAST,
                                          positions, &count, &error),
                     NEAP_OK);
    assert_int_equal(from, 32);
    from = 0;
    count = 2;
    assert_int_equal(neap_history_related(past, id, NEAP_RELATION_ITSELF, &from, NEAP_LAST,
                                          positions, &count, &error),
                     NEAP_OK);
    assert_int_equal(count, 0); /* it is the command's */
    count = 2;
    assert_int_equal(neap_history_related(past, "no id", NEAP_RELATION_ITSELF, &from, NEAP_LAST,
                                          positions, &count, &error),
                     NEAP_INVALID);
    neap_close(past);
    neap_history_close(history);
}

static neap_evolution *evolve(neap_runtime *past, neap_kind kind, const char *name,
                              const neap_evolution_options *options)
{
    neap_evolution *evolution;
    neap_error error;
    assert_int_equal(neap_history_evolution(past, kind, name, "a", options, &evolution, &error),
                     NEAP_OK);
    return evolution;
}

static bool says(neap_text text, uint64_t total, bool field)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, field ? "%llu" : "{\"total\":%llu}", (unsigned long long)total);
    return text.size == strlen(wanted) && memcmp(text.data, wanted, text.size) == 0;
}

/* Goes through the events of "a" that are left, from the position on. */
static void assert_evolves(neap_evolution *evolution, uint64_t position, bool field)
{
    neap_evolution_step step;
    neap_error error;
    for (; position <= EVENTS; position += 2) {
        assert_int_equal(neap_evolution_next(evolution, &step, &error), NEAP_OK);
        assert_non_null(step.event);
        assert_int_equal(step.event->position, position);
        assert_true(says(step.now, total_of_a(position), field));
        if (position > 2)
            assert_true(says(step.old, total_of_a(position - 2), field));
        else
            assert_null(step.old.data);
    }
    assert_int_equal(neap_evolution_next(evolution, &step, &error), NEAP_OK);
    assert_null(step.event);
}

static void things_evolve(void **state)
{
    (void)state;
    static const neap_kind kinds[] = {NEAP_KIND_AGGREGATE, NEAP_KIND_PROJECTION};
    static const char *const names[] = {"Counter", "totals"};
    const neap_history_options options = every(7);
    neap_history *history;
    neap_runtime *past;
    neap_error error;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    assert_int_equal(neap_history_at(history, NEAP_LAST, &past, &error), NEAP_OK);
    for (int i = 0; i < 4; i++) {
        neap_evolution_options wanted;
        neap_evolution_options_init(&wanted);
        wanted.field = i < 2 ? NULL : "[\"total\"]";
        wanted.behind = i == 2 ? 3 : 0; /* a version: of position 5 */
        neap_evolution *evolution = evolve(past, kinds[i % 2], names[i % 2], &wanted), *copy;
        neap_evolution_step step;
        uint64_t count, place;
        uint64_t first = i == 2 ? 7 : 1;
        assert_int_equal(neap_evolution_next(evolution, &step, &error), NEAP_OK);
        assert_int_equal(step.event->position, first);
        assert_int_equal(neap_evolution_copy(evolution, NEAP_LAST, &copy, &error), NEAP_OK);
        assert_evolves(evolution, first + 2, i >= 2);
        neap_evolution_close(evolution);
        assert_int_equal(neap_evolution_at(copy, &place, &error), NEAP_OK);
        assert_int_equal(place, i == 2 ? 4 : 1);
        assert_int_equal(neap_evolution_skip(copy, 4, &count, &error), NEAP_OK);
        assert_int_equal(count, 4);
        assert_evolves(copy, first + (i % 2 == 0 ? 10 : 6), i >= 2);
        neap_evolution_close(copy);
    }
    neap_close(past);
    neap_history_close(history);
}

static void what_does_not_evolve(void **state)
{
    (void)state;
    const neap_history_options options = every(50000);
    neap_history *history;
    neap_runtime *past;
    neap_evolution *evolution;
    neap_evolution_options wanted;
    neap_error error;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    assert_int_equal(neap_history_log(history, &past, &error), NEAP_OK);
    assert_int_equal(
        neap_history_evolution(past, NEAP_KIND_EVENT, "Added", "a", NULL, &evolution, &error),
        NEAP_USAGE);
    assert_int_equal(
        neap_history_evolution(past, NEAP_KIND_SAGA, "totals", "a", NULL, &evolution, &error),
        NEAP_USAGE);
    assert_int_equal(
        neap_history_evolution(past, NEAP_KIND_AGGREGATE, "Conter", "a", NULL, &evolution, &error),
        NEAP_UNKNOWN);
    assert_int_equal(
        neap_history_evolution(past, NEAP_KIND_AGGREGATE, "Counter", "", NULL, &evolution, &error),
        NEAP_INVALID);
    neap_evolution_options_init(&wanted);
    wanted.field = "\"total\"";
    assert_int_equal(neap_history_evolution(past, NEAP_KIND_AGGREGATE, "Counter", "a", &wanted,
                                            &evolution, &error),
                     NEAP_INVALID);
    neap_close(past);
    neap_history_close(history);
}

static neap_status evolve_some(neap_runtime *past, neap_kind kind, const char *name)
{
    neap_evolution *evolution, *copy = NULL;
    neap_evolution_step step = {0};
    uint64_t count;
    neap_status status = neap_history_evolution(past, kind, name, "a", NULL, &evolution, NULL);
    if (status != NEAP_OK)
        return status;
    status = neap_evolution_next(evolution, &step, NULL);
    if (status == NEAP_OK)
        status = neap_evolution_copy(evolution, NEAP_LAST, &copy, NULL);
    if (status == NEAP_OK)
        status = neap_evolution_skip(copy, 3, &count, NULL);
    if (status == NEAP_OK)
        assert_true(says(step.now, 1, false));
    neap_evolution_close(copy);
    neap_evolution_close(evolution);
    return status;
}

static void compares_with_changed_code(void **state)
{
    (void)state;
    const neap_history_options options = every(50000);
    neap_history_compare_options wanted;
    neap_history *before, *after;
    neap_error error;
    char *json;
    size_t size;
    assert_int_equal(neap_history_open(DOMAIN, &options, &before, &error), NEAP_OK);
    assert_int_equal(neap_history_open(DOMAIN, &options, &after, &error), NEAP_OK);
    assert_int_equal(neap_history_compare(before, after, NULL, &json, &size, &error), NEAP_OK);
    assert_int_equal(strlen(json), size);
    assert_non_null(strstr(json, "\"decisions\":{\"compared\":"));
    assert_non_null(strstr(json, "\"differing\":0"));
    assert_null(strstr(json, "\"before\":"));
    neap_free(json);
    neap_history_compare_options_init(&wanted);
    wanted.limit = 0;
    assert_int_equal(neap_history_compare(before, after, &wanted, &json, NULL, &error), NEAP_USAGE);
    wanted.size = sizeof wanted + 1;
    assert_int_equal(neap_history_compare(before, after, &wanted, &json, NULL, &error), NEAP_USAGE);
    assert_int_equal(neap_history_compare(before, NULL, NULL, &json, NULL, &error), NEAP_USAGE);
    neap_history_close(after);
    neap_history_close(before);
}

static neap_status compare(void)
{
    const neap_history_options options = every(50000);
    neap_history *before, *after;
    char *json;
    neap_status status = neap_history_open(DOMAIN, &options, &before, NULL);
    if (status != NEAP_OK)
        return status;
    status = neap_history_open(DOMAIN, &options, &after, NULL);
    if (status == NEAP_OK) {
        status = neap_history_compare(before, after, NULL, &json, NULL, NULL);
        if (status == NEAP_OK)
            neap_free(json);
        neap_history_close(after);
    }
    neap_history_close(before);
    return status;
}

static neap_status go_to_15(void)
{
    const uint64_t position = 15;
    const neap_history_options options = every(9);
    neap_history *history;
    neap_runtime *past;
    char *streams;
    neap_status status = neap_history_open(DOMAIN, &options, &history, NULL);
    if (status != NEAP_OK)
        return status;
    status = neap_history_at(history, position, &past, NULL);
    if (status == NEAP_OK) {
        status = neap_history_forward(past, position + 20, NULL);
        if (status == NEAP_OK)
            status = neap_history_streams(past, NULL, &streams, NULL, NULL);
        if (status == NEAP_OK)
            neap_free(streams);
        if (status == NEAP_OK)
            status = evolve_some(past, NEAP_KIND_AGGREGATE, "Counter");
        if (status == NEAP_OK)
            status = evolve_some(past, NEAP_KIND_PROJECTION, "totals");
        neap_close(past);
    }
    neap_history_close(history);
    return status;
}

static bool stop(void *user, uint64_t position, uint64_t target)
{
    *(unsigned *)user += position == EVENTS && target == EVENTS;
    return false;
}

static void reads_on_behind_the_end(void **state)
{
    (void)state;
    neap_history *history;
    neap_cursor *cursor;
    neap_error error;
    const neap_event *event;
    unsigned asked = 0;
    neap_history_options options = every(1000);
    options.go_on = stop;
    options.go_on_user = &asked;
    assert_int_equal(neap_history_open(DOMAIN, &options, &history, &error), NEAP_OK);
    neap_filter filter;
    neap_filter_init(&filter);
    filter.from = EVENTS;
    filter.follow = true;
    assert_int_equal(neap_history_read(history, &filter, &cursor, &error), NEAP_USAGE);
    filter.follow = false;
    assert_int_equal(neap_history_read(NULL, &filter, &cursor, &error), NEAP_USAGE);
    assert_int_equal(neap_history_read(history, &filter, &cursor, &error), NEAP_OK);
    neap_history_close(history); /* the cursor keeps it */
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_int_equal(event->position, EVENTS);
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_OK);
    assert_null(event);
    assert_int_equal(neap_cursor_wait(cursor, 60000, &error), NEAP_UNAVAILABLE);
    assert_non_null(strstr(error.message, "stopped behind position 60"));
    assert_int_equal(asked, 1);
    neap_cursor_close(cursor);
}

/* Whatever is refused, nothing is lost, and what succeeds is right. Each single request is one run,
 * so not all of them are tried. */
static void refuse_some(neap_status (*call)(void))
{
    int64_t blocks = neapi_alloc_blocks();
    unsigned failures = 0;
    bool struck = true;
    for (uint64_t nth = 1; struck; nth += 1 + nth / 20) {
        neapi_alloc_refuse(nth, false);
        neap_status status = call();
        struck = neapi_alloc_struck();
        neapi_alloc_refuse(0, false);
        failures += status != NEAP_OK;
        assert_true(status == NEAP_OK || status == NEAP_NOMEM || status == NEAP_LIMIT ||
                    status == NEAP_HANDLER);
        assert_int_equal(neapi_alloc_blocks(), blocks);
    }
    assert_true(failures > 10);
}

static void refused_allocations(void **state)
{
    (void)state;
    refuse_some(go_to_15);
}

static void refused_allocations_while_comparing(void **state)
{
    (void)state;
    refuse_some(compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_pasts_at_a_time),
        cmocka_unit_test(pasts_on_several_threads),
        cmocka_unit_test(what_a_past_refuses),
        cmocka_unit_test(reads_on_behind_the_end),
        cmocka_unit_test(tells_the_command_of_an_event),
        cmocka_unit_test(compares_with_changed_code),
        cmocka_unit_test(finds_what_belongs_to_an_id),
        cmocka_unit_test(things_evolve),
        cmocka_unit_test(what_does_not_evolve),
        cmocka_unit_test(refused_allocations),
        cmocka_unit_test(refused_allocations_while_comparing),
    };
    return cmocka_run_group_tests_name("history", tests, fill, empty);
}
