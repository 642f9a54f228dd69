#include "runtime/chosen.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* The next of names with commas between them. false: there is none. */
static bool next_name(const char **names, neap_text *name)
{
    while (**names == ',' || **names == ' ')
        ++*names;
    size_t size = strcspn(*names, ", ");
    *name = neapi_text(*names, size);
    *names += size;
    return size != 0;
}

static bool names_it(const char *names, neap_text wanted)
{
    for (neap_text name; next_name(&names, &name);)
        if (neapi_text_equal(name, wanted))
            return true;
    return false;
}

bool neapi_is_chosen(const neap_options *options, neap_text name)
{
    return options->subscriptions == NULL || names_it(options->subscriptions, name);
}

bool neapi_has_checkpoint(const neapi_subscription *definition)
{
    return !definition->is_live && !definition->is_inline;
}

bool neapi_is_to_be_rebuilt(const neap_options *options, neap_text name)
{
    return options->rebuild != NULL && names_it(options->rebuild, name);
}

static neap_status check_chosen(const neapi_catalog *catalog, const neap_options *options,
                                neap_error *error)
{
    const char *chosen = options->subscriptions;
    neap_status status = NEAP_OK;
    for (neap_text name; chosen != NULL && status == NEAP_OK && next_name(&chosen, &name);) {
        const neapi_subscription *definition;
        status = neapi_catalog_subscription(catalog, name, &definition, error);
    }
    return status;
}

neap_status neapi_say_no_checkpoint(const neapi_subscription *definition, neap_error *error)
{
    return neapi_fail(error, NEAP_USAGE,
                      "%s '%.*s' has no checkpoint: what it gives is always up to date%s",
                      neapi_subscription_kind_name(definition->kind), NEAPI_TEXT(definition->name),
                      definition->is_inline
                          ? "; it is built anew when it has another version and the store is opened"
                          : "");
}

neap_status neapi_check_is_rebuilt(const neapi_subscription *definition, const char *call,
                                   neap_error *error)
{
    if (definition->kind == NEAPI_PROJECTION)
        return NEAP_OK;
    return neapi_fail(error, NEAP_USAGE, "%s: '%.*s' is a %s; only projections are rebuilt", call,
                      NEAPI_TEXT(definition->name), neapi_subscription_kind_name(definition->kind));
}

static neap_status check_rebuilt(const neapi_catalog *catalog, const neap_options *options,
                                 neap_error *error)
{
    static const char call[] = "option rebuild";
    const char *rebuilt = options->rebuild;
    neap_status status = NEAP_OK;
    for (neap_text name; rebuilt != NULL && status == NEAP_OK && next_name(&rebuilt, &name);) {
        const neapi_subscription *definition;
        status = neapi_catalog_subscription(catalog, name, &definition, error);
        if (status == NEAP_OK)
            status = neapi_check_is_rebuilt(definition, call, error);
        if (status == NEAP_OK && !neapi_has_checkpoint(definition))
            status = neapi_say_no_checkpoint(definition, error);
        if (status == NEAP_OK && (options->read_only || !neapi_is_chosen(options, name)))
            status = neapi_fail(error, NEAP_USAGE, "%s: projection '%.*s' does not run here (%s)",
                                call, NEAPI_TEXT(name),
                                options->read_only ? "option read_only" : "option subscriptions");
    }
    return status;
}

neap_status neapi_subscriptions_check(const neapi_catalog *catalog, const neap_options *options,
                                      neap_error *error)
{
    neap_status status = check_chosen(catalog, options, error);
    return status == NEAP_OK ? check_rebuilt(catalog, options, error) : status;
}
