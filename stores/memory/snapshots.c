#include "snapshots.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* In one allocation with its name. */
struct neapi_memory_shelf {
    neap_text name;
    neapi_memory_snapshot *newest;
    size_t expected; /* snapshots of it that have no place yet */
};

void neapi_memory_snapshots_init(neapi_memory_snapshots *snapshots)
{
    *snapshots = (neapi_memory_snapshots){0};
    neapi_map_init(&snapshots->shelves);
}

/* Frees a list; returns how many they were. */
static uint64_t free_list(neapi_memory_snapshot *list)
{
    uint64_t count = 0;
    for (; list != NULL; count++) {
        neapi_memory_snapshot *next = list->next;
        neapi_free(list);
        list = next;
    }
    return count;
}

void neapi_memory_snapshots_fini(neapi_memory_snapshots *snapshots)
{
    size_t at = 0;
    neapi_memory_shelf *shelf;
    while ((shelf = neapi_map_next(&snapshots->shelves, &at)) != NULL) {
        free_list(shelf->newest);
        neapi_free(shelf);
    }
    neapi_map_fini(&snapshots->shelves);
}

static neapi_memory_shelf *shelf_make(neapi_memory_snapshots *snapshots, neap_text name)
{
    neapi_memory_shelf *shelf = neapi_map_get(&snapshots->shelves, name);
    if (shelf != NULL)
        return shelf;
    shelf = neapi_alloc(sizeof *shelf + name.size);
    if (shelf == NULL)
        return NULL;
    char *copy = memcpy(shelf + 1, name.data, name.size);
    *shelf = (neapi_memory_shelf){.name = {copy, name.size}};
    if (neapi_map_put(&snapshots->shelves, shelf->name, shelf))
        return shelf;
    neapi_free(shelf);
    return NULL;
}

static void discard_if_empty(neapi_memory_snapshots *snapshots, neapi_memory_shelf *shelf)
{
    if (shelf->newest != NULL || shelf->expected != 0)
        return;
    neapi_map_remove(&snapshots->shelves, shelf->name);
    neapi_free(shelf);
}

neapi_memory_snapshot *neapi_memory_snapshot_new(neapi_memory_snapshots *snapshots,
                                                 const neapi_snapshot *snapshot)
{
    neapi_memory_shelf *shelf = shelf_make(snapshots, snapshot->name);
    if (shelf == NULL)
        return NULL;
    size_t print = snapshot->fingerprint.size, state = snapshot->state.size;
    neapi_memory_snapshot *copy = neapi_alloc(sizeof *copy + print + state);
    if (copy == NULL) {
        discard_if_empty(snapshots, shelf);
        return NULL;
    }
    char *bytes = (char *)(copy + 1);
    if (print != 0)
        memcpy(bytes, snapshot->fingerprint.data, print);
    if (state != 0)
        memcpy(bytes + print, snapshot->state.data, state);
    *copy = (neapi_memory_snapshot){.snapshot = *snapshot, .shelf = shelf};
    copy->snapshot.name = shelf->name;
    copy->snapshot.fingerprint.data = bytes;
    copy->snapshot.state.data = bytes + print;
    shelf->expected++;
    return copy;
}

void neapi_memory_snapshot_drop(neapi_memory_snapshots *snapshots, neapi_memory_snapshot *snapshot)
{
    neapi_memory_shelf *shelf = snapshot->shelf;
    neapi_free(snapshot);
    shelf->expected--;
    discard_if_empty(snapshots, shelf);
}

void neapi_memory_snapshot_link(neapi_memory_snapshots *snapshots, neapi_memory_snapshot *snapshot)
{
    neapi_memory_shelf *shelf = snapshot->shelf;
    neapi_memory_snapshot **at = &shelf->newest;
    while (*at != NULL && (*at)->snapshot.version > snapshot->snapshot.version)
        at = &(*at)->next;
    neapi_memory_snapshot *same = *at;
    if (same != NULL && same->snapshot.version == snapshot->snapshot.version) {
        *at = same->next;
        neapi_free(same);
        snapshots->count--;
    }
    snapshot->next = *at;
    *at = snapshot;
    snapshots->count++;
    shelf->expected--;

    at = &shelf->newest;
    for (uint32_t kept = snapshot->snapshot.keep; *at != NULL && kept > 0; kept--)
        at = &(*at)->next;
    snapshots->count -= free_list(*at);
    *at = NULL;
}

const neapi_snapshot *neapi_memory_snapshot_find(const neapi_memory_snapshots *snapshots,
                                                 neap_text name, uint64_t max_version,
                                                 neap_text fingerprint)
{
    const neapi_memory_shelf *shelf = neapi_map_get(&snapshots->shelves, name);
    const neapi_memory_snapshot *at = shelf != NULL ? shelf->newest : NULL;
    for (; at != NULL; at = at->next)
        if (at->snapshot.version <= max_version &&
            neapi_text_equal(at->snapshot.fingerprint, fingerprint))
            return &at->snapshot;
    return NULL;
}

uint64_t neapi_memory_snapshot_bytes(const neapi_memory_snapshots *snapshots)
{
    uint64_t bytes = 0;
    size_t at = 0;
    const neapi_memory_shelf *shelf;
    while ((shelf = neapi_map_next(&snapshots->shelves, &at)) != NULL)
        for (const neapi_memory_snapshot *each = shelf->newest; each != NULL; each = each->next)
            bytes += each->snapshot.state.size;
    return bytes;
}
