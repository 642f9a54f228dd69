#include "runtime/guard.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/lane_log.h"

void neapi_guard_init(neapi_subscribed *it)
{
    const neapi_subscription *definition = it->definition;
    it->circuit = (neapi_circuit){.most_failures = definition->breaker_failures,
                                  .most_probes = definition->breaker_probes,
                                  .open_us = definition->breaker_open_us};
}

static bool has_circuit(const neapi_subscribed *it)
{
    return it->definition->breaker_failures != 0;
}

/* One that has neither asks for no lock. */
static bool is_guarded(const neapi_subscribed *it)
{
    return has_circuit(it) || it->definition->limit != 0;
}

static neapi_subscribed *of(const neapi_partition *partition)
{
    return partition->build->subscribed;
}

/* Whether there is room; else when to come again. */
static bool look_locked(neapi_subscribed *it, neapi_partition *partition, int64_t now_us)
{
    uint32_t limit = it->definition->limit;
    if (limit != 0 && it->under_way >= limit) {
        partition->held_us = NEAPI_NO_DEADLINE;
    } else if (has_circuit(it) && !neapi_circuit_would_admit(&it->circuit, now_us)) {
        partition->held_us = neapi_circuit_again_us(&it->circuit, now_us);
    } else {
        partition->held_us = 0;
        return true;
    }
    it->awaited = true;
    return false;
}

bool neapi_guard_is_free(neapi_lane *lane, neapi_partition *partition)
{
    neapi_subscribed *it = of(partition);
    if (!is_guarded(it))
        return true;
    int64_t now_us = neapi_monotonic_us(lane->platform);
    pthread_mutex_lock(&it->mutex);
    bool free = look_locked(it, partition, now_us);
    pthread_mutex_unlock(&it->mutex);
    return free;
}

bool neapi_guard_enter(neapi_lane *lane, neapi_partition *partition)
{
    neapi_subscribed *it = of(partition);
    if (!is_guarded(it))
        return true;
    int64_t now_us = neapi_monotonic_us(lane->platform);
    pthread_mutex_lock(&it->mutex);
    bool free = look_locked(it, partition, now_us);
    if (free && has_circuit(it))
        neapi_circuit_admit(&it->circuit, now_us, &partition->pass);
    it->under_way += free;
    pthread_mutex_unlock(&it->mutex);
    return free;
}

/* Whether the failure is one that the breaker counts: what a domain rejects under the name of one
 * of Neap's codes is not meant. */
static bool counts(const neapi_subscription *definition, const neap_error *error)
{
    neap_text code = neapi_text_of(error->code);
    if (error->status == NEAP_REJECTED)
        for (int status = NEAP_INVALID; status <= NEAP_NOMEM; status++)
            if (neapi_text_equal(code, neapi_text_of(neap_status_name((neap_status)status))))
                return false;
    for (size_t i = 0; i < definition->breaker_on_count; i++)
        if (neapi_text_equal(code, definition->breaker_on[i]))
            return true;
    return false;
}

static void say(neapi_lane *lane, const neapi_subscribed *it, bool open, const neap_error *error)
{
    const neapi_subscription *definition = it->definition;
    if (open)
        neapi_lane_say(
            lane, NEAP_LOG_WARN, (neap_text){0},
            "subscriber '%.*s' is held back for %g s: %u failures in a row; the last: %s",
            NEAPI_TEXT(definition->name), (double)definition->breaker_open_us / 1e6,
            definition->breaker_failures, error->message);
    else
        neapi_lane_say(lane, NEAP_LOG_INFO, (neap_text){0}, "subscriber '%.*s' goes on",
                       NEAPI_TEXT(definition->name));
}

bool neapi_guard_leave(neapi_lane *lane, neapi_partition *partition, const neap_error *error)
{
    neapi_subscribed *it = of(partition);
    if (!is_guarded(it))
        return false;
    int64_t now_us = neapi_monotonic_us(lane->platform);
    bool failed = error != NULL && counts(it->definition, error);
    pthread_mutex_lock(&it->mutex);
    bool was_open = it->circuit.open, awaited = it->awaited;
    it->under_way--;
    it->awaited = false;
    if (has_circuit(it))
        neapi_circuit_note(&it->circuit, partition->pass, failed, now_us);
    bool is_open = it->circuit.open;
    pthread_mutex_unlock(&it->mutex);
    if (was_open != is_open)
        say(lane, it, is_open, error);
    if (awaited)
        neapi_build_nudge(lane, partition->build);
    return is_open && !was_open;
}

bool neapi_guard_look(neapi_subscribed *it, int64_t now_us, neapi_guard_state *state)
{
    pthread_mutex_lock(&it->mutex);
    const neapi_circuit *circuit = &it->circuit;
    int64_t left_us = circuit->open_until_us - now_us;
    *state = (neapi_guard_state){.is_open = circuit->open && left_us > 0,
                                 .is_half_open = circuit->open && left_us <= 0,
                                 .failures = circuit->failures,
                                 .open_us = circuit->open && left_us > 0 ? left_us : 0,
                                 .under_way = it->under_way};
    pthread_mutex_unlock(&it->mutex);
    return has_circuit(it);
}

const char *neapi_guard_name(const neapi_guard_state *state)
{
    return state->is_open ? "open" : state->is_half_open ? "half open" : "closed";
}
