/* Does what is due in the queue: one of it a runtime, on one of its lanes, whose steps drive it.
 *
 * It goes through the entries in the order in which they are due, and keeps a bounded number in
 * hand. A command goes through a lane as any other; its own unit takes the entry out, so that it
 * takes effect once, however often it is begun. What fails and is worth another try is tried again
 * later; an owner hears of what was rejected or fails for good, and of its timeouts; what is
 * nobody's is set aside as a dead letter.
 *
 * What is in hand is in memory alone: whatever is lost of it is found in the store again. Threads:
 * the lane's, but where it says otherwise. */
#ifndef NEAPI_RUNTIME_QUEUE_H
#define NEAPI_RUNTIME_QUEUE_H

#include "runtime/queued.h"
#include "runtime/request.h"

/* How often it is tried: NEAPI_QUEUE_ATTEMPTS times in about a minute and a half. */
#define NEAPI_QUEUE_ATTEMPTS   10
#define NEAPI_QUEUE_FIRST_US   200000
#define NEAPI_QUEUE_LONGEST_US 30000000
#define NEAPI_QUEUE_JITTER     0.25 /* of each delay, either way */

typedef struct neapi_queue neapi_queue;

/* An entry that its owner is to deal with: a timeout (error NULL), or a command that was rejected
 * or failed for good. It stays in the store until the owner's unit takes it out with
 * neapi_queue_take_out(). */
typedef struct neapi_due {
    neapi_mail mail;           /* the owner's, to send it to another lane */
    const neapi_queued *entry; /* as it is in the store */
    const neap_error *error;
    void *host; /* the owner's to use */
    bool stays; /* the same */
    struct neapi_due *next;
} neapi_due;

/* Whoever has entries of a kind, "saga" for example: the part of an entry's owner before its first
 * '/'. */
typedef struct neapi_queue_owner {
    neap_text kind; /* outlives the queue */
    /* Takes over `due` until it calls neapi_queue_give_back(), which it may do at once. Called on
     * the queue's lane; must not wait. */
    void (*give)(void *user, neapi_due *due);
    void *user;
} neapi_queue_owner;

/* The lane's; it has a writer. Errors: NULL, no memory. */
neapi_queue *neapi_queue_new(struct neapi_lane *lane);
void neapi_queue_free(neapi_queue *queue); /* NULL is allowed. Nothing of it is under way */
/* Another lane has taken the place of its own, which was given up. */
void neapi_queue_move(neapi_queue *queue, struct neapi_lane *lane);

/* Before the lanes start; at most NEAPI_QUEUE_OWNERS. Errors: NEAP_USAGE. */
#define NEAPI_QUEUE_OWNERS 4
neap_status neapi_queue_serve(neapi_queue *queue, const neapi_queue_owner *owner,
                              neap_error *error);

/* The owner has done with it. done: its unit, which takes the entry out, was accepted, or was
 * refused because the entry was not there any more. Else the entry is begun again, as if it had not
 * been. Threads: any, while the queue's lane has not ended. */
void neapi_queue_give_back(neapi_due *due, bool done);
/* The owner cannot handle it now. Neither it nor what the owner has behind it is begun until
 * neapi_queue_tell() is called with its moment. Threads: the same. */
void neapi_queue_park(neapi_due *due);

/* A unit was accepted that puts something into the queue (neapi_unit.due_us). Threads: any. */
void neapi_queue_tell(neapi_queue *queue, int64_t due_us);

/* false: there was nothing to do. */
bool neapi_queue_step(neapi_queue *queue);
/* When it wants to be stepped again, if nothing comes: monotonic, or NEAPI_NO_DEADLINE. */
int64_t neapi_queue_wake_us(const neapi_queue *queue);
/* Whether nothing is due now, nor under way. While the runtime closes, or the store cannot be read:
 * whether nothing is under way. */
bool neapi_queue_is_settled(const neapi_queue *queue);
/* The same for any thread: whether it has said so after everything that it was told. */
bool neapi_queue_looks_settled(const neapi_queue *queue);
/* Whether the lane need not wait for it to end. */
bool neapi_queue_has_ended(const neapi_queue *queue);

/* A command of the queue's was answered. Takes the request. */
void neapi_queue_answered(neapi_queue *queue, neapi_request *request);

#endif
