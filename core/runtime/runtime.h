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
    neap_options options; /* its texts are owned */
    const neapi_platform *platform;
    neapi_platform given; /* what platform points to if a clock or a seed was given */
    atomic_ullong random; /* of the seed */
    neapi_report report;
    pthread_mutex_t log_mutex;
    neapi_sources *sources;
    neapi_engine *engine; /* the lane's once it is made */
    neapi_catalog *catalog;
    neapi_service *provided; /* by the host, for domain and middleware */
    size_t provided_count;
    struct neapi_use *uses; /* the host's middleware */
    size_t use_count;
    char fingerprint[37]; /* of a domain without sources */
    neapi_store *store;
    neapi_writer writer;
    neapi_lane lane;
    neapi_request *last_barrier; /* for closing, which must not want memory */
    bool has_writer, has_lane;
    neapi_runtime_stage stage;
    /* Without lanes: who drives. */
    pthread_mutex_t drive_mutex;
    _Atomic(pthread_t) driver;
    atomic_bool driven;
};

/* What neap_drain() waits behind. Errors: NULL, no memory. */
neapi_request *neapi_barrier_new(const neap_runtime *runtime);
void neapi_barrier_free(neapi_request *barrier); /* one that was not used; NULL is allowed */
/* neap_drain() of a running runtime, also from within a handler of another one, for closing. Takes
 * the barrier. */
neap_status neapi_drain(neap_runtime *runtime, neapi_request *barrier, uint32_t timeout_ms,
                        neap_error *error);
/* Makes the domain's services, and frees what the host gave for them; core/runtime/provide.c. */
neap_status neapi_runtime_start_services(neap_runtime *runtime, neap_error *error);
void neapi_runtime_free_services(neap_runtime *runtime);

/* What an engine of the runtime's domain needs; without a lane, and silent. */
neapi_engine_options neapi_runtime_engine_options(const neap_runtime *runtime);

/* A store that is read without a domain. */
struct neap_store {
    neapi_store *store;
};

#endif
