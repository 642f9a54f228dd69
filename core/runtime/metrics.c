#include "runtime/metrics.h"

#include "base/alloc.h"

/* Whether messages of that index are counted by themselves. */
static bool is_counted(const neapi_catalog *catalog, uint32_t index)
{
    return index >= catalog->message_count || catalog->messages[index]->kind != NEAP_KIND_EVENT;
}

neapi_lane_metrics *neapi_lane_metrics_new(const neapi_platform *platform,
                                           const neapi_catalog *catalog)
{
    uint32_t places = catalog->message_count + 3;
    size_t counted = 0;
    for (uint32_t i = 0; i < places; i++)
        counted += is_counted(catalog, i);
    size_t head = sizeof(neapi_lane_metrics) + places * sizeof(neapi_message_metrics *);
    neapi_lane_metrics *metrics =
        neapi_alloc_zero(1, head + counted * sizeof(neapi_message_metrics));
    if (metrics == NULL)
        return NULL;
    metrics->platform = metrics->calls.platform = platform;
    metrics->catalog = catalog;
    neapi_message_metrics *next = (neapi_message_metrics *)(void *)((char *)metrics + head);
    for (uint32_t i = 0; i < places; i++)
        metrics->of[i] = is_counted(catalog, i) ? next++ : NULL;
    return metrics;
}

void neapi_metrics_batch(neapi_writer_metrics *metrics, neapi_unit *const *units, size_t count,
                         const neap_error *error)
{
    if (error != NULL) {
        neapi_count_add(&metrics->failed, 1);
        neapi_count_add(&metrics->unknown, error->outcome_unknown);
        return;
    }
    uint64_t events = 0, bytes = 0, refused = 0;
    for (size_t i = 0; i < count; i++) {
        bool accepted = units[i]->state == NEAPI_UNIT_ACCEPTED;
        events += accepted ? units[i]->event_count : 0;
        bytes += units[i]->arena.total;
        refused += !accepted;
    }
    neapi_count_add(&metrics->units, count);
    neapi_count_add(&metrics->events, events);
    neapi_count_add(&metrics->bytes, bytes);
    neapi_count_add(&metrics->refused, refused);
    neapi_histogram_record(&metrics->batch_units, (int64_t)count);
}
