#include "loop.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "measure.h"

static neap_runtime *looped;
static unsigned (*ordered)(unsigned n);
static atomic_uint next_command;
static unsigned last_command;

size_t add_line_json(char json[JSON_ROOM], unsigned number, unsigned order)
{
    return (size_t)snprintf(json, JSON_ROOM,
                            "{\"note\":\"a note of about sixty bytes, so that an event has its "
                            "length\",\"order_id\":\"o-%u\",\"price\":12.5,\"quantity\":%u,\"sku\":"
                            "\"sku-0123456789\"}",
                            order, number % 7 + 1);
}

static void send_next(void);

static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *failure)
{
    (void)user;
    if (status != NEAP_OK)
        die("command", failure->message);
    neap_reply_free(reply);
    send_next();
}

static void send_next(void)
{
    char json[JSON_ROOM];
    neap_error error;
    unsigned i = atomic_fetch_add(&next_command, 1);
    if (i >= last_command)
        return;
    size_t size = add_line_json(json, i, ordered(i));
    if (neap_send(looped, "AddLine", json, size, NULL, answered, NULL, &error) != NEAP_OK)
        die("send", error.message);
}

double closed_loop(neap_runtime *runtime, unsigned commands, unsigned (*order_of)(unsigned n))
{
    looped = runtime;
    ordered = order_of;
    last_command = commands;
    atomic_store(&next_command, 0);
    double start = now_s();
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        send_next();
    while (atomic_load(&next_command) < commands + IN_FLIGHT)
        usleep(1000);
    neap_drain(runtime, 0, NULL);
    return commands / (now_s() - start);
}
