/* Metrics in Prometheus' text format, version 0.0.4: a family of samples after the other, each with
 * what it means and its kind before it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "runtime/figures.h"

/* Buckets end at powers of two, where counts are exact: from 4 µs to about a minute. */
#define FIRST_POWER 2
#define LAST_POWER  26
/* Of a batch's units: 1, 3, 7 … 4095. */
#define LAST_UNITS 12

typedef struct exposition {
    neapi_buffer *text;
    const neap_runtime *runtime;
    uint64_t head;       /* the store's last position */
    const char *family;  /* without "neap_" */
    neapi_buffer labels; /* of the sample that comes next, but for the domain */
} exposition;

static void begin_family(exposition *out, const char *name, const char *kind, const char *help)
{
    out->family = name;
    neapi_buffer_format(out->text, "# HELP neap_%s %s\n# TYPE neap_%s %s\n", name, help, name,
                        kind);
}

/* As a label's value: a backslash, a quote and a newline are escaped. */
static void write_escaped(neapi_buffer *text, neap_text value)
{
    for (size_t i = 0; i < value.size; i++) {
        char byte = value.data[i];
        if (byte == '\\' || byte == '"' || byte == '\n')
            neapi_buffer_byte(text, '\\');
        neapi_buffer_byte(text, byte == '\n' ? 'n' : byte);
    }
}

static void clear_labels(exposition *out)
{
    neapi_buffer_clear(&out->labels);
}

static void label(exposition *out, const char *name, neap_text value)
{
    neapi_buffer_format(&out->labels, ",%s=\"", name);
    write_escaped(&out->labels, value);
    neapi_buffer_byte(&out->labels, '"');
}

/* The sample's name and labels, up to its value. */
static void begin_sample(exposition *out, const char *suffix, const char *more_labels)
{
    neapi_buffer_format(out->text, "neap_%s%s{domain=\"", out->family, suffix);
    write_escaped(out->text, out->runtime->catalog->domain);
    neapi_buffer_byte(out->text, '"');
    neapi_buffer_append(out->text, out->labels.data, out->labels.size);
    neapi_buffer_format(out->text, "%s} ", more_labels);
}

static void sample(exposition *out, uint64_t value)
{
    begin_sample(out, "", "");
    neapi_buffer_format(out->text, "%llu\n", (unsigned long long)value);
}

/* µs as seconds, exact. */
static void format_seconds(char *text, size_t room, uint64_t us)
{
    snprintf(text, room, "%llu.%06llu", (unsigned long long)(us / 1000000),
             (unsigned long long)(us % 1000000));
}

/* Cumulative: how many values were at most so large. Those below a power of two are known exactly:
 * whole numbers are then at most the one before it, and times, which were cut to whole µs, the
 * power itself. */
static void histogram(exposition *out, const neapi_distribution *distribution, bool seconds)
{
    char number[32], le[48];
    unsigned first = seconds ? FIRST_POWER : 1, last = seconds ? LAST_POWER : LAST_UNITS;
    for (unsigned power = first; power <= last; power++) {
        uint64_t bound = (uint64_t)1 << power;
        if (seconds)
            format_seconds(number, sizeof number, bound);
        else
            snprintf(number, sizeof number, "%llu", (unsigned long long)bound - 1);
        snprintf(le, sizeof le, ",le=\"%s\"", number);
        begin_sample(out, "_bucket", le);
        neapi_buffer_format(out->text, "%llu\n",
                            (unsigned long long)neapi_distribution_below(distribution, power));
    }
    begin_sample(out, "_bucket", ",le=\"+Inf\"");
    neapi_buffer_format(out->text, "%llu\n", (unsigned long long)distribution->count);
    format_seconds(number, sizeof number, distribution->sum);
    begin_sample(out, "_sum", "");
    if (seconds)
        neapi_buffer_format(out->text, "%s\n", number);
    else
        neapi_buffer_format(out->text, "%llu\n", (unsigned long long)distribution->sum);
    begin_sample(out, "_count", "");
    neapi_buffer_format(out->text, "%llu\n", (unsigned long long)distribution->count);
}

/* ---- Messages -------------------------------------------------------------------------------- */

typedef void message_writer(exposition *out, const neapi_message_figures *figures);

static void write_outcomes(exposition *out, const neapi_message_figures *figures)
{
    size_t kind_and_name = out->labels.size;
    label(out, "outcome", NEAPI_LITERAL("done"));
    sample(out, figures->done);
    out->labels.size = kind_and_name;
    label(out, "outcome", NEAPI_LITERAL("rejected"));
    sample(out, figures->rejected);
    for (int status = 0; status <= NEAP_NOMEM; status++) {
        if (figures->failed[status] == 0)
            continue;
        out->labels.size = kind_and_name;
        label(out, "outcome", neapi_text_of(neap_status_name((neap_status)status)));
        sample(out, figures->failed[status]);
    }
}

static void write_again(exposition *out, const neapi_message_figures *figures)
{
    sample(out, figures->again);
}

/* Histograms are long: messages that never came have none. */
static void write_decision(exposition *out, const neapi_message_figures *figures)
{
    if (figures->decision_us.count != 0)
        histogram(out, &figures->decision_us, true);
}

static void write_latency(exposition *out, const neapi_message_figures *figures)
{
    if (figures->latency_us.count != 0)
        histogram(out, &figures->latency_us, true);
}

/* Of the groups before `end`. */
static void write_messages(exposition *out, neapi_message_group end, message_writer *write)
{
    for (neapi_message_group group = 0; group < end; group++) {
        neap_text name;
        for (uint32_t place = 0; neapi_figures_next(out->runtime, group, &place, &name); place++) {
            neapi_message_figures figures;
            neapi_figures_message(out->runtime, place, &figures);
            clear_labels(out);
            label(out, "kind", neapi_text_of(neapi_group_name(group)));
            if (name.size != 0)
                label(out, "name", name);
            write(out, &figures);
        }
    }
}

static void write_all_messages(exposition *out)
{
    clear_labels(out);
    begin_family(out, "turned_away_total", "counter",
                 "Messages for which the queue had no room, or that came while closing.");
    sample(out, neapi_count_get(&out->runtime->turned_away));
    begin_family(out, "messages_total", "counter", "Messages answered, by outcome.");
    write_messages(out, NEAPI_GROUPS, write_outcomes);
    begin_family(out, "decided_again_total", "counter",
                 "Decisions made once more because somebody else had changed what they rest on.");
    write_messages(out, NEAPI_GROUP_COMMAND + 1, write_again);
    begin_family(out, "decision_seconds", "histogram",
                 "A lane's time until a message was decided, with loading.");
    write_messages(out, NEAPI_GROUPS, write_decision);
    begin_family(out, "latency_seconds", "histogram",
                 "From the arrival of a message to its answer.");
    write_messages(out, NEAPI_GROUPS, write_latency);
}

/* ---- Lanes ----------------------------------------------------------------------------------- */

typedef struct lane_family {
    const char *name, *kind, *help;
    size_t offset; /* in neapi_lane_figures */
} lane_family;

#define COUNTER(name, field, help)                                                                 \
    {                                                                                              \
        "lane_" name "_total", "counter", help, offsetof(neapi_lane_figures, field)                \
    }
#define GAUGE(name, field, help)                                                                   \
    {                                                                                              \
        "lane_" name, "gauge", help, offsetof(neapi_lane_figures, field)                           \
    }

static const lane_family lane_families[] = {
    GAUGE("waiting", waiting, "Messages in the lane's queue."),
    GAUGE("waiting_most", waiting_most, "The most messages that the lane found in its queue."),
    GAUGE("unanswered", unanswered, "Messages begun and not answered."),
    GAUGE("units_in_flight", submitted, "Units of work with the writer, or on their way."),
    GAUGE("states", states, "Aggregates kept at hand."),
    COUNTER("hits", hits, "Decisions and queries that found the state at hand."),
    COUNTER("misses", misses, "Decisions and queries for which the state had to be loaded."),
    COUNTER("evictions", evictions, "States let go to make room."),
    COUNTER("loads", loads, "States folded out of the store."),
    COUNTER("events_folded", folded, "Events read from the store and folded."),
    COUNTER("snapshots", snapshots, "Snapshots that are durable."),
    GAUGE("lua_bytes", lua_bytes, "Memory that the lane's Lua holds."),
};

static void label_lane(exposition *out, size_t index)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", index + 1);
    clear_labels(out);
    label(out, "lane", neapi_text_of(number));
}

static void write_lanes(exposition *out)
{
    neapi_lane_figures lane;
    size_t lanes = neapi_figures_lanes(out->runtime);
    for (size_t i = 0; i < sizeof lane_families / sizeof *lane_families; i++) {
        const lane_family *family = &lane_families[i];
        begin_family(out, family->name, family->kind, family->help);
        for (size_t at = 0; at < lanes; at++) {
            neapi_figures_lane(out->runtime, at, &lane);
            label_lane(out, at);
            sample(out, *(const uint64_t *)(const void *)((const char *)&lane + family->offset));
        }
    }
    begin_family(out, "lane_queue_wait_seconds", "histogram",
                 "From the arrival of a message until the lane began it.");
    for (size_t at = 0; at < lanes; at++) {
        neapi_figures_lane(out->runtime, at, &lane);
        label_lane(out, at);
        histogram(out, &lane.queue_wait_us, true);
    }
}

/* ---- Writer and store ------------------------------------------------------------------------ */

static void write_one(exposition *out, const char *name, const char *kind, const char *help,
                      uint64_t value)
{
    clear_labels(out);
    begin_family(out, name, kind, help);
    sample(out, value);
}

static void write_writer(exposition *out)
{
    neapi_writer_figures writer;
    if (!neapi_figures_writer(out->runtime, &writer))
        return;
    write_one(out, "writer_units_total", "counter", "Units of work in committed batches.",
              writer.units);
    write_one(out, "writer_events_total", "counter", "Events that were recorded.", writer.events);
    write_one(out, "writer_unit_bytes_total", "counter", "Memory of those units.", writer.bytes);
    write_one(out, "writer_refused_total", "counter", "Units that the store refused.",
              writer.refused);
    write_one(out, "writer_failed_batches_total", "counter", "Batches that were not committed.",
              writer.failed);
    write_one(out, "writer_unknown_outcomes_total", "counter",
              "Batches of which the store could not tell whether they were committed.",
              writer.unknown);
    write_one(out, "writer_units_in_flight", "gauge", "Units of work that lanes wait for.",
              writer.in_flight);
    begin_family(out, "writer_batch_units", "histogram", "Units of work in a committed batch.");
    histogram(out, &writer.batch_units, false);
}

static void write_followers(exposition *out)
{
    neapi_hub_figures hub;
    if (!neapi_figures_hub(out->runtime, &hub))
        return;
    write_one(out, "followers", "gauge", "Who follows the log.", hub.readers);
    write_one(out, "followers_waiting", "gauge", "Those that have had all that there is.",
              hub.waiting);
    write_one(out, "followers_lag_events", "gauge",
              "How far the one that is furthest behind is behind the end of the log.", hub.lag);
    write_one(out, "followers_live_events_total", "counter", "Events given from memory.",
              hub.given);
    write_one(out, "followers_stored_events_total", "counter",
              "Events given from the store, to who was behind.", hub.fetched);
    write_one(out, "followers_store_reads_total", "counter", "Pages read for that.", hub.pages);
    write_one(out, "followers_wakes_total", "counter", "Followers woken.", hub.wakes);
    write_one(out, "followers_kept_events", "gauge", "Events kept in memory for followers.",
              hub.events);
    write_one(out, "followers_kept_bytes", "gauge", "Memory of those.", hub.kept_bytes);
}

/* One figure of each subscription. */
static void write_subscriptions(exposition *out, const char *name, const char *kind,
                                const char *help, size_t offset)
{
    neapi_subscription_figures one;
    for (uint32_t i = 0; neapi_figures_subscription(out->runtime, i, out->head, &one); i++) {
        if (i == 0)
            begin_family(out, name, kind, help);
        clear_labels(out);
        label(out, "subscription", one.name);
        label(out, "kind", one.kind);
        sample(out, *(const uint64_t *)(const void *)((const char *)&one + offset));
    }
}

/* Each state is a sample, 1 or 0, of those that have a circuit. */
static void write_breakers(exposition *out)
{
    static const char *const states[] = {"closed", "half open", "open"};
    neapi_subscription_figures one;
    bool begun = false;
    for (uint32_t i = 0; neapi_figures_subscription(out->runtime, i, out->head, &one); i++) {
        if (one.breaker == NULL)
            continue;
        if (!begun)
            begin_family(out, "subscription_breaker", "gauge",
                         "Of a subscriber with a breaker, 1 where it is in this state.");
        begun = true;
        for (size_t at = 0; at < sizeof states / sizeof *states; at++) {
            clear_labels(out);
            label(out, "subscription", one.name);
            label(out, "kind", one.kind);
            label(out, "state", neapi_text_of(states[at]));
            sample(out, strcmp(states[at], one.breaker) == 0);
        }
    }
}

static void write_all_subscriptions(exposition *out)
{
    write_subscriptions(out, "subscription_position", "gauge",
                        "Up to here everything is handled and durable.",
                        offsetof(neapi_subscription_figures, position));
    write_subscriptions(out, "subscription_lag", "gauge", "Positions to the end of the log.",
                        offsetof(neapi_subscription_figures, lag));
    write_subscriptions(out, "subscription_handled_total", "counter", "Events handled.",
                        offsetof(neapi_subscription_figures, handled));
    write_subscriptions(out, "subscription_units_total", "counter",
                        "Units of work that were made of them.",
                        offsetof(neapi_subscription_figures, units));
    write_subscriptions(out, "subscription_failing", "gauge",
                        "Failed attempts of an event that is tried again; 0: none is.",
                        offsetof(neapi_subscription_figures, failing));
    write_breakers(out);
    clear_labels(out);
}

static void write_calls(exposition *out, bool failures)
{
    for (neapi_role role = 0; role < NEAPI_ROLES; role++) {
        for (neapi_call_kind kind = 0; kind < NEAPI_CALL_KINDS; kind++) {
            neapi_call_figures call;
            neapi_figures_call(out->runtime, role, kind, &call);
            if (call.us.count == 0)
                continue;
            clear_labels(out);
            label(out, "role", neapi_text_of(neapi_role_name(role)));
            label(out, "call", neapi_text_of(neapi_call_name(kind)));
            if (failures)
                sample(out, call.failures);
            else
                histogram(out, &call.us, true);
        }
    }
}

void neapi_metrics_write_prometheus(neapi_buffer *text, const neap_runtime *runtime, uint64_t head)
{
    exposition out = {.text = text, .runtime = runtime, .head = head};
    label(&out, "version", NEAPI_LITERAL(NEAP_VERSION));
    begin_family(&out, "info", "gauge", "Which Neap this is; always 1.");
    sample(&out, 1);
    clear_labels(&out);
    begin_family(&out, "uptime_seconds", "gauge", "Since the runtime was started.");
    char seconds[32];
    format_seconds(seconds, sizeof seconds, neapi_figures_uptime_us(runtime));
    begin_sample(&out, "", "");
    neapi_buffer_format(text, "%s\n", seconds);
    write_all_messages(&out);
    write_lanes(&out);
    write_writer(&out);
    begin_family(&out, "store_call_failures_total", "counter", "Calls of the store that failed.");
    write_calls(&out, true);
    begin_family(&out, "store_call_seconds", "histogram", "How long calls of the store took.");
    write_calls(&out, false);
    write_followers(&out);
    write_all_subscriptions(&out);
    text->failed = text->failed || out.labels.failed;
    neapi_buffer_fini(&out.labels);
}
