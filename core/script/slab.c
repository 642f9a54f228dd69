#include "script/slab.h"

#include <stdlib.h>

/* Empty slabs that are kept: what one cycle of collection frees and the next fills again. */
#define SPARE 128
/* What the system's allocator puts in front of a block: without it, slabs lie side by side. */
#define ALLOCATORS_OWN 16

#define HEADER ((sizeof(neapi_slab) + NEAPI_SLAB_STEP - 1) / NEAPI_SLAB_STEP * NEAPI_SLAB_STEP)

void neapi_slabs_fini(neapi_slabs *slabs)
{
    while (slabs->spare != NULL) {
        neapi_slab *slab = slabs->spare;
        slabs->spare = slab->next;
        free(slab);
    }
    slabs->spare_count = 0;
}

static neapi_slab *empty_slab(neapi_slabs *slabs)
{
    void *made = slabs->spare;
    if (made != NULL) {
        slabs->spare = slabs->spare->next;
        slabs->spare_count--;
        return made;
    }
    return posix_memalign(&made, NEAPI_SLAB_BYTES, NEAPI_SLAB_BYTES - ALLOCATORS_OWN) == 0 ? made
                                                                                           : NULL;
}

neapi_slab *neapi_slab_open(neapi_slabs *slabs, unsigned place)
{
    neapi_slab *slab = empty_slab(slabs);
    if (slab == NULL)
        return NULL;
    uint32_t size = (place + 1) * NEAPI_SLAB_STEP;
    *slab = (neapi_slab){
        .fresh = (char *)slab + HEADER,
        .size = size,
        .capacity = (NEAPI_SLAB_BYTES - ALLOCATORS_OWN - HEADER) / size,
        .place = place,
    };
    slabs->open[place] = slab;
    return slab;
}

static void unlink_slab(neapi_slabs *slabs, neapi_slab *slab)
{
    *(slab->previous != NULL ? &slab->previous->next : &slabs->open[slab->place]) = slab->next;
    if (slab->next != NULL)
        slab->next->previous = slab->previous;
}

/* It has no room any more. */
void neapi_slab_fill(neapi_slabs *slabs, neapi_slab *slab)
{
    unlink_slab(slabs, slab);
}

/* It has room again. */
void neapi_slab_reopen(neapi_slabs *slabs, neapi_slab *slab)
{
    slab->previous = NULL;
    slab->next = slabs->open[slab->place];
    if (slab->next != NULL)
        slab->next->previous = slab;
    slabs->open[slab->place] = slab;
}

/* It is empty. */
void neapi_slab_retire(neapi_slabs *slabs, neapi_slab *slab)
{
    unlink_slab(slabs, slab);
    if (slabs->spare_count == SPARE) {
        free(slab);
        return;
    }
    slab->next = slabs->spare;
    slabs->spare = slab;
    slabs->spare_count++;
}
