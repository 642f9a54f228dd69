/* The snapshots of a stream in a memory store: a list, newest first. */
#ifndef NEAPI_MEMORY_SNAPSHOTS_H
#define NEAPI_MEMORY_SNAPSHOTS_H

#include "log.h"

/* In one allocation with its bytes. */
struct neapi_memory_snapshot {
    neapi_snapshot snapshot;
    neapi_memory_stream *stream;
    neapi_memory_snapshot *next;
};

/* A copy. Errors: NULL, an allocation was refused. */
neapi_memory_snapshot *neapi_memory_snapshot_new(neapi_memory_stream *stream,
                                                 const neapi_snapshot *snapshot);
/* Puts it in its place, instead of one of the same version, and drops what is too old then. Returns
 * by how many the snapshots became more. Owns: takes the snapshot. */
int64_t neapi_memory_snapshot_link(neapi_memory_snapshot *snapshot);
/* The newest at or below the version with an equal fingerprint, or NULL. */
const neapi_snapshot *neapi_memory_snapshot_find(const neapi_memory_stream *stream,
                                                 uint64_t max_version, neap_text fingerprint);
/* Frees a list. */
void neapi_memory_snapshots_free(neapi_memory_snapshot *snapshots);

#endif
