/* What a store that several processes write to keeps of them, as documents in collections of Neap's
 * own:
 *
 * - `$member`, by the member's id: who it is, what it may run, and a count that rises while it
 *   lives, with the time of its own clock, which only people look at. A member is a runtime that
 *   writes.
 * - `$owner`, by the name of a subscription, or `$queue`: which member runs it. Who takes it over
 *   also raises the generation in its checkpoints, in the same unit of work, so that nothing of
 *   the owner before is accepted any more. */
#ifndef NEAPI_RUNTIME_MEMBER_H
#define NEAPI_RUNTIME_MEMBER_H

#include "base/buffer.h"
#include "store/store.h"

#define NEAPI_MEMBERS NEAPI_LITERAL("$member")
#define NEAPI_OWNERS  NEAPI_LITERAL("$owner")
/* What is owned beside subscriptions: entries of the queue that are of no saga. */
#define NEAPI_OWNED_QUEUE NEAPI_LITERAL("$queue")

#define NEAPI_HOST_BYTES  64
#define NEAPI_PLACE_BYTES 96

/* Where a process is: `place` is equal for those that can see each other in the system's table of
 * processes; empty: that cannot be told. `born`: when it began there. */
typedef struct neapi_whereabouts {
    char host[NEAPI_HOST_BYTES + 1], place[NEAPI_PLACE_BYTES + 1];
    uint64_t pid, born;
} neapi_whereabouts;

void neapi_whereabouts_find(neapi_whereabouts *here);
/* Whether a process that was at `there` has ended for sure, as seen from `here`. */
bool neapi_whereabouts_is_over(const neapi_whereabouts *there, const neapi_whereabouts *here);

typedef struct neapi_member {
    uint64_t beat;
    uint64_t beat_at; /* µs since 1970; 0: it does not say */
    neapi_whereabouts at;
    neap_text runs; /* lines `name version` of what it may run */
} neapi_member;

void neapi_member_write(neapi_buffer *json, const neapi_member *member);
/* Its texts lie in `texts`, which is cleared first. Errors: false, it is damaged, or an allocation
 * was refused (texts->failed). */
bool neapi_member_read(neap_text json, neapi_buffer *texts, neapi_member *member);

/* Takes the first line from `runs`. false: there is none. */
bool neapi_member_next(neap_text *runs, neap_text *name, uint64_t *version);

/* Whose it is; member empty: nobody's. */
void neapi_owner_write(neapi_buffer *json, neap_text member);
/* Appends the member's id, terminated. Errors: false, it is damaged. */
bool neapi_owner_read(neap_text json, neapi_buffer *member);

#endif
