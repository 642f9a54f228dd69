/* One instance, folded by two versions of a domain. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/changed.h"

/* For each so many bytes of states one event is folded without comparing them: else a long stream
 * of a large state would be compared for as long as its square. */
#define BYTES_PER_EVENT ((size_t)64 << 10)

static neap_text text_of(const neapi_buffer *buffer)
{
    return neapi_text(buffer->data, buffer->size);
}

/* What went wrong is kept with the pair, unless it ends everything. */
static neap_status take_failure(neapi_changed_pair *pair, int code, neap_status status,
                                const neap_error *why, neap_error *error)
{
    if (neapi_changed_fails(status)) {
        if (error != NULL)
            *error = *why;
        return status;
    }
    pair->failed[code] = true;
    neapi_buffer_clear(&pair->errors[code]);
    neapi_buffer_text(&pair->errors[code], neapi_text_of(why->message));
    return pair->errors[code].failed ? neapi_nomem(error) : NEAP_OK;
}

void neapi_pair_free_states(neapi_changed *it, neapi_changed_pair *pair)
{
    for (int code = 0; code < NEAPI_CODES; code++) {
        neapi_engine_state_free(it->codes[code].engine, pair->states[code]);
        pair->states[code] = NEAPI_NO_STATE;
    }
}

void neapi_pair_fini(neapi_changed_pair *pair)
{
    for (int code = 0; code < NEAPI_CODES; code++)
        neapi_buffer_fini(&pair->errors[code]);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static neap_status write_state(neapi_changed *it, neapi_changed_pair *pair, int code,
                               neap_error *error)
{
    neap_error why;
    neapi_buffer *text = &it->texts[code];
    neapi_buffer_clear(text);
    if (pair->failed[code])
        return NEAP_OK;
    neap_status status =
        neapi_engine_state_json(it->codes[code].engine, pair->states[code], text, &why);
    if (status == NEAP_OK)
        return text->failed ? neapi_nomem(error) : NEAP_OK;
    neapi_buffer_clear(text);
    return take_failure(pair, code, status, &why, error);
}

/* Writes both; *same: they are alike. */
static neap_status compare(neapi_changed *it, neapi_changed_pair *pair, bool *same,
                           neap_error *error)
{
    neap_status status = NEAP_OK;
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK; code++)
        status = write_state(it, pair, code, error);
    if (status != NEAP_OK)
        return status;
    const bool *failed = pair->failed;
    bool both_failed = failed[NEAPI_BEFORE] && failed[NEAPI_AFTER];
    const neapi_buffer *texts = both_failed ? pair->errors : it->texts;
    *same = failed[NEAPI_BEFORE] == failed[NEAPI_AFTER] &&
            neapi_text_equal(text_of(&texts[NEAPI_BEFORE]), text_of(&texts[NEAPI_AFTER]));
    return NEAP_OK;
}

static neap_status report(neapi_changed *it, neapi_changed_pair *pair, const neap_event *event,
                          neap_error *error)
{
    neapi_buffer places[NEAPI_CODES] = {NEAPI_BUFFER_INIT, NEAPI_BUFFER_INIT};
    neapi_difference found = {
        .key = pair->instances[NEAPI_BEFORE].id, .event = event, .initial = pair->initially};
    uint64_t at = pair->instances[NEAPI_BEFORE].tag_count != 0 ? event->position : event->version;
    if (pair->compared_at != 0 && pair->compared_at + 1 < at &&
        pair->instances[NEAPI_BEFORE].tag_count == 0)
        found.equal_at = pair->compared_at;
    for (int code = 0; code < NEAPI_CODES; code++) {
        neapi_engine_place_of_event(it->codes[code].engine, pair->instances[code].aggregate, NULL,
                                    event, &places[code]);
        found.places[code] = text_of(&places[code]);
        found.values[code] = text_of(&it->texts[code]);
        if (pair->failed[code])
            found.errors[code] = text_of(&pair->errors[code]);
    }
    neap_status status = neapi_changed_differs(it, pair->definition, &found, error);
    for (int code = 0; code < NEAPI_CODES; code++)
        neapi_buffer_fini(&places[code]);
    return status;
}

static neap_status compare_behind(neapi_changed *it, neapi_changed_pair *pair,
                                  const neap_event *event, neap_error *error)
{
    bool same = true;
    neap_status status = compare(it, pair, &same, error);
    if (status == NEAP_OK && !same) {
        pair->differs = true;
        status = report(it, pair, event, error);
    }
    pair->compared_at = pair->version;
    pair->pause =
        (it->texts[NEAPI_BEFORE].size + it->texts[NEAPI_AFTER].size) / (2 * BYTES_PER_EVENT);
    return status;
}

/* ---- Folding --------------------------------------------------------------------------------- */

neap_status neapi_pair_begin(neapi_changed *it, neapi_changed_pair *pair, neap_error *error)
{
    neap_status status = NEAP_OK;
    bool same = true;
    pair->differs = pair->initially = false;
    pair->version = pair->compared_at = pair->pause = 0;
    for (int code = 0; code < NEAPI_CODES; code++) {
        pair->failed[code] = false;
        pair->states[code] = NEAPI_NO_STATE;
    }
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK; code++) {
        neap_error why;
        status = neapi_engine_state_new(it->codes[code].engine, &pair->instances[code],
                                        &pair->states[code], &why);
        if (status != NEAP_OK)
            status = take_failure(pair, code, status, &why, error);
    }
    if (status == NEAP_OK)
        status = compare(it, pair, &same, error);
    pair->initially = !same;
    if (status != NEAP_OK)
        neapi_pair_free_states(it, pair);
    return status;
}

static bool wants(const neapi_instance *instance, const neap_event *event)
{
    const neapi_aggregate *aggregate = instance->aggregate;
    if (instance->tag_count == 0)
        return true;
    for (size_t i = 0; i < aggregate->type_count; i++)
        if (neapi_text_equal(aggregate->types[i], event->type))
            return true;
    return false;
}

/* Folds it into a copy that goes: what the fold keeps elsewhere is there twice then. */
static neap_status fold_once_more(neapi_changed *it, neapi_changed_pair *pair, int code,
                                  const neap_event *event, neap_error *error)
{
    neap_error why;
    neapi_state copy;
    neapi_engine *engine = it->codes[code].engine;
    neap_status status = neapi_engine_state_copy(engine, pair->states[code], &copy, &why);
    if (status == NEAP_OK) {
        status = neapi_engine_fold(engine, &pair->instances[code], copy, event, 1, &why);
        neapi_engine_state_free(engine, copy);
    }
    if (!neapi_changed_fails(status))
        return NEAP_OK;
    *error = why;
    return status;
}

neap_status neapi_pair_fold(neapi_changed *it, neapi_changed_pair *pair, const neap_event *event,
                            neap_error *error)
{
    neap_status status = NEAP_OK;
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK; code++) {
        neap_error why;
        if (pair->failed[code] || !wants(&pair->instances[code], event))
            continue;
        if (it->twice && code == NEAPI_AFTER)
            status = fold_once_more(it, pair, code, event, error);
        if (status != NEAP_OK)
            return status;
        status = neapi_engine_fold(it->codes[code].engine, &pair->instances[code],
                                   pair->states[code], event, 1, &why);
        if (status != NEAP_OK)
            status = take_failure(pair, code, status, &why, error);
    }
    if (status != NEAP_OK)
        return status;
    pair->version = pair->instances[NEAPI_BEFORE].tag_count != 0 ? event->position : event->version;
    if (pair->differs || event->position < it->from)
        return NEAP_OK;
    bool failed = pair->failed[NEAPI_BEFORE] || pair->failed[NEAPI_AFTER];
    if (pair->pause != 0 && !failed) {
        pair->pause--;
        return NEAP_OK;
    }
    return compare_behind(it, pair, event, error);
}

neap_status neapi_pair_settle(neapi_changed *it, neapi_changed_pair *pair, const neap_event *event,
                              neap_error *error)
{
    if (pair->differs || event->position < it->from || pair->compared_at == pair->version)
        return NEAP_OK;
    return compare_behind(it, pair, event, error);
}
