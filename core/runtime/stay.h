/* A lane's stay inside Lua. One that does not end, because a function in C does not, is told by a
 * watcher; who drove the lane then finds, when it comes back at last, that the lane is not his any
 * more, and leaves without touching it. Threads: as each says. */
#ifndef NEAPI_RUNTIME_STAY_H
#define NEAPI_RUNTIME_STAY_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct neapi_lane;

typedef struct neapi_stay {
    atomic_ullong count; /* odd: inside; UINT64_MAX: given up */
    bool own;            /* by the lane's own thread */
} neapi_stay;

/* How a thread that drives lanes leaves one that was given up. */
typedef struct neapi_way_out {
    jmp_buf jump;
    struct neapi_lane *lane; /* the one that it was in */
    uint64_t entered;
    unsigned depth; /* of entries into Lua within each other */
    bool own;       /* the thread is the lane's own */
} neapi_way_out;

/* From now on what the calling thread drives can be given up: it leaves by out->jump. NULL: no
 * more. */
void neapi_stay_set_way_out(neapi_way_out *out);

/* The lane that it was in when it left so. */
struct neapi_lane *neapi_stay_lane(void);

/* An engine's hooks: the driver enters Lua, and has left it. */
void neapi_stay_begin(void *lane);
void neapi_stay_end(void *lane);
/* Within that: work for the lane, which cannot be given up meanwhile. false: it was, and is not to
 * be touched. */
bool neapi_stay_pause(struct neapi_lane *lane);
void neapi_stay_resume(struct neapi_lane *lane);

/* For the watcher: an odd number while the lane is inside, another each time. */
uint64_t neapi_stay_now(const struct neapi_lane *lane);
/* Takes the lane away from who is inside. false: he has come out. */
bool neapi_stay_give_up(struct neapi_lane *lane, uint64_t stay);

#endif
