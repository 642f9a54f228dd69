/* Which subscriptions run in a runtime, and which are built anew there, as its options say. */
#ifndef NEAPI_RUNTIME_CHOSEN_H
#define NEAPI_RUNTIME_CHOSEN_H

#include "bus/catalog.h"

/* Checks the names in options subscriptions and rebuild. Errors: NEAP_UNKNOWN, NEAP_USAGE. */
neap_status neapi_subscriptions_check(const neapi_catalog *catalog, const neap_options *options,
                                      neap_error *error);

bool neapi_is_chosen(const neap_options *options, neap_text name);
bool neapi_is_to_be_rebuilt(const neap_options *options, neap_text name);

/* Whether it has a checkpoint: what is folded on demand, or within commands, has none. */
bool neapi_has_checkpoint(const neapi_subscription *definition);
/* NEAP_USAGE, of one that has none. */
neap_status neapi_say_no_checkpoint(const neapi_subscription *definition, neap_error *error);
/* Errors: NEAP_USAGE (it is no projection). */
neap_status neapi_check_is_rebuilt(const neapi_subscription *definition, const char *call,
                                   neap_error *error);

#endif
