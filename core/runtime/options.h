/* What the host asked for, checked. */
#ifndef NEAPI_RUNTIME_OPTIONS_H
#define NEAPI_RUNTIME_OPTIONS_H

#include "neap.h"

/* Copies what the host gave (NULL: the defaults), also from an older, shorter struct, with its
 * texts. Owns: the caller (neapi_options_free). Errors: NEAP_USAGE naming the option, NEAP_NOMEM.
 */
neap_status neapi_options_take(const neap_options *given, neap_options *taken, neap_error *error);
void neapi_options_free(neap_options *options);
neap_status neapi_dispatch_options_take(const neap_dispatch_options *given,
                                        neap_dispatch_options *taken, neap_error *error);
neap_status neapi_list_options_take(const neap_list_options *given, neap_list_options *taken,
                                    neap_error *error);
neap_status neapi_saga_options_take(const neap_saga_options *given, neap_saga_options *taken,
                                    neap_error *error);
neap_status neapi_import_options_take(const neap_import_options *given, neap_import_options *taken,
                                      neap_error *error);
/* Gives the caller's struct, which says its size, as much as it holds. */
void neapi_progress_give(const neap_progress *now, neap_progress *progress);
neap_status neapi_filter_take(const neap_filter *given, neap_filter *taken, neap_error *error);

#endif
