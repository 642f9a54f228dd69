/* The whole way: commands of a shop, its outbox, NATS JetStream, commands of a ledger. Both are
 * commands of `neap`, killed again and again; each order is in the ledger once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <nats/nats.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "neap.h"
#include "outbox/nats_server.h"

#define ORDERS     1500
#define CUSTOMERS  9
#define ROUNDS     10
#define PATIENCE_S 90

typedef struct journey {
    nats_server server;
    char shop[96], ledger[96], orders[96], said[96]; /* files */
    char shop_store[128], ledger_store[128], from[256];
    pid_t shop_pid, ledger_pid; /* 0: it does not run */
    bool shop_done;
    unsigned kills;
    natsConnection *connection;
    jsCtx *js;
} journey;

static neap_error error;

static FILE *begin_file(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_shop(const journey *it)
{
    FILE *file = begin_file(it->shop);
    fprintf(file,
            "local neap = require 'neap'\n"
            "local shop = neap.domain 'shop'\n"
            "local Placed = shop:event 'Placed' { customer = 'string', n = 'integer' }\n"
            "shop:command 'Place' { customer = 'string', n = 'integer' }\n"
            "shop:aggregate 'Customer' { key = 'customer', initial = {},\n"
            "  commands = { Place = function(_, command) return Placed(command) end },\n"
            "  events = { Placed = function() end } }\n"
            "shop:outbox 'partners' { to = '%s?stream=SHOP&create', pending = 16,\n"
            "  retry = { first_delay = 0.05, max_delay = 0.5 } }\n"
            "return shop\n",
            it->server.url);
    assert_int_equal(fclose(file), 0);
}

/* It has no way to know an order again: what makes it once is the message's id. */
static void write_ledger(const journey *it)
{
    FILE *file = begin_file(it->ledger);
    fputs("local neap = require 'neap'\n"
          "local ledger = neap.domain 'ledger'\n"
          "local Recorded = ledger:event 'Recorded' { customer = 'string', n = 'integer' }\n"
          "ledger:command 'Record' { customer = 'string', n = 'integer' }\n"
          "ledger:aggregate 'Account' { key = 'customer', initial = {},\n"
          "  commands = { Record = function(_, command) return Recorded(command) end },\n"
          "  events = { Recorded = function() end } }\n"
          "return ledger\n",
          file);
    assert_int_equal(fclose(file), 0);
}

static void write_orders(const journey *it)
{
    FILE *file = begin_file(it->orders);
    for (int n = 0; n < ORDERS; n++)
        fprintf(file,
                "{\"command\":\"Place\",\"data\":{\"customer\":\"c-%d\",\"n\":%d},\"key\":\"%d\"}"
                "\n",
                n % CUSTOMERS, n, n);
    assert_int_equal(fclose(file), 0);
}

/* What it prints goes nowhere, what it says into a file. */
static pid_t start(const journey *it, const char *const *arguments)
{
    fflush(NULL);
    pid_t child = fork();
    assert_int_not_equal(child, -1);
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int out = open("/dev/null", O_WRONLY),
        said = open(it->said, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0 || said < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0)
        _exit(126);
    execv(NEAP_COMMAND, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void start_shop(journey *it)
{
    const char *const arguments[] = {"neap",   "run",      it->shop,  "--store", it->shop_store,
                                     "--file", it->orders, "--quiet", NULL};
    it->shop_pid = start(it, arguments);
}

static void start_ledger(journey *it)
{
    const char *const arguments[] = {
        "neap",       "consume",       it->ledger,  it->from, "--store", it->ledger_store,
        "--commands", "Placed=Record", "--pending", "16",     NULL};
    it->ledger_pid = start(it, arguments);
}

/* Kills it; gives its status if it had ended before, else -1. */
static int kill_now(journey *it, pid_t *pid)
{
    int status;
    kill(*pid, SIGKILL);
    assert_int_equal(waitpid(*pid, &status, 0), *pid);
    *pid = 0;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    it->kills++;
    return -1;
}

/* How far the ledger's consumer is. false: there is none yet. */
static bool look(const journey *it, uint64_t *delivered, uint64_t *settled)
{
    jsConsumerInfo *info;
    if (js_GetConsumerInfo(&info, it->js, "SHOP", "ledger", NULL, NULL) != NATS_OK)
        return false;
    *delivered = info->Delivered.Consumer; /* each message as often as it came */
    *settled = info->AckFloor.Stream;
    jsConsumerInfo_Destroy(info);
    return true;
}

/* Until messages have come that had not before, or there are none. */
static void await_delivery(const journey *it)
{
    uint64_t before = 0, delivered = 0, settled = 0;
    time_t ends = time(NULL) + PATIENCE_S;
    look(it, &before, &settled);
    while (delivered <= before && settled < ORDERS) {
        poll(NULL, 0, 1);
        look(it, &delivered, &settled);
        if (time(NULL) > ends)
            fail_msg("the ledger gets no message");
    }
}

static void die_again_and_again(journey *it)
{
    unsigned seed = (unsigned)time(NULL);
    printf("seed %u\n", seed);
    srand(seed);
    for (int round = 0; round < ROUNDS; round++) {
        if (!it->shop_done)
            start_shop(it);
        start_ledger(it);
        await_delivery(it);
        poll(NULL, 0, rand() % 20);
        int status = it->shop_done ? -1 : kill_now(it, &it->shop_pid);
        assert_true(status <= 0);
        it->shop_done = it->shop_done || status == 0;
        assert_int_equal(kill_now(it, &it->ledger_pid), -1);
    }
    assert_true(it->kills >= ROUNDS);
}

static void finish_shop(journey *it)
{
    int status;
    if (it->shop_done)
        return;
    start_shop(it);
    assert_int_equal(waitpid(it->shop_pid, &status, 0), it->shop_pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Until every message is acknowledged; the stream has each order once. */
static void await_settled(const journey *it)
{
    jsStreamInfo *stream;
    uint64_t delivered = 0, settled = 0;
    time_t ends = time(NULL) + PATIENCE_S;
    assert_int_equal(js_GetStreamInfo(&stream, it->js, "SHOP", NULL, NULL), NATS_OK);
    assert_int_equal(stream->State.Msgs, ORDERS);
    jsStreamInfo_Destroy(stream);
    while (settled < ORDERS) {
        poll(NULL, 0, 10);
        look(it, &delivered, &settled);
        if (time(NULL) > ends)
            fail_msg("message %d is not settled", (int)settled + 1);
    }
    assert_true(delivered > ORDERS); /* else nothing came again, and this proves nothing */
}

static void end_ledger(journey *it)
{
    int status;
    kill(it->ledger_pid, SIGTERM);
    assert_int_equal(waitpid(it->ledger_pid, &status, 0), it->ledger_pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_each_once(const char *url)
{
    static int found[ORDERS];
    neap_store *store;
    neap_cursor *cursor;
    const neap_event *event;
    memset(found, 0, sizeof found);
    assert_int_equal(neap_store_open(url, &store, &error), NEAP_OK);
    assert_int_equal(neap_store_read(store, NULL, &cursor, &error), NEAP_OK);
    while (neap_cursor_next(cursor, &event, &error) == NEAP_OK && event != NULL) {
        char data[128];
        snprintf(data, sizeof data, "%.*s", (int)event->data.size, event->data.data);
        int n = atoi(strstr(data, "\"n\":") + 4);
        assert_in_range(n, 0, ORDERS - 1);
        found[n]++;
    }
    neap_cursor_close(cursor);
    neap_store_close(store);
    for (int n = 0; n < ORDERS; n++)
        if (found[n] != 1)
            fail_msg("%s has order %d %d times", url, n, found[n]);
}

static void assert_said(const journey *it, const char *part)
{
    char text[4096] = "";
    FILE *file = fopen(it->said, "r");
    assert_non_null(file);
    while (fgets(text, sizeof text, file) != NULL && strstr(text, part) == NULL)
        continue;
    fclose(file);
    if (strstr(text, part) == NULL)
        fail_msg("nobody said \"%s\"; last: %s", part, text);
}

static void each_order_is_in_the_ledger_once(void **state)
{
    journey it = {.server = {.pid = 0}};
    (void)state;
    nats_server_start(&it.server);
    const char *folder = it.server.folder;
    snprintf(it.shop, sizeof it.shop, "%s/shop.lua", folder);
    snprintf(it.ledger, sizeof it.ledger, "%s/ledger.lua", folder);
    snprintf(it.orders, sizeof it.orders, "%s/orders.jsonl", folder);
    snprintf(it.said, sizeof it.said, "%s/said", folder);
    snprintf(it.shop_store, sizeof it.shop_store, "sqlite:%s/shop.db", folder);
    snprintf(it.ledger_store, sizeof it.ledger_store, "sqlite:%s/ledger.db", folder);
    snprintf(it.from, sizeof it.from, "%s?stream=SHOP&consumer=ledger&ack_wait_ms=300",
             it.server.url);
    assert_int_equal(natsConnection_ConnectTo(&it.connection, it.server.url), NATS_OK);
    assert_int_equal(natsConnection_JetStream(&it.js, it.connection, NULL), NATS_OK);
    write_shop(&it);
    write_ledger(&it);
    write_orders(&it);
    die_again_and_again(&it);
    finish_shop(&it);
    start_ledger(&it);
    await_settled(&it);
    end_ledger(&it);
    assert_said(&it, "0 rejected, 0 no command");
    assert_each_once(it.shop_store);
    assert_each_once(it.ledger_store);
    jsCtx_Destroy(it.js);
    natsConnection_Destroy(it.connection);
    nats_server_remove(&it.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_order_is_in_the_ledger_once),
    };
    if (!nats_server_installed())
        return NATS_SKIPPED;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nats_Close();
    return failed;
}
