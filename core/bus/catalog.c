#include "bus/catalog.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

static const char *kind_name(neap_kind kind)
{
    static const char *const names[] = {
        [NEAP_KIND_COMMAND] = "command",
        [NEAP_KIND_EVENT] = "event",
        [NEAP_KIND_QUERY] = "query",
        [NEAP_KIND_AGGREGATE] = "aggregate",
    };
    return names[kind];
}

void neapi_catalog_init(neapi_catalog *catalog)
{
    *catalog = (neapi_catalog){.arena = NEAPI_ARENA_INIT};
    neapi_map_init(&catalog->message_by_name);
    neapi_map_init(&catalog->aggregate_by_name);
    neapi_map_init(&catalog->subscription_by_name);
}

void neapi_catalog_fini(neapi_catalog *catalog)
{
    neapi_map_fini(&catalog->message_by_name);
    neapi_map_fini(&catalog->aggregate_by_name);
    neapi_map_fini(&catalog->subscription_by_name);
    neapi_free(catalog->messages);
    neapi_free(catalog->aggregates);
    neapi_free(catalog->subscriptions);
    neapi_arena_fini(&catalog->arena);
    *catalog = (neapi_catalog){0};
}

/* Makes room for one more pointer in a list whose capacity is the next power of two. */
static bool make_room(void ***list, uint32_t count)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return true;
    size_t capacity = count == 0 ? 1 : (size_t)count * 2;
    void **larger = neapi_realloc(*list, capacity * sizeof **list);
    if (larger == NULL)
        return false;
    *list = larger;
    return true;
}

/* Replaces each text by a copy in the arena. */
static bool copy_texts(neapi_arena *arena, neap_text *const texts[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        *texts[i] = neapi_arena_text(arena, *texts[i]);
        if (texts[i]->data == NULL)
            return false;
    }
    return true;
}

neapi_message *neapi_catalog_add_message(neapi_catalog *catalog, const neapi_message *message,
                                         neap_error *error)
{
    const neapi_message *taken = neapi_map_get(&catalog->message_by_name, message->name);
    if (taken != NULL) {
        neapi_fail(error, NEAP_USAGE, "%s '%.*s' is already defined as %s at %.*s:%d",
                   kind_name(message->kind), NEAPI_TEXT(message->name), kind_name(taken->kind),
                   NEAPI_TEXT(taken->file), taken->line);
        return NULL;
    }
    neapi_message *added = neapi_arena_alloc(&catalog->arena, sizeof *added);
    if (added == NULL || !make_room((void ***)&catalog->messages, catalog->message_count))
        goto refused;
    *added = *message;
    neap_text *const texts[] = {&added->name, &added->file};
    if (!copy_texts(&catalog->arena, texts, 2) ||
        !neapi_map_put(&catalog->message_by_name, added->name, added))
        goto refused;
    added->index = catalog->message_count;
    catalog->messages[catalog->message_count++] = added;
    return added;
refused:
    neapi_nomem(error);
    return NULL;
}

/* Replaces the list by a copy with texts of its own. */
static bool copy_list(neapi_arena *arena, const neap_text **list, size_t count)
{
    if (count == 0)
        return true;
    neap_text *copy = neapi_arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; i < count && copy != NULL; i++) {
        copy[i] = neapi_arena_text(arena, (*list)[i]);
        if (copy[i].data == NULL)
            return false;
    }
    *list = copy;
    return copy != NULL;
}

neapi_aggregate *neapi_catalog_add_aggregate(neapi_catalog *catalog,
                                             const neapi_aggregate *aggregate, neap_error *error)
{
    const neapi_aggregate *taken = neapi_map_get(&catalog->aggregate_by_name, aggregate->name);
    if (taken != NULL) {
        neapi_fail(error, NEAP_USAGE, "aggregate '%.*s' is already defined at %.*s:%d",
                   NEAPI_TEXT(aggregate->name), NEAPI_TEXT(taken->file), taken->line);
        return NULL;
    }
    neapi_aggregate *added = neapi_arena_alloc(&catalog->arena, sizeof *added);
    if (added == NULL || !make_room((void ***)&catalog->aggregates, catalog->aggregate_count))
        goto refused;
    *added = *aggregate;
    neap_text *const texts[] = {&added->name, &added->file, &added->key, &added->snapshot_version};
    if (!copy_texts(&catalog->arena, texts, 4) ||
        !copy_list(&catalog->arena, &added->tags, added->tag_count) ||
        !copy_list(&catalog->arena, &added->types, added->type_count) ||
        !neapi_map_put(&catalog->aggregate_by_name, added->name, added))
        goto refused;
    added->index = catalog->aggregate_count;
    catalog->aggregates[catalog->aggregate_count++] = added;
    return added;
refused:
    neapi_nomem(error);
    return NULL;
}

neapi_subscription *neapi_catalog_add_subscription(neapi_catalog *catalog,
                                                   const neapi_subscription *subscription,
                                                   neap_error *error)
{
    const neapi_subscription *taken =
        neapi_map_get(&catalog->subscription_by_name, subscription->name);
    if (taken != NULL) {
        neapi_fail(error, NEAP_USAGE, "'%.*s' is already the name of a %s, defined at %.*s:%d",
                   NEAPI_TEXT(subscription->name), neapi_subscription_kind_name(taken->kind),
                   NEAPI_TEXT(taken->file), taken->line);
        return NULL;
    }
    const neapi_message *message = neapi_map_get(&catalog->message_by_name, subscription->name);
    if (message != NULL && message->kind == NEAP_KIND_QUERY &&
        subscription->kind == NEAPI_PROJECTION) {
        neapi_fail(error, NEAP_HANDLER,
                   "%.*s:%d: '%.*s' is already the name of a query, defined at %.*s:%d; both are "
                   "asked by their names",
                   NEAPI_TEXT(subscription->file), subscription->line,
                   NEAPI_TEXT(subscription->name), NEAPI_TEXT(message->file), message->line);
        return NULL;
    }
    neapi_subscription *added = neapi_arena_alloc(&catalog->arena, sizeof *added);
    if (added == NULL || !make_room((void ***)&catalog->subscriptions, catalog->subscription_count))
        goto refused;
    *added = *subscription;
    neap_text *const texts[] = {&added->name, &added->file,    &added->schema,
                                &added->to,   &added->subject, &added->source};
    if (!copy_texts(&catalog->arena, texts, sizeof texts / sizeof *texts) ||
        !copy_list(&catalog->arena, &added->types, added->type_count) ||
        !copy_list(&catalog->arena, &added->categories, added->category_count) ||
        !copy_list(&catalog->arena, &added->breaker_on, added->breaker_on_count) ||
        !neapi_map_put(&catalog->subscription_by_name, added->name, added))
        goto refused;
    added->index = catalog->subscription_count;
    catalog->subscriptions[catalog->subscription_count++] = added;
    return added;
refused:
    neapi_nomem(error);
    return NULL;
}

/* Fails with NEAP_UNKNOWN and the name that was perhaps meant. */
static neap_status unknown(const char *kind, neap_text name, const char *const *names, size_t count,
                           neap_error *error)
{
    const char *nearest = names != NULL ? neapi_nearest(name, names, count) : NULL;
    if (nearest != NULL)
        return neapi_fail(error, NEAP_UNKNOWN, "there is no %s '%.*s'; did you mean '%s'?", kind,
                          NEAPI_TEXT(name), nearest);
    return neapi_fail(error, NEAP_UNKNOWN, "there is no %s '%.*s'", kind, NEAPI_TEXT(name));
}

static neap_status unknown_message(const neapi_catalog *catalog, neap_kind kind, neap_text name,
                                   neap_error *error)
{
    const char **names = neapi_alloc((catalog->message_count + 1) * sizeof *names);
    size_t count = 0;
    for (uint32_t i = 0; names != NULL && i < catalog->message_count; i++)
        if (catalog->messages[i]->kind == kind)
            names[count++] = catalog->messages[i]->name.data;
    neap_status status = unknown(kind_name(kind), name, names, count, error);
    neapi_free(names);
    return status;
}

neap_status neapi_catalog_message(const neapi_catalog *catalog, neap_kind kind, neap_text name,
                                  const neapi_message **message, neap_error *error)
{
    const neapi_message *found = neapi_map_get(&catalog->message_by_name, name);
    if (found == NULL)
        return unknown_message(catalog, kind, name, error);
    if (found->kind != kind)
        return neapi_fail(error, NEAP_UNKNOWN, "'%.*s' is not a %s but a %s", NEAPI_TEXT(name),
                          kind_name(kind), kind_name(found->kind));
    *message = found;
    return NEAP_OK;
}

neap_status neapi_catalog_aggregate(const neapi_catalog *catalog, neap_text name,
                                    const neapi_aggregate **aggregate, neap_error *error)
{
    const neapi_aggregate *found = neapi_map_get(&catalog->aggregate_by_name, name);
    if (found != NULL) {
        *aggregate = found;
        return NEAP_OK;
    }
    const char **names = neapi_alloc((catalog->aggregate_count + 1) * sizeof *names);
    for (uint32_t i = 0; names != NULL && i < catalog->aggregate_count; i++)
        names[i] = catalog->aggregates[i]->name.data;
    neap_status status = unknown("aggregate", name, names, catalog->aggregate_count, error);
    neapi_free(names);
    return status;
}

const char *neapi_subscription_kind_name(neapi_subscription_kind kind)
{
    static const char *const names[] = {
        [NEAPI_PROJECTION] = "projection",
        [NEAPI_SUBSCRIBER] = "subscriber",
        [NEAPI_SAGA] = "saga",
        [NEAPI_OUTBOX] = "outbox",
    };
    return names[kind];
}

neap_status neapi_catalog_subscription(const neapi_catalog *catalog, neap_text name,
                                       const neapi_subscription **subscription, neap_error *error)
{
    const neapi_subscription *found = neapi_map_get(&catalog->subscription_by_name, name);
    if (found != NULL) {
        *subscription = found;
        return NEAP_OK;
    }
    uint32_t count = catalog->subscription_count;
    const char **names = neapi_alloc((count + 1) * sizeof *names);
    for (uint32_t i = 0; names != NULL && i < count; i++)
        names[i] = catalog->subscriptions[i]->name.data;
    neap_status status =
        unknown("projection, subscriber, saga or outbox", name, names, count, error);
    neapi_free(names);
    return status;
}

const neapi_message *neapi_catalog_event(const neapi_catalog *catalog, neap_text name)
{
    const neapi_message *found = neapi_map_get(&catalog->message_by_name, name);
    return found != NULL && found->kind == NEAP_KIND_EVENT ? found : NULL;
}

static neap_status already_handled(const neapi_catalog *catalog, const neapi_message *message,
                                   neap_error *error)
{
    const char *kind = kind_name(message->kind);
    if (message->by == NEAPI_BY_AGGREGATE)
        return neapi_fail(error, NEAP_USAGE, "%s '%.*s' is already handled by aggregate '%.*s'",
                          kind, NEAPI_TEXT(message->name),
                          NEAPI_TEXT(catalog->aggregates[message->aggregate]->name));
    return neapi_fail(error, NEAP_USAGE, "%s '%.*s' already has a handler %s", kind,
                      NEAPI_TEXT(message->name),
                      message->by == NEAPI_BY_LUA ? "in the domain" : "of the host");
}

neap_status neapi_catalog_handle(neapi_catalog *catalog, neap_kind kind, neap_text name,
                                 neap_command_handler command_handler,
                                 neap_query_handler query_handler, void *user, neap_error *error)
{
    const neapi_message *found = NULL;
    neap_status status = neapi_catalog_message(catalog, kind, name, &found, error);
    if (status != NEAP_OK)
        return status;
    if (found->by != NEAPI_BY_NOBODY)
        return already_handled(catalog, found, error);
    neapi_message *message = catalog->messages[found->index];
    message->by = NEAPI_BY_HOST;
    message->command_handler = command_handler;
    message->query_handler = query_handler;
    message->user = user;
    return NEAP_OK;
}

neap_status neapi_catalog_complete(const neapi_catalog *catalog, neap_error *error)
{
    for (uint32_t i = 0; i < catalog->message_count; i++) {
        const neapi_message *message = catalog->messages[i];
        if (message->kind == NEAP_KIND_EVENT || message->by != NEAPI_BY_NOBODY)
            continue;
        return neapi_fail(error, NEAP_USAGE, "%.*s:%d: nobody %s the %s '%.*s'",
                          NEAPI_TEXT(message->file), message->line,
                          message->kind == NEAP_KIND_QUERY ? "answers" : "handles",
                          kind_name(message->kind), NEAPI_TEXT(message->name));
    }
    return NEAP_OK;
}

static neap_status differ(const neapi_catalog *catalog, neap_text first, neap_text second,
                          neap_error *error)
{
    return neapi_fail(error, NEAP_HANDLER,
                      "the domain '%.*s' is not the same each time that it is loaded: once it "
                      "defines '%.*s', once '%.*s'; every lane has to run the same domain",
                      NEAPI_TEXT(catalog->domain), NEAPI_TEXT(first), NEAPI_TEXT(second));
}

static neap_text message_name(const neapi_catalog *catalog, uint32_t index)
{
    return index < catalog->message_count ? catalog->messages[index]->name
                                          : NEAPI_LITERAL("nothing");
}

static neap_text aggregate_name(const neapi_catalog *catalog, uint32_t index)
{
    return index < catalog->aggregate_count ? catalog->aggregates[index]->name
                                            : NEAPI_LITERAL("nothing");
}

static neap_text subscription_name(const neapi_catalog *catalog, uint32_t index)
{
    return index < catalog->subscription_count ? catalog->subscriptions[index]->name
                                               : NEAPI_LITERAL("nothing");
}

static bool same_texts(const neap_text *first, size_t first_count, const neap_text *second,
                       size_t second_count)
{
    bool same = first_count == second_count;
    for (size_t i = 0; i < first_count && same; i++)
        same = neapi_text_equal(first[i], second[i]);
    return same;
}

/* Where two subscriptions of one name are not the same; NULL: they are. */
static const char *difference(const neapi_subscription *a, const neapi_subscription *b)
{
    if (a->kind != b->kind)
        return "another kind";
    if (!same_texts(a->types, a->type_count, b->types, b->type_count) ||
        !same_texts(a->categories, a->category_count, b->categories, b->category_count))
        return "other events";
    if (a->partitions != b->partitions)
        return "other partitions";
    if (a->version != b->version || a->is_inline != b->is_inline || a->is_live != b->is_live ||
        a->from_now != b->from_now || a->is_sql != b->is_sql ||
        !neapi_text_equal(a->schema, b->schema))
        return "other options";
    if (a->stops != b->stops || a->attempts != b->attempts ||
        a->first_delay_us != b->first_delay_us || a->max_delay_us != b->max_delay_us ||
        memcmp(&a->factor, &b->factor, sizeof a->factor) != 0 ||
        memcmp(&a->jitter, &b->jitter, sizeof a->jitter) != 0)
        return "other retries";
    if (a->timeout_us != b->timeout_us || a->limit != b->limit ||
        a->breaker_failures != b->breaker_failures || a->breaker_probes != b->breaker_probes ||
        a->breaker_open_us != b->breaker_open_us ||
        !same_texts(a->breaker_on, a->breaker_on_count, b->breaker_on, b->breaker_on_count))
        return "another timeout, breaker or limit";
    return NULL;
}

static neap_status same_subscriptions(const neapi_catalog *catalog, const neapi_catalog *other,
                                      neap_error *error)
{
    for (uint32_t i = 0; i < catalog->subscription_count || i < other->subscription_count; i++) {
        neap_text first = subscription_name(catalog, i), second = subscription_name(other, i);
        if (!neapi_text_equal(first, second))
            return differ(catalog, first, second, error);
        const char *what = difference(catalog->subscriptions[i], other->subscriptions[i]);
        if (what != NULL)
            return neapi_fail(error, NEAP_HANDLER,
                              "the domain '%.*s' is not the same each time that it is loaded: the "
                              "%s '%.*s' has %s; every lane has to run the same domain",
                              NEAPI_TEXT(catalog->domain),
                              neapi_subscription_kind_name(catalog->subscriptions[i]->kind),
                              NEAPI_TEXT(first), what);
    }
    return NEAP_OK;
}

neap_status neapi_catalog_same(const neapi_catalog *catalog, const neapi_catalog *other,
                               neap_error *error)
{
    for (uint32_t i = 0; i < catalog->message_count || i < other->message_count; i++) {
        neap_text first = message_name(catalog, i), second = message_name(other, i);
        if (!neapi_text_equal(first, second))
            return differ(catalog, first, second, error);
    }
    for (uint32_t i = 0; i < catalog->aggregate_count || i < other->aggregate_count; i++) {
        neap_text first = aggregate_name(catalog, i), second = aggregate_name(other, i);
        if (!neapi_text_equal(first, second))
            return differ(catalog, first, second, error);
    }
    return same_subscriptions(catalog, other, error);
}
