/* A store that is written to, and a hub that hears of it: what tests of live reading need. */
#ifndef NEAPI_SPEC_HUB_WORLD_H
#define NEAPI_SPEC_HUB_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "base/text.h"
#include "runtime/live.h"

typedef struct hub_world {
    neapi_store *store;
    neapi_session *writer;
    neapi_hub *hub;
    neapi_ahead *ahead; /* followers have pages read ahead, where AHEAD is 1; else NULL */
    int64_t blocks;     /* of memory that were there before */
} hub_world;

void hub_world_open(hub_world *world, size_t most_bytes, size_t most_events);
/* Every reader is closed. Sees that no memory is left. */
void hub_world_close(hub_world *world);

/* A unit of one event for each text "Stream-id Type", up to NULL, whose data says how many came
 * before it in this process. */
neapi_unit *hub_unit(const char *const *events);
/* Commits it, and publishes it if told to. */
void hub_commit(hub_world *world, neapi_unit *const *units, size_t count, bool published);
/* One unit of one event. */
void hub_append(hub_world *world, const char *event, bool published);

/* Reads the log as it grows, and keeps what it got. */
typedef struct hub_follower {
    neapi_range range, asked; /* asked: as it was at the beginning */
    neapi_gate gate;
    neapi_live live;
    neapi_session *session;
    neapi_page page;
    uint64_t *got; /* positions */
    size_t count, capacity;
    size_t pages; /* read from the store */
} hub_follower;

neapi_range hub_everything(void);

/* Events to append, and ranges over them: of all kinds. */
#define HUB_KINDS   8
#define HUB_FILTERS 14
extern const char *const hub_kinds[HUB_KINDS];
neapi_range hub_filter(unsigned which);

void hub_follow(hub_world *world, hub_follower *follower, neapi_range range);
void hub_unfollow(hub_follower *follower);
/* Gets what comes next, once, and takes all of it. Waits for what is read ahead. */
neapi_live_answer hub_step(hub_follower *follower);
/* Goes on until it waits, or has come to an end. */
neapi_live_answer hub_catch_up(hub_follower *follower);
/* Compares what it got with what the store has of its range. */
void hub_assert_complete(hub_world *world, hub_follower *follower);

#endif
