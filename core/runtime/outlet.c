#include "runtime/outlet.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/cloudevent.h"
#include "outbox/publisher.h"
#include "runtime/inline.h"
#include "runtime/runtime.h"
#include "runtime/subscribed.h"
#include "runtime/thread.h"

static neap_status make_publication(neapi_outlet *outlet, const neap_event *event,
                                    neap_publication *publication, neapi_buffer *body)
{
    char id[37];
    neap_uuid_format(event->id, id);
    neapi_buffer_clear(body);
    neapi_cloudevent_write(body, event, outlet->source);
    publication->event = event;
    publication->id = neapi_arena_text(&outlet->batch, neapi_text(id, 36));
    publication->body = neapi_arena_text(&outlet->batch, neapi_text(body->data, body->size));
    return body->failed || publication->id.data == NULL || publication->body.data == NULL
               ? neapi_nomem(&outlet->error)
               : NEAP_OK;
}

static neap_status publish_all(neapi_outlet *outlet)
{
    size_t count = outlet->count;
    neapi_buffer body = NEAPI_BUFFER_INIT;
    neap_publication *list = neapi_arena_alloc(&outlet->batch, count * sizeof *list);
    const neap_publication **places = neapi_arena_alloc(&outlet->batch, count * sizeof *places);
    neap_status status = list != NULL && places != NULL ? NEAP_OK : neapi_nomem(&outlet->error);
    for (size_t i = 0; i < count && status == NEAP_OK; i++) {
        places[i] = &list[i];
        status = make_publication(outlet, outlet->events[i], &list[i], &body);
    }
    neapi_buffer_fini(&body);
    if (status != NEAP_OK)
        return status;
    neapi_fail(&outlet->error, NEAP_UNAVAILABLE, "the publisher did not say why");
    status = outlet->publisher.publish(outlet->self, places, count, &outlet->acknowledged,
                                       &outlet->error);
    return status == NEAP_OK ? status : neapi_error_settle(&outlet->error, status);
}

static void publish(neapi_outlet *outlet)
{
    outlet->acknowledged = 0;
    outlet->status = publish_all(outlet);
    if (outlet->acknowledged > outlet->count)
        outlet->acknowledged = outlet->count;
    if (outlet->status == NEAP_OK)
        outlet->acknowledged = outlet->count;
    neapi_arena_clear(&outlet->batch);
    neapi_mailbox *mailbox = outlet->mailbox;
    atomic_store(&outlet->stage, NEAPI_OUTLET_DONE);
    neapi_inbox_nudge(&mailbox->inbox);
}

static void *run(void *argument)
{
    neapi_outlet *outlet = argument;
    neapi_thread_is_runtimes();
    for (;;) {
        unsigned seen = neapi_gate_seen(&outlet->gate);
        if (neapi_outlet_is_busy(outlet))
            publish(outlet);
        else if (atomic_load(&outlet->stopping))
            return NULL;
        else
            neapi_park(outlet->platform, &outlet->gate, seen, NEAPI_NO_DEADLINE);
    }
}

void neapi_outlet_give(neapi_outlet *outlet, neapi_lane *lane, const neap_event *const *events,
                       size_t count)
{
    outlet->mailbox = lane->mailbox;
    outlet->events = events;
    outlet->count = count;
    atomic_store(&outlet->stage, NEAPI_OUTLET_GIVEN);
    if (outlet->running)
        neapi_wake(outlet->platform, &outlet->gate);
    else
        publish(outlet);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static const neapi_provided_publisher *provided(const neap_runtime *runtime, neap_text name)
{
    for (size_t i = 0; i < runtime->publisher_count; i++)
        if (neapi_text_equal(name, neapi_text_of(runtime->publishers[i].name)))
            return &runtime->publishers[i];
    return NULL;
}

/* By its name, or by the scheme of its URL; what the host provides comes before Neap's own. */
static neap_status find_publisher(const neap_runtime *runtime, neapi_outlet *outlet, void **user,
                                  neap_error *error)
{
    neap_text to = outlet->definition->to, name = to;
    const neap_publisher *own;
    bool is_url = neapi_publisher_is_url(to);
    if (is_url)
        name.size = (size_t)((const char *)memchr(to.data, ':', to.size) - to.data);
    const neapi_provided_publisher *found = provided(runtime, name);
    *user = found != NULL ? found->user : NULL;
    if (found != NULL) {
        outlet->publisher = found->publisher;
        return NEAP_OK;
    }
    if (!is_url)
        return neapi_fail(error, NEAP_UNKNOWN,
                          "there is no publisher '%.*s'; the host provides it with "
                          "neap_publisher_provide(), or it is a URL, as nats://localhost:4222",
                          NEAPI_TEXT(to));
    neap_status status = neapi_publisher_find(to, &own, error);
    if (status == NEAP_OK)
        outlet->publisher = *own;
    return status;
}

static const char *text_or_null(neap_text text)
{
    return text.size != 0 ? text.data : NULL;
}

static neap_status set_options(const neap_runtime *runtime, neapi_outlet *outlet, neap_error *error)
{
    const neapi_subscription *definition = outlet->definition;
    neapi_buffer source = NEAPI_BUFFER_INIT;
    if (definition->source.size != 0)
        neapi_buffer_text(&source, definition->source);
    else
        neapi_buffer_format(&source, "/%.*s", NEAPI_TEXT(runtime->catalog->domain));
    outlet->source = neapi_arena_text(&outlet->texts, neapi_text(source.data, source.size));
    neapi_buffer_fini(&source);
    outlet->options = (neap_publisher_options){
        .size = sizeof outlet->options,
        .outbox = definition->name.data,
        .domain = runtime->catalog->domain.data,
        .to = definition->to.data,
        .subject = text_or_null(definition->subject),
        .pending = definition->pending,
        .timeout_ms = (uint32_t)(definition->timeout_us / 1000),
    };
    return source.failed || outlet->source.data == NULL ? neapi_nomem(error) : NEAP_OK;
}

static neap_status start(neapi_outlet *outlet, bool with_thread, neap_error *error)
{
    if (!with_thread)
        return NEAP_OK;
    outlet->has_gate = neapi_gate_init(&outlet->gate);
    if (!outlet->has_gate)
        return neapi_nomem(error);
    neap_status status = neapi_thread_start(&outlet->thread, run, outlet, error);
    outlet->running = status == NEAP_OK;
    return status;
}

static neap_status open_one(neap_runtime *runtime, neapi_partition *partition, neap_error *error)
{
    void *user;
    neapi_outlet *outlet = neapi_alloc_zero(1, sizeof *outlet);
    if (outlet == NULL)
        return neapi_nomem(error);
    partition->outlet = outlet;
    outlet->definition = partition->definition;
    outlet->platform = runtime->platform;
    neap_status status = set_options(runtime, outlet, error);
    if (status == NEAP_OK)
        status = find_publisher(runtime, outlet, &user, error);
    if (status == NEAP_OK) {
        outlet->self = user;
        if (outlet->publisher.open != NULL)
            status = outlet->publisher.open(user, &outlet->options, &outlet->self, error);
        outlet->open = status == NEAP_OK;
    }
    if (status == NEAP_OK)
        status = start(outlet, !neapi_is_inline(runtime), error);
    if (status != NEAP_OK)
        neapi_error_prefix(error, "outbox '%.*s'", NEAPI_TEXT(outlet->definition->name));
    return status;
}

static void close_one(neapi_partition *partition)
{
    neapi_outlet *outlet = partition->outlet;
    if (outlet == NULL)
        return;
    if (outlet->running) {
        atomic_store(&outlet->stopping, true);
        neapi_wake(outlet->platform, &outlet->gate);
        pthread_join(outlet->thread, NULL);
    }
    if (outlet->has_gate)
        neapi_gate_fini(&outlet->gate);
    if (outlet->open && outlet->publisher.close != NULL)
        outlet->publisher.close(outlet->self);
    neapi_arena_fini(&outlet->texts);
    neapi_arena_fini(&outlet->batch);
    neapi_arena_fini(&outlet->letter);
    neapi_free(outlet);
    partition->outlet = NULL;
}

neap_status neapi_outlets_open(neap_runtime *runtime, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < runtime->subscribed_count && status == NEAP_OK; i++) {
        neapi_build *live = atomic_load(&runtime->subscribed[i].live);
        if (runtime->subscribed[i].definition->kind != NEAPI_OUTBOX ||
            runtime->subscribed[i].definition->publishes)
            continue;
        for (uint32_t k = 0; k < live->partition_count && status == NEAP_OK; k++)
            status = open_one(runtime, &live->partitions[k], error);
    }
    return status;
}

void neapi_outlets_close(neap_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        neapi_build *live = atomic_load(&runtime->subscribed[i].live);
        for (uint32_t k = 0; live != NULL && k < live->partition_count; k++)
            close_one(&live->partitions[k]);
    }
}
