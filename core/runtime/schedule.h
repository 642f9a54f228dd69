/* Sending for later, and cancelling that, as hosts ask for it. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_SCHEDULE_H
#define NEAPI_RUNTIME_SCHEDULE_H

#include "runtime/lane.h"

/* Whether the options want a command to be queued. */
bool neapi_schedule_is_given(const neap_dispatch_options *options);
/* Errors: NEAP_USAGE, a moment that cannot be. */
neap_status neapi_schedule_check(const neap_dispatch_options *options, neap_error *error);

/* Fills the unit with what the request wants of the queue: its command is put there. Errors:
 * NEAP_USAGE (the moment), NEAP_INVALID (its fields, the name), NEAP_NOMEM. */
neap_status neapi_schedule_put(neapi_lane *lane, neapi_request *request, neapi_unit *unit);
/* What has the name is taken out, if there is something: else the unit stays empty, and
 * schedule->id zero. Or what is to become of dead letters of the queue. */
neap_status neapi_schedule_cancel(neapi_lane *lane, neapi_request *request, neapi_unit *unit);

/* When it is due: after some time, or at a moment (0: not given). name: for the error. Errors:
 * NEAP_USAGE (a moment that is in other units). */
neap_status neapi_schedule_due(int64_t now_us, int64_t after_us, int64_t at_us, neap_text command,
                               int64_t *due_us, neap_error *error);

#endif
