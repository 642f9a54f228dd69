/* The aggregates that a lane keeps folded, so that a decision needs no reading: found by the names
 * of their instances, the least recently used let go first. */
#ifndef NEAPI_RUNTIME_WARM_H
#define NEAPI_RUNTIME_WARM_H

#include "base/count.h"
#include "base/map.h"
#include "runtime/request.h"

/* What the policy of snapshots knows of a state. */
typedef struct neapi_snapshot_mark {
    uint64_t version; /* of the newest, or of the last that was tried; 0: none */
    int64_t since_us; /* when that was, by the wall clock; without one: the time of the first event;
                         0: not known yet */
    bool passed_over; /* one that cannot be read lies in the store: the next is due at once */
    bool given_up;    /* the state cannot be saved */
    uint64_t folded;  /* by tags: how many events since; by key the versions say it */
} neapi_snapshot_mark;

/* A state as the store gives it. */
typedef struct neapi_folded {
    neapi_state state;
    uint64_t version;  /* as a neapi_warm's. 0: there is no event; the state is the initial one */
    uint64_t position; /* as a neapi_warm's */
    neapi_snapshot_mark snapshot;
} neapi_folded;

typedef struct neapi_warm {
    struct neapi_warm *newer, *older;           /* by use */
    struct neapi_warm *due_before, *due_behind; /* among those whose snapshot is due */
    bool due;
    neapi_instance instance; /* its texts lie behind the struct */
    neapi_state state;
    uint64_t version;  /* of the state: counts what is in flight. By tags: the position of the last
                          event that was folded */
    uint64_t position; /* of the last event known to be durable. By tags: up to which the log was
                          looked at */
    neapi_snapshot_mark snapshot;
    neapi_folded accepted; /* as the store gave it when somebody asked while the state was ahead of
                              that; without a state: nobody did */
    neapi_unit *last;      /* the newest unit in flight, held; NULL: everything is settled */
    neapi_request *last_request;
    unsigned in_flight;
    unsigned decisions; /* by tags: how often it was decided since it is here, 2 at most */
    bool loaded;
    bool stale;                /* what is in flight settles first, then it is loaded again */
    bool settling;             /* what is in flight settles first; the state is good */
    neapi_request_list again;  /* refused, to be decided again, in order */
    neapi_request_list parked; /* came while it was stale or settling; after those */
} neapi_warm;

typedef struct neapi_warm_cache {
    neapi_engine *engine;
    neapi_map by_name;
    neapi_warm *newest, *oldest;
    neapi_warm *first_due, *last_due;
    size_t count, capacity;
    neapi_count evicted; /* to make room, or when memory ran short */
} neapi_warm_cache;

void neapi_warm_cache_init(neapi_warm_cache *cache, neapi_engine *engine, size_t capacity);
/* Nothing is in flight or parked. */
void neapi_warm_cache_fini(neapi_warm_cache *cache);

/* The instance's entry, or NULL. */
neapi_warm *neapi_warm_find(neapi_warm_cache *cache, neap_text name);
/* The instance's entry, made if it is not there (not loaded then); marks it as used. Errors: NULL,
 * no memory. */
neapi_warm *neapi_warm_get(neapi_warm_cache *cache, const neapi_instance *instance);
/* It holds that state from now on. */
void neapi_warm_fill(neapi_warm *warm, const neapi_folded *folded);
/* Lets go of what was accepted. */
void neapi_warm_forget_accepted(neapi_warm_cache *cache, neapi_warm *warm);
/* Lets go of the state, and of what was accepted; the entry stays. */
void neapi_warm_unload(neapi_warm_cache *cache, neapi_warm *warm);
/* Lets go of all states on which nothing depends, but for one entry's (NULL: none). All entries
 * stay. */
void neapi_warm_unload_idle(neapi_warm_cache *cache, const neapi_warm *except);
/* Removes the entry if nothing depends on it any more. */
void neapi_warm_drop(neapi_warm_cache *cache, neapi_warm *warm);
/* Removes the longest unused until at most `count` are left, or all that are left are in use. */
void neapi_warm_shrink(neapi_warm_cache *cache, size_t count);

/* Those whose snapshot is due, first come first. An entry that is removed is no longer among them.
 */
void neapi_warm_push_due(neapi_warm_cache *cache, neapi_warm *warm);
neapi_warm *neapi_warm_pop_due(neapi_warm_cache *cache);

/* Whether the state is what the store holds: loaded, and nothing in flight. */
static inline bool neapi_warm_settled(const neapi_warm *warm)
{
    return warm->loaded && !warm->stale && warm->in_flight == 0;
}

#endif
