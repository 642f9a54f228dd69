/* Metrics as one JSON object. */
#include <stdio.h>

#include "base/text.h"
#include "message/field.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/figures.h"

/* What one distribution comes to; unit: "_us" or "". */
static void write_distribution(neapi_buffer *json, const char *name, const char *unit,
                               const neapi_distribution *distribution)
{
    static const struct {
        const char *name;
        double part;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    char member[32];
    neapi_write_begin(json, neapi_text_of(name), '{');
    neapi_write_count(json, "count", distribution->count);
    snprintf(member, sizeof member, "sum%s", unit);
    neapi_write_count(json, member, distribution->sum);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        snprintf(member, sizeof member, "%s%s", quantiles[i].name, unit);
        neapi_write_count(json, member,
                          neapi_distribution_quantile(distribution, quantiles[i].part));
    }
    snprintf(member, sizeof member, "highest%s", unit);
    neapi_write_count(json, member, distribution->highest);
    neapi_write_member_end(json, '{');
}

static void write_message(neapi_buffer *json, neap_text name, const neapi_message_figures *figures)
{
    neapi_write_begin(json, name, '{');
    neapi_write_count(json, "done", figures->done);
    neapi_write_count(json, "rejected", figures->rejected);
    neapi_write_begin(json, NEAPI_LITERAL("failed"), '{');
    for (int status = 0; status <= NEAP_NOMEM; status++)
        if (figures->failed[status] != 0)
            neapi_write_count(json, neap_status_name((neap_status)status), figures->failed[status]);
    neapi_write_member_end(json, '{');
    neapi_write_count(json, "decided_again", figures->again);
    write_distribution(json, "decision", "_us", &figures->decision_us);
    write_distribution(json, "latency", "_us", &figures->latency_us);
    neapi_write_member_end(json, '{');
}

static void write_messages(neapi_buffer *json, const neap_runtime *runtime)
{
    static const char *const names[NEAPI_GROUPS] = {"commands", "queries", "publishes", "states",
                                                    "queued"};
    for (neapi_message_group group = 0; group < NEAPI_GROUPS; group++) {
        neap_text name;
        bool named = group == NEAPI_GROUP_COMMAND || group == NEAPI_GROUP_QUERY;
        if (named)
            neapi_write_begin(json, neapi_text_of(names[group]), '{');
        for (uint32_t place = 0; neapi_figures_next(runtime, group, &place, &name); place++) {
            neapi_message_figures figures;
            neapi_figures_message(runtime, place, &figures);
            write_message(json, named ? name : neapi_text_of(names[group]), &figures);
        }
        if (named)
            neapi_write_member_end(json, '{');
    }
}

static void write_lanes(neapi_buffer *json, const neap_runtime *runtime)
{
    neapi_write_begin(json, NEAPI_LITERAL("lanes"), '[');
    for (size_t i = 0; i < neapi_figures_lanes(runtime); i++) {
        neapi_lane_figures lane;
        neapi_figures_lane(runtime, i, &lane);
        neapi_buffer_byte(json, '{');
        neapi_write_count(json, "lane", i + 1);
        neapi_write_count(json, "waiting", lane.waiting);
        neapi_write_count(json, "waiting_most", lane.waiting_most);
        write_distribution(json, "queue_wait", "_us", &lane.queue_wait_us);
        neapi_write_count(json, "unanswered", lane.unanswered);
        neapi_write_count(json, "units_in_flight", lane.submitted);
        neapi_write_count(json, "states", lane.states);
        neapi_write_count(json, "hits", lane.hits);
        neapi_write_count(json, "misses", lane.misses);
        neapi_write_count(json, "evictions", lane.evictions);
        neapi_write_count(json, "loads", lane.loads);
        neapi_write_count(json, "events_folded", lane.folded);
        neapi_write_count(json, "snapshots", lane.snapshots);
        neapi_write_count(json, "lua_bytes", lane.lua_bytes);
        neapi_write_member_end(json, '{');
    }
    neapi_write_member_end(json, '[');
}

static void write_writer(neapi_buffer *json, const neap_runtime *runtime)
{
    neapi_writer_figures writer;
    if (!neapi_figures_writer(runtime, &writer))
        return;
    neapi_write_begin(json, NEAPI_LITERAL("writer"), '{');
    neapi_write_count(json, "batches", writer.batches);
    neapi_write_count(json, "units", writer.units);
    neapi_write_count(json, "events", writer.events);
    neapi_write_count(json, "unit_bytes", writer.bytes);
    neapi_write_count(json, "refused", writer.refused);
    neapi_write_count(json, "failed_batches", writer.failed);
    neapi_write_count(json, "unknown_outcomes", writer.unknown);
    neapi_write_count(json, "units_in_flight", writer.in_flight);
    write_distribution(json, "batch_units", "", &writer.batch_units);
    neapi_write_member_end(json, '{');
}

/* Calls that were never made are left out. */
static void write_store(neapi_buffer *json, const neap_runtime *runtime)
{
    neapi_write_begin(json, NEAPI_LITERAL("store"), '{');
    for (neapi_role role = 0; role < NEAPI_ROLES; role++) {
        neapi_write_begin(json, neapi_text_of(neapi_role_name(role)), '{');
        for (neapi_call_kind kind = 0; kind < NEAPI_CALL_KINDS; kind++) {
            neapi_call_figures call;
            neapi_figures_call(runtime, role, kind, &call);
            if (call.us.count == 0)
                continue;
            neapi_write_begin(json, neapi_text_of(neapi_call_name(kind)), '{');
            neapi_write_count(json, "failures", call.failures);
            write_distribution(json, "time", "_us", &call.us);
            neapi_write_member_end(json, '{');
        }
        neapi_write_member_end(json, '{');
    }
    neapi_write_member_end(json, '{');
}

static void write_followers(neapi_buffer *json, const neap_runtime *runtime)
{
    neapi_hub_figures hub;
    if (!neapi_figures_hub(runtime, &hub))
        return;
    neapi_write_begin(json, NEAPI_LITERAL("followers"), '{');
    neapi_write_count(json, "count", hub.readers);
    neapi_write_count(json, "waiting", hub.waiting);
    neapi_write_count(json, "lag_events", hub.lag);
    neapi_write_count(json, "live_events", hub.given);
    neapi_write_count(json, "stored_events", hub.fetched);
    neapi_write_count(json, "store_reads", hub.pages);
    neapi_write_count(json, "wakes", hub.wakes);
    neapi_write_count(json, "kept_events", hub.events);
    neapi_write_count(json, "kept_bytes", hub.kept_bytes);
    neapi_write_member_end(json, '{');
}

static void write_subscriptions(neapi_buffer *json, const neap_runtime *runtime, uint64_t head)
{
    neapi_subscription_figures one;
    neapi_write_begin(json, NEAPI_LITERAL("subscriptions"), '{');
    for (uint32_t i = 0; neapi_figures_subscription(runtime, i, head, &one); i++) {
        neapi_write_begin(json, one.name, '{');
        neapi_write_count(json, "position", one.position);
        neapi_write_count(json, "lag", one.lag);
        neapi_write_count(json, "handled", one.handled);
        neapi_write_count(json, "units", one.units);
        neapi_write_count(json, "failing", one.failing);
        if (one.breaker != NULL)
            neapi_field_write_text(json, "breaker", neapi_text_of(one.breaker));
        neapi_write_member_end(json, '{');
    }
    neapi_write_member_end(json, '{');
}

void neapi_metrics_write_json(neapi_buffer *json, const neap_runtime *runtime, uint64_t head)
{
    NEAPI_BUFFER_LITERAL(json, "{\"domain\":");
    neapi_json_quote(json, runtime->catalog->domain);
    NEAPI_BUFFER_LITERAL(json, ",\"version\":\"" NEAP_VERSION "\",");
    neapi_write_count(json, "uptime_us", neapi_figures_uptime_us(runtime));
    neapi_write_count(json, "turned_away", neapi_count_get(&runtime->turned_away));
    write_messages(json, runtime);
    write_lanes(json, runtime);
    write_writer(json, runtime);
    write_store(json, runtime);
    write_followers(json, runtime);
    write_subscriptions(json, runtime, head);
    neapi_write_end(json, '{');
}
