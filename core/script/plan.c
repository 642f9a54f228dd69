#include "script/plan.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/field_use.h"
#include "script/plan_read.h"

static neap_kind kind_named(neap_text name)
{
    return neapi_text_equal(name, NEAPI_LITERAL("command")) ? NEAP_KIND_COMMAND
           : neapi_text_equal(name, NEAPI_LITERAL("event")) ? NEAP_KIND_EVENT
                                                            : NEAP_KIND_QUERY;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static neap_status read_tags_lj(const neapi_plan_reading *job, int definition,
                                neapi_planned_message *planned)
{
    lua_State *L = job->L;
    lua_getfield(L, definition, "tags");
    planned->tag_count = (unsigned)lua_rawlen(L, -1);
    planned->tags =
        neapi_arena_alloc(&job->catalog->arena, (planned->tag_count + 1) * sizeof *planned->tags);
    if (planned->tags == NULL)
        return neapi_nomem(job->error);
    for (unsigned i = 0; i < planned->tag_count; i++) {
        neap_text tag;
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        tag.data = lua_tolstring(L, -1, &tag.size);
        planned->tags[i] = neapi_arena_text(&job->catalog->arena, tag).data;
        lua_pop(L, 1);
        if (planned->tags[i] == NULL)
            return neapi_nomem(job->error);
    }
    lua_pop(L, 1);
    qsort(planned->tags, planned->tag_count, sizeof *planned->tags, by_text);
    return NEAP_OK;
}

/* Keeps the definition's upcasters (the list is on top, and popped). */
static neap_status read_upcasters_lj(const neapi_plan_reading *job, neapi_planned_message *planned)
{
    lua_State *L = job->L;
    planned->upcaster_count = (uint32_t)lua_rawlen(L, -1);
    planned->upcasters = neapi_arena_alloc(&job->catalog->arena, (planned->upcaster_count + 1) *
                                                                     sizeof *planned->upcasters);
    if (planned->upcasters == NULL)
        return neapi_nomem(job->error);
    for (uint32_t i = 0; i < planned->upcaster_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        planned->upcasters[i] = neapi_plan_keep_lj(job);
    }
    lua_pop(L, 1);
    return NEAP_OK;
}

/* Reads one entry (on top): the definition, and who handles it. */
static neap_status read_message_lj(const neapi_plan_reading *job, neapi_planned_message *planned)
{
    lua_State *L = job->L;
    int entry = lua_gettop(L), definition = entry + 1;
    lua_getfield(L, entry, "message");
    neapi_message message = {.aggregate = NEAPI_NONE};
    message.kind = kind_named(neapi_plan_text_lj(L, definition, "kind"));
    message.name = neapi_plan_text_lj(L, definition, "name");
    message.schema = (uint32_t)neapi_plan_integer_lj(L, definition, "version");
    message.transient = neapi_plan_flag_lj(L, definition, "transient");
    neapi_plan_place_lj(L, definition, &message.file, &message.line);
    lua_getfield(L, entry, "handler");
    neap_status status = neapi_plan_function_place_lj(job, &message.handler);
    planned->handler = neapi_plan_keep_lj(job);
    if (status != NEAP_OK)
        return status;
    lua_Integer aggregate = neapi_plan_integer_lj(L, entry, "aggregate");
    if (aggregate != 0)
        message.aggregate = (uint32_t)aggregate - 1;
    message.by = aggregate != 0          ? NEAPI_BY_AGGREGATE
                 : planned->handler != 0 ? NEAPI_BY_LUA
                                         : NEAPI_BY_NOBODY;
    neapi_message *added = neapi_catalog_add_message(job->catalog, &message, job->error);
    if (added == NULL)
        return job->error->status;
    lua_getfield(L, definition, "schema");
    planned->schema = lua_touserdata(L, -1);
    neapi_plan_keep_lj(job);
    lua_getfield(L, definition, "instance");
    planned->instance = lua_topointer(L, -1);
    lua_pushinteger(L, (lua_Integer)added->index);
    lua_rawseti(L, -2, 1);
    planned->mark = neapi_plan_keep_lj(job);
    lua_getfield(L, definition, "steps");
    status = read_upcasters_lj(job, planned);
    return status == NEAP_OK ? read_tags_lj(job, definition, planned) : status;
}

/* A version that is an integer is read as its text. */
static neap_text version_field_lj(lua_State *L, int index)
{
    neap_text text = {0};
    lua_getfield(L, index, "version");
    if (!lua_isnil(L, -1))
        text.data = luaL_tolstring(L, -1, &text.size);
    return text;
}

static neap_status read_folds_lj(const neapi_plan_reading *job, int aggregate,
                                 neapi_planned_aggregate *planned, neapi_function_place *places)
{
    lua_State *L = job->L;
    neap_status status = NEAP_OK;
    lua_getfield(L, aggregate, "folds");
    lua_pushnil(L);
    while (status == NEAP_OK && lua_next(L, -2) != 0) {
        lua_Integer message = lua_tointeger(L, -2) - 1;
        const neapi_schema *schema = job->plan->messages[message].schema;
        planned->seen[message] =
            schema->flat ? neapi_fields_used(L, 2, schema->fields) : NEAPI_FLAT_ALL;
        status = neapi_plan_function_place_lj(job, &places[message]);
        planned->folds[message] = neapi_plan_keep_lj(job);
    }
    return status;
}

/* The tags, and which of them are integers. */
static neap_status read_instance_tags_lj(const neapi_plan_reading *job, int index,
                                         neapi_aggregate *aggregate,
                                         neapi_planned_aggregate *planned)
{
    lua_State *L = job->L;
    size_t count;
    neap_status status = neapi_plan_texts_lj(job, index, "tags", &aggregate->tags, &count);
    if (status != NEAP_OK || count == 0)
        return status;
    aggregate->tag_count = (unsigned)count;
    aggregate->first_tag = (unsigned)neapi_plan_integer_lj(L, index, "first_tag") - 1;
    lua_getfield(L, index, "integer_tags");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        planned->integer_tags[i] = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return NEAP_OK;
}

/* Reads one aggregate (on top). */
static neap_status read_aggregate_lj(const neapi_plan_reading *job,
                                     neapi_planned_aggregate *planned)
{
    lua_State *L = job->L;
    int index = lua_gettop(L);
    neapi_aggregate aggregate = {0};
    aggregate.name = neapi_plan_text_lj(L, index, "name");
    aggregate.key = neapi_plan_text_lj(L, index, "key");
    neapi_plan_place_lj(L, index, &aggregate.file, &aggregate.line);
    neap_status status = read_instance_tags_lj(job, index, &aggregate, planned);
    if (status == NEAP_OK)
        status = neapi_plan_texts_lj(job, index, "types", &aggregate.types, &aggregate.type_count);
    if (status != NEAP_OK)
        return status;
    lua_getfield(L, index, "snapshot");
    aggregate.snapshot_every = (uint32_t)neapi_plan_integer_lj(L, index + 1, "every");
    aggregate.snapshot_after_us = neapi_plan_time_lj(L, index + 1, "after");
    aggregate.snapshot_keep = (uint32_t)neapi_plan_integer_lj(L, index + 1, "keep");
    aggregate.snapshot_version = version_field_lj(L, index + 1);
    neapi_aggregate *added = neapi_catalog_add_aggregate(job->catalog, &aggregate, job->error);
    if (added == NULL)
        return job->error->status;
    lua_settop(L, index);
    planned->initial = neapi_plan_keep_field_lj(job, index, "initial");
    planned->integer_key = neapi_plan_flag_lj(L, index, "integer_key");
    size_t count = job->catalog->message_count + 1;
    planned->folds = neapi_arena_alloc(&job->catalog->arena, count * sizeof *planned->folds);
    planned->seen = neapi_arena_alloc(&job->catalog->arena, count * sizeof *planned->seen);
    neapi_function_place *places =
        neapi_plan_zeroed(&job->catalog->arena, job->catalog->message_count, sizeof *places);
    if (planned->folds == NULL || planned->seen == NULL || places == NULL)
        return neapi_nomem(job->error);
    added->folds = places;
    memset(planned->folds, 0, count * sizeof *planned->folds);
    memset(planned->seen, 0, count * sizeof *planned->seen);
    return read_folds_lj(job, index, planned, places);
}

/* Reads one former name (on top). */
static neap_status read_former_lj(const neapi_plan_reading *job, neapi_former *former)
{
    lua_State *L = job->L;
    int index = lua_gettop(L);
    former->name = neapi_arena_text(&job->catalog->arena, neapi_plan_text_lj(L, index, "name"));
    lua_Integer event = neapi_plan_integer_lj(L, index, "event");
    former->message = event != 0 ? (uint32_t)event - 1 : NEAPI_NONE;
    former->upcaster = neapi_plan_keep_field_lj(job, index, "upcast");
    if (former->name.data == NULL ||
        !neapi_map_put(&job->plan->former_by_name, former->name, former))
        return neapi_nomem(job->error);
    return NEAP_OK;
}

static neap_status read_formers_lj(const neapi_plan_reading *job, int formers)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    neapi_plan *plan = job->plan;
    plan->former_count = (uint32_t)lua_rawlen(L, formers);
    plan->formers =
        neapi_plan_zeroed(&job->catalog->arena, plan->former_count, sizeof *plan->formers);
    neap_status status = plan->formers != NULL ? NEAP_OK : neapi_nomem(job->error);
    for (uint32_t i = 0; i < plan->former_count && status == NEAP_OK; i++, lua_settop(L, top)) {
        lua_rawgeti(L, formers, (lua_Integer)i + 1);
        status = read_former_lj(job, &plan->formers[i]);
    }
    return status;
}

static neap_status read_all_lj(const neapi_plan_reading *job, int messages, int aggregates,
                               int subscriptions)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    size_t message_count = (size_t)lua_rawlen(L, messages);
    size_t aggregate_count = (size_t)lua_rawlen(L, aggregates);
    neapi_plan *plan = job->plan;
    neapi_arena *arena = &job->catalog->arena;
    plan->messages = neapi_plan_zeroed(arena, message_count, sizeof *plan->messages);
    plan->aggregates = neapi_plan_zeroed(arena, aggregate_count, sizeof *plan->aggregates);
    if (plan->messages == NULL || plan->aggregates == NULL)
        return neapi_nomem(job->error);
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < message_count && status == NEAP_OK; i++, lua_settop(L, top)) {
        lua_rawgeti(L, messages, (lua_Integer)i + 1);
        status = read_message_lj(job, &plan->messages[i]);
    }
    for (size_t i = 0; i < aggregate_count && status == NEAP_OK; i++, lua_settop(L, top)) {
        lua_rawgeti(L, aggregates, (lua_Integer)i + 1);
        status = read_aggregate_lj(job, &plan->aggregates[i]);
    }
    return status == NEAP_OK ? neapi_plan_subscriptions_lj(job, subscriptions) : status;
}

neap_status neapi_plan_read_lj(lua_State *L, int index, int functions, neapi_catalog *catalog,
                               neapi_plan *plan, neap_error *error)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 20, "neapi_plan_reading a domain");
    neapi_plan_reading job = {L, lua_absindex(L, functions), catalog, plan, error};
    catalog->domain = neapi_arena_text(&catalog->arena, neapi_plan_text_lj(L, index, "name"));
    if (catalog->domain.data == NULL)
        return neapi_nomem(error);
    int top = lua_gettop(L);
    lua_getfield(L, index, "messages");
    lua_getfield(L, index, "aggregates");
    lua_getfield(L, index, "formers");
    lua_getfield(L, index, "subscriptions");
    neap_status status = read_all_lj(&job, top + 1, top + 2, top + 4);
    if (status == NEAP_OK)
        status = read_formers_lj(&job, top + 3);
    lua_settop(L, top);
    return status;
}
