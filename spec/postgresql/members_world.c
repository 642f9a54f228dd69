#include "members_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>
#include <time.h>

#include "database.h"

char url[512];
neap_error error;
atomic_uint errors_said;

static void log_line(void *user, neap_log_level level, const char *text)
{
    (void)user;
    if (level >= NEAP_LOG_ERROR) {
        print_error("%s\n", text);
        atomic_fetch_add(&errors_said, 1);
    }
}

neap_runtime *open_with(unsigned lanes, int64_t patience_us)
{
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.store = url;
    options.lanes = lanes;
    options.log = log_line;
    if (neap_load(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    runtime->patience_us = patience_us;
    if (neap_start(runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    return runtime;
}

neap_runtime *open_one(unsigned lanes)
{
    return open_with(lanes, HOUR_US);
}

unsigned owned_by(const neap_runtime *runtime)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++)
        count += atomic_load(&runtime->subscribed[i].owned);
    return count;
}

double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

neap_status dispatch(neap_runtime *runtime, const char *command, const char *json, const char *key)
{
    neap_dispatch_options options;
    neap_dispatch_options_init(&options);
    options.idempotency_key = key;
    return neap_dispatch(runtime, command, json, strlen(json), &options, NULL, &error);
}

void add(neap_runtime *runtime, const char *id, int n)
{
    char json[80];
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"n\":%d}", id, n);
    if (dispatch(runtime, "Add", json, NULL) != NEAP_OK)
        fail_msg("%s", error.message);
}

void drain(neap_runtime *runtime)
{
    if (neap_drain(runtime, PATIENCE_S * 1000, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

unsigned told(neap_runtime *runtime, unsigned *twice)
{
    neap_cursor *cursor;
    const neap_event *event;
    unsigned count = 0;
    *twice = 0;
    assert_int_equal(neap_read(runtime, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        if (event->type.size != 4 || memcmp(event->type.data, "Told", 4) != 0)
            continue;
        count++;
        *twice += event->version != 1;
    }
    neap_cursor_close(cursor);
    return count;
}

unsigned all_told(neap_runtime *runtime)
{
    unsigned twice, count = told(runtime, &twice);
    assert_int_equal(twice, 0);
    return count;
}

neapi_subscribed *subscribed_of(const neap_runtime *runtime, const char *name)
{
    for (uint32_t i = 0; i < runtime->subscribed_count; i++)
        if (strcmp(runtime->subscribed[i].definition->name.data, name) == 0)
            return &runtime->subscribed[i];
    fail_msg("there is no subscription %s", name);
    return NULL;
}

void be_replaced(const char *subscription)
{
    char sql[600];
    snprintf(sql, sizeof sql,
             "INSERT INTO documents (collection, key, data) SELECT '$member', 'other', "
             "convert_to('{\"beat\":1,\"born\":1,\"host\":\"h\",\"pid\":1,"
             "\"runs\":\"%s 9\\n\"}', 'UTF8'); "
             "UPDATE documents SET data = convert_to(replace(convert_from(data, 'UTF8'), "
             "'\"generation\":', '\"generation\":1'), 'UTF8') "
             "WHERE collection = '$checkpoint' AND key LIKE '%s@%%'; "
             "UPDATE documents SET data = '{\"member\":\"other\"}' "
             "WHERE collection = '$owner' AND key = '%s'",
             subscription, subscription, subscription);
    database_run(url, sql);
}

int begin(void **state)
{
    (void)state;
    database_fresh(url, sizeof url);
    atomic_store(&errors_said, 0);
    return 0;
}

int end(void **state)
{
    (void)state;
    database_discard(url);
    return 0;
}
