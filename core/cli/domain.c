#include "domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
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

static int load(const char *path, const char *store, bool read_only, const char *config,
                neap_runtime **runtime)
{
    neap_error error;
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.read_only = read_only;
    options.config = config;
    options.log = cli_log;
    neap_status status = neap_load(path, &options, runtime, &error);
    if (status != NEAP_OK)
        cli_complain_error(&error);
    return cli_exit_status(status);
}

int cli_domain_load(const char *path, const char *store, bool read_only, neap_runtime **runtime)
{
    return load(path, store, read_only, NULL, runtime);
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

/* The file's text, terminated; the caller frees it. NULL: it cannot be read, and that was said. */
static char *read_config(const char *path)
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
                    neap_runtime **runtime)
{
    neap_error error;
    char *json = config != NULL ? read_config(config) : NULL;
    if (config != NULL && json == NULL)
        return CLI_USAGE;
    int status = load(path, store, read_only, json, runtime);
    free(json);
    if (status != CLI_DONE)
        return status;
    if (cli_domain_unhandled(*runtime) > 0)
        status = CLI_FAILED;
    else if (neap_start(*runtime, &error) != NEAP_OK)
        status = start_failed(&error);
    if (status != CLI_DONE)
        neap_close(*runtime);
    return status;
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
