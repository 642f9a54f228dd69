/* What was counted, added up over the lanes: what the forms of metrics are written from. */
#ifndef NEAPI_RUNTIME_FIGURES_H
#define NEAPI_RUNTIME_FIGURES_H

#include "runtime/hub.h"
#include "runtime/runtime.h"

typedef struct neapi_message_figures {
    uint64_t done, rejected;
    uint64_t failed[NEAP_NOMEM + 1]; /* by status; none done or rejected */
    uint64_t again;
    neapi_distribution decision_us, latency_us;
} neapi_message_figures;

typedef enum neapi_message_group {
    NEAPI_GROUP_COMMAND,
    NEAPI_GROUP_QUERY,
    NEAPI_GROUP_PUBLISH, /* one place for all of them */
    NEAPI_GROUP_STATE,
    NEAPI_GROUP_QUEUE,
    NEAPI_GROUPS
} neapi_message_group;

/* "command", "query" … */
const char *neapi_group_name(neapi_message_group group);

/* The next place at or behind *place that counts messages of the group; false: there is no more.
 * *name: the message's, or empty. */
bool neapi_figures_next(const neap_runtime *runtime, neapi_message_group group, uint32_t *place,
                        neap_text *name);
void neapi_figures_message(const neap_runtime *runtime, uint32_t place,
                           neapi_message_figures *figures);

/* One lane's. */
typedef struct neapi_lane_figures {
    uint64_t waiting, waiting_most, unanswered, submitted;
    uint64_t states, hits, misses, evictions;
    uint64_t loads, folded, snapshots;
    uint64_t lua_bytes;
    neapi_distribution queue_wait_us;
} neapi_lane_figures;

size_t neapi_figures_lanes(const neap_runtime *runtime);
/* index: from 0. */
void neapi_figures_lane(const neap_runtime *runtime, size_t index, neapi_lane_figures *figures);

typedef struct neapi_writer_figures {
    uint64_t batches, units, events, bytes, refused, failed, unknown;
    uint64_t in_flight; /* units that lanes wait for */
    neapi_distribution batch_units;
} neapi_writer_figures;

/* false: the store is open for reading only. */
bool neapi_figures_writer(const neap_runtime *runtime, neapi_writer_figures *figures);

/* Who calls the store. */
typedef enum neapi_role {
    NEAPI_ROLE_WRITER,
    NEAPI_ROLE_LANE,
    NEAPI_ROLE_READER, /* the host: cursors, statistics, checks */
    NEAPI_ROLES
} neapi_role;

/* "writer", "lane", "reader". */
const char *neapi_role_name(neapi_role role);

typedef struct neapi_call_figures {
    uint64_t failures;
    neapi_distribution us;
} neapi_call_figures;

void neapi_figures_call(const neap_runtime *runtime, neapi_role role, neapi_call_kind kind,
                        neapi_call_figures *figures);

/* Of all that follow the log. false: nobody can. */
bool neapi_figures_hub(const neap_runtime *runtime, neapi_hub_figures *figures);

uint64_t neapi_figures_uptime_us(const neap_runtime *runtime);

/* The forms; core/runtime/metrics_json.c and prometheus.c. */
void neapi_metrics_write_json(neapi_buffer *json, const neap_runtime *runtime, uint64_t head);
void neapi_metrics_write_prometheus(neapi_buffer *text, const neap_runtime *runtime, uint64_t head);

/* Of the subscription at that place, of the build that answers. position: up to here all of its
 * partitions are through; lag: from there to `head`; handled, units: of all partitions, since the
 * runtime was opened. false: there are no more. Threads: any. */
typedef struct neapi_subscription_figures {
    neap_text name, kind;
    uint64_t position, lag, handled, units;
    uint64_t failing;    /* attempts of an event that have failed, the most of its partitions */
    const char *breaker; /* how its circuit is, see neapi_guard_name(); NULL: it has none */
} neapi_subscription_figures;

bool neapi_figures_subscription(const neap_runtime *runtime, uint32_t place, uint64_t head,
                                neapi_subscription_figures *figures);

#endif
