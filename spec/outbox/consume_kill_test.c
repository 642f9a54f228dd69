/* Commands out of messages, by a process that is killed between the commit and the acknowledgement,
 * again and again: each message takes effect once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nats/nats.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "neap.h"
#include "outbox/nats_server.h"

#define MESSAGES   120
#define TILLS      5
#define ROUNDS     6
#define PATIENCE_S 60

static neap_error error;

/* For processes of their own, which say by their status how it was. */
static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, error.message);
    _exit(1);
}

/* Ends the process when a command is about to be answered, which is durable then. */
typedef struct deadly {
    int lives; /* commands until it does; 0: it does not */
} deadly;

static void die(void *user, const neap_passing *message, neap_status status,
                const neap_reply *reply, const neap_error *failure, int64_t elapsed_us)
{
    deadly *it = user;
    (void)message, (void)status, (void)reply, (void)failure, (void)elapsed_us;
    if (it->lives > 0 && --it->lives == 0)
        raise(SIGKILL);
}

static neap_runtime *start(const char *store, deadly *user)
{
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.store = store;
    check(neap_load(DOMAIN, &options, &runtime, &error) == NEAP_OK, "load");
    check(neap_use(runtime, NULL, die, user, &error) == NEAP_OK, "use");
    check(neap_start(runtime, &error) == NEAP_OK, "start");
    return runtime;
}

static neap_consumer *consume(neap_runtime *runtime, const nats_server *server)
{
    char from[256];
    neap_consumer *consumer;
    neap_consume_options options;
    neap_consume_options_init(&options);
    options.pending = 8;
    snprintf(from, sizeof from, "%s?stream=IN&consumer=till&ack_wait_ms=200", server->url);
    check(neap_consume(runtime, from, &options, &consumer, &error) == NEAP_OK, "consume");
    return consumer;
}

/* Nobody has used libnats before the fork: its threads would be missing in the child. */
static pid_t begin_child(void)
{
    fflush(NULL);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    return child;
}

static void put_messages(const nats_server *server)
{
    natsConnection *connection;
    jsCtx *js;
    jsStreamConfig config;
    const char *subjects[] = {"in.>"};
    jsStreamConfig_Init(&config);
    config.Name = "IN";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    check(natsConnection_ConnectTo(&connection, server->url) == NATS_OK, "connect");
    check(natsConnection_JetStream(&js, connection, NULL) == NATS_OK, "JetStream");
    check(js_AddStream(NULL, js, &config, NULL, NULL) == NATS_OK, "stream");
    for (int i = 1; i <= MESSAGES; i++) {
        char body[256];
        int size = snprintf(body, sizeof body,
                            "{\"command\":\"Pay\",\"data\":{\"till\":\"t-%d\",\"amount\":%d}}",
                            i % TILLS, 100 + i);
        check(js_Publish(NULL, js, "in.pay", body, size, NULL, NULL) == NATS_OK, "publish");
    }
    _exit(0);
}

static void run_and_die(const nats_server *server, const char *store, int lives)
{
    int status;
    pid_t child = begin_child();
    if (child == 0) {
        deadly user = {lives};
        consume(start(store, &user), server);
        poll(NULL, 0, PATIENCE_S * 1000);
        _exit(1); /* it was to die before */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* Until every message is acknowledged. */
static void await_settled(const nats_server *server)
{
    natsConnection *connection;
    jsCtx *js;
    uint64_t settled = 0;
    time_t ends = time(NULL) + PATIENCE_S;
    assert_int_equal(natsConnection_ConnectTo(&connection, server->url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
    while (settled < MESSAGES) {
        jsConsumerInfo *info;
        poll(NULL, 0, 5);
        if (js_GetConsumerInfo(&info, js, "IN", "till", NULL, NULL) == NATS_OK) {
            settled = info->AckFloor.Stream;
            jsConsumerInfo_Destroy(info);
        }
        if (time(NULL) > ends)
            fail_msg("message %d is not settled", (int)settled + 1);
    }
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
}

static void assert_till(neap_runtime *runtime, int till)
{
    char id[16], expected[64];
    int sum = 0, payments = 0;
    neap_reply *reply;
    for (int i = 1; i <= MESSAGES; i++) {
        sum += i % TILLS == till ? 100 + i : 0;
        payments += i % TILLS == till;
    }
    snprintf(id, sizeof id, "t-%d", till);
    snprintf(expected, sizeof expected, "{\"payments\":%d,\"sum\":%d}", payments, sum);
    assert_int_equal(neap_state(runtime, "Till", id, 0, &reply, &error), NEAP_OK);
    assert_string_equal(neap_reply_json(reply, NULL), expected);
    neap_reply_free(reply);
}

static void takes_effect_once_however_often_it_dies(void **state)
{
    nats_server server = {.pid = 0};
    char store[128];
    int status;
    (void)state;
    nats_server_start(&server);
    snprintf(store, sizeof store, "sqlite:%s/till.db", server.folder);
    pid_t child = begin_child();
    if (child == 0)
        put_messages(&server);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int round = 0; round < ROUNDS; round++)
        run_and_die(&server, store, 1 + 5 * round);

    deadly user = {0};
    neap_runtime *runtime = start(store, &user);
    neap_consumer *consumer = consume(runtime, &server);
    await_settled(&server);
    neap_consumer_stop(consumer);
    neap_consumed counts;
    neap_consumed_init(&counts);
    assert_int_equal(neap_consumer_stats(consumer, &counts, &error), NEAP_OK);
    assert_true(counts.repeated > 0); /* else nothing came again, and this proves nothing */
    assert_int_equal(counts.rejected + counts.ended, 0);
    neap_consumer_close(consumer);
    for (int till = 0; till < TILLS; till++)
        assert_till(runtime, till);
    neap_close(runtime);
    nats_server_remove(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_effect_once_however_often_it_dies),
    };
    if (!nats_server_installed())
        return NATS_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}
