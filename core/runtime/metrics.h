/* What lanes, writer, store calls and subscriptions did, counted by whoever does it and read by any
 * thread without stopping anybody. Each lane has counts of its own, which are added up where they
 * are read. Times are µs of the monotonic clock, which is looked at once where a message arrives
 * and once where it was decided. */
#ifndef NEAPI_RUNTIME_METRICS_H
#define NEAPI_RUNTIME_METRICS_H

#include "runtime/request.h"
#include "store/calls.h"

/* Of one kind of message: each command and query by its name, all events from outside together, all
 * questions for states, and all that is asked of the queue. */
typedef struct neapi_message_metrics {
    neapi_count answered[NEAP_NOMEM + 1]; /* by status */
    neapi_count again;                    /* decided again: a unit was refused with a conflict */
    neapi_histogram decision_us; /* the lane's time until it was decided, with loading, each time */
    neapi_histogram latency_us;  /* from its arrival to its answer */
} neapi_message_metrics;

#define NEAPI_METRICS_TOGETHER 64 /* a power of two */

typedef struct neapi_lane_metrics {
    const neapi_platform *platform;
    const neapi_catalog *catalog;
    int64_t now_us;                /* when the lane looked at the clock last */
    unsigned judged;               /* units that came back */
    neapi_histogram queue_wait_us; /* from arrival until it was begun */
    neapi_count waiting_most;      /* in the queue */
    neapi_count unanswered, submitted, states, lua_bytes; /* at the end of the last step */
    neapi_count hits, misses;                             /* of states that are kept folded */
    neapi_count loads, folded;   /* states folded out of the store, and events for it */
    neapi_count snapshots;       /* that are durable */
    neapi_store_calls calls;     /* of its session */
    neapi_message_metrics *of[]; /* by the message's index; behind those the other three */
} neapi_lane_metrics;

/* Owns: the caller (neapi_free). The catalog is complete, and outlives it. Errors: NULL. */
neapi_lane_metrics *neapi_lane_metrics_new(const neapi_platform *platform,
                                           const neapi_catalog *catalog);

/* Where messages of that kind are counted. */
static inline neapi_message_metrics *neapi_metrics_of(const neapi_lane_metrics *metrics,
                                                      const neapi_request *request)
{
    if (request->kind == NEAPI_REQUEST_PUBLISH)
        return metrics->of[metrics->catalog->message_count];
    if (request->kind == NEAPI_REQUEST_STATE)
        return metrics->of[metrics->catalog->message_count + 1];
    if (request->kind == NEAPI_REQUEST_QUEUE || request->kind == NEAPI_REQUEST_CANCEL)
        return metrics->of[metrics->catalog->message_count + 2];
    return metrics->of[request->message->index];
}

static inline void neapi_metrics_look(neapi_lane_metrics *metrics)
{
    metrics->now_us = neapi_monotonic_us(metrics->platform);
}

/* The lane begins a step, with so many in its queue. */
static inline void neapi_metrics_step(neapi_lane_metrics *metrics, unsigned waiting)
{
    neapi_metrics_look(metrics);
    if (waiting > neapi_count_get(&metrics->waiting_most))
        neapi_count_set(&metrics->waiting_most, waiting);
}

/* One more unit that came back was seen to: the clock is looked at for some of them together. */
static inline void neapi_metrics_judged(neapi_lane_metrics *metrics, bool last)
{
    if (last || (++metrics->judged & (NEAPI_METRICS_TOGETHER - 1)) == 0)
        neapi_metrics_look(metrics);
}

/* A state was wanted: was it there? */
static inline void neapi_metrics_found(neapi_lane_metrics *metrics, bool found)
{
    neapi_count_add(found ? &metrics->hits : &metrics->misses, 1);
}

/* It was taken out of the queue. */
static inline void neapi_metrics_begun(neapi_lane_metrics *metrics, const neapi_request *request)
{
    neapi_histogram_record(&metrics->queue_wait_us, metrics->now_us - request->arrived_us);
}

/* Its handler has run, and what it held was loaded before. */
static inline void neapi_metrics_decided(neapi_lane_metrics *metrics, const neapi_request *request)
{
    int64_t before_us = metrics->now_us;
    neapi_metrics_look(metrics);
    neapi_histogram_record(&neapi_metrics_of(metrics, request)->decision_us,
                           metrics->now_us - before_us);
}

/* It is being answered; what middleware's `next` asks for is no message of its own. */
static inline void neapi_metrics_answered(neapi_lane_metrics *metrics, const neapi_request *request,
                                          neap_status status)
{
    if (request->past_middleware)
        return;
    neapi_message_metrics *of = neapi_metrics_of(metrics, request);
    neapi_count_add(&of->answered[status], 1);
    neapi_histogram_record(&of->latency_us, metrics->now_us - request->arrived_us);
}

/* The writer's. How long commits and housekeeping took is said by its session's calls. */
typedef struct neapi_writer_metrics {
    neapi_count units, events, bytes; /* of all batches that were committed */
    neapi_count refused;              /* units among those */
    neapi_count failed, unknown; /* batches that failed; of those whose outcome stayed unknown */
    neapi_histogram batch_units; /* of committed batches */
    neapi_store_calls calls;
} neapi_writer_metrics;

/* A batch is done. error: NULL if it was committed. */
void neapi_metrics_batch(neapi_writer_metrics *metrics, neapi_unit *const *units, size_t count,
                         const neap_error *error);

#endif
