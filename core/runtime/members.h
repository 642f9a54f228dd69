/* The runtime among others that write to the same store: it is one of several members, and runs
 * what falls to it of the domain's subscriptions.
 *
 * A member shows about once a second that it lives. Others hold it for dead when they have not seen
 * that for a while of their own time; clocks are not compared. Who was held for dead and is not,
 * finds that out by what is in the store, or because its units are refused, lets go of what others
 * have taken over, and is a member again. Where the store is not shared there are no members, and
 * everything runs here.
 *
 * Threads: its own, or, without lanes, who drives; but for what says otherwise. */
#ifndef NEAPI_RUNTIME_MEMBERS_H
#define NEAPI_RUNTIME_MEMBERS_H

#include "runtime/subscribed.h"
#include "store/survey.h"

typedef struct neapi_members neapi_members;

/* Becomes a member, and takes what nobody else has: the subscriptions are open, and lanes and
 * writer do not run yet. Errors: as neapi_commit, neapi_session_open, NEAP_NOMEM. */
neap_status neapi_members_open(neap_runtime *runtime, neap_error *error);
/* The writer runs. */
neap_status neapi_members_start(neap_runtime *runtime, neap_error *error);
/* Nothing more is taken over: the runtime closes. */
void neapi_members_hold(neap_runtime *runtime);
/* The lanes have ended: gives everything back, and is no member any more. */
void neapi_members_leave(neap_runtime *runtime);
void neapi_members_close(neap_runtime *runtime); /* the writer has ended */

/* Does what is due. false: nothing was. */
bool neapi_members_step(neapi_members *members);
/* When it wants to be stepped again: monotonic. */
int64_t neapi_members_wake_us(const neapi_members *members);

/* A subscription is at rest, or was found to be somebody else's. Threads: any. NULL is allowed. */
void neapi_members_wake(neapi_members *members);
/* Whether it is this runtime's to do what is in the queue of no saga, or of the one of that name
 * (empty: of none). members NULL: it is. Threads: any. */
bool neapi_members_run_queued(const neap_runtime *runtime, neap_text saga);

/* Whether the store still says that the subscription is this member's. Threads: the session's. */
neap_status neapi_members_own(const neap_runtime *runtime, neapi_session *session,
                              neap_text subscription, bool *own, neap_error *error);

/* Appends who runs a subscription, as a member `owner` of a JSON object; nothing if nobody does.
 * Threads: the session's. Errors: as neapi_find_document. */
neap_status neapi_members_write_owner(neapi_buffer *json, neapi_session *session,
                                      neap_text subscription, neap_error *error);

/* Adds to a store's figures who writes to it, and which of them runs each subscription that is
 * there already. Errors: as neapi_list_documents, NEAP_NOMEM. */
neap_status neapi_members_survey(neapi_session *session, neapi_survey *survey, neap_error *error);

#endif
