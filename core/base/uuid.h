/* Ids: UUIDv7 (RFC 9562, section 5.7), and ids derived from another one so that a decision can be
 * repeated exactly. */
#ifndef NEAPI_BASE_UUID_H
#define NEAPI_BASE_UUID_H

#include "base/platform.h"

/* Makes ids that rise bytewise, even within one millisecond. Threads: owner. */
typedef struct neapi_uuid_source {
    const neapi_platform *platform;
    int64_t last_ms;
    uint32_t counter;     /* 12 bits rand_a and 14 bits of rand_b: rises within a millisecond */
    uint8_t entropy[256]; /* drawn ahead: one system call for many ids */
    size_t entropy_left;
} neapi_uuid_source;

void neapi_uuid_source_init(neapi_uuid_source *source, const neapi_platform *platform);
neap_uuid neapi_uuid_new(neapi_uuid_source *source, int64_t wall_us);

/* The n-th id derived from `from`: the same time field, version 7, random bits replaced by a hash
 * of (from, n). */
neap_uuid neapi_uuid_derive(neap_uuid from, uint64_t n);

bool neapi_uuid_is_zero(neap_uuid uuid);
bool neapi_uuid_equal(neap_uuid a, neap_uuid b);
/* Reads the 36-character text form, in either case; false if it is anything else. */
bool neapi_uuid_parse(neap_text text, neap_uuid *uuid);

#endif
