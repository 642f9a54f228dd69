/* A table's names in bytewise order. Included by core/script only. */
#ifndef NEAPI_SCRIPT_JSON_SORT_H
#define NEAPI_SCRIPT_JSON_SORT_H

#include <lua.h>

#include "base/text.h"
#include "message/entries.h"
#include "script/json_values.h"

typedef struct neapi_sorted {
    neap_text name;
    int value; /* its place on the Lua stack */
} neapi_sorted;

typedef struct neapi_sorting {
    unsigned count;
    neapi_sorted members[NEAPI_HELD]; /* as they came */
    struct {
        uint64_t prefix; /* the first eight bytes, most significant first */
        unsigned member;
    } order[NEAPI_HELD]; /* sorted */
} neapi_sorting;

static inline uint64_t neapi_name_prefix(neap_text name)
{
    uint64_t prefix = 0;
    if (name.size >= 8) {
        memcpy(&prefix, name.data, 8);
    } else if (name.size >= 4) {
        uint32_t half;
        memcpy(&half, name.data + name.size - 4, 4);
        prefix = (uint64_t)half << 8 * (name.size - 4);
        memcpy(&half, name.data, 4);
        prefix |= half;
    } else {
        for (size_t i = name.size; i-- > 0;)
            prefix = prefix << 8 | (unsigned char)name.data[i];
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(prefix);
#else
    return prefix;
#endif
}

/* Puts the name at `key` at its place; there must be room. */
static inline void neapi_sorting_add(neapi_sorting *sorting, lua_State *L, int key)
{
    unsigned i = sorting->count++;
    neapi_sorted *member = &sorting->members[i];
    member->name.data = lua_tolstring(L, key, &member->name.size);
    member->value = key + 1;
    uint64_t prefix = neapi_name_prefix(member->name);
    unsigned added = i;
    for (; i > 0 && sorting->order[i - 1].prefix >= prefix; i--) {
        const neapi_sorted *before = &sorting->members[sorting->order[i - 1].member];
        if (sorting->order[i - 1].prefix == prefix &&
            neapi_text_compare(before->name, member->name) < 0)
            break;
        sorting->order[i] = sorting->order[i - 1];
    }
    sorting->order[i].prefix = prefix;
    sorting->order[i].member = added;
}

/* Pushes what keeps the names alive (two values), and returns them in order. NULL: a key is not a
 * string; it is on top of the stack. */
neapi_entry *neapi_sorted_names_lj(lua_State *L, int table, size_t *count);

#endif
