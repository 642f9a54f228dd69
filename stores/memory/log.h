/* The events of a memory store, and the indexes by which they are found. Events never move and
 * never change once they are committed: a reader who found them under the lock may copy them
 * without it. */
#ifndef NEAPI_MEMORY_LOG_H
#define NEAPI_MEMORY_LOG_H

#include "base/arena.h"
#include "base/map.h"
#include "store/unit.h"

#define NEAPI_MEMORY_FEW 4

/* Positions, rising. Most streams are short: the first few need no memory of their own. */
typedef struct neapi_positions {
    uint64_t *items;
    size_t count, capacity;
    uint64_t few[NEAPI_MEMORY_FEW];
} neapi_positions;

/* A category's, type's or tag's events. */
typedef struct neapi_memory_index {
    neap_text name;
    neapi_positions positions;
    neapi_map *map;                  /* that it is in */
    struct neapi_memory_index *made; /* the one made before it, since the last begin */
} neapi_memory_index;

typedef struct neapi_memory_stream {
    neap_text name;
    neapi_positions positions; /* by version - 1. None: as if the stream did not exist */
    neapi_memory_index *category;
    struct neapi_memory_stream *made; /* as an index' */
} neapi_memory_stream;

typedef struct neapi_memory_record {
    neap_event event;
    const neapi_command *command; /* that decided it; NULL: none */
} neapi_memory_record;

typedef struct neapi_memory_log {
    neapi_arena names; /* streams, categories, types, tags */
    neapi_arena texts; /* what events and commands point to */
    neapi_memory_record **blocks;
    size_t block_count, block_capacity;
    uint64_t head;
    neapi_map streams, categories, types, tags;
    struct { /* as of the last begin */
        uint64_t head;
        neapi_arena_mark names, texts;
        neapi_memory_stream *streams; /* made since */
        neapi_memory_index *indexes;  /* categories, types and tags made since */
    } begun;
} neapi_memory_log;

void neapi_memory_log_init(neapi_memory_log *log);
void neapi_memory_log_fini(neapi_memory_log *log);

/* position: 1 … head. */
neapi_memory_record *neapi_memory_at(const neapi_memory_log *log, uint64_t position);

/* How many of the positions are below the bound. */
size_t neapi_positions_below(const neapi_positions *positions, uint64_t bound);

/* NULL: not there. */
neapi_memory_stream *neapi_memory_stream_get(const neapi_memory_log *log, neap_text name);
/* Made if it is not there. Errors: NULL, an allocation was refused. */
neapi_memory_stream *neapi_memory_stream_make(neapi_memory_log *log, neap_text name);

/* Adds a copy of the event behind the head, with position and version. Errors: false, an allocation
 * was refused and nothing was added. */
bool neapi_memory_push(neapi_memory_log *log, neapi_memory_stream *stream, const neap_event *event,
                       const neapi_command *command);
/* All that is made or pushed behind a begin can be taken back, and leaves nothing then. */
void neapi_memory_begin(neapi_memory_log *log);
void neapi_memory_take_back(neapi_memory_log *log);

/* A copy in the arena. Errors: false, an allocation was refused. */
bool neapi_memory_copy_command(neapi_arena *arena, const neapi_command *command,
                               neapi_command *copy);

#endif
