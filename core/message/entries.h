/* Names with something each, sorted bytewise. */
#ifndef NEAPI_MESSAGE_ENTRIES_H
#define NEAPI_MESSAGE_ENTRIES_H

#include "neap.h"

typedef struct neapi_entry {
    neap_text name, value;
} neapi_entry;

/* Sorts by name, without allocating: `room` is as long as the list. Returns whichever of the two
 * holds the result. */
neapi_entry *neapi_entries_sort(neapi_entry *list, neapi_entry *room, size_t count);

#endif
