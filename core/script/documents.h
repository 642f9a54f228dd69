/* Documents of a projection's partition: tables in Lua, found by key, the most recently used at one
 * end of a list.
 *
 * Two tables of the state hold them: the index leads from a key to a slot's number, the values have
 * the slot's document, or false, at twice the number, and its key behind it. */
#ifndef NEAPI_SCRIPT_DOCUMENTS_H
#define NEAPI_SCRIPT_DOCUMENTS_H

#include "script/engine_state.h"

typedef struct neapi_document_slot {
    neap_text key;         /* the bytes of its Lua string */
    uint32_t newer, older; /* slot 0 is before the newest and behind the oldest */
    bool changed;          /* since it was saved last */
    bool stored;
} neapi_document_slot;

typedef struct neapi_document_cache {
    const neapi_subscription *projection;
    neapi_state index, values;
    neapi_document_slot *slots; /* from 1 */
    uint32_t *changed;          /* slots, in the order of their first change */
    uint32_t changed_count;
    uint32_t used, capacity; /* slots that were ever taken; that there is room for */
    uint32_t free;           /* a chain through `newer`; 0: none */
    uint32_t count;          /* that hold a document */
} neapi_document_cache;

/* NULL: no such handle. */
neapi_document_cache *neapi_documents_get(const neapi_engine *engine, neapi_documents documents);

/* Finds the document of the key, a string on the stack at `key`, and pushes it: an empty table if
 * there is none. The tables are there at `index` and `values`. *slot is 0, and nothing is
 * pushed, if it belongs to another partition. Errors: NEAP_HANDLER (the key), NEAP_CORRUPT,
 * NEAP_LIMIT, NEAP_NOMEM, what `find` gives. */
neap_status neapi_document_push_lj(lua_State *L, neapi_engine *engine, neapi_document_cache *cache,
                                   const neapi_projecting *where, int index, int values, int key,
                                   uint32_t *slot, neap_error *error);
/* Puts the value on top, a table or false, in the slot. */
void neapi_document_set_lj(lua_State *L, int values, uint32_t slot);
/* It has to be saved. */
void neapi_document_change(neapi_document_cache *cache, uint32_t slot);

/* Frees what is left of all, when their state is closed. */
void neapi_documents_fini(neapi_engine *engine);

#endif
