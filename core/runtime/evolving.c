#include "runtime/evolving.h"

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/checkpoint.h"
#include "runtime/history.h"
#include "runtime/snapshot.h"
#include "runtime/subscribed.h"

static bool is_saga(const neapi_evolved *evolved)
{
    return evolved->subscription != NULL && evolved->subscription->kind == NEAPI_SAGA;
}

neapi_range neapi_evolved_range(const neapi_evolved *evolved)
{
    const neapi_aggregate *aggregate = evolved->instance.aggregate;
    if (evolved->subscription != NULL)
        return (neapi_range){.types = evolved->subscription->types,
                             .type_count = evolved->subscription->type_count};
    if (evolved->instance.tag_count == 0)
        return (neapi_range){.stream = evolved->instance.stream};
    return (neapi_range){.types = aggregate->types,
                         .type_count = aggregate->type_count,
                         .tags = evolved->instance.tags,
                         .tag_count = evolved->instance.tag_count};
}

/* ---- As bytes --------------------------------------------------------------------------------
 *
 * Of an aggregate a mark and its state; of a document a mark and its JSON; of a saga two letters,
 * for its status and for whether it compensates, and its state. */

#define MARK '+'

static size_t header_of(const neapi_evolved *evolved)
{
    return is_saga(evolved) ? 2 : 1;
}

neap_status neapi_evolving_save(neapi_evolving *evolving, neapi_buffer *saved, neap_error *error)
{
    const neapi_evolved *evolved = evolving->evolved;
    neapi_engine *engine = evolving->lane->engine;
    bool found = evolving->begun;
    neapi_buffer_clear(saved);
    if (!found)
        return NEAP_OK;
    neapi_buffer_byte(saved, is_saga(evolved) ? (char)('a' + evolving->status) : MARK);
    if (is_saga(evolved))
        neapi_buffer_byte(saved, evolving->compensates ? 'c' : '-');
    neap_status status =
        evolving->documents != NEAPI_NO_DOCUMENTS
            ? neapi_engine_document_json(engine, evolving->documents, evolved->key, saved, &found,
                                         error)
        : evolving->state != NEAPI_NO_STATE
            ? neapi_engine_state_save(engine, evolving->state,
                                      evolving->lane->options->allocation_bytes, saved, error)
            : NEAP_OK;
    if (status == NEAP_OK && !found)
        neapi_buffer_clear(saved);
    return status == NEAP_OK && saved->failed ? neapi_nomem(error) : status;
}

/* Of a document that is asked for first. */
static neap_status find_saved(void *host, neap_text key, neap_text *data, bool *found,
                              neap_error *error)
{
    const neapi_evolving *evolving = host;
    (void)key, (void)error;
    *found = evolving->saved.size > 1;
    *data =
        *found ? neapi_text(evolving->saved.data + 1, evolving->saved.size - 1) : (neap_text){0};
    return NEAP_OK;
}

static neapi_projecting place_of(neapi_evolving *evolving)
{
    return (neapi_projecting){.projection = evolving->evolved->subscription,
                              .documents = evolving->documents,
                              .partitions = 1,
                              .only = evolving->evolved->key,
                              .find = find_saved,
                              .host = evolving};
}

static neap_status load_state(neapi_evolving *evolving, neap_error *error)
{
    size_t header = header_of(evolving->evolved);
    neap_text saved = evolving->saved;
    if (saved.size <= header)
        return NEAP_OK;
    return neapi_engine_state_load(evolving->lane->engine,
                                   neapi_text(saved.data + header, saved.size - header),
                                   &evolving->state, error);
}

neap_status neapi_evolving_begin(neapi_evolving *evolving, neapi_lane *lane,
                                 const neapi_evolved *evolved, neap_text saved, neap_error *error)
{
    *evolving = (neapi_evolving){.lane = lane,
                                 .evolved = evolved,
                                 .saved = saved,
                                 .begun = saved.size != 0,
                                 .effects = NEAPI_EFFECTS_INIT};
    if (evolved->subscription == NULL)
        return evolving->begun ? load_state(evolving, error)
                               : neapi_engine_state_new(lane->engine, &evolved->instance,
                                                        &evolving->state, error);
    if (!is_saga(evolved))
        return neapi_engine_documents_new(lane->engine, evolved->subscription, &evolving->documents,
                                          error);
    if (!evolving->begun)
        return NEAP_OK;
    evolving->status = (neapi_saga_status)(saved.data[0] - 'a');
    evolving->compensates = saved.data[1] == 'c';
    return load_state(evolving, error);
}

void neapi_evolving_end(neapi_evolving *evolving)
{
    neapi_engine_state_free(evolving->lane->engine, evolving->state);
    neapi_engine_documents_free(evolving->lane->engine, evolving->documents);
    neapi_effects_fini(&evolving->effects);
}

/* ---- Folding --------------------------------------------------------------------------------- */

/* As core/runtime/saga_step.c does, but that nothing is sent. */
static void take_effects(neapi_evolving *evolving, const neapi_saga_step *step)
{
    const neapi_effect *last = evolving->effects.last;
    for (const neapi_effect *it = evolving->effects.first; it != NULL; it = it->next)
        evolving->compensates = evolving->compensates || it->kind == NEAPI_EFFECT_COMPENSATE;
    if (step->state != NEAPI_NO_STATE && evolving->status == NEAPI_SAGA_ABSENT)
        evolving->status = NEAPI_SAGA_RUNNING;
    if (last != NULL && last->kind == NEAPI_EFFECT_COMPLETE)
        evolving->status = NEAPI_SAGA_COMPLETED;
    else if (last != NULL && last->kind == NEAPI_EFFECT_FAIL)
        evolving->status = evolving->compensates ? NEAPI_SAGA_COMPENSATING : NEAPI_SAGA_FAILED;
    evolving->begun = evolving->status != NEAPI_SAGA_ABSENT;
}

static neap_status fold_saga(neapi_evolving *evolving, const neap_event *event, neap_error *error)
{
    if (evolving->status != NEAPI_SAGA_ABSENT && evolving->status != NEAPI_SAGA_RUNNING)
        return NEAP_OK;
    neapi_saga_step step = {.saga = evolving->evolved->subscription,
                            .key = evolving->evolved->key,
                            .state = evolving->state,
                            .effects = &evolving->effects};
    neapi_effects_clear(&evolving->effects);
    neap_status status = neapi_engine_saga_event(evolving->lane->engine, &step, event, error);
    evolving->state = step.state;
    if (status == NEAP_OK)
        take_effects(evolving, &step);
    return status;
}

neap_status neapi_evolving_fold(neapi_evolving *evolving, const neap_event *event,
                                neap_error *error)
{
    const neapi_evolved *evolved = evolving->evolved;
    neapi_engine *engine = evolving->lane->engine;
    size_t failed;
    if (is_saga(evolved))
        return fold_saga(evolving, event, error);
    evolving->begun = true;
    if (evolved->subscription == NULL)
        return neapi_engine_fold(engine, &evolved->instance, evolving->state, event, 1, error);
    const neapi_projecting where = place_of(evolving);
    return neapi_engine_project(engine, &where, &event, 1, &failed, error);
}

/* ---- Showing --------------------------------------------------------------------------------- */

static neap_status show_all(neapi_evolving *evolving, neapi_buffer *json, bool *there,
                            neap_error *error)
{
    neapi_engine *engine = evolving->lane->engine;
    const neapi_evolved *evolved = evolving->evolved;
    *there = evolving->begun;
    if (!evolving->begun)
        return NEAP_OK;
    if (!is_saga(evolved)) {
        neap_status status = neapi_engine_document_json(engine, evolving->documents, evolved->key,
                                                        json, there, error);
        bool untouched = status == NEAP_OK && !*there &&
                         neapi_engine_documents_count(engine, evolving->documents) == 0;
        if (untouched && evolving->saved.size > 1) { /* no event was its own yet */
            *there = true;
            neapi_buffer_append(json, evolving->saved.data + 1, evolving->saved.size - 1);
        }
        return status;
    }
    NEAPI_BUFFER_LITERAL(json, "{\"state\":");
    neap_status status = neapi_engine_state_json(engine, evolving->state, json, error);
    neapi_buffer_format(json, ",\"status\":\"%s\"}", neapi_saga_status_name(evolving->status));
    return status;
}

static neap_status show_state(neapi_evolving *evolving, neapi_buffer *json, bool *there,
                              neap_error *error)
{
    neapi_engine *engine = evolving->lane->engine;
    neap_text field = evolving->evolved->field;
    *there = evolving->begun;
    if (!evolving->begun)
        return NEAP_OK;
    return field.size == 0
               ? neapi_engine_state_json(engine, evolving->state, json, error)
               : neapi_engine_state_field_json(engine, evolving->state, field, json, there, error);
}

neap_status neapi_evolving_show(neapi_evolving *evolving, neapi_buffer *json, bool *there,
                                neap_error *error)
{
    neap_text field = evolving->evolved->field, found;
    neap_status status;
    if (evolving->evolved->subscription == NULL) {
        status = show_state(evolving, json, there, error);
    } else if (field.size == 0) {
        status = show_all(evolving, json, there, error);
    } else {
        neapi_buffer all = NEAPI_BUFFER_INIT;
        status = show_all(evolving, &all, there, error);
        *there = status == NEAP_OK && *there && !all.failed &&
                 neapi_json_at(neapi_text(all.data, all.size), field, &found);
        if (*there)
            neapi_buffer_text(json, found);
        json->failed = json->failed || all.failed;
        neapi_buffer_fini(&all);
    }
    return status == NEAP_OK && json->failed ? neapi_nomem(error) : status;
}

/* ---- What is kept ---------------------------------------------------------------------------- */

static neap_status nearest_snapshot(neapi_lane *lane, const neapi_evolved *evolved, uint64_t *place,
                                    neapi_buffer *saved, neap_error *error)
{
    neapi_evolving evolving = {
        .lane = lane, .evolved = evolved, .begun = true, .effects = NEAPI_EFFECTS_INIT};
    neapi_snapshot_mark mark = {0};
    neap_status status =
        neapi_snapshot_load(lane, &evolved->instance, *place, &evolving.state, &mark, error);
    *place = evolving.state != NEAPI_NO_STATE ? mark.version : 0;
    if (status == NEAP_OK && evolving.state != NEAPI_NO_STATE)
        status = neapi_evolving_save(&evolving, saved, error);
    neapi_evolving_end(&evolving);
    return status;
}

static neap_status collection_of(neapi_lane *lane, const neapi_evolved *evolved, neapi_buffer *name,
                                 neap_error *error)
{
    uint32_t build = 0;
    if (is_saga(evolved)) {
        neapi_saga_collection(name, evolved->subscription->name);
    } else {
        neap_status status = neapi_subscribed_live_build(
            lane->runtime, lane->session, evolved->subscription->name, &build, error);
        if (status != NEAP_OK)
            return status;
        neapi_collection_name(name, evolved->subscription->name, build);
    }
    return name->failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status take_saga(neap_text key, neap_text data, neapi_buffer *saved, neap_error *error)
{
    neapi_saga *saga = neapi_saga_new(key);
    if (saga == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_saga_read(data, saga, error);
    if (status == NEAP_OK) {
        neapi_buffer_byte(saved, (char)('a' + saga->status));
        neapi_buffer_byte(saved, saga->compensation_count != 0 ? 'c' : '-');
        neapi_buffer_append(saved, saga->saved.data, saga->saved.size);
    }
    neapi_saga_free(saga);
    return status == NEAP_OK && saved->failed ? neapi_nomem(error) : status;
}

static neap_status nearest_kept(neapi_lane *lane, const neapi_evolved *evolved, uint64_t *place,
                                neapi_buffer *saved, neap_error *error)
{
    neapi_buffer name = NEAPI_BUFFER_INIT;
    neap_text data;
    const neap_runtime *past = lane->runtime;
    bool is_kept = !evolved->subscription->is_live && past->branch == NULL;
    neapi_kept_past *kept = is_kept ? neapi_past_keep_nearest(&past->history->keep, *place) : NULL;
    *place = kept != NULL ? kept->position : 0;
    neap_status status = kept != NULL ? collection_of(lane, evolved, &name, error) : NEAP_OK;
    if (status == NEAP_OK && kept != NULL &&
        neapi_kept_past_find(kept, neapi_text(name.data, name.size), evolved->key, &data)) {
        if (is_saga(evolved))
            status = take_saga(evolved->key, data, saved, error);
        else
            neapi_buffer_format(saved, "%c%.*s", MARK, NEAPI_TEXT(data));
    }
    neapi_kept_past_release(kept);
    neapi_buffer_fini(&name);
    return status == NEAP_OK && saved->failed ? neapi_nomem(error) : status;
}

neap_status neapi_evolved_nearest(neapi_lane *lane, const neapi_evolved *evolved, uint64_t *place,
                                  neapi_buffer *saved, neap_error *error)
{
    neapi_buffer_clear(saved);
    return evolved->subscription == NULL ? nearest_snapshot(lane, evolved, place, saved, error)
                                         : nearest_kept(lane, evolved, place, saved, error);
}
