/* Dead letters: events that a subscriber could not handle, and later ones of the same stream that
 * wait behind them, as documents in the collection `$dead_letter`. The event itself stays where it
 * is, in the log. */
#ifndef NEAPI_RUNTIME_DEAD_LETTER_H
#define NEAPI_RUNTIME_DEAD_LETTER_H

#include "base/buffer.h"
#include "runtime/queued.h"

typedef struct neapi_dead_letter {
    neap_text subscription;
    uint64_t position; /* the event's */
    neap_text stream, type;
    neap_uuid event_id;
    uint32_t attempts;       /* 0: it waits behind another one */
    int64_t failed_at;       /* µs since 1970; of one that waits: when it was set aside */
    const neap_error *error; /* of the last attempt; NULL: it waits */
} neapi_dead_letter;

/* Appends its key: `mailer/00000000000000000042`, so that the order of keys is that of the log. */
void neapi_dead_letter_key(neapi_buffer *key, neap_text subscription, uint64_t position);
/* Add to a unit: that it is there from now on, and no more. Errors: NEAP_NOMEM. */
neap_status neapi_dead_letter_put(neapi_unit *unit, const neapi_dead_letter *letter);
neap_status neapi_dead_letter_drop(neapi_unit *unit, neap_text subscription, uint64_t position);

/* Texts lie in the buffer, which is cleared first; error is NULL. false: it is damaged, or an
 * allocation was refused (texts->failed). */
bool neapi_dead_letter_read(neap_text json, neapi_buffer *texts, neapi_dead_letter *letter);

/* Called for each, in order; error: NULL in the letter, as `attempts` tell it. Texts: during the
 * call. */
typedef neap_status (*neapi_dead_letter_seen)(void *user, const neapi_dead_letter *letter,
                                              neap_error *error);
/* Goes through all of a subscription. Errors: as neapi_list_documents, NEAP_CORRUPT, and what
 * `seen` gives. */
neap_status neapi_dead_letters_walk(neapi_session *session, neap_text subscription,
                                    neapi_dead_letter_seen seen, void *user, neap_error *error);

#endif
