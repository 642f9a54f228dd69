/* What a branch has other than the log behind it: events that are left out there, or that have
 * other data. An event that is left out keeps its place, with a type that stands for nothing.
 * Threads: any, once all of them are added. */
#ifndef NEAPI_RUNTIME_PAST_EDIT_H
#define NEAPI_RUNTIME_PAST_EDIT_H

#include "base/arena.h"
#include "store/store.h"

typedef struct neapi_past_edit {
    uint64_t position, version;
    neap_text stream;
    neap_text data;  /* empty: it is left out */
    uint32_t schema; /* of the data */
} neapi_past_edit;

typedef struct neapi_past_edits {
    neapi_arena texts;
    neapi_past_edit *items; /* by position */
    size_t count, capacity;
} neapi_past_edits;

void neapi_past_edits_fini(neapi_past_edits *edits); /* of a zeroed one, too */
/* Copies; of two for one position the later one counts. Errors: NEAP_NOMEM. */
neap_status neapi_past_edits_add(neapi_past_edits *edits, const neapi_past_edit *edit,
                                 neap_error *error);

/* Adds all of the other ones. */
neap_status neapi_past_edits_add_all(neapi_past_edits *edits, const neapi_past_edits *other,
                                     neap_error *error);

/* NULL: the event is as it was. */
const neapi_past_edit *neapi_past_edits_find(const neapi_past_edits *edits, uint64_t position);
/* Up to which version of a stream, or position where it is none's, nothing is another one. */
uint64_t neapi_past_edits_before(const neapi_past_edits *edits, neap_text stream, bool is_stream);
/* Makes of what the log has on a page of the range what the branch has. */
void neapi_past_edits_apply(const neapi_past_edits *edits, const neapi_range *range,
                            neapi_page *page);

#endif
