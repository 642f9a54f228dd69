/* Small blocks for one lua_State: a value that lives for one message is made and freed at the cost
 * of a few instructions. Blocks of like size lie together in a slab; a slab that is empty serves
 * any size, and a few of those are kept.
 *
 * Threads: owner. */
#ifndef NEAPI_SCRIPT_SLAB_H
#define NEAPI_SCRIPT_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEAPI_SLAB_BYTES   8192 /* a slab begins at a multiple of it */
#define NEAPI_SLAB_LARGEST 512  /* the largest block that lies in one */
#define NEAPI_SLAB_STEP    16
#define NEAPI_SLAB_SIZES   (NEAPI_SLAB_LARGEST / NEAPI_SLAB_STEP)

typedef struct neapi_slab {
    struct neapi_slab *next, *previous; /* among those of its size that have room */
    void *free;                         /* blocks that were given back, each leading to the next */
    char *fresh;                        /* behind it nothing was given out yet */
    uint32_t size, used, capacity;      /* bytes of a block; blocks */
    unsigned place;                     /* of the size, in the list of sizes */
} neapi_slab;

/* All zero: empty. */
typedef struct neapi_slabs {
    neapi_slab *open[NEAPI_SLAB_SIZES]; /* by size: those that have room */
    neapi_slab *spare;                  /* empty ones, of no size */
    unsigned spare_count;
} neapi_slabs;

/* Every block was given back. */
void neapi_slabs_fini(neapi_slabs *slabs);

/* For the functions below. Errors: NULL, no memory. */
neapi_slab *neapi_slab_open(neapi_slabs *slabs, unsigned place);
void neapi_slab_fill(neapi_slabs *slabs, neapi_slab *slab);
void neapi_slab_reopen(neapi_slabs *slabs, neapi_slab *slab);
void neapi_slab_retire(neapi_slabs *slabs, neapi_slab *slab);

static inline unsigned neapi_slab_place(size_t size)
{
    return (unsigned)((size - 1) / NEAPI_SLAB_STEP);
}

/* Of a slab that has room: a block. */
static inline void *neapi_slab_get(neapi_slab *slab)
{
    void *block = slab->free;
    if (block != NULL) {
        slab->free = *(void **)block;
    } else {
        block = slab->fresh;
        slab->fresh += slab->size;
    }
    slab->used++;
    return block;
}

static inline void neapi_slab_put(neapi_slab *slab, void *block)
{
    *(void **)block = slab->free;
    slab->free = block;
    slab->used--;
}

/* size: 1 to NEAPI_SLAB_LARGEST. At a multiple of 16. Errors: NULL, no memory. */
static inline void *neapi_slabs_take(neapi_slabs *slabs, size_t size)
{
    unsigned place = neapi_slab_place(size);
    neapi_slab *slab = slabs->open[place];
    if (slab == NULL && (slab = neapi_slab_open(slabs, place)) == NULL)
        return NULL;
    void *block = neapi_slab_get(slab);
    if (slab->used == slab->capacity)
        neapi_slab_fill(slabs, slab);
    return block;
}

static inline neapi_slab *neapi_slab_of(const void *block)
{
    return (neapi_slab *)((uintptr_t)block & ~(uintptr_t)(NEAPI_SLAB_BYTES - 1));
}

static inline void neapi_slabs_give(neapi_slabs *slabs, void *block)
{
    neapi_slab *slab = neapi_slab_of(block);
    bool was_full = slab->used == slab->capacity;
    neapi_slab_put(slab, block);
    if (was_full)
        neapi_slab_reopen(slabs, slab);
    if (slab->used == 0)
        neapi_slab_retire(slabs, slab);
}

#endif
