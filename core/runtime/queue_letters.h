/* Dead letters of the queue: commands that were sent for later, and failed for good. Each is a
 * document of `$dead_letter`, `$queue/<the key that its entry had>`. Threads: any. */
#ifndef NEAPI_RUNTIME_QUEUE_LETTERS_H
#define NEAPI_RUNTIME_QUEUE_LETTERS_H

#include "runtime/queued.h"

#define NEAPI_QUEUE_LETTERS NEAPI_LITERAL("$queue")

/* What is to become of some of them, a unit at a time. */
typedef struct neapi_queue_letters {
    bool drops;   /* they go; else they are put back into the queue, in the places that they had */
    neap_uuid id; /* one; zero: all */
    neapi_queued_key behind;  /* only those behind this key; empty: from the first */
    neapi_queued_key through; /* so far the unit went; behind this there may be more */
    bool more;
    uint64_t count; /* in the unit */
} neapi_queue_letters;

/* Adds them to the unit, which is refused with NEAP_CONFLICT if somebody else does the same. One
 * whose name is another's in the queue by now is not put back: it is passed over, or, where it is
 * the one that is meant, NEAP_CONFLICT. Errors: as neapi_list_documents, NEAP_UNKNOWN (no such id),
 * NEAP_CORRUPT, NEAP_NOMEM. */
neap_status neapi_queue_letters_fill(neapi_queue_letters *wanted, neapi_session *session,
                                     neapi_unit *unit, neap_error *error);

/* What a letter's document says, as a JSON object like that of other dead letters. Appended. */
void neapi_queue_letter_json(neapi_buffer *json, neap_text key, neap_text data);
/* Whether the key of a dead letter is one of these: then *queued is that of its entry. */
bool neapi_queue_letter_key(neap_text key, neap_text *queued);

#endif
