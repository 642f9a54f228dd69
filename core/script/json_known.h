/* The names of members that were seen lately, as Lua strings, and which name came behind which: the
 * same few come again and again, mostly in the same order, and recognizing one costs less than
 * making its string anew. One for each lua_State, in its registry. */
#ifndef NEAPI_SCRIPT_JSON_KNOWN_H
#define NEAPI_SCRIPT_JSON_KNOWN_H

#include <lua.h>

#include "message/scan.h"

#define NEAPI_KNOWN_BITS    8
#define NEAPI_KNOWN_LONGEST 40
#define NEAPI_KNOWN_COUNT   64 /* the largest size that is remembered */

/* A name's first and last eight bytes; of a shorter name all bytes are in the first. */
typedef struct neapi_name_ends {
    uint64_t first, last;
} neapi_name_ends;

typedef struct neapi_known_name {
    neapi_name_ends ends;
    const char *data; /* the Lua string's bytes; NULL: free */
    uint32_t size;
    uint8_t next;  /* the slot of the name that came next in its object */
    uint8_t count; /* the members of the object that began with it */
    uint8_t first; /* the slot of the first name within the object that is its value */
} neapi_known_name;

typedef struct neapi_known {
    uint8_t first; /* of the outermost object */
    neapi_known_name slots[1 << NEAPI_KNOWN_BITS];
} neapi_known;

/* Pushes two values: the second is the table that keeps the strings. */
neapi_known *neapi_known_open_lj(lua_State *L);

/* `end`: up to where bytes behind the name may be read. */
static inline neapi_name_ends neapi_name_ends_of(const char *data, size_t size, const char *end)
{
    neapi_name_ends ends = {0, 0};
    if (size >= 8) {
        memcpy(&ends.first, data, 8);
        memcpy(&ends.last, data + size - 8, 8);
    } else if (end - data >= 8) {
        memcpy(&ends.first, data, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        ends.first &= ((uint64_t)1 << 8 * size) - 1;
#else
        ends.first &= ~(UINT64_MAX >> 8 * size);
#endif
    } else {
        memcpy(&ends.first, data, size);
    }
    return ends;
}

/* The first of the two neighbouring slots that a name may have. */
static inline unsigned neapi_name_slot(neapi_name_ends ends, size_t size)
{
    uint64_t mixed = ends.first ^ (ends.last << 29 | ends.last >> 35) ^ size;
    return (unsigned)(mixed * 0x9E3779B97F4A7C15u >> (65 - NEAPI_KNOWN_BITS) << 1);
}

static inline bool neapi_known_is(const neapi_known_name *known, const char *data, size_t size,
                                  neapi_name_ends ends)
{
    return known->size == size && known->data != NULL && known->ends.first == ends.first &&
           known->ends.last == ends.last && (size <= 16 || memcmp(known->data, data, size) == 0);
}

/* Whether a name of that size and with those ends, in its quotes, stands at the scanner. */
static inline bool neapi_name_stands(const neapi_scan *scan, const char *data, size_t size,
                                     neapi_name_ends ends)
{
    const char *name = scan->at + 1;
    if (scan->end - scan->at < (ptrdiff_t)size + 2 || name[-1] != '"' || name[size] != '"')
        return false;
    neapi_name_ends found = neapi_name_ends_of(name, size, scan->end);
    return found.first == ends.first && found.last == ends.last &&
           (size <= 16 || memcmp(name, data, size) == 0);
}

static inline bool neapi_known_is_next(const neapi_known_name *known, const neapi_scan *scan)
{
    return known->data != NULL && neapi_name_stands(scan, known->data, known->size, known->ends);
}

/* The slot where the name is, or would go. */
static inline unsigned neapi_known_find(const neapi_known *known, neap_text name,
                                        neapi_name_ends ends)
{
    unsigned slot = neapi_name_slot(ends, name.size);
    if (neapi_known_is(&known->slots[slot], name.data, name.size, ends))
        return slot;
    /* Of two names that push each other out, one moves next door. */
    return slot + (known->slots[slot].data != NULL);
}

/* Pushes the name as a Lua string; `slot` is from neapi_known_find. known_index: of the second
 * value. */
void neapi_known_push_lj(neapi_known *known, int known_index, lua_State *L, neap_text name,
                         neapi_name_ends ends, unsigned slot);

#endif
