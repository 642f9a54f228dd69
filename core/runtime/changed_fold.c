/* Projections and sagas, through the log: what each event touches is compared behind it. */
#include "runtime/changed_fold.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

static neap_text text_of(const neapi_buffer *buffer)
{
    return neapi_text(buffer->data, buffer->size);
}

static bool is_saga(const neapi_changed_fold *fold)
{
    return fold->both[NEAPI_BEFORE]->kind == NEAPI_SAGA;
}

neapi_changed_fold *neapi_changed_fold_new(neapi_changed *it,
                                           const neapi_subscription *const both[NEAPI_CODES],
                                           neap_error *error)
{
    neapi_changed_fold *made = neapi_alloc_zero(1, sizeof *made);
    neapi_unit *units[NEAPI_CODES] = {neapi_unit_new((neap_uuid){{1}}),
                                      neapi_unit_new((neap_uuid){{1}})};
    const neapi_subscription *before = both[NEAPI_BEFORE];
    neapi_changed_definition *definition =
        neapi_changed_define(it, neapi_subscription_kind_name(before->kind), before->name);
    if (made == NULL || units[0] == NULL || units[1] == NULL || definition == NULL) {
        neapi_free(made);
        neapi_unit_release(units[0]);
        neapi_unit_release(units[1]);
        neapi_nomem(error);
        return NULL;
    }
    *made = (neapi_changed_fold){.definition = definition,
                                 .named = NEAPI_ARENA_INIT,
                                 .batch = 1,
                                 .keys = NEAPI_ARENA_INIT,
                                 .effects = NEAPI_EFFECTS_INIT};
    neapi_map_init(&made->by_key);
    for (int code = 0; code < NEAPI_CODES; code++) {
        made->both[code] = both[code];
        made->units[code] = units[code];
    }
    return made;
}

static void free_side(neapi_changed_side *side)
{
    neapi_buffer_fini(&side->json);
    neapi_buffer_fini(&side->saved);
    neapi_buffer_fini(&side->wanted);
    neapi_buffer_fini(&side->why);
}

void neapi_changed_fold_free(neapi_changed *it, neapi_changed_fold *fold)
{
    size_t at = 0;
    if (fold == NULL)
        return;
    for (neapi_changed_kept *kept; (kept = neapi_map_next(&fold->by_key, &at)) != NULL;)
        for (int code = 0; code < NEAPI_CODES; code++)
            free_side(&kept->sides[code]);
    for (int code = 0; code < NEAPI_CODES; code++) {
        if (fold->documents[code] != NEAPI_NO_DOCUMENTS)
            neapi_engine_documents_free(it->codes[code].engine, fold->documents[code]);
        neapi_buffer_fini(&fold->why[code]);
        neapi_unit_release(fold->units[code]);
    }
    neapi_map_fini(&fold->by_key);
    neapi_arena_fini(&fold->named);
    neapi_arena_fini(&fold->keys);
    neapi_effects_fini(&fold->effects);
    neapi_free(fold);
}

neapi_changed_kept *neapi_changed_touch(neapi_changed_fold *fold, neap_text key)
{
    neapi_changed_kept *kept = neapi_map_get(&fold->by_key, key);
    if (kept == NULL) {
        kept = neapi_arena_alloc(&fold->named, sizeof *kept);
        if (kept == NULL)
            return NULL;
        *kept = (neapi_changed_kept){.key = neapi_arena_text(&fold->named, key)};
        if (kept->key.data == NULL || !neapi_map_put(&fold->by_key, kept->key, kept))
            return NULL;
    }
    if (!kept->touched) {
        for (int code = 0; code < NEAPI_CODES; code++)
            neapi_buffer_clear(&kept->sides[code].wanted);
        kept->touched = true;
        kept->next = fold->touched;
        fold->touched = kept;
    }
    return kept;
}

neap_status neapi_changed_stop(neapi_changed_fold *fold, int code, const neap_error *why,
                               neap_error *error)
{
    if (neapi_changed_fails(why->status)) {
        if (error != NULL)
            *error = *why;
        return why->status;
    }
    fold->stopped[code] = fold->over = true;
    neapi_buffer_text(&fold->why[code], neapi_text_of(why->message));
    return fold->why[code].failed ? neapi_nomem(error) : NEAP_OK;
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static bool same_sides(const neapi_changed_kept *kept)
{
    const neapi_changed_side *before = &kept->sides[NEAPI_BEFORE],
                             *after = &kept->sides[NEAPI_AFTER];
    return before->status == after->status &&
           neapi_text_equal(text_of(&before->json), text_of(&after->json)) &&
           neapi_text_equal(text_of(&before->wanted), text_of(&after->wanted)) &&
           neapi_text_equal(text_of(&before->why), text_of(&after->why));
}

/* kept: NULL, if it is about the whole of it, which has stopped. */
static neap_status report(neapi_changed *it, neapi_changed_fold *fold,
                          const neapi_changed_kept *kept, const neap_event *event,
                          neap_error *error)
{
    neapi_buffer places[NEAPI_CODES] = {NEAPI_BUFFER_INIT, NEAPI_BUFFER_INIT};
    neapi_difference found = {.event = event};
    for (int code = 0; code < NEAPI_CODES; code++) {
        neapi_engine_place_of_event(it->codes[code].engine, NULL, fold->both[code], event,
                                    &places[code]);
        found.places[code] = text_of(&places[code]);
        if (kept == NULL) {
            found.errors[code] = text_of(&fold->why[code]);
            continue;
        }
        neapi_buffer_clear(&it->texts[code]);
        if (is_saga(fold))
            neapi_changed_saga_write(&it->texts[code], &kept->sides[code]);
        else
            neapi_buffer_text(&it->texts[code], text_of(&kept->sides[code].json));
        found.key = kept->key;
        found.values[code] = text_of(&it->texts[code]);
        found.errors[code] = text_of(&kept->sides[code].why);
    }
    bool refused = it->texts[NEAPI_BEFORE].failed || it->texts[NEAPI_AFTER].failed;
    neap_status status =
        refused ? neapi_nomem(error) : neapi_changed_differs(it, fold->definition, &found, error);
    for (int code = 0; code < NEAPI_CODES; code++)
        neapi_buffer_fini(&places[code]);
    return status;
}

/* What is there in one version at least is counted once. */
static void count(neapi_changed_fold *fold, neapi_changed_kept *kept)
{
    bool is_there = false;
    for (int code = 0; code < NEAPI_CODES; code++)
        is_there = is_there || kept->sides[code].json.size != 0 ||
                   kept->sides[code].status != NEAPI_SAGA_ABSENT;
    if (is_there && !kept->counted)
        fold->definition->compared++;
    kept->counted = kept->counted || is_there;
}

static neap_status compare_touched(neapi_changed *it, neapi_changed_fold *fold,
                                   const neap_event *event, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (neapi_changed_kept *kept; (kept = fold->touched) != NULL;) {
        fold->touched = kept->next;
        kept->touched = false;
        count(fold, kept);
        if (status != NEAP_OK || kept->differs || event->position < it->from || same_sides(kept))
            continue;
        kept->differs = true;
        status = report(it, fold, kept, event, error);
    }
    return status;
}

static bool same_stop(const neapi_changed_fold *fold)
{
    return fold->stopped[NEAPI_BEFORE] == fold->stopped[NEAPI_AFTER] &&
           neapi_text_equal(text_of(&fold->why[NEAPI_BEFORE]), text_of(&fold->why[NEAPI_AFTER]));
}

neap_status neapi_changed_compare(neapi_changed *it, neapi_changed_fold *fold,
                                  const neap_event *event, neap_error *error)
{
    if (!fold->over)
        return compare_touched(it, fold, event, error);
    return same_stop(fold) ? NEAP_OK : report(it, fold, NULL, event, error);
}

/* ---- Events ---------------------------------------------------------------------------------- */

bool neapi_changed_wants(const neapi_subscription *subscription, const neap_event *event)
{
    if (subscription->only_transient)
        return false;
    for (size_t i = 0; i < subscription->type_count; i++)
        if (neapi_text_equal(subscription->types[i], event->type))
            return true;
    return subscription->type_count == 0;
}

static neap_status handle(neapi_changed *it, neapi_changed_fold *fold, const neap_event *event,
                          neap_error *error)
{
    neap_status status = NEAP_OK;
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK; code++)
        if (neapi_changed_wants(fold->both[code], event))
            status = neapi_changed_saga(it, fold, code, event, error);
    return status == NEAP_OK ? neapi_changed_compare(it, fold, event, error) : status;
}

neap_status neapi_changed_fold_events(neapi_changed *it, neapi_changed_fold *fold,
                                      const neap_event *events, size_t count, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t at = 0; at < count && status == NEAP_OK;) {
        size_t some = fold->batch < count - at ? fold->batch : count - at;
        if (!fold->over)
            status = is_saga(fold) ? handle(it, fold, &events[at], error)
                                   : neapi_changed_project(it, fold, &events[at], some, error);
        if (status == NEAP_OK)
            status = neapi_changed_go_on(it, some, error);
        at += some;
    }
    return status;
}
