#include "script/plan.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

typedef struct reading {
    lua_State *L;
    int functions; /* place of the list */
    neapi_catalog *catalog;
    neapi_plan *plan;
    neap_error *error;
} reading;

/* Pops a value into the list and gives its place there; 0 for nil. */
static int keep_lj(const reading *job)
{
    if (lua_isnil(job->L, -1)) {
        lua_pop(job->L, 1);
        return 0;
    }
    int place = (int)lua_rawlen(job->L, job->functions) + 1;
    lua_rawseti(job->L, job->functions, place);
    return place;
}

static int keep_field_lj(const reading *job, int index, const char *name)
{
    lua_getfield(job->L, index, name);
    return keep_lj(job);
}

/* The text lives as long as the table. */
static neap_text text_field_lj(lua_State *L, int index, const char *name)
{
    neap_text text = {0};
    lua_getfield(L, index, name);
    text.data = lua_tolstring(L, -1, &text.size);
    lua_pop(L, 1);
    return text;
}

static lua_Integer integer_field_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    lua_Integer value = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

/* Seconds as µs; nil gives 0. */
static int64_t time_field_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    int64_t value = (int64_t)(lua_tonumber(L, -1) * 1e6);
    lua_pop(L, 1);
    return value;
}

static bool flag_field_lj(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static void place_field_lj(lua_State *L, int index, neap_text *file, int *line)
{
    lua_getfield(L, index, "place");
    *file = text_field_lj(L, lua_gettop(L), "file");
    *line = (int)integer_field_lj(L, lua_gettop(L), "line");
    lua_pop(L, 1);
}

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

static neap_status read_tags_lj(const reading *job, int definition, neapi_planned_message *planned)
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
static neap_status read_upcasters_lj(const reading *job, neapi_planned_message *planned)
{
    lua_State *L = job->L;
    planned->upcaster_count = (uint32_t)lua_rawlen(L, -1);
    planned->upcasters = neapi_arena_alloc(&job->catalog->arena, (planned->upcaster_count + 1) *
                                                                     sizeof *planned->upcasters);
    if (planned->upcasters == NULL)
        return neapi_nomem(job->error);
    for (uint32_t i = 0; i < planned->upcaster_count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        planned->upcasters[i] = keep_lj(job);
    }
    lua_pop(L, 1);
    return NEAP_OK;
}

/* Reads one entry (on top): the definition, and who handles it. */
static neap_status read_message_lj(const reading *job, neapi_planned_message *planned)
{
    lua_State *L = job->L;
    int entry = lua_gettop(L), definition = entry + 1;
    lua_getfield(L, entry, "message");
    neapi_message message = {.aggregate = NEAPI_NONE};
    message.kind = kind_named(text_field_lj(L, definition, "kind"));
    message.name = text_field_lj(L, definition, "name");
    message.schema = (uint32_t)integer_field_lj(L, definition, "version");
    place_field_lj(L, definition, &message.file, &message.line);
    planned->handler = keep_field_lj(job, entry, "handler");
    lua_Integer aggregate = integer_field_lj(L, entry, "aggregate");
    if (aggregate != 0)
        message.aggregate = (uint32_t)aggregate - 1;
    message.by = aggregate != 0          ? NEAPI_BY_AGGREGATE
                 : planned->handler != 0 ? NEAPI_BY_LUA
                                         : NEAPI_BY_NOBODY;
    neapi_message *added = neapi_catalog_add_message(job->catalog, &message, job->error);
    if (added == NULL)
        return job->error->status;
    planned->transient = flag_field_lj(L, definition, "transient");
    lua_getfield(L, definition, "schema");
    planned->schema = lua_touserdata(L, -1);
    keep_lj(job);
    lua_getfield(L, definition, "instance");
    planned->instance = lua_topointer(L, -1);
    lua_pushinteger(L, (lua_Integer)added->index);
    lua_rawseti(L, -2, 1);
    planned->mark = keep_lj(job);
    lua_getfield(L, definition, "steps");
    neap_status status = read_upcasters_lj(job, planned);
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

static neap_status read_folds_lj(const reading *job, int aggregate, int *folds)
{
    lua_State *L = job->L;
    lua_getfield(L, aggregate, "folds");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0)
        folds[lua_tointeger(L, -2) - 1] = keep_lj(job);
    lua_pop(L, 1);
    return NEAP_OK;
}

/* A list of texts, which live as long as the table. */
static neap_status texts_field_lj(const reading *job, int index, const char *name,
                                  const neap_text **texts, size_t *count)
{
    lua_State *L = job->L;
    lua_getfield(L, index, name);
    *count = lua_isnil(L, -1) ? 0 : (size_t)lua_rawlen(L, -1);
    neap_text *list = neapi_arena_alloc(&job->catalog->arena, (*count + 1) * sizeof *list);
    for (size_t i = 0; i < *count && list != NULL; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        list[i].data = lua_tolstring(L, -1, &list[i].size);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    *texts = list;
    return list != NULL ? NEAP_OK : neapi_nomem(job->error);
}

/* The tags, and which of them are integers. */
static neap_status read_instance_tags_lj(const reading *job, int index, neapi_aggregate *aggregate,
                                         neapi_planned_aggregate *planned)
{
    lua_State *L = job->L;
    size_t count;
    neap_status status = texts_field_lj(job, index, "tags", &aggregate->tags, &count);
    if (status != NEAP_OK || count == 0)
        return status;
    aggregate->tag_count = (unsigned)count;
    aggregate->first_tag = (unsigned)integer_field_lj(L, index, "first_tag") - 1;
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
static neap_status read_aggregate_lj(const reading *job, neapi_planned_aggregate *planned)
{
    lua_State *L = job->L;
    int index = lua_gettop(L);
    neapi_aggregate aggregate = {0};
    aggregate.name = text_field_lj(L, index, "name");
    aggregate.key = text_field_lj(L, index, "key");
    place_field_lj(L, index, &aggregate.file, &aggregate.line);
    neap_status status = read_instance_tags_lj(job, index, &aggregate, planned);
    if (status == NEAP_OK)
        status = texts_field_lj(job, index, "types", &aggregate.types, &aggregate.type_count);
    if (status != NEAP_OK)
        return status;
    lua_getfield(L, index, "snapshot");
    aggregate.snapshot_every = (uint32_t)integer_field_lj(L, index + 1, "every");
    aggregate.snapshot_after_us = time_field_lj(L, index + 1, "after");
    aggregate.snapshot_keep = (uint32_t)integer_field_lj(L, index + 1, "keep");
    aggregate.snapshot_version = version_field_lj(L, index + 1);
    if (neapi_catalog_add_aggregate(job->catalog, &aggregate, job->error) == NULL)
        return job->error->status;
    lua_settop(L, index);
    planned->initial = keep_field_lj(job, index, "initial");
    planned->integer_key = flag_field_lj(L, index, "integer_key");
    size_t size = (job->catalog->message_count + 1) * sizeof *planned->folds;
    planned->folds = neapi_arena_alloc(&job->catalog->arena, size);
    if (planned->folds == NULL)
        return neapi_nomem(job->error);
    memset(planned->folds, 0, size);
    return read_folds_lj(job, index, planned->folds);
}

/* Reads one former name (on top). */
static neap_status read_former_lj(const reading *job, neapi_former *former)
{
    lua_State *L = job->L;
    int index = lua_gettop(L);
    former->name = neapi_arena_text(&job->catalog->arena, text_field_lj(L, index, "name"));
    lua_Integer event = integer_field_lj(L, index, "event");
    former->message = event != 0 ? (uint32_t)event - 1 : NEAPI_NONE;
    former->upcaster = keep_field_lj(job, index, "upcast");
    if (former->name.data == NULL ||
        !neapi_map_put(&job->plan->former_by_name, former->name, former))
        return neapi_nomem(job->error);
    return NEAP_OK;
}

static void *zeroed(neapi_arena *arena, size_t count, size_t size)
{
    void *memory = neapi_arena_alloc(arena, (count + 1) * size);
    if (memory != NULL)
        memset(memory, 0, (count + 1) * size);
    return memory;
}

static neap_status read_formers_lj(const reading *job, int formers)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    neapi_plan *plan = job->plan;
    plan->former_count = (uint32_t)lua_rawlen(L, formers);
    plan->formers = zeroed(&job->catalog->arena, plan->former_count, sizeof *plan->formers);
    neap_status status = plan->formers != NULL ? NEAP_OK : neapi_nomem(job->error);
    for (uint32_t i = 0; i < plan->former_count && status == NEAP_OK; i++, lua_settop(L, top)) {
        lua_rawgeti(L, formers, (lua_Integer)i + 1);
        status = read_former_lj(job, &plan->formers[i]);
    }
    return status;
}

static neap_status read_all_lj(const reading *job, int messages, int aggregates)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    size_t message_count = (size_t)lua_rawlen(L, messages);
    size_t aggregate_count = (size_t)lua_rawlen(L, aggregates);
    neapi_plan *plan = job->plan;
    neapi_arena *arena = &job->catalog->arena;
    plan->messages = zeroed(arena, message_count, sizeof *plan->messages);
    plan->aggregates = zeroed(arena, aggregate_count, sizeof *plan->aggregates);
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
    return status;
}

neap_status neapi_plan_read_lj(lua_State *L, int index, int functions, neapi_catalog *catalog,
                               neapi_plan *plan, neap_error *error)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 20, "reading a domain");
    reading job = {L, lua_absindex(L, functions), catalog, plan, error};
    catalog->domain = neapi_arena_text(&catalog->arena, text_field_lj(L, index, "name"));
    if (catalog->domain.data == NULL)
        return neapi_nomem(error);
    int top = lua_gettop(L);
    lua_getfield(L, index, "messages");
    lua_getfield(L, index, "aggregates");
    lua_getfield(L, index, "formers");
    neap_status status = read_all_lj(&job, top + 1, top + 2);
    if (status == NEAP_OK)
        status = read_formers_lj(&job, top + 3);
    lua_settop(L, top);
    return status;
}
