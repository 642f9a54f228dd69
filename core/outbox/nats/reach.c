#include "base/error.h"
#include "base/text.h"
#include "outbox/nats/batch.h"

static natsStatus listen(neapi_nats_publisher *publisher)
{
    neapi_buffer pattern = NEAPI_BUFFER_INIT;
    natsStatus status = natsInbox_Create(&publisher->inbox);
    if (status == NATS_OK)
        neapi_buffer_format(&pattern, "%s.*", publisher->inbox);
    const char *subject = neapi_buffer_terminated(&pattern);
    if (status == NATS_OK)
        status = subject == NULL ? NATS_NO_MEMORY
                                 : natsConnection_SubscribeSync(&publisher->answers,
                                                                publisher->connection, subject);
    neapi_buffer_fini(&pattern);
    return status;
}

/* One of that name that is made otherwise is left as it is. */
static natsStatus create_stream(neapi_nats_publisher *publisher)
{
    jsCtx *js = NULL;
    jsStreamConfig config;
    jsErrCode code = 0;
    neapi_buffer pattern = NEAPI_BUFFER_INIT;
    neapi_subject_pattern(&pattern, publisher->subject);
    const char *subjects[] = {neapi_buffer_terminated(&pattern)};
    natsStatus status = subjects[0] != NULL
                            ? natsConnection_JetStream(&js, publisher->connection, NULL)
                            : NATS_NO_MEMORY;
    if (status == NATS_OK) {
        jsStreamConfig_Init(&config);
        config.Name = publisher->stream;
        config.Subjects = subjects;
        config.SubjectsLen = 1;
        status = js_AddStream(NULL, js, &config, NULL, &code);
        if (code == JSStreamNameExistErr)
            status = NATS_OK;
    }
    jsCtx_Destroy(js);
    neapi_buffer_fini(&pattern);
    return status;
}

neap_status neapi_nats_reach(neapi_nats_publisher *publisher, neap_error *error)
{
    if (publisher->connection != NULL) {
        if (neapi_nats_connected(publisher->connection))
            return NEAP_OK;
        if (!natsConnection_IsClosed(publisher->connection))
            return neapi_fail(error, NEAP_UNAVAILABLE,
                              "nats: the connection to %s is lost and not yet made again",
                              publisher->address.shown);
        neapi_nats_leave(publisher);
    }
    neap_status status = neapi_nats_connect(&publisher->address, &publisher->settings,
                                            &publisher->connection, error);
    if (status != NEAP_OK)
        return status;
    natsStatus failure = listen(publisher);
    if (failure != NATS_OK)
        status = neapi_nats_fail(failure, "subscribe to acknowledgements", error);
    else if (publisher->creates && (failure = create_stream(publisher)) != NATS_OK)
        status = neapi_nats_fail(failure, "create the stream", error);
    if (status != NEAP_OK)
        neapi_nats_leave(publisher);
    return status;
}

void neapi_nats_leave(neapi_nats_publisher *publisher)
{
    natsSubscription_Destroy(publisher->answers);
    natsInbox_Destroy(publisher->inbox);
    natsConnection_Destroy(publisher->connection);
    publisher->answers = NULL;
    publisher->inbox = NULL;
    publisher->connection = NULL;
}
