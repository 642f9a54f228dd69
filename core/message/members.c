#include "message/members.h"

void neapi_members_init(neapi_members *members)
{
    members->few.count = 0;
    members->many = (neapi_map){0};
    members->unescaped = NEAPI_ARENA_INIT;
}

void neapi_members_fini(neapi_members *members)
{
    if (members->many.capacity != 0)
        neapi_map_fini(&members->many);
    if (members->unescaped.blocks != NULL)
        neapi_arena_fini(&members->unescaped);
}

static bool spill(neapi_members *members)
{
    neapi_map_init(&members->many);
    for (unsigned i = 0; i < members->few.count; i++)
        if (!neapi_map_put(&members->many, members->few.names[i], members))
            return false;
    return true;
}

bool neapi_members_add(neapi_members *members, neapi_scan *scan, neap_text raw, bool escaped,
                       neap_text *name)
{
    static const char twice[] = "a member appears twice";
    neap_text text = raw;
    if (escaped) {
        char *copy = neapi_arena_alloc(&members->unescaped, raw.size);
        if (copy == NULL)
            return neapi_scan_fail_nomem(scan);
        text = neapi_text(copy, neapi_unescape(raw, copy));
    }
    if (name != NULL)
        *name = text;
    if (members->many.capacity == 0) {
        if (members->few.count < NEAPI_NAMES_MOST)
            return neapi_names_add(&members->few, text) ||
                   neapi_scan_fail_member(scan, raw.data - 1, twice);
        if (!spill(members))
            return neapi_scan_fail_nomem(scan);
    }
    if (neapi_map_get(&members->many, text) != NULL)
        return neapi_scan_fail_member(scan, raw.data - 1, twice);
    if (!neapi_map_put(&members->many, text, members))
        return neapi_scan_fail_nomem(scan);
    return true;
}
