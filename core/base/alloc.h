/* The one allocator of core and stores (Lua's own is in core/script), so that tests can make it
 * refuse. */
#ifndef NEAPI_BASE_ALLOC_H
#define NEAPI_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc and free. Threads: any. Errors: NULL. */
void *neapi_alloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *neapi_alloc_zero(size_t count, size_t size) __attribute__((malloc));
void *neapi_realloc(void *block, size_t size);
void neapi_free(void *block);

/* A terminated copy of `size` bytes. */
char *neapi_alloc_text(const char *text, size_t size);

/* For tests: the n-th request from now (from 1) is refused, and with `persistent` all after it; 0
 * ends it. neapi_alloc_struck: whether one was refused since then. neapi_alloc_blocks: blocks that
 * are held now. Threads: any. */
void neapi_alloc_refuse(uint64_t nth, bool persistent);
bool neapi_alloc_struck(void);
int64_t neapi_alloc_blocks(void);

#endif
