/* An open domain on an open store, with its lane and its writer. */
#ifndef NEAPI_RUNTIME_RUNTIME_H
#define NEAPI_RUNTIME_RUNTIME_H

#include "runtime/lane.h"

typedef enum neapi_runtime_stage {
    NEAPI_RUNTIME_LOADED,
    NEAPI_RUNTIME_RUNNING,
    NEAPI_RUNTIME_FAILED, /* to start; it can only be closed */
} neapi_runtime_stage;

struct neap_runtime {
    neap_options options; /* store is owned */
    const neapi_platform *platform;
    neapi_report report;
    pthread_mutex_t log_mutex;
    neapi_sources *sources;
    neapi_engine *engine; /* the lane's once it is made */
    neapi_catalog *catalog;
    neapi_store *store;
    neapi_writer writer;
    neapi_lane lane;
    bool has_writer, has_lane;
    neapi_runtime_stage stage;
};

/* A store that is read without a domain. */
struct neap_store {
    neapi_store *store;
};

#endif
