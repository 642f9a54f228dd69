/* Which members an object has had: finds a duplicate among any number of them in linear time. */
#ifndef NEAPI_MESSAGE_MEMBERS_H
#define NEAPI_MESSAGE_MEMBERS_H

#include "base/arena.h"
#include "base/map.h"
#include "message/names.h"
#include "message/scan.h"

typedef struct neapi_members {
    neapi_names few;
    neapi_map many; /* in use once there were more than a few */
    neapi_arena unescaped;
} neapi_members;

void neapi_members_init(neapi_members *members);
void neapi_members_fini(neapi_members *members);

/* Adds a member whose raw name begins behind the quote at `at`. Errors: false and a noted failure,
 * it is there already, or NEAP_NOMEM. name: its text, if not NULL; lifetime: the members'. */
bool neapi_members_add(neapi_members *members, neapi_scan *scan, neap_text raw, bool escaped,
                       neap_text *name);

#endif
