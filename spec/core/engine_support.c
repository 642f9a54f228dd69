#include "core/engine_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static void keep_log(void *user, neap_log_level level, const char *text)
{
    engine_world *world = user;
    (void)level;
    snprintf(world->log, sizeof world->log, "%s", text);
}

neapi_engine_options engine_options(engine_world *world)
{
    return (neapi_engine_options){
        .platform = neapi_platform_machine(),
        .memory_bytes = (size_t)256 << 20,
        .allocation_bytes = (size_t)64 << 20,
        .unit_bytes = (size_t)4 << 20,
        .message_bytes = (size_t)4 << 20,
        .instructions = 100000000,
        .ms = 5000,
        .depth = 100,
        .unit_events = 1000,
        .log = keep_log,
        .log_user = world,
    };
}

static void write_domain(engine_world *world, const char *text, char *path, size_t size)
{
    snprintf(world->folder, sizeof world->folder, "/tmp/neap-engine-XXXXXX");
    if (mkdtemp(world->folder) == NULL)
        abort();
    snprintf(path, size, "%s/domain.lua", world->folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

neap_status engine_open(engine_world *world, const char *text, const neapi_engine_options *options)
{
    char path[128];
    memset(world, 0, sizeof *world);
    neapi_engine_options standard = engine_options(world);
    write_domain(world, text, path, sizeof path);
    world->call = (neapi_call){.id = {{1, 2, 3}}, .correlation_id = {{4}}, .now_us = 1234567};
    world->unit = neapi_unit_new(world->call.id);
    neap_status status = neapi_sources_open(path, &world->sources, &world->error);
    if (status == NEAP_OK)
        status = neapi_engine_open(world->sources, options != NULL ? options : &standard,
                                   &world->engine, &world->error);
    unlink(path);
    rmdir(world->folder);
    return status;
}

void engine_close(engine_world *world)
{
    neapi_engine_close(world->engine);
    neapi_sources_free(world->sources);
    neapi_unit_release(world->unit);
}

const neapi_message *engine_message(engine_world *world, neap_kind kind, const char *name)
{
    const neapi_message *message = NULL;
    if (neapi_catalog_message(neapi_engine_catalog(world->engine), kind, neapi_text_of(name),
                              &message, &world->error) != NEAP_OK)
        abort();
    return message;
}

static const neapi_instance *instance_of(engine_world *world, const char *id)
{
    static neapi_instance instance;
    static char stream[64];
    snprintf(stream, sizeof stream, "Thing-%s", id);
    instance = (neapi_instance){.aggregate = neapi_engine_catalog(world->engine)->aggregates[0],
                                .name = neapi_text_of(stream),
                                .stream = neapi_text_of(stream),
                                .id = neapi_text_of(stream + strlen("Thing-"))};
    return &instance;
}

const neapi_instance *engine_instance(engine_world *world)
{
    return instance_of(world, "a");
}

neapi_state engine_state(engine_world *world, const char *id)
{
    neapi_state state = NEAPI_NO_STATE;
    if (neapi_engine_state_new(world->engine, instance_of(world, id), &state, &world->error) !=
        NEAP_OK)
        abort();
    return state;
}

neap_status engine_decide(engine_world *world, const char *command, neapi_state state,
                          const char *json)
{
    neapi_unit_clear(world->unit);
    return neapi_engine_decide(world->engine, engine_message(world, NEAP_KIND_COMMAND, command),
                               state, engine_instance(world), 0, neapi_text_of(json), &world->call,
                               world->unit, &world->spoilt, &world->error);
}

const char *engine_show(engine_world *world, neapi_state state)
{
    static char shown[4096];
    neapi_buffer json = NEAPI_BUFFER_INIT;
    if (neapi_engine_state_json(world->engine, state, &json, &world->error) != NEAP_OK)
        abort();
    snprintf(shown, sizeof shown, "%.*s", (int)json.size, json.data);
    neapi_buffer_fini(&json);
    return shown;
}

const char *engine_data(engine_world *world, size_t index)
{
    static char data[4096];
    neap_text text = world->unit->events[index].data;
    snprintf(data, sizeof data, "%.*s", (int)text.size, text.data);
    return data;
}
