#include "domain.h"

#include "command.h"
#include "output.h"

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

int cli_domain_load(const char *path, const char *store, bool read_only, neap_runtime **runtime)
{
    neap_error error;
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    options.read_only = read_only;
    options.log = cli_log;
    neap_status status = neap_load(path, &options, runtime, &error);
    if (status != NEAP_OK)
        cli_complain_error(&error);
    return cli_exit_status(status);
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

int cli_domain_open(const char *path, const char *store, bool read_only, neap_runtime **runtime)
{
    neap_error error;
    int status = cli_domain_load(path, store, read_only, runtime);
    if (status != CLI_DONE)
        return status;
    if (cli_domain_unhandled(*runtime) > 0)
        status = CLI_FAILED;
    else if (neap_start(*runtime, &error) != NEAP_OK)
        status = cli_store_failed(&error);
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
