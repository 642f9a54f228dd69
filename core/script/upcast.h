/* Stored events as the domain knows them today: under other names, through upcasters. */
#ifndef NEAPI_SCRIPT_UPCAST_H
#define NEAPI_SCRIPT_UPCAST_H

#include "script/engine_state.h"

/* What is to be done to read a stored event. */
typedef struct neapi_upcasting {
    uint32_t message; /* the event that it is today; NEAPI_NONE: its type is retired */
    const int *steps; /* upcasters, in the list of functions, to be called one after another */
    uint32_t step_count;
} neapi_upcasting;

/* Finds it out by type and schema version. Errors: NEAP_CORRUPT saying what was expected, with
 * *problem as one of NEAP_READING_UNKNOWN, _NEWER and _OLDER. */
neap_status neapi_upcasting_find(const neapi_engine *engine, const neap_event *stored,
                                 neapi_upcasting *upcasting, neap_reading *problem,
                                 neap_error *error);

/* Calls the upcasters, and pushes the *count events that the stored one is today. Raises what an
 * upcaster raises. Errors: NEAP_CORRUPT (the data is no JSON), NEAP_HANDLER (what an upcaster
 * gave). */
neap_status neapi_upcast_lj(lua_State *L, neapi_engine *engine, const neap_event *stored,
                            const neapi_upcasting *upcasting, int *count, neap_error *error);

/* Makes the event at `index`, one of those, into one that looks as if it had been recorded so:
 * type, schema and data are of today, the rest as stored. Gives which message it is. Lifetime: the
 * data's until the next call. Errors: NEAP_HANDLER (data that JSON cannot say). */
neap_status neapi_upcast_take_lj(lua_State *L, neapi_engine *engine, int index,
                                 const neap_event *stored, const neapi_upcasting *upcasting,
                                 neap_event *event, uint32_t *message, neap_error *error);

/* Puts before the message which stored event it is about. */
void neapi_upcast_prefix(const neap_event *stored, neap_error *error);

#endif
