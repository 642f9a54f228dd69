/* A runtime with projections and a subscriber dies before or behind each of its commits, also while
 * a projection is made anew and takes the old one's place, and another one goes on: what is there
 * in the end is what is there when none died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <sqlite3.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/crashing.h"

#ifndef LANES
#define LANES 0
#endif
#define EACH  (LANES == 0 ? 1 : 3) /* with lanes no two lives are the same anyway */
#define STEPS 14

static neap_error error;

/* ---- A life ---------------------------------------------------------------------------------- */

static neap_runtime *open_runtime(void)
{
    neap_options options;
    neap_runtime *runtime = NULL;
    neap_options_init(&options);
    options.lanes = LANES;
    options.store = crashing_url;
    options.close_ms = 0;
    if (neap_open(crashing_in_memory ? FOLDS : FOLDS_ROWS, &options, &runtime, &error) == NEAP_OK ||
        atomic_load(&crashing_is_dead))
        return runtime;
    fprintf(stderr, "cannot open: %s\n", error.message);
    exit(1);
}

static bool lives(const char *call, neap_status status)
{
    return crashing_lives(call, status, &error);
}

static bool drain(neap_runtime *runtime)
{
    neap_status status;
    CRASHING_WAIT(status, neap_drain(runtime, CRASHING_WAIT_MS, &error));
    return lives("drain", status);
}

static bool rebuild(neap_runtime *runtime, const char *projection)
{
    neap_status status;
    CRASHING_WAIT(status, neap_rebuild(runtime, projection, CRASHING_WAIT_MS, &error));
    return lives("rebuild", status);
}

/* *repeated: a life before did so. */
static bool decide(neap_runtime *runtime, int number, bool *repeated)
{
    neap_reply *reply = NULL;
    char json[60], key[16];
    bool drops = number % 6 == 5;
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    snprintf(key, sizeof key, "k-%d", number);
    options.idempotency_key = key;
    if (drops)
        snprintf(json, sizeof json, "{\"id\":\"t%d\"}", number % 4);
    else
        snprintf(json, sizeof json, "{\"id\":\"t%d\",\"n\":%d}", number % 4, number + 11);
    bool alive = lives("decide", neap_dispatch(runtime, drops ? "Drop" : "Add", json, strlen(json),
                                               &options, &reply, &error));
    *repeated = alive && neap_reply_receipt(reply)->repeated;
    neap_reply_free(reply);
    return alive;
}

static bool take_step(neap_runtime *runtime, int number)
{
    bool repeated;
    if (!decide(runtime, number, &repeated) || repeated)
        return !atomic_load(&crashing_is_dead);
    switch (number) {
    case 3:
        return drain(runtime);
    case 8:
        return rebuild(runtime, "one") && (crashing_in_memory || rebuild(runtime, "rows"));
    case 9:
        return lives("pause", neap_pause(runtime, "teller", &error)) &&
               lives("begin", neap_rebuild_begin(runtime, "parts", &error));
    case 11:
        return lives("resume", neap_resume(runtime, "teller", &error));
    default:
        return true;
    }
}

static void live(void)
{
    neap_runtime *runtime = open_runtime();
    if (runtime == NULL)
        return;
    bool alive = lives("resume", neap_resume(runtime, "teller", &error));
    for (int i = 0; i < STEPS && alive; i++)
        alive = take_step(runtime, i);
    if (alive && drain(runtime) &&
        lives("retry", neap_retry_dead_letters(runtime, "teller", 0, &error)))
        drain(runtime);
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
    char *lines[200];
    size_t count = 0;
    neap_cursor *cursor;
    const neap_event *event;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL && count < 200) {
        char line[200];
        snprintf(line, sizeof line, "%.*s %03llu %.*s %.*s\n", NEAPI_TEXT(event->stream),
                 (unsigned long long)event->version, NEAPI_TEXT(event->type),
                 NEAPI_TEXT(event->data));
        lines[count++] = strdup(line);
    }
    neap_cursor_close(cursor);
    qsort(lines, count, sizeof *lines, compare);
    for (size_t i = 0; i < count; i++) {
        neapi_buffer_text(text, neapi_text_of(lines[i]));
        free(lines[i]);
    }
}

/* Owns: the caller (neap_free). */
static char *list(neap_runtime *runtime, const char *projection)
{
    char *json;
    size_t size;
    if (neap_list(runtime, projection, NULL, &json, &size, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return json;
}

/* As the documents would be listed. */
static void read_rows(neapi_buffer *json)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(crashing_path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT id, count, sum FROM rows ORDER BY id", -1, &statement, NULL),
        SQLITE_OK);
    neapi_buffer_byte(json, '[');
    for (bool first = true; sqlite3_step(statement) == SQLITE_ROW; first = false)
        neapi_buffer_format(json, "%s{\"key\":\"%s\",\"document\":{\"count\":%d,\"sum\":%d}}",
                            first ? "" : ",", (const char *)sqlite3_column_text(statement, 0),
                            sqlite3_column_int(statement, 1), sqlite3_column_int(statement, 2));
    neapi_buffer_byte(json, ']');
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* All projections of the same events are the same. */
static void show_projections(neap_runtime *runtime, neapi_buffer *text)
{
    static const char *const others[] = {"parts", "held"};
    char *one = list(runtime, "one");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *other = list(runtime, others[i]);
        assert_string_equal(one, other);
        neap_free(other);
    }
    if (!crashing_in_memory) {
        neapi_buffer rows = NEAPI_BUFFER_INIT;
        read_rows(&rows);
        assert_string_equal(one, neapi_buffer_terminated(&rows));
        neapi_buffer_fini(&rows);
    }
    neapi_buffer_format(text, "%s\n", one);
    neap_free(one);
}

static void show_letters(neap_runtime *runtime, neapi_buffer *text)
{
    char *json;
    size_t size;
    assert_int_equal(neap_dead_letters(runtime, NULL, &json, &size, &error), NEAP_OK);
    for (const char *at = json; (at = strstr(at, "\"stream\":")) != NULL; at++)
        neapi_buffer_format(text, "letter of %.10s\n", at + 9);
    neap_free(json);
}

/* Owns: the caller (free). */
static char *show(void)
{
    const neap_queue *queued;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    neap_runtime *runtime = open_runtime();
    if (neap_drain(runtime, 0, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    show_events(runtime, &text);
    show_projections(runtime, &text);
    show_letters(runtime, &text);
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
    assert_int_equal(crashing_count(" Added "), 12);
    assert_int_equal(crashing_count(" Gone "), 2);
    assert_int_equal(crashing_count("letter of"), 3); /* the one that fails, and two behind it */
    assert_int_equal(crashing_count(" 001 Told "), 9);
    assert_int_equal(crashing_count(" Told "), 9);
    assert_int_equal(crashing_count("queued 0\n"), 1);
}

int main(void)
{
    const crashing_lifetime lifetime = {.name = "fold_crash",
                                        .live = live,
                                        .show = show,
                                        .does_all_of_it = does_all_of_it,
                                        .each = EACH,
                                        .first = 3,
                                        .last = 5};
    return crashing_main(&lifetime);
}
