/* The snapshots of a memory store: for each name a list, newest first. */
#ifndef NEAPI_MEMORY_SNAPSHOTS_H
#define NEAPI_MEMORY_SNAPSHOTS_H

#include "base/map.h"
#include "store/unit.h"

typedef struct neapi_memory_snapshot neapi_memory_snapshot;
typedef struct neapi_memory_shelf neapi_memory_shelf;

/* In one allocation with its bytes. */
struct neapi_memory_snapshot {
    neapi_snapshot snapshot;
    neapi_memory_shelf *shelf; /* where it belongs */
    neapi_memory_snapshot *next;
};

typedef struct neapi_memory_snapshots {
    neapi_map shelves; /* by name */
    uint64_t count;    /* of snapshots that have their place */
} neapi_memory_snapshots;

void neapi_memory_snapshots_init(neapi_memory_snapshots *snapshots);
void neapi_memory_snapshots_fini(neapi_memory_snapshots *snapshots);

/* A copy, without its place yet. Errors: NULL, an allocation was refused. */
neapi_memory_snapshot *neapi_memory_snapshot_new(neapi_memory_snapshots *snapshots,
                                                 const neapi_snapshot *snapshot);
/* Gives the copy up; nothing is left of it. */
void neapi_memory_snapshot_drop(neapi_memory_snapshots *snapshots, neapi_memory_snapshot *snapshot);
/* Puts it in its place, instead of one of the same version, and drops what is too old then. Owns:
 * takes the snapshot. */
void neapi_memory_snapshot_link(neapi_memory_snapshots *snapshots, neapi_memory_snapshot *snapshot);
/* The newest at or below the version with an equal fingerprint, or NULL. */
const neapi_snapshot *neapi_memory_snapshot_find(const neapi_memory_snapshots *snapshots,
                                                 neap_text name, uint64_t max_version,
                                                 neap_text fingerprint);
/* What the states of all that have their place take. */
uint64_t neapi_memory_snapshot_bytes(const neapi_memory_snapshots *snapshots);

#endif
