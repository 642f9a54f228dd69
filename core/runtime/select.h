/* Reading the rows that a projection keeps with SQL. */
#ifndef NEAPI_RUNTIME_SELECT_H
#define NEAPI_RUNTIME_SELECT_H

#include "runtime/runtime.h"

/* Appends the rows that a SELECT gives as a JSON list of objects by the names of the columns; what
 * is NULL is left out. parameters: a JSON list of scalars, or empty. Errors: as neap_select(). */
neap_status neapi_select_in(const neap_runtime *runtime, neapi_session *session,
                            neap_text projection, neap_text statement, neap_text parameters,
                            neapi_buffer *json, neap_error *error);

/* The same for a handler on a lane. (Of neapi_engine_options.) */
neap_status neapi_lane_select_rows(void *lane, neap_text projection, neap_text statement,
                                   neap_text parameters, neapi_buffer *json, neap_error *error);

#endif
