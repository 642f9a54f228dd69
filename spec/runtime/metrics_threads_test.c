/* Metrics that are read while several threads send: nothing is lost, and nobody waits for anybody.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "neap.h"

#define SENDERS 2
#define EACH    500

static neap_runtime *runtime;
static atomic_bool done;

static void *send_many(void *unused)
{
    neap_error error;
    (void)unused;
    for (int i = 0; i < EACH; i++) {
        char json[64];
        int size = snprintf(json, sizeof json, "{\"id\":\"c%d\"}", i % 50);
        if (neap_send(runtime, "Touch", json, (size_t)size, NULL, NULL, NULL, &error) != NEAP_OK)
            return runtime;
    }
    return NULL;
}

static unsigned long number_behind(const char *text, const char *what)
{
    const char *at = strstr(text, what);
    assert_non_null(at);
    return strtoul(at + strlen(what), NULL, 10);
}

static unsigned long read_done(void)
{
    neap_error error;
    char *json, *text;
    size_t size;
    assert_int_equal(neap_metrics(runtime, &json, &size, &error), NEAP_OK);
    unsigned long count = number_behind(json, "\"Touch\":{\"done\":");
    neap_free(json);
    assert_int_equal(neap_metrics_prometheus(runtime, &text, &size, &error), NEAP_OK);
    assert_true(number_behind(text, "name=\"Touch\",outcome=\"done\"} ") >= count);
    neap_free(text);
    return count;
}

static void *read_all_the_while(void *times)
{
    unsigned long seen = 0;
    do { /* also where the others are done before it begins */
        unsigned long count = read_done();
        assert_true(count >= seen);
        seen = count;
        ++*(unsigned *)times;
    } while (!atomic_load(&done));
    return NULL;
}

static void reading_loses_nothing(void **unused)
{
    (void)unused;
    neap_error error;
    pthread_t senders[SENDERS], reader;
    unsigned times = 0;
    void *failed;
    assert_int_equal(neap_open(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    assert_int_equal(pthread_create(&reader, NULL, read_all_the_while, &times), 0);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&senders[i], NULL, send_many, NULL), 0);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(senders[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(neap_drain(runtime, 0, &error), NEAP_OK);
    assert_int_equal(read_done(), SENDERS * EACH);
    atomic_store(&done, true);
    pthread_join(reader, NULL);
    assert_true(times > 0);
    neap_close(runtime);
}

static void add(const char *id)
{
    neap_error error;
    char json[64];
    int size = snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":1}", id);
    assert_int_equal(neap_dispatch(runtime, "Add", json, (size_t)size, NULL, NULL, &error),
                     NEAP_OK);
}

/* Reads so many, and finds that there are no more. */
static void read_on(neap_cursor *cursor, unsigned count)
{
    neap_error error;
    const neap_event *event;
    while (count > 0)
        count -= neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL;
    assert_int_equal(neap_cursor_next(cursor, &event, &error), NEAP_TIMEOUT);
}

static void following_is_counted(void **unused)
{
    (void)unused;
    neap_error error;
    neap_cursor *cursor;
    neap_filter filter;
    char *json;
    size_t size;
    neap_filter_init(&filter);
    filter.follow = true;
    filter.timeout_ms = 1;
    assert_int_equal(neap_open(DOMAIN, NULL, &runtime, &error), NEAP_OK);
    add("a");
    assert_int_equal(neap_read(runtime, &filter, &cursor, &error), NEAP_OK);
    read_on(cursor, 1); /* from the store: it came before */
    add("a");
    add("b");
    read_on(cursor, 2);
    assert_int_equal(neap_metrics(runtime, &json, &size, &error), NEAP_OK);
    const char *followers = strstr(json, "\"followers\":{");
    assert_non_null(followers);
    assert_int_equal(number_behind(followers, "\"count\":"), 1);
    assert_int_equal(number_behind(followers, "\"waiting\":"), 1);
    assert_int_equal(number_behind(followers, "\"lag_events\":"), 0);
    assert_int_equal(number_behind(followers, "\"live_events\":"), 2);
    assert_int_equal(number_behind(followers, "\"stored_events\":"), 1);
    assert_true(number_behind(followers, "\"store_reads\":") >= 1);
    neap_free(json);
    add("c");
    assert_int_equal(neap_metrics(runtime, &json, &size, &error), NEAP_OK);
    assert_int_equal(number_behind(json, "\"lag_events\":"), 1);
    neap_free(json);
    neap_cursor_close(cursor);
    neap_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reading_loses_nothing),
                                       cmocka_unit_test(following_is_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
