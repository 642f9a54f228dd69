#include "bus/partition.h"

uint32_t neapi_partition_of(neap_text key, uint32_t partitions)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 0x100000001b3u;
    return (uint32_t)(hash % partitions);
}
