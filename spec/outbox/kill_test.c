/* From commands to JetStream, by a process that is killed between what the broker acknowledged and
 * the checkpoint, again and again: nothing is lost, and what is published again has the same id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nats/nats.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "neap.h"
#include "outbox/nats_server.h"
#include "outbox/publisher.h"

#define COMMANDS    300
#define STREAMS     7
#define PARTS       4 /* each at least one batch */
#define ROUNDS      6
#define PATIENCE_MS 60000

typedef struct place {
    nats_server server;
    char domain[128], store[128], attempts[128];
} place;

static neap_error error;

static void write_domain(const place *it)
{
    FILE *file = fopen(it->domain, "w");
    fprintf(file,
            "local neap = require 'neap'\n"
            "local shop = neap.domain 'shop'\n"
            "local Placed = shop:event 'Placed' { id = 'string', n = 'integer' }\n"
            "shop:command 'Place' { id = 'string', n = 'integer' }\n"
            "shop:aggregate 'Order' { key = 'id', initial = {},\n"
            "  commands = { Place = function(_, command) return Placed(command) end },\n"
            "  events = { Placed = function() end } }\n"
            "shop:outbox 'partners' { to = '%s?stream=SHOP&create&subject=shop.{type}', pending = "
            "32 }\n"
            "return shop\n",
            it->server.url);
    fclose(file);
}

/* Neap's own publisher, but that it notes what it publishes, and then dies. */
typedef struct deadly {
    const place *where;
    unsigned lives; /* batches until it dies; 0: it does not */
    void *self;
} deadly;

static neap_status open_deadly(void *user, const neap_publisher_options *options, void **self,
                               neap_error *failure)
{
    deadly *it = user;
    *self = it;
    return neapi_publisher_nats.open(NULL, options, &it->self, failure);
}

static neap_status publish_deadly(void *self, const neap_publication *const *list, size_t count,
                                  size_t *acknowledged, neap_error *failure)
{
    deadly *it = self;
    FILE *file = fopen(it->where->attempts, "a");
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%llu %s\n", (unsigned long long)list[i]->event->position, list[i]->id.data);
    fclose(file);
    neap_status status = neapi_publisher_nats.publish(it->self, list, count, acknowledged, failure);
    if (status == NEAP_OK && it->lives > 0 && --it->lives == 0)
        raise(SIGKILL);
    return status;
}

static void close_deadly(void *self)
{
    deadly *it = self;
    neapi_publisher_nats.close(it->self);
}

static neap_runtime *start(const place *it, deadly *user)
{
    static const neap_publisher publisher = {sizeof publisher, open_deadly, publish_deadly,
                                             close_deadly};
    neap_options options;
    neap_runtime *runtime;
    neap_options_init(&options);
    options.store = it->store;
    if (neap_load(it->domain, &options, &runtime, &error) != NEAP_OK ||
        neap_publisher_provide(runtime, "nats", &publisher, user, &error) != NEAP_OK ||
        neap_start(runtime, &error) != NEAP_OK) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    return runtime;
}

static void place_orders(neap_runtime *runtime, unsigned round, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char json[64], key[32];
        neap_dispatch_options options;
        neap_dispatch_options_init(&options);
        snprintf(key, sizeof key, "%u/%u", round, i);
        options.idempotency_key = key;
        snprintf(json, sizeof json, "{\"id\":\"o-%u\",\"n\":%u}", i % STREAMS, i);
        if (neap_send(runtime, "Place", json, strlen(json), &options, NULL, NULL, &error) !=
            NEAP_OK)
            abort();
    }
}

/* Nobody has used libnats before the fork: its threads would be missing in the child. */
static void run_and_die(const place *it, unsigned round)
{
    fflush(NULL);
    pid_t child = fork();
    int status;
    if (child == 0) {
        deadly user = {.where = it, .lives = 1 + round % 3};
        neap_runtime *runtime = start(it, &user);
        for (unsigned part = 0; part < PARTS; part++) {
            place_orders(runtime, round, part * COMMANDS / PARTS, (part + 1) * COMMANDS / PARTS);
            neap_drain(runtime, PATIENCE_MS, &error);
        }
        _exit(1); /* it was to die before */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* By position, the id of each stored event. */
static uint64_t read_log(const place *it, char (*ids)[37], uint64_t most)
{
    neap_store *store;
    neap_cursor *cursor;
    const neap_event *event;
    uint64_t count = 0;
    assert_int_equal(neap_store_open(it->store, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_read(store, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        assert_true(event->position < most);
        neap_uuid_format(event->id, ids[event->position]);
        count++;
    }
    neap_cursor_close(cursor);
    neap_store_close(store);
    return count;
}

static void assert_attempts_have_their_ids(const place *it, char (*ids)[37], uint64_t count)
{
    unsigned long long position;
    char id[37];
    uint64_t attempts = 0;
    FILE *file = fopen(it->attempts, "r");
    while (fscanf(file, "%llu %36s", &position, id) == 2) {
        assert_true(position <= count);
        assert_string_equal(id, ids[position]);
        attempts++;
    }
    fclose(file);
    assert_true(attempts > count); /* else nothing was published again, and this proves nothing */
}

/* Every event of the log is there, once, those of one stream in their order. */
static void assert_kept(const place *it, char (*ids)[37], uint64_t count)
{
    natsConnection *connection;
    jsCtx *js;
    jsStreamInfo *info;
    uint64_t last[STREAMS] = {0};
    assert_int_equal(natsConnection_ConnectTo(&connection, it->server.url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&js, connection, NULL), NATS_OK);
    assert_int_equal(js_GetStreamInfo(&info, js, "SHOP", NULL, NULL), NATS_OK);
    assert_int_equal(info->State.Msgs, count);
    jsStreamInfo_Destroy(info);
    for (uint64_t seq = 1; seq <= count; seq++) {
        natsMsg *message;
        const char *id;
        assert_int_equal(js_GetMsg(&message, js, "SHOP", seq, NULL, NULL), NATS_OK);
        assert_int_equal(natsMsgHeader_Get(message, "Nats-Msg-Id", &id), NATS_OK);
        const char *body = natsMsg_GetData(message);
        uint64_t position = strtoull(strstr(body, "\"position\":\"") + 12, NULL, 10);
        unsigned long stream = strtoul(strstr(body, "\"subject\":\"Order-o-") + 19, NULL, 10);
        assert_string_equal(id, ids[position]);
        assert_true(position > last[stream]);
        last[stream] = position;
        natsMsg_Destroy(message);
    }
    jsCtx_Destroy(js);
    natsConnection_Destroy(connection);
}

static void nothing_is_lost_by_dying_before_the_checkpoint(void **state)
{
    static char ids[ROUNDS * COMMANDS + 2][37];
    place it = {.server = {.pid = 0}};
    (void)state;
    nats_server_start(&it.server);
    snprintf(it.domain, sizeof it.domain, "%s/shop.lua", it.server.folder);
    snprintf(it.store, sizeof it.store, "sqlite:%s/shop.db", it.server.folder);
    snprintf(it.attempts, sizeof it.attempts, "%s/attempts", it.server.folder);
    write_domain(&it);
    for (unsigned round = 0; round + 1 < ROUNDS; round++) {
        run_and_die(&it, round);
    }
    deadly user = {.where = &it};
    neap_runtime *runtime = start(&it, &user);
    place_orders(runtime, ROUNDS - 1, 0, COMMANDS);
    assert_int_equal(neap_drain(runtime, PATIENCE_MS, &error), NEAP_OK);
    assert_int_equal(neap_catch_up(runtime, "partners", 0, PATIENCE_MS, &error), NEAP_OK);
    neap_close(runtime);
    uint64_t count = read_log(&it, ids, ROUNDS * COMMANDS + 2);
    assert_true(count >= COMMANDS);
    assert_attempts_have_their_ids(&it, ids, count);
    assert_kept(&it, ids, count);
    nats_server_remove(&it.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_by_dying_before_the_checkpoint),
    };
    if (!nats_server_installed())
        return NATS_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}
