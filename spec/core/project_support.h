/* A projection's partition with documents in memory, for tests in C. */
#ifndef SPEC_CORE_PROJECT_SUPPORT_H
#define SPEC_CORE_PROJECT_SUPPORT_H

#include "core/engine_support.h"

#define STORED_MOST 4096

typedef struct stored_document {
    char key[520];
    char *data;
} stored_document;

typedef struct project_world {
    engine_world engine;
    neapi_projecting where;
    stored_document documents[STORED_MOST];
    size_t document_count;
    size_t finds;    /* how often one was looked for */
    bool unreadable; /* finding fails */
    uint64_t position;
    size_t failed;
    neap_error *error; /* the engine's */
} project_world;

/* Opens the domain and the documents of its first subscription. */
void project_open(project_world *world, const char *domain, const neapi_engine_options *options);
void project_close(project_world *world);
/* Lets go of what is kept, and begins anew. */
void project_reopen(project_world *world);

/* Folds one event of the type, in the stream "Order-1", of schema version 1. */
neap_status project_event(project_world *world, const char *type, const char *json);
neap_status project_events(project_world *world, const neap_event *events, size_t count);
/* Saves what was changed into the unit, and applies it. */
neap_status project_save(project_world *world);
/* A stored document; "none". */
const char *project_stored(project_world *world, const char *key);
void project_store(project_world *world, const char *key, const char *json);

#endif
