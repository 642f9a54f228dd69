#include "runtime/sending.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/queued.h"

static neap_status put(neapi_lane *lane, const neapi_effect *effect, const neapi_sender *sender,
                       uint64_t n, neapi_unit *unit, neap_error *error)
{
    const neapi_call *call = sender->call;
    int64_t now_us = neapi_wall_us(lane->platform);
    bool is_timeout = effect->kind == NEAPI_EFFECT_TIMEOUT;
    const neapi_queued entry = {
        .is_timeout = is_timeout,
        .id = effect->id,
        .due_us = effect->at_us != 0 ? effect->at_us : now_us,
        .order = neapi_queued_order(sender->position, n),
        .owner = sender->owner,
        .name = effect->name,
        .command = is_timeout ? (neap_text){0} : effect->message->name,
        .data = is_timeout ? (neap_text){0} : effect->json,
        .meta = call->meta,
        .correlation_id = call->correlation_id,
        .causation_id = call->id,
        .queued_at = now_us,
    };
    return neapi_queue_put(unit, lane->session, &entry, error);
}

neap_status neapi_send_effects(neapi_lane *lane, const neapi_effects *effects,
                               const neapi_sender *sender, neapi_unit *unit, neap_error *error)
{
    uint64_t n = 0;
    neap_status status = NEAP_OK;
    for (const neapi_effect *each = effects->first; each != NULL && status == NEAP_OK;
         each = each->next) {
        if (each->kind == NEAPI_EFFECT_SEND || each->kind == NEAPI_EFFECT_TIMEOUT)
            status = put(lane, each, sender, ++n, unit, error);
        else if (each->kind == NEAPI_EFFECT_CANCEL)
            status = neapi_queue_cancel(unit, lane->session, sender->owner, each->name, error);
    }
    return status;
}
