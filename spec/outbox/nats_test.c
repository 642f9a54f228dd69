/* The publisher to NATS JetStream, with a server of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/platform.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/cloudevent.h"
#include "outbox/nats_server.h"
#include "outbox/publisher.h"

#define MOST 600

/* Some events of some streams, in the order of the log. */
typedef struct batch {
    neapi_arena arena;
    neap_event events[MOST];
    neap_publication publications[MOST];
    const neap_publication *list[MOST];
    size_t count;
} batch;

typedef struct world {
    nats_server server;
    natsConnection *connection;
    jsCtx *js;
    void *publisher;
    batch batch;
} world;

static const char *const streams[] = {"Order-1", "Order-2", "Cart-x.y", "Order-3", "Order-4"};

static neap_text number_text(neapi_arena *arena, const char *format, size_t number)
{
    char text[64];
    snprintf(text, sizeof text, format, number);
    return neapi_arena_text(arena, neapi_text_of(text));
}

static void add_event(batch *b, size_t stream, neap_text data)
{
    neap_event *event = &b->events[b->count];
    neap_publication *publication = &b->publications[b->count];
    neapi_buffer body = NEAPI_BUFFER_INIT;
    char id[37];
    *event =
        (neap_event){.position = b->count + 1,
                     .version = b->count / 5 + 1,
                     .id = {.bytes = {1, 0x90, [6] = 0x70, [8] = 0x80,
                                      [14] = (uint8_t)(b->count >> 8), [15] = (uint8_t)b->count}},
                     .schema = 1,
                     .type = NEAPI_LITERAL("Placed"),
                     .stream = neapi_text_of(streams[stream]),
                     .data = data};
    neapi_cloudevent_write(&body, event, NEAPI_LITERAL("/shop"));
    neap_uuid_format(event->id, id);
    publication->event = event;
    publication->id = neapi_arena_text(&b->arena, neapi_text(id, 36));
    publication->body = neapi_arena_text(&b->arena, neapi_text(body.data, body.size));
    neapi_buffer_fini(&body);
    b->list[b->count++] = publication;
}

static void add_events(batch *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_event(b, b->count % 5, number_text(&b->arena, "{\"n\":%zu}", b->count));
}

static void connect_test(world *w)
{
    natsConnection_Destroy(w->connection);
    jsCtx_Destroy(w->js);
    assert_int_equal(natsConnection_ConnectTo(&w->connection, w->server.url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&w->js, w->connection, NULL), NATS_OK);
}

static void add_stream(world *w, const char *name, const char *subject, int32_t most_bytes)
{
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char *subjects[] = {subject};
    config.Name = name;
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.MaxMsgSize = most_bytes;
    assert_int_equal(js_AddStream(NULL, w->js, &config, NULL, NULL), NATS_OK);
}

static void open_with(world *w, const char *query, uint32_t timeout_ms)
{
    char to[256];
    neap_error error;
    snprintf(to, sizeof to, "%s%s", w->server.url, query);
    const neap_publisher_options options = {.size = sizeof options,
                                            .outbox = "orders",
                                            .domain = "shop",
                                            .to = to,
                                            .pending = 64,
                                            .timeout_ms = timeout_ms};
    assert_int_equal(neapi_publisher_nats.open(NULL, &options, &w->publisher, &error), NEAP_OK);
}

static neap_status publish(world *w, size_t from, size_t *acknowledged, neap_error *error)
{
    return neapi_publisher_nats.publish(w->publisher, w->batch.list + from, w->batch.count - from,
                                        acknowledged, error);
}

static uint64_t kept(world *w, const char *stream)
{
    jsStreamInfo *info;
    assert_int_equal(js_GetStreamInfo(&info, w->js, stream, NULL, NULL), NATS_OK);
    uint64_t messages = info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return messages;
}

/* Each event of the batch is there once, those of one stream in their order. */
static void assert_all_kept_in_order(world *w, const char *stream)
{
    size_t last[sizeof streams / sizeof *streams] = {0};
    assert_int_equal(kept(w, stream), w->batch.count);
    for (uint64_t seq = 1; seq <= w->batch.count; seq++) {
        natsMsg *message;
        neapi_arena arena = NEAPI_ARENA_INIT;
        neapi_cloudevent event;
        assert_int_equal(js_GetMsg(&message, w->js, stream, seq, NULL, NULL), NATS_OK);
        neap_text body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
        assert_int_equal(neapi_cloudevent_read(body, &arena, &event, NULL), NEAP_OK);
        size_t of = (size_t)(event.event.position - 1) % 5;
        assert_true(neapi_text_equal(event.event.stream, neapi_text_of(streams[of])));
        assert_true(event.event.position > last[of]);
        last[of] = event.event.position;
        neapi_arena_fini(&arena);
        natsMsg_Destroy(message);
    }
}

static int open_world(void **state)
{
    world *w = neapi_alloc_zero(1, sizeof *w);
    nats_server_start(&w->server);
    connect_test(w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    if (w->publisher != NULL)
        neapi_publisher_nats.close(w->publisher);
    jsCtx_Destroy(w->js);
    natsConnection_Destroy(w->connection);
    nats_server_remove(&w->server);
    neapi_arena_fini(&w->batch.arena);
    neapi_free(w);
    return 0;
}

static void publishes_in_the_order_of_each_stream(void **state)
{
    world *w = *state;
    size_t acknowledged;
    natsMsg *message;
    const char *value;
    add_stream(w, "SHOP", "shop.*", 0);
    open_with(w, "", 10000);
    add_events(&w->batch, 500);
    assert_int_equal(publish(w, 0, &acknowledged, NULL), NEAP_OK);
    assert_int_equal(acknowledged, 500);
    assert_all_kept_in_order(w, "SHOP");
    assert_int_equal(js_GetMsg(&message, w->js, "SHOP", 1, NULL, NULL), NATS_OK);
    assert_string_equal(natsMsg_GetSubject(message), "shop.Placed");
    assert_int_equal(natsMsgHeader_Get(message, "Nats-Msg-Id", &value), NATS_OK);
    assert_string_equal(value, "01900000-0000-7000-8000-000000000000");
    assert_int_equal(natsMsgHeader_Get(message, "Content-Type", &value), NATS_OK);
    assert_string_equal(value, NEAPI_CLOUDEVENT_TYPE);
    natsMsg_Destroy(message);
}

static void drops_what_was_published_before(void **state)
{
    world *w = *state;
    size_t acknowledged;
    add_stream(w, "SHOP", "shop.*", 0);
    open_with(w, "", 10000);
    add_events(&w->batch, 50);
    assert_int_equal(publish(w, 0, &acknowledged, NULL), NEAP_OK);
    add_events(&w->batch, 50);
    assert_int_equal(publish(w, 20, &acknowledged, NULL), NEAP_OK);
    assert_int_equal(acknowledged, 80);
    assert_int_equal(publish(w, 100, &acknowledged, NULL), NEAP_OK);
    assert_int_equal(acknowledged, 0);
    assert_all_kept_in_order(w, "SHOP");
}

static void follows_the_template_and_the_stream_of_the_url(void **state)
{
    world *w = *state;
    size_t acknowledged;
    natsMsg *message;
    neap_error error;
    add_stream(w, "CARTS", "all.*.*.>", 0);
    open_with(w, "?subject=all.{category}.{id}.{type}&stream=CARTS&pending=1", 10000);
    add_events(&w->batch, 5);
    assert_int_equal(publish(w, 0, &acknowledged, NULL), NEAP_OK);
    assert_int_equal(js_GetMsg(&message, w->js, "CARTS", 3, NULL, NULL), NATS_OK);
    assert_string_equal(natsMsg_GetSubject(message), "all.Cart.x%2Ey.Placed");
    natsMsg_Destroy(message);
    neapi_publisher_nats.close(w->publisher);
    open_with(w, "?subject=all.{category}.{id}.{type}&stream=OTHER", 10000);
    assert_int_equal(publish(w, 0, &acknowledged, &error), NEAP_UNAVAILABLE);
    assert_string_equal(
        error.message, "nats: JetStream refuses the event: expected stream does not match (10060)");
}

static void says_that_there_is_no_stream(void **state)
{
    world *w = *state;
    size_t acknowledged;
    neap_error error;
    open_with(w, "", 10000);
    add_events(&w->batch, 50);
    assert_int_equal(publish(w, 0, &acknowledged, &error), NEAP_UNAVAILABLE);
    assert_int_equal(acknowledged, 0);
    assert_string_equal(error.message,
                        "nats: no stream of JetStream takes the subject shop.Placed, or JetStream "
                        "is off; make a stream for it, or add stream=NAME&create to the "
                        "broker's URL");
    add_stream(w, "SHOP", "shop.*", 0);
    assert_int_equal(publish(w, 0, &acknowledged, &error), NEAP_OK);
    assert_all_kept_in_order(w, "SHOP");
}

static void makes_the_stream_if_it_is_told_to(void **state)
{
    world *w = *state;
    size_t acknowledged;
    jsStreamInfo *info;
    open_with(w, "?stream=SHOP&create&subject=a.{category}.{type}", 10000);
    add_events(&w->batch, 5);
    assert_int_equal(publish(w, 0, &acknowledged, NULL), NEAP_OK);
    assert_all_kept_in_order(w, "SHOP");
    assert_int_equal(js_GetStreamInfo(&info, w->js, "SHOP", NULL, NULL), NATS_OK);
    assert_string_equal(info->Config->Subjects[0], "a.*.*");
    jsStreamInfo_Destroy(info);
    neapi_publisher_nats.close(w->publisher);
    open_with(w, "?stream=SHOP&create&subject=a.b.{type}", 10000);
    add_events(&w->batch, 5);
    assert_int_equal(publish(w, 5, &acknowledged, NULL), NEAP_OK);
    assert_all_kept_in_order(w, "SHOP");
}

/* What comes in front of the event that cannot be published is, what comes behind it waits. */
static void tells_which_event_is_too_large(void **state)
{
    world *w = *state;
    size_t acknowledged;
    neap_error error;
    add_stream(w, "SHOP", "shop.*", 2000);
    open_with(w, "", 10000);
    add_events(&w->batch, 33);
    char *large = neapi_alloc((size_t)2 << 20);
    memset(large, '1', (size_t)2 << 20);
    add_event(&w->batch, 3, neapi_text(large, 3000));
    add_events(&w->batch, 6);
    assert_int_equal(publish(w, 0, &acknowledged, &error), NEAP_LIMIT);
    assert_int_equal(acknowledged, 33);
    assert_string_equal(
        error.message,
        "nats: JetStream refuses the event: message size exceeds maximum allowed (10054)");
    w->batch.count = 33;
    add_event(&w->batch, 3, neapi_text(large, (size_t)2 << 20));
    assert_int_equal(publish(w, 30, &acknowledged, &error), NEAP_LIMIT);
    assert_int_equal(acknowledged, 3);
    assert_non_null(strstr(error.message, "max_payload, 1048576"));
    w->batch.count = 33;
    add_event(&w->batch, 3, neapi_text(large, (1 << 20) - 300));
    assert_int_equal(publish(w, 30, &acknowledged, &error), NEAP_LIMIT);
    assert_int_equal(acknowledged, 3);
    w->batch.count = 33;
    add_event(&w->batch, 3, NEAPI_LITERAL("{}"));
    add_events(&w->batch, 6);
    assert_int_equal(publish(w, 30, &acknowledged, &error), NEAP_OK);
    assert_all_kept_in_order(w, "SHOP");
    neapi_free(large);
}

static void gives_up_in_time_without_a_server(void **state)
{
    world *w = *state;
    size_t acknowledged = 7;
    neap_error error;
    open_with(w, "", 500);
    nats_server_kill(&w->server);
    add_events(&w->batch, 5);
    const neapi_platform *platform = neapi_platform_machine();
    int64_t start = neapi_monotonic_us(platform);
    assert_int_equal(publish(w, 0, &acknowledged, &error), NEAP_UNAVAILABLE);
    assert_true(neapi_monotonic_us(platform) - start < 60000000);
    assert_int_equal(acknowledged, 0);
    assert_non_null(strstr(error.message, w->server.url));
}

/* Tries until the rest is published. */
static void insist(world *w, size_t *done)
{
    const neapi_platform *platform = neapi_platform_machine();
    int64_t deadline = neapi_monotonic_us(platform) + 60000000;
    while (*done < w->batch.count) {
        size_t acknowledged;
        neap_error error;
        neap_status status = publish(w, *done, &acknowledged, &error);
        *done += acknowledged;
        assert_true(status == NEAP_OK || status == NEAP_UNAVAILABLE);
        assert_true(status != NEAP_OK || *done == w->batch.count);
        assert_true(neapi_monotonic_us(platform) < deadline);
    }
}

static void goes_on_when_the_server_is_back(void **state)
{
    world *w = *state;
    size_t done = 0, acknowledged;
    neap_error error;
    add_stream(w, "SHOP", "shop.*", 0);
    open_with(w, "", 2000);
    add_events(&w->batch, 100);
    insist(w, &done);
    nats_server_kill(&w->server);
    add_events(&w->batch, 100);
    assert_int_equal(publish(w, done, &acknowledged, &error), NEAP_UNAVAILABLE);
    assert_int_equal(acknowledged, 0);
    nats_server_start(&w->server);
    insist(w, &done);
    connect_test(w);
    assert_all_kept_in_order(w, "SHOP");
}

/* The server is there and does not answer: neither lost nor acknowledged, and nothing twice. */
static void waits_for_acknowledgements_no_longer_than_told(void **state)
{
    world *w = *state;
    size_t done = 0, acknowledged;
    neap_error error;
    add_stream(w, "SHOP", "shop.*", 0);
    open_with(w, "?pending=8", 300);
    add_events(&w->batch, 20);
    insist(w, &done);
    nats_server_hold(&w->server);
    add_events(&w->batch, 100);
    assert_int_equal(publish(w, done, &acknowledged, &error), NEAP_UNAVAILABLE);
    assert_int_equal(acknowledged, 0);
    assert_string_equal(error.message, "nats: no acknowledgement came within 300 ms");
    nats_server_go_on(&w->server);
    insist(w, &done);
    assert_all_kept_in_order(w, "SHOP");
}

static void leaves_the_signals_as_they_are(void **state)
{
    world *w = *state;
    struct sigaction pipe_action;
    sigset_t before, after;
    size_t done = 0, acknowledged;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    signal(SIGPIPE, SIG_DFL);
    add_stream(w, "SHOP", "shop.*", 0);
    open_with(w, "", 2000);
    add_events(&w->batch, 5);
    insist(w, &done);
    nats_server_kill(&w->server);
    for (int i = 0; i < 20; i++)
        publish(w, 0, &acknowledged, NULL);
    sigaction(SIGPIPE, NULL, &pipe_action);
    assert_true(pipe_action.sa_handler == SIG_DFL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&after, SIGPIPE), sigismember(&before, SIGPIPE));
    assert_int_equal(sigismember(&after, SIGTERM), 0);
}

/* The first that starts libnats, which would ignore SIGPIPE for all of the process. */
static void starts_the_library_without_a_trace(void **state)
{
    const neap_publisher_options options = {.size = sizeof options,
                                            .outbox = "orders",
                                            .domain = "shop",
                                            .to = "nats://127.0.0.1:1",
                                            .pending = 64,
                                            .timeout_ms = 1000};
    static world w;
    struct sigaction pipe_action;
    size_t acknowledged;
    (void)state;
    add_events(&w.batch, 1);
    assert_int_equal(neapi_publisher_nats.open(NULL, &options, &w.publisher, NULL), NEAP_OK);
    assert_int_equal(publish(&w, 0, &acknowledged, NULL), NEAP_UNAVAILABLE);
    neapi_publisher_nats.close(w.publisher);
    neapi_arena_fini(&w.batch.arena);
    sigaction(SIGPIPE, NULL, &pipe_action);
    assert_true(pipe_action.sa_handler == SIG_DFL);
}

static void refuses_wrong_options(void **state)
{
    static const struct {
        const char *to, *message;
    } cases[] = {
        {"nats://h?pending=0", "the option \"pending\" in the broker's URL is \"0\"; from 1 to "
                               "10000 is allowed"},
        {"nats://h?pending=x1", "the option \"pending\" in the broker's URL is \"x1\"; from 1 to "
                                "10000 is allowed"},
        {"nats://h?subject=a..b", NULL},
        {"nats://h?pendng=1", "unknown option \"pendng\" in the broker's URL; known are subject, "
                              "stream, pending, creds, ca, create"},
        {"nats://h?create", "the option \"create\" in the broker's URL needs the stream's name: "
                            "stream=NAME"},
    };
    void *publisher;
    neap_error error;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const neap_publisher_options options = {.size = sizeof options,
                                                .outbox = "orders",
                                                .domain = "shop",
                                                .to = cases[i].to,
                                                .pending = 64,
                                                .timeout_ms = 100};
        assert_int_equal(neapi_publisher_nats.open(NULL, &options, &publisher, &error), NEAP_USAGE);
        if (cases[i].message != NULL)
            assert_string_equal(error.message, cases[i].message);
    }
}

#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_the_library_without_a_trace), /* stays first */
        IN_A_WORLD(publishes_in_the_order_of_each_stream),
        IN_A_WORLD(drops_what_was_published_before),
        IN_A_WORLD(follows_the_template_and_the_stream_of_the_url),
        IN_A_WORLD(says_that_there_is_no_stream),
        IN_A_WORLD(makes_the_stream_if_it_is_told_to),
        IN_A_WORLD(tells_which_event_is_too_large),
        IN_A_WORLD(gives_up_in_time_without_a_server),
        IN_A_WORLD(goes_on_when_the_server_is_back),
        IN_A_WORLD(waits_for_acknowledgements_no_longer_than_told),
        IN_A_WORLD(leaves_the_signals_as_they_are),
        cmocka_unit_test(refuses_wrong_options),
    };
    if (!nats_server_installed())
        return NATS_SKIPPED;
    signal(SIGPIPE, SIG_DFL); /* whoever started this may ignore it */
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}
