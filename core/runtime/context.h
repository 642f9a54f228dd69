/* Handlers that the host wrote in C. */
#ifndef NEAPI_RUNTIME_CONTEXT_H
#define NEAPI_RUNTIME_CONTEXT_H

#include "runtime/lane.h"

/* Run the message's C handler. What a command publishes goes into the unit. */
neap_status neapi_context_command(neapi_lane *lane, neapi_request *request, neapi_unit *unit,
                                  neap_error *error);
neap_status neapi_context_query(neapi_lane *lane, neapi_request *request, neapi_buffer *answer,
                                neap_error *error);

/* What a callback of the host returned, with an error that says so whatever it left there. */
neap_status neapi_context_returned(neap_status status, neap_error *error);

#endif
