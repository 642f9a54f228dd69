/* Publishes to NATS JetStream. Acknowledgements come to an inbox of the publisher's own, so that
 * all waiting is done by whoever calls, and each is known by itself. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "outbox/nats/ack.h"
#include "outbox/nats/batch.h"
#include "outbox/publisher.h"
#include "outbox/quiet.h"

static neap_status make_subject(neapi_nats_publisher *publisher, const char *subject,
                                const neap_publisher_options *options, neap_error *error)
{
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (subject == NULL)
        subject = options->subject;
    if (subject != NULL)
        neapi_buffer_text(&text, neapi_text_of(subject));
    else
        neapi_buffer_format(&text, "%s.{type}", options->domain);
    publisher->subject = neapi_arena_text(&publisher->arena, neapi_text(text.data, text.size));
    neapi_buffer_fini(&text);
    if (text.failed || publisher->subject.data == NULL)
        return neapi_nomem(error);
    return neapi_subject_check(publisher->subject, error);
}

static neap_status configure(neapi_nats_publisher *publisher, const neap_publisher_options *options,
                             neap_error *error)
{
    neapi_address_option known[] = {{"subject", NULL}, {"stream", NULL}, {"pending", NULL},
                                    {"creds", NULL},   {"ca", NULL},     {"create", NULL}};
    neap_status status = neapi_address_read(neapi_text_of(options->to), &publisher->arena,
                                            &publisher->address, error);
    if (status == NEAP_OK)
        status = neapi_address_options(&publisher->address, &publisher->arena, known,
                                       sizeof known / sizeof *known, error);
    if (status == NEAP_OK)
        status = make_subject(publisher, known[0].value, options, error);
    if (status == NEAP_OK && known[2].value != NULL)
        status =
            neapi_address_number(&known[2], NEAPI_NATS_PENDING_MOST, &publisher->pending, error);
    neap_text name = neapi_text_of(options->outbox);
    publisher->stream = known[1].value;
    publisher->creates = known[5].value != NULL;
    if (status == NEAP_OK && publisher->creates && publisher->stream == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "the option \"create\" in the broker's URL needs the stream's name: "
                          "stream=NAME");
    publisher->settings = (neapi_nats_settings){
        .name = neapi_arena_text(&publisher->arena, name).data,
        .creds = known[3].value,
        .ca = known[4].value,
        .timeout_ms = publisher->timeout_ms,
    };
    if (status == NEAP_OK && publisher->settings.name == NULL)
        return neapi_nomem(error);
    return status;
}

static void close_publisher(void *self)
{
    neapi_nats_publisher *publisher = self;
    neapi_quiet quiet;
    neapi_quiet_enter(&quiet);
    neapi_nats_leave(publisher);
    neapi_quiet_leave(&quiet);
    neapi_arena_fini(&publisher->arena);
    neapi_free(publisher);
}

static neap_status open_publisher(void *user, const neap_publisher_options *options, void **self,
                                  neap_error *error)
{
    neapi_nats_publisher *publisher = neapi_alloc_zero(1, sizeof *publisher);
    (void)user;
    if (publisher == NULL)
        return neapi_nomem(error);
    publisher->pending = options->pending;
    publisher->timeout_ms = options->timeout_ms;
    neap_status status = configure(publisher, options, error);
    if (status != NEAP_OK) {
        neapi_arena_fini(&publisher->arena);
        neapi_free(publisher);
        return status;
    }
    *self = publisher;
    return NEAP_OK;
}

static neap_status publish(void *self, const neap_publication *const *publications, size_t count,
                           size_t *acknowledged, neap_error *error)
{
    neapi_quiet quiet;
    neapi_quiet_enter(&quiet);
    *acknowledged = 0;
    neap_status status = neapi_nats_reach(self, error);
    if (status == NEAP_OK)
        status = neapi_nats_publish(self, publications, count, acknowledged, error);
    neapi_quiet_leave(&quiet);
    return status;
}

const neap_publisher neapi_publisher_nats = {
    .size = sizeof(neap_publisher),
    .open = open_publisher,
    .publish = publish,
    .close = close_publisher,
};
