#include "base/alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Zero, as long as no test asks for refusals: then the counters are not touched either. */
static atomic_bool counting;
static atomic_bool persistently;
static atomic_bool struck;
static atomic_uint_fast64_t until_refusal;
static atomic_int_fast64_t blocks;

void neapi_alloc_refuse(uint64_t nth, bool persistent)
{
    atomic_store(&persistently, persistent);
    atomic_store(&struck, false);
    atomic_store(&until_refusal, nth);
    atomic_store(&counting, true);
}

bool neapi_alloc_struck(void)
{
    return atomic_load(&struck);
}

int64_t neapi_alloc_blocks(void)
{
    return atomic_load(&blocks);
}

static bool refused(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    uint64_t left = atomic_load(&until_refusal);
    while (left != 0) {
        bool last = left == 1;
        if (last)
            atomic_store(&struck, true);
        if (last && atomic_load(&persistently))
            return true;
        if (atomic_compare_exchange_weak(&until_refusal, &left, left - 1))
            return last;
    }
    return false;
}

static void *counted(void *block)
{
    if (block != NULL && atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_add(&blocks, 1);
    return block;
}

void *neapi_alloc(size_t size)
{
    return refused() ? NULL : counted(malloc(size != 0 ? size : 1));
}

void *neapi_alloc_zero(size_t count, size_t size)
{
    return refused() ? NULL : counted(calloc(count != 0 ? count : 1, size));
}

void *neapi_realloc(void *block, size_t size)
{
    if (block == NULL)
        return neapi_alloc(size);
    return refused() ? NULL : realloc(block, size != 0 ? size : 1);
}

void neapi_free(void *block)
{
    if (block != NULL && atomic_load_explicit(&counting, memory_order_relaxed))
        atomic_fetch_sub(&blocks, 1);
    free(block);
}

char *neapi_alloc_text(const char *text, size_t size)
{
    char *copy = neapi_alloc(size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}
