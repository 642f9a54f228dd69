#include "runtime/batch.h"

#include "base/alloc.h"

static bool has_events(const neapi_unit *unit)
{
    return unit->state == NEAPI_UNIT_ACCEPTED && unit->event_count != 0;
}

neapi_batch_extent neapi_batch_measure(neapi_unit *const *units, size_t at, size_t count,
                                       const neapi_batch_limits *limits)
{
    neapi_batch_extent extent = {.end = at, .bytes = sizeof(neapi_batch)};
    for (; extent.end < count; extent.end++) {
        const neapi_unit *unit = units[extent.end];
        if (!has_events(unit))
            continue;
        size_t bytes = neapi_unit_bytes(unit) + sizeof(neapi_unit *);
        uint64_t last = unit->verdict.last_position;
        bool fits = extent.unit_count < limits->units && extent.bytes + bytes <= limits->bytes &&
                    last - extent.first < limits->events &&
                    unit->verdict.first_position == extent.last + 1;
        if (extent.unit_count != 0 && !fits)
            break;
        if (extent.unit_count == 0)
            extent.first = unit->verdict.first_position;
        extent.last = last;
        extent.bytes += bytes;
        extent.unit_count++;
    }
    return extent;
}

neapi_batch *neapi_batch_new(neapi_unit *const *units, size_t at, const neapi_batch_extent *extent,
                             atomic_size_t *held)
{
    neapi_batch *batch = neapi_alloc(sizeof *batch + extent->unit_count * sizeof(neapi_unit *));
    if (batch == NULL)
        return NULL;
    atomic_init(&batch->references, 1);
    batch->held = held;
    batch->first = extent->first;
    batch->last = extent->last;
    batch->bytes = extent->bytes;
    batch->next = NULL;
    batch->unit_count = 0;
    for (; at < extent->end; at++)
        if (has_events(units[at]))
            batch->units[batch->unit_count++] = neapi_unit_hold(units[at]);
    atomic_fetch_add(held, batch->bytes);
    return batch;
}

neapi_batch *neapi_batch_hold(neapi_batch *batch)
{
    atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
    return batch;
}

void neapi_batch_release(neapi_batch *batch)
{
    if (batch == NULL ||
        atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
        return;
    atomic_fetch_sub(batch->held, batch->bytes);
    for (size_t i = 0; i < batch->unit_count; i++)
        neapi_unit_release(batch->units[i]);
    neapi_free(batch);
}

const neap_event *neapi_batch_next(const neapi_batch *batch, neapi_batch_place *place)
{
    if (place->unit == batch->unit_count)
        return NULL;
    const neapi_unit *unit = batch->units[place->unit];
    const neap_event *event = &unit->events[place->event++];
    if (place->event == unit->event_count)
        *place = (neapi_batch_place){place->unit + 1, 0};
    return event;
}
