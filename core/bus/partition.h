/* Which partition of a subscription a key belongs to. */
#ifndef NEAPI_BUS_PARTITION_H
#define NEAPI_BUS_PARTITION_H

#include "neap.h"

/* FNV-1a with 64 bits, modulo their number (at least 1). What is stored depends on it: it never
 * changes. */
uint32_t neapi_partition_of(neap_text key, uint32_t partitions);

#endif
