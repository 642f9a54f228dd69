#include "runtime/in_unit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/runtime.h"

/* A document that is in flight. */
typedef struct in_flight {
    neapi_unit *unit; /* held: the newest that writes it */
    const neapi_document *document;
    size_t size;
    char name[];
} in_flight;

/* A document as it was before the unit. */
typedef struct before {
    neap_text key, data;
    bool found;
    struct before *next;
} before;

typedef struct folding {
    neapi_lane *lane;
    const neapi_in_unit *in_unit;
    neapi_unit *unit;
    neapi_arena arena;
    before *list;
} folding;

/* ---- What is in flight ----------------------------------------------------------------------- */

/* No collection's name has a line feed of its own. */
typedef struct full_name {
    size_t size;
    char data[2 * NEAPI_STREAM_BYTES + 1];
} full_name;

static neap_text name_of(neap_text collection, neap_text key, full_name *name)
{
    name->size = 0;
    if (collection.size + key.size < sizeof name->data) {
        memcpy(name->data, collection.data, collection.size);
        name->data[collection.size] = '\n';
        memcpy(name->data + collection.size + 1, key.data, key.size);
        name->size = collection.size + 1 + key.size;
    }
    return neapi_text(name->data, name->size);
}

static in_flight *find_in_flight(const neapi_lane *lane, neap_text collection, neap_text key)
{
    full_name name;
    return lane->in_flight.count != 0
               ? neapi_map_get(&lane->in_flight, name_of(collection, key, &name))
               : NULL;
}

static bool note(neapi_lane *lane, neapi_unit *unit, const neapi_document *document)
{
    full_name named;
    neap_text text = name_of(document->collection, document->key, &named);
    in_flight *it = neapi_map_get(&lane->in_flight, text);
    if (it == NULL) {
        it = neapi_alloc(sizeof *it + text.size);
        if (it == NULL)
            return false;
        *it = (in_flight){.size = text.size};
        memcpy(it->name, text.data, text.size);
        if (!neapi_map_put(&lane->in_flight, neapi_text(it->name, it->size), it)) {
            neapi_free(it);
            return false;
        }
    }
    neapi_unit_release(it->unit);
    it->unit = neapi_unit_hold(unit);
    it->document = document;
    return true;
}

void neapi_in_unit_settled(neapi_lane *lane, const neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count && lane->in_flight.count != 0; i++) {
        const neapi_op *op = &unit->ops[i];
        if (op->kind != NEAPI_OP_DOCUMENT)
            continue;
        in_flight *it = find_in_flight(lane, op->document.collection, op->document.key);
        if (it == NULL || it->unit != unit)
            continue;
        neapi_map_remove(&lane->in_flight, neapi_text(it->name, it->size));
        neapi_unit_release(it->unit);
        neapi_free(it);
    }
}

void neapi_in_unit_fini(neapi_lane *lane)
{
    size_t at = 0;
    for (in_flight *it; (it = neapi_map_next(&lane->in_flight, &at)) != NULL;) {
        neapi_unit_release(it->unit);
        neapi_free(it);
    }
    neapi_map_fini(&lane->in_flight);
}

/* ---- Folding --------------------------------------------------------------------------------- */

static neap_text id_of(neap_text stream)
{
    const char *dash = memchr(stream.data, '-', stream.size);
    size_t size = dash != NULL ? (size_t)(dash - stream.data) + 1 : stream.size;
    return neapi_text(stream.data + size, stream.size - size);
}

static neap_status check_key(const folding *job, neap_text key, neap_error *error)
{
    const neapi_unit *unit = job->unit;
    neap_text stream = {0};
    for (size_t i = 0; i < unit->op_count; i++) {
        if (unit->ops[i].kind != NEAPI_OP_APPEND)
            continue;
        stream = unit->ops[i].append.stream;
        if (neapi_text_equal(id_of(stream), key))
            return NEAP_OK;
    }
    return neapi_fail(error, NEAP_HANDLER,
                      "it is inline, so its key must be that of the event's stream, but it is "
                      "'%.*s' for an event of %.*s",
                      NEAPI_TEXT(key), NEAPI_TEXT(stream));
}

/* As what is in flight leaves it, or as it is stored. */
static neap_status find(void *host, neap_text key, neap_text *data, bool *found, neap_error *error)
{
    folding *job = host;
    neap_text collection = neapi_text(job->in_unit->collection.data, job->in_unit->collection.size);
    neap_status status = check_key(job, key, error);
    if (status != NEAP_OK)
        return status;
    const in_flight *newer = find_in_flight(job->lane, collection, key);
    *data = (neap_text){0};
    if (newer != NULL) {
        *found = newer->document->write == NEAPI_DOCUMENT_PUT;
        if (*found)
            *data = neapi_arena_text(&job->unit->arena, newer->document->data);
    } else {
        status = neapi_find_document(job->lane->session, collection, key, &job->unit->arena, data,
                                     found, error);
    }
    if (status != NEAP_OK)
        return status;
    before *it = neapi_arena_alloc(&job->arena, sizeof *it);
    if (it == NULL || (*found && data->data == NULL))
        return neapi_nomem(error);
    *it = (before){neapi_arena_text(&job->arena, key), *data, *found, job->list};
    job->list = it;
    return it->key.data != NULL ? NEAP_OK : neapi_nomem(error);
}

/* It is written over what it was folded from, and nothing else. */
static void expect(const folding *job, neapi_document *document)
{
    const before *it = job->list;
    while (it != NULL && !neapi_text_equal(it->key, document->key))
        it = it->next;
    document->expect = it != NULL && it->found ? NEAPI_DOCUMENT_EQUAL : NEAPI_DOCUMENT_ABSENT;
    document->expected = it != NULL && it->found ? it->data : (neap_text){0};
}

static bool is_wanted(const neapi_subscription *definition, const neap_event *event)
{
    for (size_t i = 0; i < definition->type_count; i++)
        if (neapi_text_equal(definition->types[i], event->type))
            return true;
    return definition->type_count == 0;
}

/* The unit's events that it wants, in order. */
static size_t pick(const neapi_subscription *definition, const neapi_unit *unit,
                   const neap_event **events)
{
    size_t count = 0;
    for (size_t i = 0; i < unit->event_count; i++)
        if (is_wanted(definition, &unit->events[i]))
            events[count++] = &unit->events[i];
    return count;
}

static neap_status fold(folding *job, neapi_documents documents, const neap_event *const *events,
                        size_t count, neap_error *error)
{
    neapi_engine *engine = job->lane->engine;
    const neapi_buffer *collection = &job->in_unit->collection;
    const neapi_projecting projecting = {.projection = job->in_unit->definition,
                                         .documents = documents,
                                         .partitions = 1,
                                         .find = find,
                                         .host = job};
    size_t failed;
    neap_status status = neapi_engine_project(engine, &projecting, events, count, &failed, error);
    if (status == NEAP_OK)
        status = neapi_engine_documents_save(
            engine, documents, neapi_text(collection->data, collection->size), job->unit, error);
    return status;
}

static neap_status add(neapi_lane *lane, const neapi_in_unit *in_unit, neapi_unit *unit,
                       neap_error *error)
{
    folding job = {.lane = lane, .in_unit = in_unit, .unit = unit};
    neapi_documents documents = NEAPI_NO_DOCUMENTS;
    size_t before_it = unit->op_count;
    const neap_event **events =
        neapi_arena_alloc(&job.arena, unit->event_count * sizeof(const neap_event *));
    size_t count = events != NULL ? pick(in_unit->definition, unit, events) : 0;
    neap_status status = events != NULL ? NEAP_OK : neapi_nomem(error);
    if (count != 0)
        status = neapi_engine_documents_new(lane->engine, in_unit->definition, &documents, error);
    if (status == NEAP_OK && count != 0)
        status = fold(&job, documents, events, count, error);
    neapi_engine_documents_free(lane->engine, documents);
    for (size_t i = before_it; i < unit->op_count && status == NEAP_OK; i++)
        expect(&job, &unit->ops[i].document);
    neapi_arena_fini(&job.arena);
    return status;
}

neap_status neapi_in_unit_add(neapi_lane *lane, neapi_unit *unit, neap_error *error)
{
    const neap_runtime *runtime = lane->runtime;
    size_t first = unit->op_count;
    neap_status status = NEAP_OK;
    for (uint32_t i = 0; i < runtime->in_unit_count && status == NEAP_OK; i++)
        status = add(lane, &runtime->in_unit[i], unit, error);
    for (size_t i = first; i < unit->op_count && status == NEAP_OK; i++)
        if (!note(lane, unit, &unit->ops[i].document))
            status = neapi_nomem(error);
    if (status != NEAP_OK)
        neapi_in_unit_settled(lane, unit);
    return status;
}

bool neapi_in_unit_is_at_fault(const neapi_lane *lane, const neapi_unit *unit)
{
    const neap_runtime *runtime = lane->runtime;
    if (runtime->in_unit_count == 0 || unit->verdict.op >= unit->op_count ||
        unit->ops[unit->verdict.op].kind != NEAPI_OP_DOCUMENT)
        return false;
    neap_text collection = unit->ops[unit->verdict.op].document.collection;
    for (uint32_t i = 0; i < runtime->in_unit_count; i++)
        if (neapi_text_equal(collection, neapi_text(runtime->in_unit[i].collection.data,
                                                    runtime->in_unit[i].collection.size)))
            return true;
    return false;
}

neap_status neapi_in_unit_collection(const neap_runtime *runtime,
                                     const neapi_subscription *definition, neapi_buffer *collection,
                                     neap_error *error)
{
    for (uint32_t i = 0; i < runtime->in_unit_count; i++) {
        const neapi_in_unit *it = &runtime->in_unit[i];
        if (it->definition != definition)
            continue;
        neapi_buffer_append(collection, it->collection.data, it->collection.size);
        if (it->built)
            return collection->failed ? neapi_nomem(error) : NEAP_OK;
        break;
    }
    return neapi_fail(error, NEAP_UNAVAILABLE,
                      "the inline projection '%.*s' is not built in this store; that is done when "
                      "it is opened for writing",
                      NEAPI_TEXT(definition->name));
}
