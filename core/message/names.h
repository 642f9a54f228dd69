/* The names of one object's members so far, up to a handful: to find a duplicate among them without
 * hashing. Names are borrowed. */
#ifndef NEAPI_MESSAGE_NAMES_H
#define NEAPI_MESSAGE_NAMES_H

#include "base/text.h"

#define NEAPI_NAMES_MOST 16

typedef struct neapi_names {
    unsigned count;
    uint64_t marks[NEAPI_NAMES_MOST];
    neap_text names[NEAPI_NAMES_MOST];
} neapi_names;

/* Equal names have equal marks; the names of one object rarely share one. */
static inline uint64_t neapi_name_mark(neap_text name)
{
    uint64_t first = 0, last = 0;
    if (name.size >= 8) {
        memcpy(&first, name.data, 8);
        memcpy(&last, name.data + name.size - 8, 8);
    } else if (name.size >= 4) {
        uint32_t half;
        memcpy(&half, name.data, 4);
        first = half;
        memcpy(&half, name.data + name.size - 4, 4);
        last = half;
    } else {
        for (size_t i = 0; i < name.size; i++)
            first = first << 8 | (unsigned char)name.data[i];
    }
    return first ^ (last << 9 | last >> 55) ^ (uint64_t)name.size << 57;
}

/* Adds a name; there must be room. false: it is there already. */
static inline bool neapi_names_add(neapi_names *names, neap_text name)
{
    uint64_t mark = neapi_name_mark(name);
    for (unsigned i = 0; i < names->count; i++)
        if (names->marks[i] == mark && neapi_text_equal(names->names[i], name))
            return false;
    names->marks[names->count] = mark;
    names->names[names->count++] = name;
    return true;
}

#endif
