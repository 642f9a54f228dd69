#include "runtime/signal.h"

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "bus/partition.h"
#include "runtime/lane_log.h"
#include "runtime/partition.h"
#include "runtime/report.h"
#include "runtime/runtime.h"
#include "runtime/subscribed.h"

static bool is_in_category(const neapi_subscription *definition, const neap_event *event)
{
    neap_text category = neapi_stream_category(event->stream);
    for (size_t i = 0; i < definition->category_count; i++)
        if (neapi_text_equal(category, definition->categories[i]))
            return true;
    return definition->category_count == 0;
}

static bool listens(const neapi_lane *lane, const neapi_subscribed *it,
                    const neapi_message *message, const neap_event *event)
{
    const neapi_subscription *definition = it->definition;
    return it->runs && definition->kind == NEAPI_SUBSCRIBER && !atomic_load(&it->paused) &&
           neapi_engine_handles(lane->engine, definition, message) &&
           is_in_category(definition, event);
}

/* Whether there is room for one more; too many at once are lost. */
static bool take_place(const neapi_lane *lane, neapi_subscribed *it)
{
    if (atomic_fetch_add(&it->signals, 1) < lane->options->queue_length) {
        atomic_store(&it->losing, false);
        return true;
    }
    atomic_fetch_sub(&it->signals, 1);
    if (!atomic_exchange(&it->losing, true))
        neapi_lane_say(lane, NEAP_LOG_WARN, (neap_text){0},
                       "subscriber '%.*s' has %u transient events waiting: others are lost",
                       NEAPI_TEXT(it->definition->name), lane->options->queue_length);
    return false;
}

/* It was handled, or not: nobody hears of it but the log. */
static void answered(void *user, neap_status status, neap_reply *reply, const neap_error *error)
{
    neapi_partition *partition = user;
    neapi_subscribed *it = partition->build->subscribed;
    neap_reply_free(reply);
    atomic_fetch_sub(&it->signals, 1);
    if (status != NEAP_OK && status != NEAP_CLOSED)
        neapi_report_text(it->report, NEAP_LOG_ERROR,
                          "subscriber '%.*s' could not handle a transient event: %s",
                          NEAPI_TEXT(it->definition->name), error->message);
}

static neapi_request *new_delivery(neapi_lane *lane, neapi_partition *partition,
                                   const neapi_message *message, const neap_event *event)
{
    neapi_request *request = neapi_request_new(lane->platform, NEAPI_REQUEST_DELIVERY, false,
                                               (neap_text){0}, (neap_text){0}, event->meta);
    if (request == NULL || !neapi_event_copy(&request->arena, event, &request->delivered)) {
        neapi_request_release(request);
        return NULL;
    }
    request->message = message;
    request->partition = partition;
    request->transient = true;
    request->call = (neapi_call){
        .id = neapi_uuid_derive(event->id, neapi_text_hash(partition->definition->name, 0)),
        .correlation_id = event->correlation_id,
        .causation_id = event->id,
        .now_us = event->recorded_at,
        .meta = request->meta};
    request->callback = answered;
    request->user = partition;
    return request;
}

static void deliver(neapi_lane *lane, neapi_subscribed *it, const neapi_message *message,
                    const neap_event *event)
{
    neapi_build *live = atomic_load(&it->live);
    if (!take_place(lane, it))
        return;
    uint32_t number =
        live->partition_count > 1 ? neapi_partition_of(event->stream, live->partition_count) : 0;
    neapi_partition *partition = &live->partitions[number];
    neapi_request *request = new_delivery(lane, partition, message, event);
    neapi_lane *to = lane->router->lanes[partition->lane];
    if (request == NULL)
        atomic_fetch_sub(&it->signals, 1);
    else if (to == lane)
        neapi_request_list_push(&lane->ready, request);
    else if (!neapi_mailbox_send(to->mailbox, NEAPI_MAIL_ASKED, &request->mail)) {
        atomic_fetch_sub(&it->signals, 1);
        neapi_request_release(request);
    }
}

void neapi_signals_send(neapi_lane *lane, neapi_request *request)
{
    const neap_runtime *runtime = lane->runtime;
    const neapi_signal *first = request->signals.first;
    if (first == NULL || lane->engine == NULL)
        return;
    request->signals.first = request->signals.last = NULL;
    for (const neapi_signal *each = first; each != NULL; each = each->next) {
        const neapi_message *message = neapi_catalog_event(lane->catalog, each->event.type);
        for (uint32_t i = 0; i < runtime->subscribed_count; i++)
            if (listens(lane, &runtime->subscribed[i], message, &each->event))
                deliver(lane, &runtime->subscribed[i], message, &each->event);
    }
}
