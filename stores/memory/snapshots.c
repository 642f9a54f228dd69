#include "snapshots.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

neapi_memory_snapshot *neapi_memory_snapshot_new(neapi_memory_stream *stream,
                                                 const neapi_snapshot *snapshot)
{
    size_t print = snapshot->fingerprint.size, state = snapshot->state.size;
    neapi_memory_snapshot *copy = neapi_alloc(sizeof *copy + print + state);
    if (copy == NULL)
        return NULL;
    char *bytes = (char *)(copy + 1);
    if (print != 0)
        memcpy(bytes, snapshot->fingerprint.data, print);
    if (state != 0)
        memcpy(bytes + print, snapshot->state.data, state);
    *copy = (neapi_memory_snapshot){.snapshot = *snapshot, .stream = stream};
    copy->snapshot.stream = stream->name;
    copy->snapshot.fingerprint.data = bytes;
    copy->snapshot.state.data = bytes + print;
    return copy;
}

int64_t neapi_memory_snapshot_link(neapi_memory_snapshot *snapshot)
{
    int64_t more = 1;
    neapi_memory_snapshot **at = &snapshot->stream->snapshots;
    while (*at != NULL && (*at)->snapshot.version > snapshot->snapshot.version)
        at = &(*at)->next;
    neapi_memory_snapshot *same = *at;
    if (same != NULL && same->snapshot.version == snapshot->snapshot.version) {
        *at = same->next;
        neapi_free(same);
        more--;
    }
    snapshot->next = *at;
    *at = snapshot;

    at = &snapshot->stream->snapshots;
    for (uint32_t kept = snapshot->snapshot.keep; *at != NULL && kept > 0; kept--)
        at = &(*at)->next;
    neapi_memory_snapshot *old = *at;
    *at = NULL;
    for (const neapi_memory_snapshot *each = old; each != NULL; each = each->next)
        more--;
    neapi_memory_snapshots_free(old);
    return more;
}

const neapi_snapshot *neapi_memory_snapshot_find(const neapi_memory_stream *stream,
                                                 uint64_t max_version, neap_text fingerprint)
{
    for (const neapi_memory_snapshot *at = stream->snapshots; at != NULL; at = at->next)
        if (at->snapshot.version <= max_version &&
            neapi_text_equal(at->snapshot.fingerprint, fingerprint))
            return &at->snapshot;
    return NULL;
}

void neapi_memory_snapshots_free(neapi_memory_snapshot *snapshots)
{
    while (snapshots != NULL) {
        neapi_memory_snapshot *next = snapshots->next;
        neapi_free(snapshots);
        snapshots = next;
    }
}
