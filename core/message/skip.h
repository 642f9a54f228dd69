/* Passing over whole values. */
#ifndef NEAPI_MESSAGE_SKIP_H
#define NEAPI_MESSAGE_SKIP_H

#include "message/scan.h"

/* Moves behind the value, having checked all of it: duplicate members too. `depth`: levels left. */
bool neapi_scan_value(neapi_scan *scan, unsigned depth);

/* A member of an object. */
typedef struct neapi_member {
    neap_text raw; /* the name between its quotes */
    bool escaped;
    neap_text value; /* raw */
} neapi_member;

/* Goes through an object's members, from its opening brace, without checking more of the values
 * than their ends. false: there are no more, or it is not a well-formed object. */
bool neapi_scan_next_member(neapi_scan *scan, neapi_member *member);

/* What stands at `at`, for "got …": string "abc", integer 12, list, nothing … */
void neapi_scan_describe(const neapi_scan *scan, const char *at, char *text, size_t room);

#endif
