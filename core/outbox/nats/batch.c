#include "outbox/nats/batch.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/map.h"
#include "base/platform.h"
#include "base/text.h"
#include "outbox/nats/ack.h"

#define NONE     UINT32_MAX
#define SLICE_MS 50 /* a lost connection is noticed that late */

typedef struct slot {
    uint32_t after; /* the next event of the same stream; NONE: there is none */
    bool acknowledged;
} slot;

typedef struct batch {
    neapi_nats_publisher *publisher;
    const neap_publication *const *publications;
    uint32_t count;
    uint32_t limit; /* what is from here on is not sent: it failed, or `count` */
    slot *slots;
    uint32_t *ready; /* may be sent, in this order; messages are numbered by it */
    uint32_t ready_count, sent;
    uint32_t on_way;
    uint64_t first; /* the number of the message that is sent first */
    uint64_t reconnects;
    bool unheard; /* some message reached no stream; libnats does not say which */
    neapi_buffer subject, reply;
    neap_status status;
    neap_error *error;
} batch;

/* Keeps the failure of the event that comes first. */
static void fail_at(batch *b, uint32_t index, neap_status status, const neap_error *error)
{
    if (index >= b->limit)
        return;
    b->limit = index;
    b->status = status;
    if (b->error != NULL)
        *b->error = *error;
}

/* Events of a stream are chained; the first of each may be sent. */
static bool chain(batch *b)
{
    neapi_map last;
    bool done = true;
    neapi_map_init(&last);
    for (uint32_t i = 0; i < b->count && done; i++) {
        neap_text stream = b->publications[i]->event->stream;
        slot *before = neapi_map_get(&last, stream);
        b->slots[i].after = NONE;
        if (before != NULL)
            before->after = i;
        else
            b->ready[b->ready_count++] = i;
        done = neapi_map_put(&last, stream, &b->slots[i]);
    }
    neapi_map_fini(&last);
    return done;
}

static natsStatus set_headers(natsMsg *message, const neapi_nats_publisher *publisher,
                              const char *id)
{
    natsStatus status = natsMsgHeader_Set(message, "Nats-Msg-Id", id);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(message, "Content-Type", "application/cloudevents+json");
    if (status == NATS_OK && publisher->stream != NULL)
        status = natsMsgHeader_Set(message, "Nats-Expected-Stream", publisher->stream);
    return status;
}

static natsStatus send_message(batch *b, const neap_publication *publication)
{
    neapi_nats_publisher *publisher = b->publisher;
    natsMsg *message = NULL;
    neapi_buffer_clear(&b->subject);
    neapi_buffer_clear(&b->reply);
    neapi_subject_write(&b->subject, publisher->subject, publication->event);
    neapi_buffer_format(&b->reply, "%s.%llu", publisher->inbox,
                        (unsigned long long)(b->first + b->sent));
    const char *subject = neapi_buffer_terminated(&b->subject);
    const char *reply = neapi_buffer_terminated(&b->reply);
    if (subject == NULL || reply == NULL)
        return NATS_NO_MEMORY;
    natsStatus status = natsMsg_Create(&message, subject, reply, publication->body.data,
                                       (int)publication->body.size);
    if (status == NATS_OK)
        status = set_headers(message, publisher, publication->id.data);
    if (status == NATS_OK)
        status = natsConnection_PublishMsg(publisher->connection, message);
    natsMsg_Destroy(message);
    return status;
}

static void send_one(batch *b)
{
    uint32_t index = b->ready[b->sent];
    const neap_publication *publication = b->publications[index];
    neap_error error;
    natsStatus status = index < b->limit ? send_message(b, publication) : NATS_OK;
    b->sent++;
    if (status == NATS_OK) {
        b->on_way += index < b->limit;
        return;
    }
    if (status == NATS_MAX_PAYLOAD)
        neapi_fail(&error, NEAP_LIMIT,
                   "nats: the event is %zu bytes as a CloudEvent; with its headers that is more "
                   "than the server's max_payload, %lld",
                   publication->body.size,
                   (long long)natsConnection_GetMaxPayload(b->publisher->connection));
    else
        neapi_nats_fail(status, "publish", &error);
    fail_at(b, index, error.status, &error);
}

static uint32_t first_without_answer(const batch *b)
{
    uint32_t first = 0;
    while (first < b->limit && b->slots[first].acknowledged)
        first++;
    return first;
}

/* All that were sent beside it were answered: it is the first of them without. */
static void fail_unheard(batch *b)
{
    neap_error error;
    uint32_t first = b->limit;
    for (uint32_t i = 0; i < b->sent; i++)
        if (b->ready[i] < first && !b->slots[b->ready[i]].acknowledged)
            first = b->ready[i];
    if (first == b->limit)
        return;
    neapi_buffer_clear(&b->subject);
    neapi_subject_write(&b->subject, b->publisher->subject, b->publications[first]->event);
    neapi_fail(&error, NEAP_UNAVAILABLE,
               "nats: no stream of JetStream takes the subject %.*s, or JetStream is off; make a "
               "stream for it, or add stream=NAME&create to the broker's URL",
               NEAPI_TEXT(b->subject));
    fail_at(b, first, NEAP_UNAVAILABLE, &error);
}

static void answer(batch *b, natsMsg *message)
{
    const char *dot = strrchr(natsMsg_GetSubject(message), '.');
    uint64_t number = dot != NULL ? strtoull(dot + 1, NULL, 10) : 0;
    neap_error error;
    neap_status status;
    if (number < b->first || number >= b->first + b->sent)
        return; /* of a batch that was given up */
    uint32_t index = b->ready[number - b->first];
    b->on_way--;
    neap_text json = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)};
    status = neapi_nats_ack_read(json, &error);
    if (status != NEAP_OK) {
        fail_at(b, index, status, &error);
        return;
    }
    b->slots[index].acknowledged = true;
    if (b->slots[index].after != NONE)
        b->ready[b->ready_count++] = b->slots[index].after;
}

static bool is_lost(const batch *b)
{
    natsConnection *connection = b->publisher->connection;
    return !neapi_nats_connected(connection) || neapi_nats_reconnects(connection) != b->reconnects;
}

/* Waits for one answer. false: there will be none. */
static bool await(batch *b)
{
    const neapi_platform *platform = neapi_platform_machine();
    int64_t deadline = neapi_monotonic_us(platform) + (int64_t)b->publisher->timeout_ms * 1000;
    natsStatus status = NATS_TIMEOUT;
    natsMsg *message = NULL;
    while (status == NATS_TIMEOUT && neapi_monotonic_us(platform) < deadline) {
        status = natsSubscription_NextMsg(&message, b->publisher->answers, SLICE_MS);
        if (status == NATS_TIMEOUT && is_lost(b))
            status = NATS_CONNECTION_DISCONNECTED;
    }
    if (status == NATS_NO_RESPONDERS) {
        b->unheard = true;
        b->on_way--;
        return true;
    }
    if (status == NATS_OK) {
        answer(b, message);
        natsMsg_Destroy(message);
        return true;
    }
    neap_error error;
    if (status == NATS_TIMEOUT)
        neapi_fail(&error, NEAP_UNAVAILABLE, "nats: no acknowledgement came within %u ms",
                   b->publisher->timeout_ms);
    else
        neapi_fail(&error, NEAP_UNAVAILABLE,
                   "nats: the connection to %s was lost before the acknowledgement came",
                   b->publisher->address.shown);
    fail_at(b, first_without_answer(b), NEAP_UNAVAILABLE, &error);
    return false;
}

static void run(batch *b)
{
    bool going = true;
    while (going) {
        while (!b->unheard && b->sent < b->ready_count && b->on_way < b->publisher->pending)
            send_one(b);
        going = b->on_way > 0 && await(b);
    }
    if (b->unheard)
        fail_unheard(b);
}

neap_status neapi_nats_publish(neapi_nats_publisher *publisher,
                               const neap_publication *const *publications, size_t count,
                               size_t *acknowledged, neap_error *error)
{
    batch b = {.publisher = publisher,
               .publications = publications,
               .count = (uint32_t)count,
               .limit = (uint32_t)count,
               .first = publisher->sent,
               .reconnects = neapi_nats_reconnects(publisher->connection),
               .status = NEAP_OK,
               .error = error};
    if (count == 0)
        return NEAP_OK;
    b.slots = neapi_alloc_zero(count, sizeof *b.slots);
    b.ready = neapi_alloc_zero(count, sizeof *b.ready);
    if (b.slots == NULL || b.ready == NULL || !chain(&b))
        b.status = neapi_nomem(error);
    else
        run(&b);
    while (b.slots != NULL && *acknowledged < b.limit && b.slots[*acknowledged].acknowledged)
        ++*acknowledged;
    neapi_buffer_fini(&b.subject);
    neapi_buffer_fini(&b.reply);
    neapi_free(b.slots);
    neapi_free(b.ready);
    publisher->sent += b.sent;
    return b.status;
}
