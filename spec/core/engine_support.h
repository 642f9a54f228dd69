/* An engine with a domain given as text, for tests in C. */
#ifndef SPEC_CORE_ENGINE_SUPPORT_H
#define SPEC_CORE_ENGINE_SUPPORT_H

#include "script/engine.h"

typedef struct engine_world {
    char folder[64];
    neapi_sources *sources;
    neapi_engine *engine;
    neapi_unit *unit;
    neapi_call call;
    bool spoilt;
    neap_error error;
    char log[256]; /* what the domain printed last */
} engine_world;

/* Options with the defaults of neap.h. */
neapi_engine_options engine_options(engine_world *world);

/* Writes the text as a domain's file and opens an engine on it; options may be NULL. */
neap_status engine_open(engine_world *world, const char *text, const neapi_engine_options *options);
void engine_close(engine_world *world);

const neapi_message *engine_message(engine_world *world, neap_kind kind, const char *name);
/* The first aggregate's instance "a". Lifetime: until the next call. */
const neapi_instance *engine_instance(engine_world *world);

/* A new state of the first aggregate. */
neapi_state engine_state(engine_world *world, const char *id);
/* Decides, with the unit cleared before. */
neap_status engine_decide(engine_world *world, const char *command, neapi_state state,
                          const char *json);
/* The state as JSON. Lifetime: until the next call. */
const char *engine_show(engine_world *world, neapi_state state);
/* The index-th event's data. */
const char *engine_data(engine_world *world, size_t index);

#endif
