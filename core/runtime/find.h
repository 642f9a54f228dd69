/* Reading a projection's documents. */
#ifndef NEAPI_RUNTIME_FIND_H
#define NEAPI_RUNTIME_FIND_H

#include "runtime/subscribed.h"

/* Appends the name of the collection that has a projection's documents. Errors: NEAP_UNKNOWN,
 * NEAP_USAGE (it keeps none), as neapi_find_document, NEAP_NOMEM. */
neap_status neapi_find_collection(const neap_runtime *runtime, neapi_session *session,
                                  neap_text projection, neapi_buffer *collection,
                                  neap_error *error);
/* One document, appended as it is stored. */
neap_status neapi_find_in(const neap_runtime *runtime, neapi_session *session, neap_text projection,
                          neap_text key, neapi_buffer *json, bool *found, neap_error *error);
/* Several, appended as a JSON list of {"key":…,"document":…}. */
neap_status neapi_list_in(const neap_runtime *runtime, neapi_session *session, neap_text projection,
                          const neap_list_options *options, neapi_buffer *json, neap_error *error);

/* The same for a handler on a lane. (Of neapi_engine_options.) */
neap_status neapi_lane_find_document(void *lane, neap_text projection, neap_text key,
                                     neapi_buffer *json, bool *found, neap_error *error);
neap_status neapi_lane_list_documents(void *lane, neap_text projection,
                                      const neap_list_options *options, neapi_buffer *json,
                                      neap_error *error);

#endif
