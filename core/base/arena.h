/* Memory that is freed all at once: what belongs to one unit of work, or to one page of events. */
#ifndef NEAPI_BASE_ARENA_H
#define NEAPI_BASE_ARENA_H

#include "neap.h"

typedef struct neapi_arena_block neapi_arena_block;

typedef struct neapi_arena {
    neapi_arena_block *blocks; /* newest first */
    char *free;
    size_t left;
    size_t total; /* bytes handed out since the last clear */
    char *base;   /* the caller's own memory, used before any block; NULL: none */
    size_t base_size;
} neapi_arena;

#define NEAPI_ARENA_INIT ((neapi_arena){0})

/* An arena that begins in `size` bytes of the caller's, aligned for any object. Lifetime: the
 * memory outlives the arena. */
void neapi_arena_init_with(neapi_arena *arena, void *memory, size_t size);
/* Frees everything that it allocated itself. */
void neapi_arena_fini(neapi_arena *arena);
/* Forgets everything and keeps the largest block for the next use. */
void neapi_arena_clear(neapi_arena *arena);

/* The memory that it takes itself, handed out or not: without the caller's. */
size_t neapi_arena_held(const neapi_arena *arena);

/* Takes back what was handed out since the mark. Lifetime: a mark's ends with the next clear, or
 * with a rewind to an earlier one. */
typedef struct neapi_arena_mark {
    neapi_arena_block *block;
    char *free;
    size_t left;
    size_t total;
} neapi_arena_mark;

neapi_arena_mark neapi_arena_marked(const neapi_arena *arena);
void neapi_arena_rewind(neapi_arena *arena, const neapi_arena_mark *mark);

/* `size` bytes, aligned for any object, not zeroed; NULL if refused. Lifetime: the arena's. */
void *neapi_arena_alloc(neapi_arena *arena, size_t size);
/* A terminated copy; data is NULL if refused, and only then. */
neap_text neapi_arena_text(neapi_arena *arena, neap_text text);

#endif
