/* Commands out of JetStream's messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nats/nats.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "neap.h"
#include "outbox/nats_server.h"

#define PATIENCE_S 60

typedef struct world {
    nats_server server;
    natsConnection *connection;
    jsCtx *js;
    neap_runtime *runtime;
    neap_consumer *consumer;
    char said[8192];
} world;

static neap_error error;

static void hear(void *user, neap_log_level level, const char *text)
{
    world *w = user;
    size_t used = strlen(w->said);
    (void)level;
    snprintf(w->said + used, sizeof w->said - used, "%s\n", text);
}

static void connect_test(world *w)
{
    jsCtx_Destroy(w->js);
    natsConnection_Destroy(w->connection);
    assert_int_equal(natsConnection_ConnectTo(&w->connection, w->server.url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&w->js, w->connection, NULL), NATS_OK);
}

static void add_stream(world *w, const char *name, const char *subject)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char *subjects[] = {subject};
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    assert_int_equal(js_AddStream(NULL, w->js, &config, NULL, NULL), NATS_OK);
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    neap_options options;
    nats_server_start(&w->server);
    connect_test(w);
    add_stream(w, "IN", "in.>");
    add_stream(w, "DEAD", "dead.>");
    neap_options_init(&options);
    options.lanes = LANES;
    options.log = hear;
    options.log_user = w;
    if (neap_open(DOMAIN, &options, &w->runtime, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    neap_consumer_close(w->consumer);
    neap_close(w->runtime);
    jsCtx_Destroy(w->js);
    natsConnection_Destroy(w->connection);
    nats_server_remove(&w->server);
    free(w);
    return 0;
}

static void put(world *w, const char *body, const char *id)
{
    natsMsg *message;
    assert_int_equal(natsMsg_Create(&message, "in.pay", NULL, body, (int)strlen(body)), NATS_OK);
    if (id != NULL)
        assert_int_equal(natsMsgHeader_Set(message, "Nats-Msg-Id", id), NATS_OK);
    assert_int_equal(js_PublishMsg(NULL, w->js, message, NULL, NULL), NATS_OK);
    natsMsg_Destroy(message);
}

static void pay(world *w, const char *till, int amount, const char *id)
{
    char body[256];
    snprintf(body, sizeof body, "{\"command\":\"Pay\",\"data\":{\"till\":\"%s\",\"amount\":%d}}",
             till, amount);
    put(w, body, id);
}

static void consume(world *w, const neap_consume_options *options, const char *query)
{
    char from[256];
    snprintf(from, sizeof from, "%s?stream=IN&consumer=till%s", w->server.url, query);
    if (neap_consume(w->runtime, from, options, &w->consumer, &error) != NEAP_OK)
        fail_msg("%s", error.message);
}

/* Until every message up to there is settled. */
static void await_settled(world *w, uint64_t last)
{
    struct timespec start, now;
    uint64_t settled = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (settled < last) {
        jsConsumerInfo *info;
        poll(NULL, 0, 5);
        if (js_GetConsumerInfo(&info, w->js, "IN", "till", NULL, NULL) == NATS_OK) {
            settled = info->AckFloor.Stream;
            jsConsumerInfo_Destroy(info);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec > PATIENCE_S)
            fail_msg("message %llu is not settled: %s", (unsigned long long)settled + 1, w->said);
    }
}

static void assert_till(world *w, const char *till, const char *expected)
{
    neap_reply *reply;
    if (neap_state(w->runtime, "Till", till, 0, &reply, &error) != NEAP_OK)
        fail_msg("%s", error.message);
    assert_string_equal(neap_reply_json(reply, NULL), expected);
    neap_reply_free(reply);
}

static void assert_dead(world *w, uint64_t seq, const char *place, const char *why)
{
    natsMsg *message;
    const char *value;
    assert_int_equal(js_GetMsg(&message, w->js, "DEAD", seq, NULL, NULL), NATS_OK);
    assert_int_equal(natsMsgHeader_Get(message, "Neap-Place", &value), NATS_OK);
    assert_string_equal(value, place);
    assert_int_equal(natsMsgHeader_Get(message, "Neap-Error", &value), NATS_OK);
    if (strstr(value, why) == NULL)
        fail_msg("%s", value);
    natsMsg_Destroy(message);
}

static void dispatches_each_message_once(void **state)
{
    world *w = *state;
    for (int i = 101; i <= 300; i++)
        pay(w, i % 2 == 0 ? "a" : "b", i, NULL);
    consume(w, NULL, "");
    await_settled(w, 200);
    assert_till(w, "a", "{\"payments\":100,\"sum\":20100}");
    assert_till(w, "b", "{\"payments\":100,\"sum\":20000}");
}

static void knows_a_message_again(void **state)
{
    static const char event[] =
        "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/pos\",\"type\":\"Pay\","
        "\"data\":{\"till\":\"c\",\"amount\":5}}";
    world *w = *state;
    char body[512];
    snprintf(body, sizeof body, event, "e-1");
    put(w, body, NULL);
    put(w, body, NULL);
    snprintf(body, sizeof body, event, "e-2");
    put(w, body, NULL);
    put(w, "{\"command\":\"Pay\",\"data\":{\"till\":\"c\",\"amount\":1},\"key\":\"k\"}", NULL);
    put(w, "{\"command\":\"Pay\",\"data\":{\"till\":\"c\",\"amount\":1},\"key\":\"k\"}", NULL);
    consume(w, NULL, "&subject=in.pay");
    await_settled(w, 5);
    assert_till(w, "c", "{\"payments\":3,\"sum\":11}");
}

static void sets_aside_what_is_no_command(void **state)
{
    world *w = *state;
    neap_consume_options options;
    neap_consume_options_init(&options);
    options.attempts = 2;
    options.retry_ms = 10;
    put(w, "no JSON", NULL);
    put(w, "", NULL);
    put(w, "{\"command\":\"Pey\"}", NULL);
    pay(w, "d", 1, NULL);
    put(w, "{\"command\":\"Pay\",\"data\":{\"till\":\"d\",\"amount\":\"x\"}}", NULL);
    pay(w, "d", -1, NULL);
    pay(w, "d", 13, NULL);
    pay(w, "d", 2, NULL);
    put(w, "{\"specversion\":\"1.0\",\"type\":\"Pay\"}", NULL);
    consume(w, &options, "&dead=dead.till");
    await_settled(w, 9);
    assert_till(w, "d", "{\"payments\":2,\"sum\":3}");
    jsStreamInfo *info;
    assert_int_equal(js_GetStreamInfo(&info, w->js, "DEAD", NULL, NULL), NATS_OK);
    assert_int_equal(info->State.Msgs, 6);
    jsStreamInfo_Destroy(info);
    assert_dead(w, 1, "IN/1", "expected a value, found 'n' (line 1, column 1)");
    assert_dead(w, 2, "IN/2", "the message is empty");
    assert_dead(w, 3, "IN/3", "did you mean 'Pay'?");
    assert_dead(w, 4, "IN/5", "amount: expected integer, got string \"x\"");
    assert_dead(w, 5, "IN/9", "id: expected a text, got nothing");
    assert_dead(w, 6, "IN/7", "thirteen");
    assert_non_null(strstr(w->said, "message IN/6 is rejected: only what is positive is paid"));
    assert_non_null(strstr(w->said, "message IN/7 is to come again"));
}

static void names_commands_as_it_is_told(void **state)
{
    world *w = *state;
    neap_consume_options options;
    neap_consume_options_init(&options);
    options.commands = "{\"com.example.paid\":\"Pay\"}";
    put(w,
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"com.example.paid\","
        "\"data\":{\"till\":\"e\",\"amount\":5}}",
        NULL);
    pay(w, "e", 100, NULL);
    consume(w, &options, "");
    await_settled(w, 2);
    assert_till(w, "e", "{\"payments\":1,\"sum\":5}");
    assert_non_null(
        strstr(w->said, "message IN/2 is no command: no command is named for messages 'Pay'"));
}

static void keeps_what_is_rejected_if_it_is_to(void **state)
{
    world *w = *state;
    neap_consumed counts;
    neap_consume_options options;
    neap_consume_options_init(&options);
    options.keep_rejected = true;
    pay(w, "g", -1, NULL);
    pay(w, "g", 2, NULL);
    consume(w, &options, "&dead=dead.till");
    await_settled(w, 2);
    neap_consumer_stop(w->consumer);
    assert_till(w, "g", "{\"payments\":1,\"sum\":2}");
    assert_dead(w, 1, "IN/1", "only what is positive is paid");
    neap_consumed_init(&counts);
    assert_int_equal(neap_consumer_stats(w->consumer, &counts, &error), NEAP_OK);
    assert_int_equal(counts.done, 1);
    assert_int_equal(counts.rejected, 1);
    assert_int_equal(counts.ended + counts.again + counts.repeated, 0);
    counts.size = 1000;
    assert_int_equal(neap_consumer_stats(w->consumer, &counts, &error), NEAP_USAGE);
}

/* Whoever goes on behind it gets none of these messages again. */
static void has_acknowledged_when_it_is_stopped(void **state)
{
    world *w = *state;
    neap_consumed counts;
    jsConsumerInfo *info;
    time_t ends = time(NULL) + PATIENCE_S;
    for (int i = 1; i <= 100; i++)
        pay(w, "h", 100 + i, NULL);
    consume(w, NULL, "");
    neap_consumed_init(&counts);
    while (counts.done < 100) {
        poll(NULL, 0, 1);
        assert_int_equal(neap_consumer_stats(w->consumer, &counts, &error), NEAP_OK);
        assert_true(time(NULL) < ends);
    }
    neap_consumer_stop(w->consumer);
    assert_int_equal(js_GetConsumerInfo(&info, w->js, "IN", "till", NULL, NULL), NATS_OK);
    assert_int_equal(info->AckFloor.Stream, 100);
    jsConsumerInfo_Destroy(info);
}

/* It is dispatched again when the server comes back, and the key sees to it that it was once. */
static void goes_on_when_the_server_is_back(void **state)
{
    world *w = *state;
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    config.Durable = "till";
    config.AckPolicy = js_AckExplicit;
    config.AckWait = 500000000; /* the server forgets what was acknowledged just before it died */
    assert_int_equal(js_AddConsumer(NULL, w->js, "IN", &config, NULL, NULL), NATS_OK);
    consume(w, NULL, "");
    pay(w, "f", 1, NULL);
    await_settled(w, 1);
    nats_server_kill(&w->server);
    nats_server_start(&w->server);
    connect_test(w);
    pay(w, "f", 2, NULL);
    await_settled(w, 2);
    assert_till(w, "f", "{\"payments\":2,\"sum\":3}");
}

static void tells_what_is_wrong_with_its_options(void **state)
{
    static const struct {
        const char *from;
        neap_status status;
        const char *message;
    } cases[] = {
        {"", NEAP_USAGE, "neap_consume needs a broker's URL"},
        {"kafka://h", NEAP_UNKNOWN,
         "messages come from nats: and tls: URLs, not from \"kafka://h\""},
        {"nats://h?stream=IN", NEAP_USAGE,
         "the URL needs stream=NAME and consumer=NAME: which messages, and the name under which "
         "JetStream keeps how far they are handled"},
        {"nats://h?strem=IN", NEAP_USAGE,
         "unknown option \"strem\" in the broker's URL; known are stream, consumer, subject, dead, "
         "creds, ca, ack_wait_ms"},
        {"nats://h?stream=IN&consumer=c&ack_wait_ms=0", NEAP_USAGE,
         "the option \"ack_wait_ms\" in the broker's URL is \"0\"; from 1 to 86400000 is allowed"},
    };
    world *w = *state;
    neap_consume_options options;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(neap_consume(w->runtime, cases[i].from, NULL, &w->consumer, &error),
                         cases[i].status);
        assert_string_equal(error.message, cases[i].message);
    }
    neap_consume_options_init(&options);
    options.commands = "{\"a\":1}";
    assert_int_equal(
        neap_consume(w->runtime, "nats://h?stream=IN&consumer=c", &options, &w->consumer, &error),
        NEAP_INVALID);
    options.commands = NULL;
    options.pending = 0;
    assert_int_equal(
        neap_consume(w->runtime, "nats://h?stream=IN&consumer=c", &options, &w->consumer, &error),
        NEAP_USAGE);
    /* There is no such server: it goes on trying until it is closed. */
    options.pending = 1;
    assert_int_equal(neap_consume(w->runtime, "nats://127.0.0.1:1?stream=IN&consumer=c", &options,
                                  &w->consumer, &error),
                     NEAP_OK);
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_WORLD(dispatches_each_message_once),
        IN_A_WORLD(knows_a_message_again),
        IN_A_WORLD(sets_aside_what_is_no_command),
        IN_A_WORLD(names_commands_as_it_is_told),
        IN_A_WORLD(keeps_what_is_rejected_if_it_is_to),
        IN_A_WORLD(has_acknowledged_when_it_is_stopped),
        IN_A_WORLD(goes_on_when_the_server_is_back),
        IN_A_WORLD(tells_what_is_wrong_with_its_options),
    };
    if (!nats_server_installed())
        return NATS_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}
