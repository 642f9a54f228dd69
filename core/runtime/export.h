/* A store's log and what it keeps beside it, as lines: see transfer_line.h. */
#ifndef NEAPI_RUNTIME_EXPORT_H
#define NEAPI_RUNTIME_EXPORT_H

#include "base/buffer.h"
#include "store/store.h"

/* now_us: wall clock; keys that have expired by then are left out. Owns: the caller owns *opened
 * (neap_exporter_close). Lifetime: the store outlives it. Errors: as neap_store_export. */
neap_status neapi_export_open(neapi_store *store, const neap_filter *filter, int64_t now_us,
                              neap_exporter **opened, neap_error *error);

/* The lines of commands and events alone. */
neap_status neapi_export_open_log(neapi_store *store, neap_exporter **opened, neap_error *error);

/* As neap_store_compare(); core/runtime/compare.c. */
neap_status neapi_stores_compare(neapi_store *store, neapi_store *other,
                                 neap_finding_callback callback, void *user,
                                 neap_comparison *result, neap_error *error);

/* What a store keeps that its log does not give: the collection is Neap's own, and not about an
 * import. */
bool neapi_export_carries(neap_text collection);

/* Which subscription a checkpoint is of, by the checkpoint's key. */
neap_text neapi_checkpoint_owner(neap_text key);

/* Whether a subscription's record is that of a projection, whose documents follow from the log.
 * Errors: NEAP_NOMEM. */
neap_status neapi_record_of_projection(neap_text record, bool *is, neap_error *error);

#endif
