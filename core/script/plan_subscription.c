/* Projections, subscribers and sagas, as lua/neap/subscription.lua planned them. */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/field_use.h"
#include "script/plan_read.h"

static neapi_subscription_kind kind_named(neap_text name)
{
    for (int kind = NEAPI_PROJECTION; kind < NEAPI_OUTBOX; kind++)
        if (neapi_text_equal(
                name, neapi_text_of(neapi_subscription_kind_name((neapi_subscription_kind)kind))))
            return (neapi_subscription_kind)kind;
    return NEAPI_OUTBOX;
}

/* Which argument of its handler an event is. */
static unsigned place_of_event(neapi_subscription_kind kind)
{
    return kind == NEAPI_SUBSCRIBER || kind == NEAPI_OUTBOX ? 1 : 2;
}

/* What of its event the value on top sees: a function as its argument number `parameter`, or the
 * name of a field. *reads: it only reads fields that are no tables. */
static neapi_flat_set fields_seen(lua_State *L, const neapi_schema *schema, unsigned parameter,
                                  bool *reads)
{
    neapi_flat_set seen = NEAPI_FLAT_ALL;
    bool is_name = lua_type(L, -1) == LUA_TSTRING;
    if (schema->flat && is_name) {
        neap_text name;
        name.data = lua_tolstring(L, -1, &name.size);
        seen = (neapi_flat_set)1 << (neapi_field_find(schema->fields, name) - schema->fields->list);
    } else if (schema->flat) {
        seen = neapi_fields_used(L, parameter, schema->fields);
    }
    *reads = is_name || seen != NEAPI_FLAT_ALL;
    return seen;
}

/* Notes the field that a key (on top) names. */
static uint8_t key_field(lua_State *L, const neapi_schema *schema)
{
    neap_text name;
    if (!schema->flat || lua_type(L, -1) != LUA_TSTRING)
        return NEAPI_NO_FIELD;
    name.data = lua_tolstring(L, -1, &name.size);
    return (uint8_t)(neapi_field_find(schema->fields, name) - schema->fields->list);
}

/* Keeps the values of the table `name` by the messages that they are for. */
static void read_values_lj(const neapi_plan_reading *job, int index, const char *name,
                           unsigned parameter, neapi_planned_subscription *planned, int *values,
                           bool *reads)
{
    lua_State *L = job->L;
    if (lua_getfield(L, index, name) == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            lua_Integer message = lua_tointeger(L, -2) - 1;
            const neapi_schema *schema = job->plan->messages[message].schema;
            neapi_flat_set seen = fields_seen(L, schema, parameter, &reads[message]);
            planned->seen[message] |= seen;
            if (values == planned->keys)
                planned->key_fields[message] = key_field(L, schema);
            else
                planned->handler_seen[message] = seen;
            values[message] = neapi_plan_keep_lj(job);
        }
    }
    lua_pop(L, 1);
}

static neap_status read_handlers_lj(const neapi_plan_reading *job, int index,
                                    neapi_subscription_kind kind,
                                    neapi_planned_subscription *planned)
{
    neapi_arena *arena = &job->catalog->arena;
    uint32_t count = job->catalog->message_count;
    planned->handlers = neapi_plan_zeroed(arena, count, sizeof *planned->handlers);
    planned->keys = neapi_plan_zeroed(arena, count, sizeof *planned->keys);
    planned->seen = neapi_plan_zeroed(arena, count, sizeof *planned->seen);
    planned->handler_seen = neapi_plan_zeroed(arena, count, sizeof *planned->handler_seen);
    planned->key_fields = neapi_plan_zeroed(arena, count, sizeof *planned->key_fields);
    planned->key_reads = neapi_plan_zeroed(arena, count, sizeof *planned->key_reads);
    planned->handler_reads = neapi_plan_zeroed(arena, count, sizeof *planned->handler_reads);
    if (planned->handlers == NULL || planned->keys == NULL || planned->seen == NULL ||
        planned->handler_seen == NULL || planned->key_fields == NULL ||
        planned->key_reads == NULL || planned->handler_reads == NULL)
        return neapi_nomem(job->error);
    memset(planned->key_fields, NEAPI_NO_FIELD, count);
    read_values_lj(job, index, "handlers", place_of_event(kind), planned, planned->handlers,
                   planned->handler_reads);
    read_values_lj(job, index, "keys", 1, planned, planned->keys, planned->key_reads);
    return NEAP_OK;
}

/* Notes where the functions stand that handle its events. */
static neap_status read_places_lj(const neapi_plan_reading *job, int index,
                                  neapi_subscription *subscription)
{
    lua_State *L = job->L;
    neap_status status = NEAP_OK;
    neapi_function_place *places =
        neapi_plan_zeroed(&job->catalog->arena, job->catalog->message_count, sizeof *places);
    if (places == NULL)
        return neapi_nomem(job->error);
    int top = lua_gettop(L);
    if (lua_getfield(L, index, "handlers") == LUA_TTABLE) {
        lua_pushnil(L);
        for (; status == NEAP_OK && lua_next(L, -2) != 0; lua_pop(L, 1))
            status = neapi_plan_function_place_lj(job, &places[lua_tointeger(L, -2) - 1]);
    }
    lua_settop(L, top);
    subscription->handlers = places;
    return status;
}

static neap_status read_saga_lj(const neapi_plan_reading *job, int index,
                                neapi_planned_subscription *planned)
{
    lua_State *L = job->L;
    planned->starts = neapi_plan_zeroed(&job->catalog->arena, job->catalog->message_count,
                                        sizeof *planned->starts);
    if (planned->starts == NULL)
        return neapi_nomem(job->error);
    if (lua_getfield(L, index, "starts") == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, -2) != 0) {
            lua_pop(L, 1);
            planned->starts[lua_tointeger(L, -1) - 1] = true;
        }
    }
    lua_pop(L, 1);
    planned->initial = neapi_plan_keep_field_lj(job, index, "initial");
    planned->timeouts = neapi_plan_keep_field_lj(job, index, "timeouts");
    planned->rejections = neapi_plan_keep_field_lj(job, index, "rejections");
    return NEAP_OK;
}

/* A number of the table at `index`; nil leaves it as it is. */
static void read_number_lj(lua_State *L, int index, const char *name, double *number)
{
    if (lua_getfield(L, index, name) != LUA_TNIL)
        *number = lua_tonumber(L, -1);
    lua_pop(L, 1);
}

static void read_retry_lj(lua_State *L, int index, neapi_subscription *subscription)
{
    subscription->stops = neapi_plan_flag_lj(L, index, "stops");
    subscription->attempts = NEAPI_RETRY_ATTEMPTS;
    subscription->first_delay_us = NEAPI_RETRY_FIRST_DELAY_US;
    subscription->max_delay_us = NEAPI_RETRY_MAX_DELAY_US;
    subscription->factor = NEAPI_RETRY_FACTOR;
    subscription->jitter = NEAPI_RETRY_JITTER;
    if (lua_getfield(L, index, "retry") == LUA_TTABLE) {
        int retry = lua_gettop(L);
        double attempts = NEAPI_RETRY_ATTEMPTS, first = NEAPI_RETRY_FIRST_DELAY_US / 1e6,
               longest = NEAPI_RETRY_MAX_DELAY_US / 1e6;
        read_number_lj(L, retry, "attempts", &attempts);
        read_number_lj(L, retry, "first_delay", &first);
        read_number_lj(L, retry, "max_delay", &longest);
        read_number_lj(L, retry, "factor", &subscription->factor);
        read_number_lj(L, retry, "jitter", &subscription->jitter);
        subscription->attempts = (uint32_t)attempts;
        subscription->first_delay_us = (int64_t)(first * 1e6);
        subscription->max_delay_us = (int64_t)(longest * 1e6);
    }
    lua_pop(L, 1);
}

/* What holds a subscriber back; core/bus/catalog.h. */
static neap_status read_guard_lj(const neapi_plan_reading *job, int index,
                                 neapi_subscription *subscription)
{
    lua_State *L = job->L;
    neap_status status = NEAP_OK;
    subscription->timeout_us = neapi_plan_time_lj(L, index, "timeout");
    subscription->limit = (uint32_t)neapi_plan_integer_lj(L, index, "limit");
    if (lua_getfield(L, index, "breaker") == LUA_TTABLE) {
        int breaker = lua_gettop(L);
        subscription->breaker_failures = (uint32_t)neapi_plan_integer_lj(L, breaker, "failures");
        subscription->breaker_probes = (uint32_t)neapi_plan_integer_lj(L, breaker, "probes");
        subscription->breaker_open_us = neapi_plan_time_lj(L, breaker, "open_for");
        status = neapi_plan_texts_lj(job, breaker, "on", &subscription->breaker_on,
                                     &subscription->breaker_on_count);
    }
    lua_pop(L, 1);
    return status;
}

static void read_outbox_lj(const neapi_plan_reading *job, int index,
                           neapi_planned_subscription *planned, neapi_subscription *subscription)
{
    lua_State *L = job->L;
    planned->publish = neapi_plan_keep_field_lj(job, index, "publish");
    subscription->publishes = planned->publish != 0;
    subscription->to = neapi_plan_text_lj(L, index, "to");
    subscription->subject = neapi_plan_text_lj(L, index, "subject");
    subscription->source = neapi_plan_text_lj(L, index, "source");
    subscription->pending = (unsigned)neapi_plan_integer_lj(L, index, "pending");
}

/* Reads one (on top). */
static neap_status read_subscription_lj(const neapi_plan_reading *job,
                                        neapi_planned_subscription *planned)
{
    lua_State *L = job->L;
    int index = lua_gettop(L);
    neapi_subscription subscription = {0};
    subscription.kind = kind_named(neapi_plan_text_lj(L, index, "kind"));
    subscription.name = neapi_plan_text_lj(L, index, "name");
    neapi_plan_place_lj(L, index, &subscription.file, &subscription.line);
    subscription.only_transient = neapi_plan_flag_lj(L, index, "only_transient");
    subscription.from_now = neapi_plan_flag_lj(L, index, "from_now");
    subscription.partitions = (uint32_t)neapi_plan_integer_lj(L, index, "partitions");
    subscription.version = (uint32_t)neapi_plan_integer_lj(L, index, "version");
    subscription.is_inline = neapi_plan_flag_lj(L, index, "inline");
    subscription.is_live = neapi_plan_flag_lj(L, index, "live");
    subscription.schema = neapi_plan_text_lj(L, index, "schema");
    subscription.is_sql = subscription.schema.size != 0;
    read_retry_lj(L, index, &subscription);
    read_outbox_lj(job, index, planned, &subscription);
    neap_status status =
        neapi_plan_texts_lj(job, index, "types", &subscription.types, &subscription.type_count);
    if (status == NEAP_OK)
        status = neapi_plan_texts_lj(job, index, "categories", &subscription.categories,
                                     &subscription.category_count);
    if (status == NEAP_OK)
        status = read_guard_lj(job, index, &subscription);
    if (status != NEAP_OK)
        return status;
    status = read_places_lj(job, index, &subscription);
    if (status != NEAP_OK)
        return status;
    if (neapi_catalog_add_subscription(job->catalog, &subscription, job->error) == NULL)
        return job->error->status;
    status = read_handlers_lj(job, index, subscription.kind, planned);
    return status == NEAP_OK ? read_saga_lj(job, index, planned) : status;
}

neap_status neapi_plan_subscriptions_lj(const neapi_plan_reading *job, int subscriptions)
{
    lua_State *L = job->L;
    int top = lua_gettop(L);
    neapi_plan *plan = job->plan;
    size_t count = (size_t)lua_rawlen(L, subscriptions);
    plan->subscriptions =
        neapi_plan_zeroed(&job->catalog->arena, count, sizeof *plan->subscriptions);
    neap_status status = plan->subscriptions != NULL ? NEAP_OK : neapi_nomem(job->error);
    for (size_t i = 0; i < count && status == NEAP_OK; i++, lua_settop(L, top)) {
        lua_rawgeti(L, subscriptions, (lua_Integer)i + 1);
        status = read_subscription_lj(job, &plan->subscriptions[i]);
    }
    return status;
}
