/* What a lane says to the log, with the fields of what it is about. Threads: the lane's. */
#ifndef NEAPI_RUNTIME_LANE_LOG_H
#define NEAPI_RUNTIME_LANE_LOG_H

#include "runtime/lane.h"

/* About one instance of an aggregate. */
void neapi_lane_say(const neapi_lane *lane, neap_log_level level, neap_text stream,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* What the domain's `print` says, and Lua's warnings: about the message that is being handled. (A
 * log of neapi_engine_options.) */
void neapi_lane_print(void *lane, neap_log_level level, const char *text);

/* The request is being answered, with an error or without one (NULL): for debugging. What the
 * domain did wrong is an error if nobody else hears of it. */
void neapi_lane_log_answer(const neapi_lane *lane, const neapi_request *request,
                           const neap_error *error);

#endif
