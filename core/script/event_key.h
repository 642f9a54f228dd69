/* What an event is told apart by, for a subscription: the keys of its documents or sagas. */
#ifndef NEAPI_SCRIPT_EVENT_KEY_H
#define NEAPI_SCRIPT_EVENT_KEY_H

#include "script/engine_state.h"

/* Pushes the keys, as strings, each once, of the event, whose table is at `fields`; scope.event is
 * it. *count: how many. They are not looked at. Raises what the key's function raises. Errors:
 * NEAP_HANDLER (what is no key), NEAP_LIMIT (too many). */
neap_status neapi_event_keys_lj(lua_State *L, neapi_engine *engine,
                                const neapi_subscription *subscription, uint32_t message,
                                int fields, int *count, neap_error *error);

/* Pushes the event's table, as far as the handler can see it, and behind it its keys. */
neap_status neapi_event_with_keys_lj(lua_State *L, neapi_engine *engine,
                                     const neapi_subscription *subscription, uint32_t message,
                                     const neap_event *event, int *count, neap_error *error);

/* Pushes the event's table, as far as key and handler of the subscription can see it (NULL: all of
 * it). Errors:
 * NEAP_CORRUPT. */
neap_status neapi_event_push_lj(lua_State *L, neapi_engine *engine,
                                const neapi_planned_subscription *planned, uint32_t message,
                                const neap_event *event, neap_error *error);

/* Visits the events that a stored one is today, if the subscription handles them. */
typedef neap_status neapi_event_visit_lj(lua_State *L, neapi_engine *engine, void *user,
                                         uint32_t message, const neap_event *event,
                                         neap_error *error);
/* Errors: NEAP_CORRUPT (it cannot be read), NEAP_HANDLER (an upcaster), what `visit` gives. */
neap_status neapi_event_today_lj(lua_State *L, neapi_engine *engine,
                                 const neapi_subscription *subscription, const neap_event *stored,
                                 neapi_event_visit_lj *visit, void *user, neap_error *error);

/* Puts before the message which event it is about. */
void neapi_event_prefix(const neapi_subscription *subscription, const neap_event *stored,
                        neap_error *error);

#endif
