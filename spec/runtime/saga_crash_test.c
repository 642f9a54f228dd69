/* A runtime in which sagas run dies before or behind each of its commits, and another one goes on:
 * what is there in the end is what is there when none died. */
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

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/crashing.h"

#ifndef LANES
#define LANES 0
#endif
#define EACH   (LANES == 0 ? 1 : 3) /* with lanes no two lives are the same anyway */
#define SECOND 1000000
#define START  1700000000000000
#define MOST   400

static const char *const hows[] = {"well", "slow", "late", "declined", "stuck", "no courier"};
enum { ORDERS = sizeof hows / sizeof *hows };

static neap_error error;
static atomic_llong now_us;

/* ---- A life ---------------------------------------------------------------------------------- */

static int64_t read_clock(void *user)
{
    (void)user;
    return atomic_load(&now_us);
}

static neap_runtime *open_runtime(void)
{
    neap_options options;
    neap_runtime *runtime = NULL;
    neap_options_init(&options);
    options.lanes = LANES;
    options.store = crashing_url;
    options.clock = read_clock;
    options.close_ms = 0;
    crashing_lives("open", neap_open(DOMAIN, &options, &runtime, &error), &error);
    return runtime;
}

static bool place(neap_runtime *runtime, int number)
{
    char json[80], key[20];
    neap_dispatch_options options;
    snprintf(json, sizeof json, "{\"id\":\"o-%d\",\"how\":\"%s\"}", number, hows[number]);
    snprintf(key, sizeof key, "k-%d", number);
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    return crashing_lives(
        "place", neap_dispatch(runtime, "Place", json, strlen(json), &options, NULL, &error),
        &error);
}

static bool drain(neap_runtime *runtime)
{
    neap_status status;
    CRASHING_WAIT(status, neap_drain(runtime, CRASHING_WAIT_MS, &error));
    return crashing_lives("drain", status, &error);
}

static void live(void)
{
    atomic_store(&now_us, START);
    neap_runtime *runtime = open_runtime();
    bool alive = runtime != NULL;
    for (int i = 0; i < ORDERS && alive; i++)
        alive = place(runtime, i);
    for (int i = 0; i < 4 && alive; i++) {
        alive = drain(runtime);
        atomic_fetch_add(&now_us, 800LL * SECOND);
    }
    neap_close(runtime);
}

/* ---- What is there --------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In one stream what happened has an order; of several streams there are many. */
static void show_events(neap_runtime *runtime, neapi_buffer *text)
{
    char *lines[MOST];
    size_t count = 0;
    neap_cursor *cursor;
    const neap_event *event;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL && count < MOST) {
        char line[200];
        snprintf(line, sizeof line, "%.*s %03llu %.*s\n", NEAPI_TEXT(event->stream),
                 (unsigned long long)event->version, NEAPI_TEXT(event->type));
        lines[count++] = strdup(line);
    }
    neap_cursor_close(cursor);
    qsort(lines, count, sizeof *lines, compare);
    for (size_t i = 0; i < count; i++) {
        neapi_buffer_text(text, neapi_text_of(lines[i]));
        free(lines[i]);
    }
}

static void show_member(neapi_buffer *text, neap_text json, const char *name)
{
    neap_text value;
    bool there = neapi_json_member(json, neapi_text_of(name), &value);
    neapi_buffer_format(text, "%s ", name);
    neapi_buffer_text(text, there ? value : NEAPI_LITERAL("-"));
    neapi_buffer_byte(text, '\n');
}

static void show_sagas(neap_runtime *runtime, neapi_buffer *text)
{
    for (int i = 0; i < ORDERS; i++) {
        char key[20], *json;
        size_t size;
        snprintf(key, sizeof key, "o-%d", i);
        assert_int_equal(neap_saga(runtime, "fulfilment", key, &json, &size, &error), NEAP_OK);
        assert_non_null(json);
        neap_text saga = neapi_text(json, size);
        static const char *const names[] = {"key",     "status",   "reason",       "state",
                                            "waiting", "failures", "compensations"};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            show_member(text, saga, names[n]);
        neap_free(json);
    }
}

/* Owns: the caller (free). */
static char *show(void)
{
    const neap_queue *queued;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    atomic_store(&now_us, START + 3200LL * SECOND);
    neap_runtime *runtime = open_runtime();
    show_events(runtime, &text);
    show_sagas(runtime, &text);
    assert_int_equal(neap_queue_read(runtime, NULL, 10, &queued, &error), NEAP_OK);
    neapi_buffer_format(&text, "queued %zu\n", queued->count);
    neap_queue_free(queued);
    neap_close(runtime);
    char *shown = strdup(neapi_buffer_terminated(&text));
    neapi_buffer_fini(&text);
    return shown;
}

/* ---- What is to be there --------------------------------------------------------------------- */

static void does_all_of_it(void)
{
    assert_int_equal(crashing_count("status \"completed\""), 2);
    assert_int_equal(crashing_count("status \"failed\""), 3);
    assert_int_equal(crashing_count("status \"compensation_failed\""), 1);
    assert_int_equal(crashing_count(" Shipped\n"), 2);
    assert_int_equal(crashing_count(" Reserved\n"), ORDERS);
    assert_int_equal(crashing_count(" Released\n"), 3);
    assert_int_equal(crashing_count(" Refunded\n"), 3);
    assert_int_equal(crashing_count("waiting -\n"), ORDERS);
    assert_int_equal(crashing_count("queued 0\n"), 1);
}

int main(void)
{
    const crashing_lifetime lifetime = {.name = "saga_crash",
                                        .live = live,
                                        .show = show,
                                        .does_all_of_it = does_all_of_it,
                                        .each = EACH,
                                        .first = 1,
                                        .last = 3};
    return crashing_main(&lifetime);
}
