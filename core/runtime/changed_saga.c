/* Sagas of two versions of a domain: their states, how they ended, and what they had done. */
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/changed_fold.h"

/* ---- Effects --------------------------------------------------------------------------------- */

static const char *kind_name(neapi_effect_kind kind)
{
    switch (kind) {
    case NEAPI_EFFECT_SEND:
        return "send";
    case NEAPI_EFFECT_CANCEL:
        return "cancel";
    case NEAPI_EFFECT_TIMEOUT:
        return "timeout";
    case NEAPI_EFFECT_COMPENSATE:
        return "compensate";
    case NEAPI_EFFECT_COMPLETE:
        return "complete";
    case NEAPI_EFFECT_FAIL:
        return "fail";
    }
    return "?";
}

static void write_text(neapi_buffer *json, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_json_quote(json, text);
    neapi_buffer_byte(json, ',');
}

static void write_effect(neapi_buffer *json, const neapi_effect *effect)
{
    neapi_buffer_format(json, "{\"kind\":\"%s\",", kind_name(effect->kind));
    if (effect->message != NULL)
        write_text(json, "command", effect->message->name);
    if (effect->json.size != 0)
        neapi_buffer_format(json, "\"data\":%.*s,", NEAPI_TEXT(effect->json));
    write_text(json, "name", effect->name);
    write_text(json, "reason", effect->text);
    if (effect->at_us != 0)
        neapi_buffer_format(json, "\"at\":%lld,", (long long)effect->at_us);
    neapi_write_member_end(json, '{');
}

/* Keeps what it wants done, and whether it has ended by that. */
static void take_effects(const neapi_effects *effects, neapi_changed_side *side)
{
    side->status = NEAPI_SAGA_RUNNING;
    for (const neapi_effect *effect = effects->first; effect != NULL; effect = effect->next) {
        write_effect(&side->wanted, effect);
        if (effect->kind == NEAPI_EFFECT_COMPLETE)
            side->status = NEAPI_SAGA_COMPLETED;
        else if (effect->kind == NEAPI_EFFECT_FAIL)
            side->status = NEAPI_SAGA_FAILED;
    }
}

void neapi_changed_saga_write(neapi_buffer *json, const neapi_changed_side *side)
{
    neapi_buffer_format(json, "{\"status\":\"%s\",", neapi_saga_status_name(side->status));
    if (side->json.size != 0)
        neapi_buffer_format(json, "\"state\":%.*s,", (int)side->json.size, side->json.data);
    neapi_write_begin(json, NEAPI_LITERAL("wanted"), '[');
    neapi_buffer_append(json, side->wanted.data, side->wanted.size);
    neapi_write_member_end(json, '[');
    neapi_write_end(json, '{');
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* The state that it has now, and what it wants done. */
static neap_status take(neapi_engine *engine, neapi_saga_step *step, neapi_changed_side *side,
                        size_t limit, neap_error *error)
{
    neapi_buffer_clear(&side->saved);
    neapi_buffer_clear(&side->json);
    neap_status status = NEAP_OK;
    if (step->state != NEAPI_NO_STATE) {
        status = neapi_engine_state_save(engine, step->state, limit, &side->saved, error);
        if (status == NEAP_OK)
            status = neapi_engine_state_json(engine, step->state, &side->json, error);
    }
    if (status != NEAP_OK)
        return status;
    take_effects(step->effects, side);
    bool refused = side->saved.failed || side->json.failed || side->wanted.failed;
    return refused ? neapi_nomem(error) : NEAP_OK;
}

static neap_status stop(neapi_changed_side *side, const neap_error *why, neap_error *error)
{
    if (neapi_changed_fails(why->status)) {
        if (error != NULL)
            *error = *why;
        return why->status;
    }
    side->status = NEAPI_SAGA_STOPPED;
    neapi_buffer_text(&side->why, neapi_text_of(why->message));
    return side->why.failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status load(neapi_engine *engine, const neapi_changed_side *side, neapi_saga_step *step,
                        neap_error *why)
{
    if (side->saved.size == 0)
        return NEAP_OK;
    return neapi_engine_state_load(engine, neapi_text(side->saved.data, side->saved.size),
                                   &step->state, why);
}

/* Has it handle the event once, and forgets that: see fold_once_more() of changed_pair.c. */
static neap_status handle_once_more(neapi_engine *engine, const neapi_changed_side *side,
                                    neapi_saga_step step, const neap_event *event, neap_error *why)
{
    neap_status status = load(engine, side, &step, why);
    if (status == NEAP_OK)
        status = neapi_engine_saga_event(engine, &step, event, why);
    neapi_engine_state_free(engine, step.state);
    neapi_effects_clear(step.effects);
    return neapi_changed_fails(status) ? status : NEAP_OK;
}

static neap_status handle(neapi_changed *it, neapi_changed_fold *fold, int code,
                          neapi_changed_kept *kept, const neap_event *event, neap_error *error)
{
    neap_error why;
    neapi_engine *engine = it->codes[code].engine;
    neapi_changed_side *side = &kept->sides[code];
    neapi_saga_step step = {.saga = fold->both[code],
                            .key = kept->key,
                            .state = NEAPI_NO_STATE,
                            .effects = &fold->effects};
    neap_status status = NEAP_OK;
    neapi_effects_clear(&fold->effects);
    if (it->twice && code == NEAPI_AFTER)
        status = handle_once_more(engine, side, step, event, &why);
    if (status == NEAP_OK)
        status = load(engine, side, &step, &why);
    if (status == NEAP_OK)
        status = neapi_engine_saga_event(engine, &step, event, &why);
    if (status == NEAP_OK && (step.handled || fold->effects.first != NULL))
        status = take(engine, &step, side, NEAPI_CHANGED_BYTES, &why);
    neapi_engine_state_free(engine, step.state);
    return status == NEAP_OK ? NEAP_OK : stop(side, &why, error);
}

neap_status neapi_changed_saga(neapi_changed *it, neapi_changed_fold *fold, int code,
                               const neap_event *event, neap_error *error)
{
    neap_error why;
    const neap_text *keys;
    size_t count = 0;
    neapi_arena_clear(&fold->keys);
    neap_status status = neapi_engine_event_keys(it->codes[code].engine, fold->both[code], event,
                                                 &fold->keys, &keys, &count, &why);
    if (status != NEAP_OK)
        return neapi_changed_stop(fold, code, &why, error);
    for (size_t i = 0; i < count && status == NEAP_OK; i++) {
        neapi_changed_kept *kept = neapi_changed_touch(fold, keys[i]);
        if (kept == NULL)
            return neapi_nomem(error);
        const neapi_changed_side *side = &kept->sides[code];
        if (!kept->differs &&
            (side->status == NEAPI_SAGA_ABSENT || side->status == NEAPI_SAGA_RUNNING))
            status = handle(it, fold, code, kept, event, error);
    }
    return status;
}
