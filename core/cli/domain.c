#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "log.h"
#include "nearest.h"
#include "output.h"

#define LARGEST_CONFIG (1 << 20)

int cli_exit_status(neap_status status)
{
    switch (status) {
    case NEAP_OK:
        return CLI_DONE;
    case NEAP_USAGE:
        return CLI_USAGE;
    case NEAP_CORRUPT:
    case NEAP_STORE:
        return CLI_NO_STORE;
    default:
        return CLI_FAILED;
    }
}

int cli_store_failed(const neap_error *error)
{
    cli_complain_error(error);
    if (error->status == NEAP_UNKNOWN)
        cli_say("--store or $NEAP_STORE says which store is meant; `neap run` makes a new store");
    return error->status == NEAP_USAGE ? CLI_USAGE : CLI_NO_STORE;
}

static neap_options options_for(const char *store, unsigned lanes)
{
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.lanes = lanes;
    options.caller_runs = true; /* callbacks lock nothing that callers hold */
    return options;
}

static int load_with(const char *path, neap_options options, neap_runtime **runtime)
{
    neap_error error;
    cli_log_connect(&options);
    neap_status status = neap_load(path, &options, runtime, &error);
    if (status != NEAP_OK)
        cli_complain_error(&error);
    return cli_exit_status(status);
}

static int load(const char *path, const char *store, bool read_only, const char *config,
                unsigned lanes, neap_runtime **runtime)
{
    neap_options options = options_for(store, lanes);
    options.read_only = read_only;
    options.config = config;
    return load_with(path, options, runtime);
}

int cli_domain_load(const char *path, const char *store, bool read_only, neap_runtime **runtime)
{
    return load(path, store, read_only, NULL, 1, runtime);
}

size_t cli_domain_unhandled(const neap_runtime *runtime)
{
    size_t count = 0;
    neap_definition definition;
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++) {
        bool wants_one = definition.kind == NEAP_KIND_COMMAND || definition.kind == NEAP_KIND_QUERY;
        if (!wants_one || definition.handled_by != NULL)
            continue;
        cli_complain("%s:%d: nothing handles the %s %s", definition.file, definition.line,
                     definition.kind == NEAP_KIND_COMMAND ? "command" : "query", definition.name);
        count++;
    }
    return count;
}

/* What is wrong with the domain's services is not the store's fault. */
static int start_failed(const neap_error *error)
{
    if (error->status != NEAP_HANDLER && error->status != NEAP_LIMIT)
        return cli_store_failed(error);
    cli_complain_error(error);
    return CLI_FAILED;
}

/* Closes a loaded runtime that cannot be started. */
static int start(neap_runtime *runtime)
{
    neap_error error;
    int status = CLI_DONE;
    if (cli_domain_unhandled(runtime) > 0)
        status = CLI_FAILED;
    else if (neap_start(runtime, &error) != NEAP_OK)
        status = start_failed(&error);
    if (status != CLI_DONE)
        neap_close(runtime);
    return status;
}

/* Complains, unless that many bytes can be a text of JSON. */
static bool is_config(const char *path, const char *text, size_t size)
{
    if (size > LARGEST_CONFIG)
        cli_complain("%s is larger than %d bytes", path, LARGEST_CONFIG);
    else if (size == 0)
        cli_complain("%s is empty: expected a JSON object of the services", path);
    else if (memchr(text, '\0', size) != NULL)
        cli_complain("%s is not JSON: it has a byte 0x00", path);
    else
        return true;
    return false;
}

char *cli_config_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = file != NULL ? malloc(LARGEST_CONFIG + 1) : NULL;
    size_t size = text != NULL ? fread(text, 1, LARGEST_CONFIG + 1, file) : 0;
    bool taken = text != NULL && ferror(file) == 0;
    if (!taken)
        cli_complain("cannot read %s: %s", path, strerror(errno));
    if (file != NULL)
        fclose(file);
    if (taken && is_config(path, text, size)) {
        text[size] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

int cli_domain_open(const char *path, const char *store, bool read_only, const char *config,
                    unsigned lanes, neap_runtime **runtime)
{
    char *json = config != NULL ? cli_config_read(config) : NULL;
    if (config != NULL && json == NULL)
        return CLI_USAGE;
    int status = load(path, store, read_only, json, lanes, runtime);
    free(json);
    return status == CLI_DONE ? start(*runtime) : status;
}

int cli_domain_open_to_rebuild(const char *path, const char *store, const char *projection,
                               unsigned lanes, neap_runtime **runtime)
{
    neap_options options = options_for(store, lanes);
    options.subscriptions = options.rebuild = projection;
    int status = load_with(path, options, runtime);
    return status == CLI_DONE ? start(*runtime) : status;
}

int cli_domain_open_some(const char *path, const char *store, const char *subscription,
                         neap_runtime **runtime)
{
    neap_options options = options_for(store, 1);
    options.subscriptions = subscription;
    int status = load_with(path, options, runtime);
    return status == CLI_DONE ? start(*runtime) : status;
}

int cli_domain_projection(const neap_runtime *runtime, const char *name)
{
    neap_definition definition;
    cli_nearest nearest = {0};
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++) {
        bool named = strcmp(definition.name, name) == 0;
        if (definition.kind == NEAP_KIND_PROJECTION && named)
            return CLI_DONE;
        if (definition.kind > NEAP_KIND_PROJECTION && named) {
            cli_complain("'%s' is no projection: %s:%d", name, definition.file, definition.line);
            return CLI_USAGE;
        }
        if (definition.kind == NEAP_KIND_PROJECTION)
            cli_nearest_consider(&nearest, name, definition.name);
    }
    if (nearest.name != NULL)
        cli_complain("there is no projection '%s'; did you mean '%s'?", name, nearest.name);
    else
        cli_complain("there is no projection '%s'", name);
    return CLI_FAILED;
}

int cli_store_open(const char *url, neap_store **store)
{
    neap_error error;
    return neap_store_open(url, store, &error) == NEAP_OK ? CLI_DONE : cli_store_failed(&error);
}

void cli_print_reply(neap_reply *reply)
{
    size_t size;
    const char *json = neap_reply_json(reply, &size);
    cli_out(json, size);
    cli_out_text("\n");
    neap_reply_free(reply);
}
