#include "base/arena.h"

#include <string.h>

#include "base/alloc.h"

#define FIRST_BLOCK   1024
#define LARGEST_BLOCK (256 * 1024)
#define ALIGNMENT     _Alignof(max_align_t)

struct neapi_arena_block {
    neapi_arena_block *next;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

static void free_blocks(neapi_arena_block *block)
{
    while (block != NULL) {
        neapi_arena_block *next = block->next;
        neapi_free(block);
        block = next;
    }
}

void neapi_arena_init_with(neapi_arena *arena, void *memory, size_t size)
{
    *arena = (neapi_arena){.free = memory, .left = size, .base = memory, .base_size = size};
}

void neapi_arena_fini(neapi_arena *arena)
{
    free_blocks(arena->blocks);
    *arena = NEAPI_ARENA_INIT;
}

void neapi_arena_clear(neapi_arena *arena)
{
    neapi_arena_block *kept = NULL, *block = arena->blocks;
    while (block != NULL) {
        neapi_arena_block *next = block->next;
        if (block->size <= LARGEST_BLOCK && (kept == NULL || block->size > kept->size)) {
            neapi_free(kept);
            kept = block;
        } else {
            neapi_free(block);
        }
        block = next;
    }
    neapi_arena_init_with(arena, arena->base, arena->base_size);
    if (kept != NULL) {
        kept->next = NULL;
        arena->blocks = kept;
        arena->free = kept->bytes;
        arena->left = kept->size;
    }
}

size_t neapi_arena_held(const neapi_arena *arena)
{
    size_t held = 0;
    for (const neapi_arena_block *block = arena->blocks; block != NULL; block = block->next)
        held += sizeof *block + block->size;
    return held;
}

neapi_arena_mark neapi_arena_marked(const neapi_arena *arena)
{
    return (neapi_arena_mark){arena->blocks, arena->free, arena->left, arena->total};
}

void neapi_arena_rewind(neapi_arena *arena, const neapi_arena_mark *mark)
{
    while (arena->blocks != mark->block) {
        neapi_arena_block *newer = arena->blocks;
        arena->blocks = newer->next;
        neapi_free(newer);
    }
    arena->free = mark->free;
    arena->left = mark->left;
    arena->total = mark->total;
}

static bool add_block(neapi_arena *arena, size_t wanted)
{
    size_t size = arena->blocks == NULL ? FIRST_BLOCK : arena->blocks->size * 2;
    if (size > LARGEST_BLOCK)
        size = LARGEST_BLOCK;
    if (size < wanted)
        size = wanted;
    neapi_arena_block *block = neapi_alloc(sizeof *block + size);
    if (block == NULL)
        return false;
    block->next = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->free = block->bytes;
    arena->left = size;
    return true;
}

void *neapi_arena_alloc(neapi_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded == 0)
        rounded = ALIGNMENT;
    if (arena->left < rounded && !add_block(arena, rounded))
        return NULL;
    void *memory = arena->free;
    arena->free += rounded;
    arena->left -= rounded;
    arena->total += rounded;
    return memory;
}

neap_text neapi_arena_text(neapi_arena *arena, neap_text text)
{
    char *copy = neapi_arena_alloc(arena, text.size + 1);
    if (copy == NULL)
        return (neap_text){NULL, 0};
    if (text.size != 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return (neap_text){copy, text.size};
}
