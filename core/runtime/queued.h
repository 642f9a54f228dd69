/* What waits in the store until its moment comes: a command to be dispatched, or a timeout for its
 * owner.
 *
 * An entry is a document of `$queue`. Its key begins with the moment, so that what is due first
 * stands first. One with a name has a document of `$queue_name` beside it, which says what its key
 * is: only the entry that this one points to is done. So whoever sends under a name that is taken,
 * or cancels it, writes one document and need not know what is there; an entry that nothing points
 * to any more is dropped when its moment comes, or before by who finds it.
 *
 * Threads: any. */
#ifndef NEAPI_RUNTIME_QUEUED_H
#define NEAPI_RUNTIME_QUEUED_H

#include "base/buffer.h"
#include "store/store.h"

#define NEAPI_QUEUE        NEAPI_LITERAL("$queue")
#define NEAPI_QUEUE_NAMES  NEAPI_LITERAL("$queue_name")
#define NEAPI_DEAD_LETTERS NEAPI_LITERAL("$dead_letter")

typedef struct neapi_queued {
    bool is_timeout;
    neap_uuid id;    /* the command's own; derived from what queued it, so that who repeats the one
                        repeats the other */
    int64_t due_us;  /* since 1970: not before */
    uint64_t order;  /* among those that are due at the same moment: see neapi_queued_order() */
    neap_text owner; /* its entries are done one after another; empty: nobody's. "<kind>/…" */
    neap_text name;  /* which the owner has once; empty: none. Of a timeout it is the timeout's */
    neap_text command;
    neap_text data; /* canonical JSON, checked */
    neap_text meta; /* flat JSON object of texts, or empty */
    neap_uuid correlation_id, causation_id;
    int64_t queued_at;
    /* How it went so far. */
    uint32_t attempts;
    int64_t again_at;  /* not before; 0: not tried yet */
    int64_t first_us;  /* when it was due at first, if it was moved since; else 0 */
    neap_text failure; /* JSON object, why the last attempt failed; or empty */
} neapi_queued;

/* Of the n-th thing that the event at a position, or a command (position 0), put there. */
static inline uint64_t neapi_queued_order(uint64_t position, uint64_t n)
{
    return position * 10000 + n % 10000;
}

/* "<20 digits of due_us>/<20 digits of order>/<uuid>" */
#define NEAPI_QUEUED_KEY_BYTES (20 + 1 + 20 + 1 + 36)
typedef struct neapi_queued_key {
    char text[NEAPI_QUEUED_KEY_BYTES + 1];
} neapi_queued_key;

void neapi_queued_key_of(const neapi_queued *entry, neapi_queued_key *key);
static inline neap_text neapi_queued_key_text(const neapi_queued_key *key)
{
    return (neap_text){key->text, NEAPI_QUEUED_KEY_BYTES};
}

/* What an entry's key says: its moment, order and id. Errors: false, it is none. */
bool neapi_queued_read_key(neap_text key, neapi_queued *entry);
/* The moment of an entry's key. Errors: false, it is none. */
bool neapi_queued_due_of(neap_text key, int64_t *due_us);

/* Appends the canonical JSON of what is not in the key. */
void neapi_queued_write(neapi_buffer *json, const neapi_queued *entry);
/* Texts are the arena's, or point into `json`. Errors: NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_queued_read(neap_text key, neap_text json, neapi_arena *arena,
                              neapi_queued *entry, neap_error *error);

/* The key of a name in `$queue_name`. Errors: NEAP_INVALID, it is no name, or too long. */
typedef struct neapi_queued_name {
    char text[NEAPI_STREAM_BYTES + 1];
    size_t size;
} neapi_queued_name;
neap_status neapi_queued_name_of(neap_text owner, neap_text name, neapi_queued_name *key,
                                 neap_error *error);

/* ---- In a unit of work ----------------------------------------------------------------------- */

/* Puts the entry into the queue, in the place of one of its owner that has its name. session: reads
 * where that one is, so that it goes at once; NULL: it goes when its moment comes. Errors:
 * NEAP_INVALID (the name), NEAP_LIMIT (more than 9,999 of one source), NEAP_NOMEM. */
neap_status neapi_queue_put(neapi_unit *unit, neapi_session *session, const neapi_queued *entry,
                            neap_error *error);

/* Takes what has the name out of the queue, if it is there. Errors: NEAP_INVALID, NEAP_NOMEM. */
neap_status neapi_queue_cancel(neapi_unit *unit, neapi_session *session, neap_text owner,
                               neap_text name, neap_error *error);

/* Takes what has the name, and is nobody's, out of the queue: *id says what it is, zero: there is
 * nothing, and the unit stays as it was. Refused with NEAP_CONFLICT if that has changed meanwhile.
 */
neap_status neapi_queue_cancel_known(neapi_unit *unit, neapi_session *session, neap_text name,
                                     neap_uuid *id, neap_error *error);

/* Takes out an entry because what it stands for takes effect in this unit; the unit is refused with
 * NEAP_CONFLICT if it is not there any more: it took effect before, or was cancelled. Errors:
 * NEAP_NOMEM. */
neap_status neapi_queue_take_out(neapi_unit *unit, const neapi_queued *entry, neap_error *error);

/* The same as operations on documents, in the arena: at most two. *count: how many. Errors: NULL,
 * no memory. */
const neapi_document *neapi_queue_consuming(neapi_arena *arena, const neapi_queued *entry,
                                            unsigned *count);

/* Whether the operation, on which a unit was refused, is of those. */
bool neapi_queue_is_consuming(const neapi_op *op);

/* Another attempt is to be made: as `changed` says, which has the same id, name and owner. Refused
 * as above. */
neap_status neapi_queue_put_again(neapi_unit *unit, const neapi_queued *entry,
                                  const neapi_queued *changed, neap_error *error);

/* Whether another entry has the name, in the store or in the unit. Errors: as neapi_find_document,
 * NEAP_INVALID. */
neap_status neapi_queue_name_is_taken(const neapi_unit *unit, neapi_session *session,
                                      const neapi_queued *entry, bool *taken, neap_error *error);
/* Puts it back as it was; refused if its name is another's by then. Errors: NEAP_INVALID,
 * NEAP_NOMEM. */
neap_status neapi_queue_put_back(neapi_unit *unit, const neapi_queued *entry, neap_error *error);

/* It cannot be done: it becomes a document of `$dead_letter`, `$queue/<the key that it had at
 * first>`, so that they are in the order in which they were due. Refused as above.
 */
neap_status neapi_queue_bury(neapi_unit *unit, const neapi_queued *entry, int64_t now_us,
                             const neap_error *why, neap_error *error);

/* Fills the figures of what waits. */
neap_status neapi_queue_count(neapi_session *session, neap_statistics *statistics,
                              neap_error *error);

/* Whether the entry is still the one that its name stands for. */
neap_status neapi_queued_is_wanted(neapi_session *session, const neapi_queued *entry, bool *wanted,
                                   neap_error *error);

#endif
