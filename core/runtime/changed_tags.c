/* Aggregates by tags: their decisions are gone through in the order of the log. The states of an
 * instance are saved from one of its decisions to the next, as far as memory allows. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/changed.h"
#include "runtime/instance.h"

#define PAGE_EVENTS 1024
#define PAGE_BYTES  ((size_t)1 << 20)
/* Of saved states; beyond that all are folded again when they are needed. */
#define SAVED_MOST ((size_t)64 << 20)

/* An instance that a command has named. */
typedef struct known {
    neap_text name;
    bool differs;
    uint64_t through; /* the states are folded up to this position */
    neapi_buffer saved[NEAPI_CODES];
} known;

typedef struct going {
    neapi_changed *it;
    const neapi_aggregate *const *both;
    neapi_changed_pair pair;
    neapi_map by_name;  /* of known */
    neapi_arena named;  /* whose they are */
    neapi_arena wanted; /* of the instance at hand, and of what it reads */
    neapi_page page;
    size_t saved; /* bytes */
} going;

static void forget_states(going *job, known *one)
{
    for (int code = 0; code < NEAPI_CODES; code++) {
        job->saved -= one->saved[code].capacity;
        neapi_buffer_fini(&one->saved[code]);
    }
    one->through = 0;
}

static void forget_all(going *job)
{
    size_t at = 0;
    for (known *one; (one = neapi_map_next(&job->by_name, &at)) != NULL;)
        forget_states(job, one);
}

static known *find_known(going *job, neap_text name)
{
    known *one = neapi_map_get(&job->by_name, name);
    if (one != NULL)
        return one;
    one = neapi_arena_alloc(&job->named, sizeof *one);
    if (one == NULL)
        return NULL;
    *one = (known){.name = neapi_arena_text(&job->named, name)};
    if (one->name.data == NULL || !neapi_map_put(&job->by_name, one->name, one))
        return NULL;
    job->pair.definition->compared++;
    return one;
}

/* ---- States ---------------------------------------------------------------------------------- */

/* The states that were saved take the place of the initial ones. */
static neap_status load(going *job, const known *one, neap_error *error)
{
    neapi_changed_pair *pair = &job->pair;
    for (int code = 0; code < NEAPI_CODES; code++) {
        neapi_engine *engine = job->it->codes[code].engine;
        neapi_state state;
        const neapi_buffer *saved = &one->saved[code];
        neap_status status =
            neapi_engine_state_load(engine, neapi_text(saved->data, saved->size), &state, error);
        if (status != NEAP_OK)
            return status;
        neapi_engine_state_free(engine, pair->states[code]);
        pair->states[code] = state;
    }
    pair->version = pair->compared_at = one->through;
    return NEAP_OK;
}

/* Without any harm they may be missing: then they are folded from the beginning. */
static void save(going *job, known *one)
{
    const neapi_changed_pair *pair = &job->pair;
    neap_error unwanted;
    bool whole = !pair->failed[NEAPI_BEFORE] && !pair->failed[NEAPI_AFTER];
    uint64_t through = one->through;
    forget_states(job, one);
    for (int code = 0; code < NEAPI_CODES && whole; code++)
        whole = neapi_engine_state_save(job->it->codes[code].engine, pair->states[code], SAVED_MOST,
                                        &one->saved[code], &unwanted) == NEAP_OK &&
                !one->saved[code].failed;
    for (int code = 0; code < NEAPI_CODES; code++)
        job->saved += one->saved[code].capacity;
    one->through = through;
    if (!whole)
        forget_states(job, one);
    if (job->saved > SAVED_MOST)
        forget_all(job);
}

/* What one of both versions wants: types, or tags. */
static neap_status join(going *job, const neap_text *first, size_t first_count,
                        const neap_text *second, size_t second_count, const neap_text **all,
                        size_t *count, neap_error *error)
{
    neap_text *joined =
        neapi_arena_alloc(&job->wanted, (first_count + second_count + 1) * sizeof *joined);
    if (joined == NULL)
        return neapi_nomem(error);
    if (first_count != 0)
        memcpy(joined, first, first_count * sizeof *joined);
    *count = first_count;
    for (size_t i = 0; i < second_count; i++) {
        bool is_there = false;
        for (size_t n = 0; n < first_count && !is_there; n++)
            is_there = neapi_text_equal(joined[n], second[i]);
        if (!is_there)
            joined[(*count)++] = second[i];
    }
    *all = joined;
    return NEAP_OK;
}

static neap_status range_of(going *job, neapi_range *range, neap_error *error)
{
    const neapi_instance *before = &job->pair.instances[NEAPI_BEFORE];
    const neapi_instance *after = &job->pair.instances[NEAPI_AFTER];
    const neapi_aggregate *old = before->aggregate, *new = after->aggregate;
    *range = (neapi_range){.max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
    neap_status status = join(job, old->types, old->type_count, new->types, new->type_count,
                              &range->types, &range->type_count, error);
    return status == NEAP_OK ? join(job, before->tags, before->tag_count, after->tags,
                                    after->tag_count, &range->tags, &range->tag_count, error)
                             : status;
}

/* Folds through the position. */
static neap_status fold_through(going *job, known *one, uint64_t position, neap_error *error)
{
    neapi_range range;
    neap_status status = range_of(job, &range, error);
    range.from = one->through + 1;
    range.to = position;
    while (status == NEAP_OK && range.from <= range.to) {
        neapi_page_clear(&job->page);
        status = neapi_read(job->it->session, &range, &job->page, error);
        for (size_t i = 0; i < job->page.count && status == NEAP_OK; i++)
            status = neapi_pair_fold(job->it, &job->pair, &job->page.events[i], error);
        if (status == NEAP_OK && job->page.count != 0)
            status = neapi_pair_settle(job->it, &job->pair, &job->page.events[job->page.count - 1],
                                       error);
        if (status == NEAP_OK)
            status = neapi_changed_go_on(job->it, 0, error);
        if (status != NEAP_OK || job->page.last)
            break;
        range.from = job->page.next;
    }
    one->through = position;
    return status;
}

/* ---- Decisions ------------------------------------------------------------------------------- */

/* Which instance the command goes to, in both versions. *found: it is one of the aggregate's. */
static neap_status find_instances(going *job, const neapi_command *command, bool *found,
                                  neap_error *error)
{
    *found = true;
    for (int code = 0; code < NEAPI_CODES && *found; code++) {
        neap_error why;
        neapi_instance *instance = &job->pair.instances[code];
        neap_status status =
            neapi_instance_of_command(&job->wanted, job->both[code], command->data, instance, &why);
        if (status == NEAP_NOMEM)
            return neapi_nomem(error);
        *found = status == NEAP_OK && instance->stream.size != 0;
    }
    return NEAP_OK;
}

static neap_status decide_at(going *job, const neapi_command *command, const neap_event *events,
                             size_t count, neap_error *error)
{
    neapi_changed *it = job->it;
    neapi_changed_pair *pair = &job->pair;
    known *one = find_known(job, pair->instances[NEAPI_BEFORE].name);
    if (one == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_pair_begin(it, pair, error);
    if (status != NEAP_OK)
        return status;
    pair->differs = one->differs;
    if (one->through != 0)
        status = load(job, one, error);
    if (status == NEAP_OK)
        status = fold_through(job, one, events->position - 1, error);
    if (status == NEAP_OK)
        status = neapi_changed_decide(it, pair, command, events, count, error);
    if (status == NEAP_OK)
        status = fold_through(job, one, events[count - 1].position, error);
    if (status == NEAP_OK)
        save(job, one);
    one->differs = pair->differs;
    neapi_pair_free_states(it, pair);
    return status;
}

static neap_status step(going *job, const neap_event *events, size_t count, neap_error *error)
{
    bool found;
    neapi_command command;
    neapi_arena_clear(&job->wanted);
    neap_status status = neapi_changed_command(job->it, events, &command, &found, error);
    if (status != NEAP_OK)
        return status;
    if (!found)
        return neapi_changed_undecided(job->it, (neap_text){0}, "the command was not recorded",
                                       events->position, error);
    status = find_instances(job, &command, &found, error);
    if (status != NEAP_OK)
        return status;
    if (!found)
        return neapi_changed_undecided(job->it, command.name,
                                       "it does not name an instance in both codes",
                                       events->position, error);
    return decide_at(job, &command, events, count, error);
}

static neap_status go_through(going *job, neap_error *error)
{
    neapi_changed *it = job->it;
    neapi_decision_reader reader;
    const neap_event *events;
    size_t count;
    const neapi_range range = {
        .category = job->both[NEAPI_BEFORE]->name, .from = 1, .to = UINT64_MAX};
    neapi_decision_reader_init(&reader, it->session, &range);
    neap_status status = neapi_decision_next(&reader, &events, &count, error);
    while (status == NEAP_OK && count != 0 && events[count - 1].position <= it->to) {
        if (!neapi_uuid_is_zero(events->command_id) && events->position >= it->from)
            status = step(job, events, count, error);
        if (status == NEAP_OK)
            status = neapi_changed_go_on(it, count, error);
        if (status == NEAP_OK)
            status = neapi_decision_next(&reader, &events, &count, error);
    }
    neapi_decision_reader_fini(&reader);
    return status;
}

neap_status neapi_changed_by_tags(neapi_changed *it, const neapi_aggregate *const both[NEAPI_CODES],
                                  neap_error *error)
{
    going job = {
        .it = it,
        .both = both,
        .pair = {.definition = neapi_changed_define(it, "aggregate", both[NEAPI_BEFORE]->name)},
    };
    if (job.pair.definition == NULL)
        return neapi_nomem(error);
    neapi_map_init(&job.by_name);
    neap_status status = go_through(&job, error);
    forget_all(&job);
    neapi_map_fini(&job.by_name);
    neapi_arena_fini(&job.named);
    neapi_arena_fini(&job.wanted);
    neapi_page_fini(&job.page);
    neapi_pair_fini(&job.pair);
    return status;
}
