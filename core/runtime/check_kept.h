/* What a domain makes of what a store keeps beside its events: subscriptions, sagas, what waits in
 * the queue, dead letters. */
#ifndef NEAPI_RUNTIME_CHECK_KEPT_H
#define NEAPI_RUNTIME_CHECK_KEPT_H

#include "script/engine.h"
#include "store/store.h"

/* Adds what it finds to the check, whose findings about events are there, in memory of the arena.
 * Threads: the engine's. Errors: as neapi_list_documents, NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_check_kept(neap_store_check *check, neapi_arena *arena, neapi_engine *engine,
                             neapi_session *session, neap_error *error);

#endif
