/* Subscriptions as a store has them, whether somebody runs them or not. */
#ifndef NEAPI_RUNTIME_STORED_H
#define NEAPI_RUNTIME_STORED_H

#include "runtime/checkpoint.h"
#include "store/survey.h"

/* The record, from the store. Without one *found is false. Errors: as neapi_find_document,
 * NEAP_CORRUPT. */
neap_status neapi_stored_record(neapi_session *session, neap_text name, neapi_record *record,
                                bool *found, neap_error *error);

/* What kind of subscription the record is of; a projection, if it does not say so. */
neap_status neapi_stored_kind(neapi_session *session, neap_text name, neapi_subscription_kind *kind,
                              neap_error *error);
/* The checkpoint of a build's partition; one that is not there is at the beginning. Errors: as
 * above. */
neap_status neapi_stored_checkpoint(neapi_session *session, neap_text name, uint32_t build,
                                    uint32_t partition, neapi_checkpoint *checkpoint,
                                    neap_error *error);

/* Appends where a subscription's live build and the next one are, as members of a JSON object.
 * head: the store's last position. Errors: as neapi_find_document, NEAP_CORRUPT. */
neap_status neapi_stored_write_builds(neapi_buffer *json, neapi_session *session, neap_text name,
                                      const neapi_record *record, uint64_t head, neap_error *error);

/* Adds what the store has of subscriptions to its figures. Errors: as neapi_list_documents,
 * NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_stored_survey(neapi_session *session, neapi_survey *survey, neap_error *error);

#endif
