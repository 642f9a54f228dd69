/* A handler that loops for ever costs its own command, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "neap.h"

enum { COMMANDS = 5 };

/* Written by the lane's thread, read after the drain. */
typedef struct answer {
    int count;
    neap_status status;
    uint64_t version;
} answer;

static answer answers[COMMANDS];
static neap_error error;

static void note(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    answer *noted = user;
    (void)failure;
    noted->count++;
    noted->status = status;
    noted->version = reply != NULL ? neap_reply_receipt(reply)->version : 0;
    neap_reply_free(reply);
}

static void send(neap_runtime *runtime, int number, const char *command, const char *json)
{
    if (neap_send(runtime, command, json, strlen(json), NULL, note, &answers[number], &error) !=
        NEAP_OK)
        fail_msg("%s", error.message);
}

static void check_store(const char *url)
{
    neap_store *store;
    neap_verification found;
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_verify(store, NULL, NULL, &found, &error), NEAP_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.events, 4);
    neap_store_close(store);
}

static void others_are_answered_before_and_after_a_handler_that_loops(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/neap-broken-XXXXXX", path[64], url[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/store.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
    neap_options options;
    neap_options_init(&options);
    options.store = url;
    options.handler_ms = 1000;
    options.handler_instructions = UINT64_MAX / 2;
    neap_runtime *runtime;
    if (neap_open(DOMAIN, &options, &runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    send(runtime, 0, "Do", "{\"id\":\"other\"}");
    send(runtime, 1, "Loop", "{\"id\":\"same\"}");
    send(runtime, 2, "Do", "{\"id\":\"other\"}");
    send(runtime, 3, "Do", "{\"id\":\"same\"}");
    send(runtime, 4, "Do", "{\"id\":\"third\"}");
    assert_int_equal(neap_drain(runtime, 60000, &error), NEAP_OK);
    neap_close(runtime);
    static const uint64_t versions[COMMANDS] = {1, 0, 2, 1, 1};
    for (int i = 0; i < COMMANDS; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].status, i == 1 ? NEAP_LIMIT : NEAP_OK);
        assert_int_equal(answers[i].version, versions[i]);
    }
    check_store(url);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_answered_before_and_after_a_handler_that_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
