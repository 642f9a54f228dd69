#include "runtime/schedule.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/queue_letters.h"

/* A hundred years. */
#define LONGEST_MS ((uint64_t)100 * 366 * 24 * 60 * 60 * 1000)

bool neapi_schedule_is_given(const neap_dispatch_options *options)
{
    return options->queued || options->after_ms != 0 || options->at_us != 0 ||
           options->name != NULL;
}

neap_status neapi_schedule_check(const neap_dispatch_options *options, neap_error *error)
{
    if (options->after_ms != 0 && options->at_us != 0)
        return neapi_fail(error, NEAP_USAGE,
                          "options after_ms and at_us are both given; one says when it is due");
    if (options->at_us < 0)
        return neapi_fail(error, NEAP_USAGE,
                          "option at_us is %lld; expected microseconds since 1970",
                          (long long)options->at_us);
    if (options->after_ms > LONGEST_MS)
        return neapi_fail(error, NEAP_USAGE,
                          "option after_ms is %llu; at most a hundred years are allowed, %llu",
                          (unsigned long long)options->after_ms, (unsigned long long)LONGEST_MS);
    return NEAP_OK;
}

/* In 1973: a clock of a test's own may be before that. */
#define SENSIBLE_US 100000000000000

/* Whoever gives seconds or milliseconds would find it done at once. */
neap_status neapi_schedule_due(int64_t now_us, int64_t after_us, int64_t at_us, neap_text command,
                               int64_t *due_us, neap_error *error)
{
    if (at_us != 0 && now_us > SENSIBLE_US && at_us < now_us / 500)
        return neapi_fail(error, NEAP_USAGE,
                          "%.*s: 'at' is %lld; expected microseconds since 1970, and now is %lld",
                          NEAPI_TEXT(command), (long long)at_us, (long long)now_us);
    *due_us = at_us != 0 ? at_us : now_us + after_us;
    return NEAP_OK;
}

/* Its canonical form: with an idempotency key it was made before. */
static neap_status make_canonical(neapi_lane *lane, const neapi_request *request, neap_text *data,
                                  neap_error *error)
{
    *data = request->json;
    if (request->holds_key)
        return NEAP_OK;
    neapi_buffer_clear(&lane->canonical);
    neap_status status =
        neapi_engine_check(lane->engine, request->message, request->json, &lane->canonical, error);
    if (status == NEAP_OK && lane->canonical.failed)
        return neapi_nomem(error);
    *data = neapi_text(lane->canonical.data, lane->canonical.size);
    return status;
}

neap_status neapi_schedule_put(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    neapi_schedule *schedule = request->schedule;
    const neapi_call *call = &request->call;
    bool own = neapi_uuid_equal(call->correlation_id, call->id);
    schedule->id = neapi_uuid_derive(call->id, 1);
    neapi_queued entry = {
        .id = schedule->id,
        .order = neapi_queued_order(0, 1),
        .name = schedule->name,
        .command = request->message->name,
        .meta = call->meta,
        .correlation_id = own ? schedule->id : call->correlation_id,
        .causation_id = call->causation_id,
        .queued_at = call->now_us,
    };
    neap_status status = neapi_schedule_due(call->now_us, schedule->after_us, schedule->at_us,
                                            entry.command, &entry.due_us, &lane->error);
    if (status == NEAP_OK)
        status = make_canonical(lane, request, &entry.data, &lane->error);
    if (status == NEAP_OK)
        status = neapi_queue_put(unit, lane->session, &entry, &lane->error);
    return status;
}

/* Of a command that takes effect at the same time one of both is refused: who cancels is told the
 * truth. */
neap_status neapi_schedule_cancel(neapi_lane *lane, neapi_request *request, neapi_unit *unit)
{
    if (request->schedule->letters != NULL)
        return neapi_queue_letters_fill(request->schedule->letters, lane->session, unit,
                                        &lane->error);
    return neapi_queue_cancel_known(unit, lane->session, request->schedule->name,
                                    &request->schedule->id, &lane->error);
}
