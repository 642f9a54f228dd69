/* Dead letters are tried again by the process that runs the subscriber. Another one asks it with a
 * document in `$asked`, by an id of its own; it goes when that is done, or says why it was not. */
#ifndef NEAPI_RUNTIME_ASKED_H
#define NEAPI_RUNTIME_ASKED_H

#include "runtime/members.h"

#define NEAPI_ASKED NEAPI_LITERAL("$asked")

typedef struct neapi_asked neapi_asked;

/* As neapi_try_letters_again(), of a subscriber that is not run here. Waits until it is done.
 * Errors: as there; NEAP_UNAVAILABLE also if nobody does it. Threads: those that may wait for the
 * runtime. */
neap_status neapi_asked_wait(neap_runtime *runtime, const neapi_subscribed *subscribed,
                             neap_text stream, uint64_t dropped, bool drops, neap_error *error);

/* Begins what others ask of subscriptions that run here, and answers what was done. Threads: the
 * members'. Errors: as neapi_list_documents, NEAP_NOMEM. */
neap_status neapi_asked_look(neapi_members *members, neap_error *error);
/* The lanes have ended. */
void neapi_asked_forget(neapi_members *members);

#endif
