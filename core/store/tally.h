/* Which events carry which tags, as they are read: to compare that with what reading by tags
 * finds. */
#ifndef NEAPI_STORE_TALLY_H
#define NEAPI_STORE_TALLY_H

#include "base/map.h"
#include "store/backend.h"

typedef struct neapi_tally {
    neapi_map tags;
    neapi_arena memory;
} neapi_tally;

void neapi_tally_init(neapi_tally *tally);
void neapi_tally_fini(neapi_tally *tally);

/* Notes the tags of the next event; those that cannot be one are left out. Errors: false, an
 * allocation was refused. */
bool neapi_tally_note(neapi_tally *tally, const neap_event *event);

/* Reads by each tag up to the position and reports what does not agree. Errors: as neapi_read, but
 * what is corrupt is a finding. */
neap_status neapi_tally_compare(const neapi_tally *tally, neapi_session *session, uint64_t last,
                                const neapi_verify_sink *sink, neap_error *error);

#endif
