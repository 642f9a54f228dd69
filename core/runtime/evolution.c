/* How something came about: see neap_evolution in neap.h. It is folded a page at a time by the
 * past's lane, and put down between. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/call.h"
#include "runtime/evolving.h"
#include "runtime/history.h"
#include "runtime/instance.h"
#include "runtime/past_store.h"
#include "store/check.h"

#define SHOWN_EVENTS 256
#define SHOWN_BYTES  ((size_t)4 << 20)
#define PAGE_EVENTS  1024
#define PAGE_BYTES   ((size_t)1 << 20)

/* What it was behind an event. */
typedef struct shown {
    size_t begin, size; /* in `texts` */
    bool there;
} shown;

struct neap_evolution {
    neap_runtime *past;
    neapi_arena arena;
    neapi_evolved evolved;
    bool every;
    uint64_t to;        /* the last place that is wanted */
    uint64_t at;        /* `saved` is what it is behind this place */
    uint64_t lead;      /* up to this place nothing is shown */
    uint64_t most;      /* while it is skipped: events; 0: it is not */
    bool found_nearest; /* saved and at are */
    bool ended;
    neapi_buffer saved;
    /* What is shown: the first `count` events of the page, and behind each what it was then. */
    neapi_page page;
    size_t count, next;
    neapi_buffer texts;
    shown shown[SHOWN_EVENTS + 1];
    neapi_buffer base; /* what it was before them */
    uint64_t base_at;
};

void neap_evolution_options_init_sized(neap_evolution_options *options, size_t size)
{
    const neap_evolution_options defaults = {.size = size, .to = NEAP_LAST};
    memcpy(options, &defaults, size < sizeof defaults ? size : sizeof defaults);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static neap_status check_field(const char *field, neap_error *error)
{
    if (field == NULL)
        return NEAP_OK;
    neap_status status = neapi_json_check(neapi_text_of(field), 1, error);
    if (status == NEAP_OK && field[strspn(field, " \t\r\n")] != '[')
        status = neapi_fail(error, NEAP_INVALID, "it is no list");
    if (status != NEAP_OK)
        neapi_error_prefix(error, "neap_evolution_options.field");
    return status;
}

static neap_status take_options(const neap_evolution_options *given, neap_evolution *it,
                                neap_error *error)
{
    neap_evolution_options options;
    neap_evolution_options_init(&options);
    if (given != NULL && (given->size < sizeof given->size || given->size > sizeof options))
        return neapi_fail(error, NEAP_USAGE,
                          "neap_evolution_options.size is %zu; call neap_evolution_options_init() "
                          "first",
                          given->size);
    if (given != NULL)
        memcpy(&options, given, given->size);
    neap_status status = check_field(options.field, error);
    if (status != NEAP_OK)
        return status;
    if (options.field != NULL)
        it->evolved.field = neapi_arena_text(&it->arena, neapi_text_of(options.field));
    it->every = options.every && it->evolved.subscription == NULL;
    it->to = options.to;
    it->at = options.behind;
    it->lead = options.nearest ? 0 : options.behind;
    return options.field != NULL && it->evolved.field.data == NULL ? neapi_nomem(error) : NEAP_OK;
}

static neap_status find_subscription(neap_evolution *it, neap_kind kind, neap_text name,
                                     neap_text key, neap_error *error)
{
    const neapi_subscription *found;
    neap_status status = neapi_catalog_subscription(it->past->catalog, name, &found, error);
    if (status != NEAP_OK)
        return status;
    bool fits = kind == NEAP_KIND_SAGA ? found->kind == NEAPI_SAGA
                                       : found->kind == NEAPI_PROJECTION && !found->is_sql;
    if (!fits)
        return neapi_fail(error, NEAP_USAGE, "%s '%.*s' %s",
                          neapi_subscription_kind_name(found->kind), NEAPI_TEXT(name),
                          found->is_sql ? "keeps rows, and no documents"
                                        : "has nothing that evolves");
    status = neapi_name_check(key, "a key", error);
    it->evolved.subscription = found;
    it->evolved.key = neapi_arena_text(&it->arena, key);
    return status == NEAP_OK && it->evolved.key.data == NULL ? neapi_nomem(error) : status;
}

static neap_status find_instance(neap_evolution *it, neap_text name, neap_text id,
                                 neap_error *error)
{
    const neapi_aggregate *found;
    neap_text copy = neapi_arena_text(&it->arena, id);
    if (copy.data == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_catalog_aggregate(it->past->catalog, name, &found, error);
    return status == NEAP_OK
               ? neapi_instance_named(&it->arena, found, copy, &it->evolved.instance, error)
               : status;
}

neap_status neap_history_evolution(neap_runtime *past, neap_kind kind, const char *name,
                                   const char *id, const neap_evolution_options *options,
                                   neap_evolution **evolution, neap_error *error)
{
    if (past == NULL || past->history == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_evolution: it is no past of a history");
    if (name == NULL || id == NULL || evolution == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_history_evolution: name, id and evolution must not be NULL");
    neap_evolution *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    made->past = past;
    neap_status status =
        kind == NEAP_KIND_AGGREGATE
            ? find_instance(made, neapi_text_of(name), neapi_text_of(id), error)
        : kind == NEAP_KIND_PROJECTION || kind == NEAP_KIND_SAGA
            ? find_subscription(made, kind, neapi_text_of(name), neapi_text_of(id), error)
            : neapi_fail(error, NEAP_USAGE,
                         "neap_history_evolution: only aggregates, projections and sagas evolve");
    if (status == NEAP_OK)
        status = take_options(options, made, error);
    if (status == NEAP_OK)
        *evolution = made;
    else
        neap_evolution_close(made);
    return status;
}

void neap_evolution_close(neap_evolution *it)
{
    if (it == NULL)
        return;
    neapi_page_fini(&it->page);
    neapi_buffer_fini(&it->texts);
    neapi_buffer_fini(&it->saved);
    neapi_buffer_fini(&it->base);
    neapi_arena_fini(&it->arena);
    neapi_free(it);
}

/* ---- Folding a page, in the lane ------------------------------------------------------------- */

static neap_text text_of(const neapi_buffer *buffer)
{
    return neapi_text(buffer->data, buffer->size);
}

static neap_status show(neap_evolution *it, neapi_evolving *evolving, size_t place,
                        neap_error *error)
{
    shown *one = &it->shown[place];
    one->begin = it->texts.size;
    neap_status status = neapi_evolving_show(evolving, &it->texts, &one->there, error);
    one->size = it->texts.size - one->begin;
    return status;
}

/* Behind the page all that comes before its next place is folded. */
static void arrive(neap_evolution *it, size_t folded, uint64_t wanted)
{
    const neapi_page *page = &it->page;
    if (folded < page->count)
        it->at = neapi_evolved_place(&it->evolved, &page->events[folded - 1]);
    else if (page->last)
        it->at = wanted;
    else
        it->at = page->next - 1;
    it->ended = it->at >= it->to;
}

static neap_status fold_silently(neap_evolution *it, neapi_evolving *evolving, neap_error *error)
{
    const neapi_page *page = &it->page;
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < page->count && status == NEAP_OK; i++)
        status = neapi_evolving_fold(evolving, &page->events[i], error);
    return status;
}

/* Sets how many events are shown. If one cannot be folded those before it are. */
static neap_status fold_and_show(neap_evolution *it, neapi_evolving *evolving, neap_error *error)
{
    const neapi_page *page = &it->page;
    neap_status status = show(it, evolving, 0, error);
    for (size_t i = 0; i < page->count && status == NEAP_OK; i++) {
        status = neapi_evolving_fold(evolving, &page->events[i], error);
        if (status == NEAP_OK)
            status = show(it, evolving, i + 1, error);
        if (status == NEAP_OK)
            it->count = i + 1;
        if (it->texts.size > SHOWN_BYTES)
            break;
    }
    return status;
}

static neap_status read_page(neap_evolution *it, neapi_lane *lane, uint64_t wanted,
                             neap_error *error)
{
    neapi_range range = neapi_evolved_range(&it->evolved);
    bool silent = it->at < it->lead || it->most != 0;
    range.from = it->at + 1;
    range.to = wanted;
    range.max_events = silent ? PAGE_EVENTS : SHOWN_EVENTS;
    if (it->most != 0 && it->most < range.max_events)
        range.max_events = (size_t)it->most;
    range.max_bytes = PAGE_BYTES;
    return neapi_read(lane->session, &range, &it->page, error);
}

static neap_status put_down(neap_evolution *it, neapi_evolving *evolving, neap_error *error)
{
    neapi_buffer base = it->base;
    it->base = it->saved;
    it->base_at = it->at;
    it->saved = base;
    neap_status status = neapi_evolving_save(evolving, &it->saved, error);
    if (status == NEAP_OK)
        return status;
    base = it->saved; /* as it was before */
    it->saved = it->base;
    it->base = base;
    it->count = 0;
    return status;
}

static neap_status fold_page(neap_evolution *it, neapi_lane *lane, uint64_t wanted, bool silent,
                             neap_error *error)
{
    neapi_evolving evolving;
    neap_status status =
        neapi_evolving_begin(&evolving, lane, &it->evolved, text_of(&it->saved), error);
    if (status == NEAP_OK)
        status = silent ? fold_silently(it, &evolving, error) : fold_and_show(it, &evolving, error);
    if (status == NEAP_OK) {
        status = put_down(it, &evolving, error);
        if (status == NEAP_OK)
            arrive(it, silent ? it->page.count : it->count, wanted);
    } else if (it->count != 0) { /* it fails when it is asked for the next one */
        neapi_buffer_clear(&it->base);
        neapi_buffer_text(&it->base, text_of(&it->saved));
        it->base_at = it->at;
        it->lead = neapi_evolved_place(&it->evolved, &it->page.events[it->count - 1]);
        status = it->base.failed ? neapi_nomem(error) : NEAP_OK;
    }
    neapi_evolving_end(&evolving);
    return status;
}

static neap_status look(neapi_lane *lane, void *looker, neap_error *error)
{
    neap_evolution *it = looker;
    neap_status status = NEAP_OK;
    if (!it->found_nearest) {
        uint64_t behind = it->at;
        status = neapi_evolved_nearest(lane, &it->evolved, &it->at, &it->saved, error);
        it->found_nearest = status == NEAP_OK;
        if (status != NEAP_OK)
            it->at = behind;
        return status;
    }
    bool silent = it->at < it->lead || it->most != 0;
    uint64_t wanted = it->at < it->lead && it->lead < it->to ? it->lead : it->to;
    it->count = it->next = 0;
    neapi_buffer_clear(&it->texts);
    status = read_page(it, lane, wanted, error);
    return status == NEAP_OK ? fold_page(it, lane, wanted, silent, error) : status;
}

/* ---- For the host ---------------------------------------------------------------------------- */

static neap_status ask(neap_evolution *it, neap_error *error)
{
    neap_runtime *past = it->past;
    uint64_t head = neapi_past_store_position(past->store);
    uint64_t reached = it->page.count != 0 ? it->page.events[it->page.count - 1].position : 0;
    neap_status status = neapi_call_check(past, "neap_evolution", true, error);
    if (status == NEAP_OK)
        status = neapi_history_go_on(past->history, reached, head, error);
    if (status != NEAP_OK)
        return status;
    neapi_request *request = neapi_call_new(past, NEAPI_REQUEST_LOOK, NEAPI_NO_DEADLINE);
    if (request == NULL)
        return neapi_nomem(error);
    request->look = look;
    request->looker = it;
    status = neapi_call_push(past, request, false, error);
    return status == NEAP_OK ? neapi_call_wait(past, request, NULL, error) : status;
}

/* What is kept is found, and what nobody wants to see is folded. */
static neap_status prepare(neap_evolution *it, neap_error *error)
{
    neap_status status = NEAP_OK;
    while (status == NEAP_OK && (!it->found_nearest || (it->at < it->lead && !it->ended)))
        status = ask(it, error);
    return status;
}

static neap_text shown_at(const neap_evolution *it, size_t place)
{
    const shown *one = &it->shown[place];
    return one->there ? neapi_text(it->texts.data + one->begin, one->size) : (neap_text){0};
}

/* Takes the next one of the page. false: there is none any more. */
static bool take(neap_evolution *it, neap_evolution_step *step)
{
    while (it->next < it->count) {
        size_t place = it->next++;
        neap_text old = shown_at(it, place), now = shown_at(it, place + 1);
        bool same = (old.data == NULL) == (now.data == NULL) && neapi_text_equal(old, now);
        if (same && !it->every)
            continue;
        *step = (neap_evolution_step){.event = &it->page.events[place], .old = old, .now = now};
        return true;
    }
    return false;
}

neap_status neap_evolution_next(neap_evolution *it, neap_evolution_step *step, neap_error *error)
{
    neap_status status = NEAP_OK;
    while (!take(it, step)) {
        status = prepare(it, error);
        if (status != NEAP_OK)
            return status;
        if (it->ended) {
            *step = (neap_evolution_step){0};
            return NEAP_OK;
        }
        status = ask(it, error);
        if (status != NEAP_OK)
            return status;
    }
    return status;
}

neap_status neap_evolution_skip(neap_evolution *it, uint64_t most, uint64_t *skipped,
                                neap_error *error)
{
    uint64_t count = it->count - it->next < most ? it->count - it->next : most;
    it->next += (size_t)count;
    neap_status status = prepare(it, error);
    while (status == NEAP_OK && count < most && !it->ended) {
        it->most = most - count;
        status = ask(it, error);
        it->most = 0;
        if (status == NEAP_OK)
            count += it->page.count;
    }
    if (status == NEAP_OK)
        *skipped = count;
    return status;
}

neap_status neap_evolution_at(neap_evolution *it, uint64_t *place, neap_error *error)
{
    neap_status status = it->next < it->count ? NEAP_OK : prepare(it, error);
    if (status != NEAP_OK)
        return status;
    *place = it->next == it->count ? it->at
             : it->next != 0 ? neapi_evolved_place(&it->evolved, &it->page.events[it->next - 1])
                             : it->base_at;
    return NEAP_OK;
}

static bool copy_evolved(neap_evolution *copy, const neapi_evolved *from)
{
    neapi_arena *arena = &copy->arena;
    const neapi_instance *instance = &from->instance;
    neapi_evolved *to = &copy->evolved;
    *to = *from;
    to->key = neapi_arena_text(arena, from->key);
    to->field = from->field.size != 0 ? neapi_arena_text(arena, from->field) : from->field;
    if (to->key.data == NULL || (from->field.size != 0 && to->field.data == NULL))
        return false;
    if (from->subscription != NULL)
        return true;
    neap_text id = neapi_arena_text(arena, instance->id);
    return id.data != NULL &&
           neapi_instance_named(arena, instance->aggregate, id, &to->instance, NULL) == NEAP_OK;
}

neap_status neap_evolution_copy(neap_evolution *it, uint64_t to, neap_evolution **copy,
                                neap_error *error)
{
    neap_evolution *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    bool within = it->next < it->count;
    made->past = it->past;
    made->every = it->every;
    made->to = to < it->to ? to : it->to;
    made->found_nearest = it->found_nearest;
    made->at = within ? it->base_at : it->at;
    made->lead = within && it->next != 0
                     ? neapi_evolved_place(&it->evolved, &it->page.events[it->next - 1])
                     : it->lead;
    made->ended = made->found_nearest && made->at >= made->to;
    neapi_buffer_text(&made->saved, text_of(within ? &it->base : &it->saved));
    if (!copy_evolved(made, &it->evolved) || made->saved.failed) {
        neap_evolution_close(made);
        return neapi_nomem(error);
    }
    *copy = made;
    return NEAP_OK;
}
