/* Messages of a durable consumer of JetStream, pulled. */
#include "outbox/source.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "outbox/nats/connection.h"
#include "outbox/quiet.h"

#define MOST_ACK_WAIT_MS 86400000

struct neapi_source {
    neapi_arena arena;
    neapi_address address;
    neapi_nats_settings settings;
    const char *stream, *consumer, *subject, *dead;
    uint32_t ack_wait_ms; /* 0: the server's */
    natsConnection *connection;
    jsCtx *js;
    natsSubscription *subscription;
};

static neap_status configure(neapi_source *source, const char *from, neap_error *error)
{
    neapi_address_option known[] = {{"stream", NULL},     {"consumer", NULL}, {"subject", NULL},
                                    {"dead", NULL},       {"creds", NULL},    {"ca", NULL},
                                    {"ack_wait_ms", NULL}};
    neap_text url = neapi_text_of(from);
    if (strncmp(from, "nats:", 5) != 0 && strncmp(from, "tls:", 4) != 0)
        return neapi_fail(error, NEAP_UNKNOWN,
                          "messages come from nats: and tls: URLs, not from \"%.200s\"", from);
    neap_status status = neapi_address_read(url, &source->arena, &source->address, error);
    if (status == NEAP_OK)
        status = neapi_address_options(&source->address, &source->arena, known,
                                       sizeof known / sizeof *known, error);
    if (status != NEAP_OK)
        return status;
    source->stream = known[0].value;
    source->consumer = known[1].value;
    source->subject = known[2].value;
    source->dead = known[3].value;
    source->settings.creds = known[4].value;
    source->settings.ca = known[5].value;
    source->settings.name = source->consumer;
    if (known[6].value != NULL)
        status = neapi_address_number(&known[6], MOST_ACK_WAIT_MS, &source->ack_wait_ms, error);
    if (status != NEAP_OK)
        return status;
    if (source->stream == NULL || source->consumer == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "the URL needs stream=NAME and consumer=NAME: which messages, and the "
                          "name under which JetStream keeps how far they are handled");
    return NEAP_OK;
}

neap_status neapi_source_open(const char *from, uint32_t timeout_ms, neapi_source **source,
                              neap_error *error)
{
    neapi_source *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    opened->settings.timeout_ms = timeout_ms;
    neap_status status = configure(opened, from, error);
    if (status == NEAP_OK)
        *source = opened;
    else
        neapi_source_close(opened);
    return status;
}

static void leave(neapi_source *source)
{
    natsSubscription_Destroy(source->subscription);
    jsCtx_Destroy(source->js);
    natsConnection_Destroy(source->connection);
    source->subscription = NULL;
    source->js = NULL;
    source->connection = NULL;
}

void neapi_source_close(neapi_source *source)
{
    neapi_quiet quiet;
    neapi_quiet_enter(&quiet);
    if (natsConnection_Status(source->connection) == NATS_CONN_STATUS_CONNECTED)
        natsConnection_FlushTimeout(source->connection, source->settings.timeout_ms);
    leave(source);
    neapi_quiet_leave(&quiet);
    neapi_arena_fini(&source->arena);
    neapi_free(source);
}

/* Makes the consumer, unless it is there: then it is taken as it is. */
static natsStatus make_consumer(neapi_source *source, jsErrCode *code)
{
    jsConsumerConfig config;
    jsConsumerInfo *found = NULL;
    natsStatus status =
        js_GetConsumerInfo(&found, source->js, source->stream, source->consumer, NULL, code);
    jsConsumerInfo_Destroy(found);
    if (status != NATS_NOT_FOUND)
        return status;
    jsConsumerConfig_Init(&config);
    config.Durable = source->consumer;
    config.AckPolicy = js_AckExplicit;
    config.FilterSubject = source->subject;
    config.AckWait = (int64_t)source->ack_wait_ms * 1000000;
    return js_AddConsumer(NULL, source->js, source->stream, &config, NULL, code);
}

static neap_status subscribe(neapi_source *source, neap_error *error)
{
    jsSubOptions options;
    jsErrCode code = 0;
    jsSubOptions_Init(&options);
    options.Stream = source->stream;
    options.Consumer = source->consumer;
    natsStatus status = natsConnection_JetStream(&source->js, source->connection, NULL);
    if (status == NATS_OK)
        status = make_consumer(source, &code);
    if (status == NATS_OK)
        status = js_PullSubscribe(&source->subscription, source->js,
                                  source->subject != NULL ? source->subject : ">", source->consumer,
                                  NULL, &options, &code);
    if (status == NATS_OK)
        return NEAP_OK;
    char doing[256];
    snprintf(doing, sizeof doing, "consume stream %.80s as %.80s (%d)", source->stream,
             source->consumer, (int)code);
    return neapi_nats_fail(status, doing, error);
}

static neap_status reach(neapi_source *source, neap_error *error)
{
    if (source->subscription != NULL && !natsConnection_IsClosed(source->connection))
        return NEAP_OK;
    leave(source);
    neap_status status =
        neapi_nats_connect(&source->address, &source->settings, &source->connection, error);
    if (status == NEAP_OK)
        status = subscribe(source, error);
    if (status != NEAP_OK)
        leave(source);
    return status;
}

static void describe(neapi_incoming *incoming, natsMsg *message)
{
    jsMsgMetaData *meta;
    *incoming =
        (neapi_incoming){.body = {natsMsg_GetData(message), (size_t)natsMsg_GetDataLength(message)},
                         .message = message,
                         .delivered = 1};
    if (natsMsgHeader_Get(message, "Nats-Msg-Id", &incoming->id) != NATS_OK)
        incoming->id = NULL;
    if (natsMsg_GetMetaData(&meta, message) != NATS_OK)
        return;
    incoming->delivered = meta->NumDelivered;
    snprintf(incoming->place, sizeof incoming->place, "%.120s/%llu", meta->Stream,
             (unsigned long long)meta->Sequence.Stream);
    jsMsgMetaData_Destroy(meta);
}

static neap_status fetch(neapi_source *source, neapi_incoming *list, size_t most,
                         uint32_t timeout_ms, size_t *count, neap_error *error)
{
    natsMsgList messages = {0};
    neap_status status = reach(source, error);
    if (status != NEAP_OK)
        return status;
    natsStatus failure =
        natsSubscription_Fetch(&messages, source->subscription, (int)most, timeout_ms, NULL);
    if (failure == NATS_TIMEOUT)
        return NEAP_OK;
    if (failure != NATS_OK)
        return neapi_nats_fail(failure, "fetch messages", error);
    for (int i = 0; i < messages.Count; i++) {
        describe(&list[*count], messages.Msgs[i]);
        messages.Msgs[i] = NULL;
        ++*count;
    }
    natsMsgList_Destroy(&messages);
    return NEAP_OK;
}

neap_status neapi_source_fetch(neapi_source *source, neapi_incoming *list, size_t most,
                               uint32_t timeout_ms, size_t *count, neap_error *error)
{
    neapi_quiet quiet;
    neapi_quiet_enter(&quiet);
    *count = 0;
    neap_status status = fetch(source, list, most, timeout_ms, count, error);
    neapi_quiet_leave(&quiet);
    return status;
}

/* A header is one line. */
static void one_line(char *line, size_t room, const char *text)
{
    snprintf(line, room, "%s", text);
    for (; *line != '\0'; line++)
        if ((unsigned char)*line < ' ' || *line == 0x7F)
            *line = ' ';
}

/* A copy with the reason goes to the subject of dead letters, and is acknowledged there. */
static natsStatus set_aside(neapi_source *source, const neapi_incoming *incoming,
                            const neap_error *why)
{
    natsMsg *copy = NULL;
    char reason[sizeof why->message];
    one_line(reason, sizeof reason, why->message);
    natsStatus status =
        natsMsg_Create(&copy, source->dead, NULL, incoming->body.data, (int)incoming->body.size);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(copy, "Neap-Error", reason);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(copy, "Neap-Place", incoming->place);
    if (status == NATS_OK)
        status = natsMsgHeader_Set(copy, "Nats-Msg-Id", incoming->place);
    if (status == NATS_OK)
        status = js_PublishMsg(NULL, source->js, copy, NULL, NULL);
    natsMsg_Destroy(copy);
    return status;
}

neapi_settlement neapi_source_settle(neapi_source *source, neapi_incoming *incoming,
                                     neapi_settlement settlement, uint32_t delay_ms,
                                     const neap_error *why)
{
    natsMsg *message = incoming->message;
    neapi_quiet quiet;
    neapi_quiet_enter(&quiet);
    if (settlement == NEAPI_SETTLED_NEVER && source->dead != NULL &&
        set_aside(source, incoming, why) != NATS_OK)
        settlement = NEAPI_SETTLED_LATER;
    if (settlement == NEAPI_SETTLED_DONE)
        natsMsg_Ack(message, NULL);
    else if (settlement == NEAPI_SETTLED_NEVER)
        natsMsg_Term(message, NULL);
    else
        natsMsg_NakWithDelay(message, (int64_t)delay_ms, NULL);
    natsMsg_Destroy(message);
    neapi_quiet_leave(&quiet);
    return settlement;
}
