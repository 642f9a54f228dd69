#include "core/project_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

static stored_document *find(project_world *world, neap_text key)
{
    for (size_t i = 0; i < world->document_count; i++)
        if (neapi_text_equal(neapi_text_of(world->documents[i].key), key))
            return &world->documents[i];
    return NULL;
}

static neap_status find_document(void *host, neap_text key, neap_text *data, bool *found,
                                 neap_error *error)
{
    project_world *world = host;
    world->finds++;
    if (world->unreadable)
        return neapi_fail(error, NEAP_STORE, "the disk is gone");
    const stored_document *document = find(world, key);
    *found = document != NULL;
    if (*found)
        *data = neapi_text_of(document->data);
    return NEAP_OK;
}

static void drop(project_world *world, neap_text key)
{
    stored_document *document = find(world, key);
    if (document == NULL)
        return;
    free(document->data);
    *document = world->documents[--world->document_count];
}

static void put(project_world *world, neap_text key, neap_text data)
{
    drop(world, key);
    if (world->document_count == STORED_MOST || key.size >= sizeof world->documents[0].key)
        abort();
    stored_document *document = &world->documents[world->document_count++];
    snprintf(document->key, sizeof document->key, "%.*s", NEAPI_TEXT(key));
    document->data = strndup(data.data, data.size);
}

void project_reopen(project_world *world)
{
    neapi_engine_documents_free(world->engine.engine, world->where.documents);
    world->where.documents = NEAPI_NO_DOCUMENTS;
    if (neapi_engine_documents_new(world->engine.engine, world->where.projection,
                                   &world->where.documents, world->error) != NEAP_OK)
        abort();
}

void project_open(project_world *world, const char *domain, const neapi_engine_options *options)
{
    memset(world, 0, sizeof *world);
    world->error = &world->engine.error;
    if (engine_open(&world->engine, domain, options) != NEAP_OK) {
        fprintf(stderr, "%s\n", world->error->message);
        abort();
    }
    world->where = (neapi_projecting){
        .projection = neapi_engine_catalog(world->engine.engine)->subscriptions[0],
        .partitions = 1,
        .find = find_document,
        .host = world};
    project_reopen(world);
}

void project_close(project_world *world)
{
    engine_close(&world->engine);
    while (world->document_count != 0)
        free(world->documents[--world->document_count].data);
}

neap_status project_events(project_world *world, const neap_event *events, size_t count)
{
    const neap_event **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &events[i];
    neap_status status = neapi_engine_project(world->engine.engine, &world->where, list, count,
                                              &world->failed, world->error);
    free(list);
    return status;
}

neap_status project_event(project_world *world, const char *type, const char *json)
{
    neap_event event = {.position = ++world->position,
                        .version = world->position,
                        .recorded_at = 1000000,
                        .id = {{7, (uint8_t)world->position}},
                        .schema = 1,
                        .type = neapi_text_of(type),
                        .stream = NEAPI_LITERAL("Order-1"),
                        .data = neapi_text_of(json)};
    return project_events(world, &event, 1);
}

neap_status project_save(project_world *world)
{
    neapi_unit *unit = world->engine.unit;
    neapi_unit_clear(unit);
    neap_status status = neapi_engine_documents_save(world->engine.engine, world->where.documents,
                                                     NEAPI_LITERAL("orders@1"), unit, world->error);
    for (size_t i = 0; status == NEAP_OK && i < unit->op_count; i++) {
        const neapi_document *document = &unit->ops[i].document;
        if (document->write == NEAPI_DOCUMENT_PUT)
            put(world, document->key, document->data);
        else
            drop(world, document->key);
    }
    return status;
}

const char *project_stored(project_world *world, const char *key)
{
    const stored_document *document = find(world, neapi_text_of(key));
    return document != NULL ? document->data : "none";
}

void project_store(project_world *world, const char *key, const char *json)
{
    put(world, neapi_text_of(key), neapi_text_of(json));
}
