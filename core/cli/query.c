/* neap query: one question, its answer: a query's, or documents of a projection. */
#include <string.h>

#include "domain.h"
#include "log.h"
#include "options.h"
#include "output.h"
#include "request.h"

typedef struct asked {
    neap_runtime *runtime;
    const char *name, *what; /* what: NULL if it was left out */
} asked;

static int fail(neap_status status, const neap_error *error)
{
    cli_complain_error(error);
    return cli_exit_status(status);
}

static bool is_projection(const neap_runtime *runtime, const char *name)
{
    neap_definition definition;
    for (size_t i = 0; neap_definition_at(runtime, i, &definition); i++)
        if (definition.kind == NEAP_KIND_PROJECTION && strcmp(definition.name, name) == 0)
            return true;
    return false;
}

static int ask_query(const asked *it)
{
    const char *json = it->what != NULL ? it->what : "{}";
    neap_error error;
    neap_reply *reply;
    neap_status status = neap_query(it->runtime, it->name, json, strlen(json), 0, &reply, &error);
    if (status != NEAP_OK)
        return fail(status, &error);
    cli_print_reply(reply);
    return CLI_DONE;
}

static int find_document(const asked *it)
{
    neap_error error;
    char *json;
    size_t size;
    neap_status status = neap_find(it->runtime, it->name, it->what, &json, &size, &error);
    if (status != NEAP_OK)
        return fail(status, &error);
    if (json == NULL) {
        cli_complain("%s has no document '%s'", it->name, it->what);
        return CLI_FAILED;
    }
    cli_out(json, size);
    cli_out_text("\n");
    neap_free(json);
    return CLI_DONE;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

#define PAGE_DOCUMENTS 1000 /* asked for at once */

enum { PREFIX, BEHIND, LIMIT, ORDER, MEMBERS };

typedef struct list_wish {
    char *prefix, *behind;
    uint64_t limit; /* 0: all */
    bool backward;
} list_wish;

static neap_status take_text(const neap_json_member *member, char **text, neap_error *error)
{
    size_t size;
    if (member->value.data == NULL)
        return NEAP_OK;
    neap_status status = neap_json_string(member->value, text, &size, error);
    if (status == NEAP_OK && strlen(*text) != size)
        return cli_fail(error, NEAP_INVALID, "%s: a NUL character cannot be part of it",
                        member->name);
    return status == NEAP_INVALID
               ? cli_fail(error, NEAP_INVALID, "%s: expected a string", member->name)
               : status;
}

static neap_status take_limit(const neap_json_member *member, uint64_t *limit, neap_error *error)
{
    for (size_t i = 0; i < member->value.size; i++) {
        char digit = member->value.data[i];
        if (digit < '0' || digit > '9' || i > 17)
            *limit = 0, i = member->value.size;
        else
            *limit = *limit * 10 + (uint64_t)(digit - '0');
    }
    if (member->value.data != NULL && *limit == 0)
        return cli_fail(error, NEAP_INVALID, "limit: expected a whole number from 1");
    return NEAP_OK;
}

static neap_status take_order(const neap_json_member *member, bool *backward, neap_error *error)
{
    char *order = NULL;
    neap_status status = take_text(member, &order, error);
    if (status == NEAP_OK && order != NULL) {
        *backward = strcmp(order, "descending") == 0;
        if (!*backward && strcmp(order, "ascending") != 0)
            status =
                cli_fail(error, NEAP_INVALID,
                         "order: expected \"ascending\" or \"descending\", got \"%.40s\"", order);
    }
    neap_free(order);
    return status;
}

static neap_status read_wish(const char *json, list_wish *wish, neap_error *error)
{
    neap_json_member members[MEMBERS] = {
        [PREFIX] = {.name = "prefix"},
        [BEHIND] = {.name = "behind"},
        [LIMIT] = {.name = "limit"},
        [ORDER] = {.name = "order"},
    };
    neap_status status = neap_json_members(json, strlen(json), members, MEMBERS, error);
    if (status == NEAP_OK)
        status = take_text(&members[PREFIX], &wish->prefix, error);
    if (status == NEAP_OK)
        status = take_text(&members[BEHIND], &wish->behind, error);
    if (status == NEAP_OK)
        status = take_limit(&members[LIMIT], &wish->limit, error);
    if (status == NEAP_OK)
        status = take_order(&members[ORDER], &wish->backward, error);
    return status;
}

/* The element of a JSON list that begins at `at`: its size. */
static size_t element_size(const char *at)
{
    size_t size = 0, depth = 0;
    for (bool in_string = false; in_string || depth != 0 || (at[size] != ',' && at[size] != ']');
         size++) {
        if (in_string && at[size] == '\\')
            size++;
        else if (at[size] == '"')
            in_string = !in_string;
        else if (!in_string)
            depth +=
                (at[size] == '{' || at[size] == '[') - (size_t)(at[size] == '}' || at[size] == ']');
    }
    return size;
}

/* Prints a line for each, and keeps the last one's key in the wish. */
static neap_status print_list(const char *json, list_wish *wish, uint64_t *count, neap_error *error)
{
    const char *last = NULL;
    size_t size = 0;
    for (const char *at = json + 1; *at != ']'; at += size + (at[size] == ',')) {
        last = at;
        size = element_size(at);
        cli_out(at, size);
        cli_out_text("\n");
        ++*count;
    }
    if (last == NULL)
        return NEAP_OK;
    neap_json_member members[] = {{.name = "key"}, {.name = "document"}};
    neap_status status = neap_json_members(last, size, members, 2, error);
    neap_free(wish->behind);
    wish->behind = NULL;
    return status == NEAP_OK ? take_text(&members[0], &wish->behind, error) : status;
}

/* In pages: a list of any length takes the memory of one. */
static neap_status print_pages(const asked *it, list_wish *wish, neap_error *error)
{
    uint64_t count = PAGE_DOCUMENTS, wanted = PAGE_DOCUMENTS;
    neap_status status = NEAP_OK;
    for (uint64_t left = wish->limit != 0 ? wish->limit : UINT64_MAX;
         left > 0 && count == wanted && status == NEAP_OK && cli_out_alive(); left -= count) {
        char *json;
        size_t size;
        neap_list_options options;
        neap_list_options_init(&options);
        options.prefix = wish->prefix;
        options.behind = wish->behind;
        options.backward = wish->backward;
        options.limit = wanted = left < PAGE_DOCUMENTS ? left : PAGE_DOCUMENTS;
        count = 0;
        status = neap_list(it->runtime, it->name, &options, &json, &size, error);
        if (status != NEAP_OK)
            return status;
        status = print_list(json, wish, &count, error);
        neap_free(json);
    }
    return status;
}

static int list_documents(const asked *it)
{
    neap_error error;
    list_wish wish = {0};
    neap_status status = read_wish(it->what != NULL ? it->what : "{}", &wish, &error);
    if (status == NEAP_OK)
        status = print_pages(it, &wish, &error);
    neap_free(wish.prefix);
    neap_free(wish.behind);
    return status == NEAP_OK ? CLI_DONE : fail(status, &error);
}

static int answer(const asked *it)
{
    if (!is_projection(it->runtime, it->name))
        return ask_query(it);
    return it->what == NULL || it->what[0] == '{' ? list_documents(it) : find_document(it);
}

static int run(const cli_command *self, char **arguments)
{
    const char *operands[3], *store = NULL, *config = NULL;
    cli_log_options log = {NULL, NULL};
    const cli_option options[] = {
        CLI_STORE_OPTION(&store),
        CLI_CONFIG_OPTION(&config),
        CLI_LOG_OPTIONS(log),
    };
    int status = cli_parse(self, options, sizeof options / sizeof *options, operands, arguments);
    if (status == CLI_GO_ON)
        status = cli_log_take(self, &log);
    if (status != CLI_GO_ON)
        return status;
    neap_runtime *runtime;
    status = cli_domain_open(operands[0], cli_store_url(store), true, config, 1, &runtime);
    if (status != CLI_DONE)
        return status;
    const asked it = {runtime, operands[1], operands[2]};
    status = answer(&it);
    neap_close(runtime);
    return status;
}

static const char *const operands_of_query[] = {"DOMAIN.lua", "NAME", "[JSON|KEY]", NULL};

const cli_command cli_query_command = {
    .name = "query",
    .summary = "asks one query, or a projection for documents",
    .operands = operands_of_query,
    .about =
        "Asks the domain a query and prints the answer as JSON. The query's fields are a JSON\n"
        "object, {} if left out.\n"
        "\n"
        "With a projection's name it prints the document of a key; or, for a JSON object, a line\n"
        "{\"key\":…,\"document\":…} for each document in the order of their keys. Members, all of\n"
        "which may be left out: prefix (of the keys), behind (a key), limit, order (\"ascending\" "
        "or\n"
        "\"descending\"). Documents are as they are stored: whatever keeps them up to date does "
        "so\n"
        "elsewhere.\n"
        "\n"
        "It only reads, so it may run beside a process that writes.",
    .example =
        "  $ neap query shop.lua GetOrder '{\"order_id\":\"o-1\"}' --store sqlite:shop.db\n"
        "  $ neap query shop.lua orders o-1 --store sqlite:shop.db\n"
        "  $ neap query shop.lua orders '{\"prefix\":\"o-\",\"limit\":10}' --store sqlite:shop.db",
    .run = run,
};
