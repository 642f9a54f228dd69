#include "log.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define BLOCK_RECORDS 1024

void neapi_memory_log_init(neapi_memory_log *log)
{
    *log = (neapi_memory_log){0};
    neapi_map_init(&log->streams);
    neapi_map_init(&log->categories);
    neapi_map_init(&log->types);
    neapi_map_init(&log->tags);
}

static void free_positions(neapi_positions *positions)
{
    if (positions->items != positions->few)
        neapi_free(positions->items);
}

void neapi_memory_log_fini(neapi_memory_log *log)
{
    size_t at = 0;
    neapi_memory_stream *stream;
    while ((stream = neapi_map_next(&log->streams, &at)) != NULL)
        free_positions(&stream->positions);
    neapi_map *const indexes[] = {&log->categories, &log->types, &log->tags};
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        neapi_memory_index *index;
        at = 0;
        while ((index = neapi_map_next(indexes[i], &at)) != NULL)
            free_positions(&index->positions);
        neapi_map_fini(indexes[i]);
    }
    neapi_map_fini(&log->streams);
    for (size_t i = 0; i < log->block_count; i++)
        neapi_free(log->blocks[i]);
    neapi_free(log->blocks);
    neapi_arena_fini(&log->names);
    neapi_arena_fini(&log->texts);
}

neapi_memory_record *neapi_memory_at(const neapi_memory_log *log, uint64_t position)
{
    size_t index = (size_t)(position - 1);
    return &log->blocks[index / BLOCK_RECORDS][index % BLOCK_RECORDS];
}

static void begin_positions(neapi_positions *positions)
{
    positions->items = positions->few;
    positions->count = 0;
    positions->capacity = NEAPI_MEMORY_FEW;
}

static bool reserve(neapi_positions *positions)
{
    if (positions->count < positions->capacity)
        return true;
    size_t capacity = positions->capacity * 2;
    bool few = positions->items == positions->few;
    uint64_t *items = neapi_realloc(few ? NULL : positions->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    if (few)
        memcpy(items, positions->few, sizeof positions->few);
    positions->items = items;
    positions->capacity = capacity;
    return true;
}

size_t neapi_positions_below(const neapi_positions *positions, uint64_t bound)
{
    size_t low = 0, high = positions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (positions->items[middle] < bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static neapi_memory_index *index_make(neapi_memory_log *log, neapi_map *map, neap_text name)
{
    neapi_memory_index *index = neapi_map_get(map, name);
    if (index != NULL)
        return index;
    index = neapi_arena_alloc(&log->names, sizeof *index);
    neap_text copy = neapi_arena_text(&log->names, name);
    if (index == NULL || copy.data == NULL || !neapi_map_put(map, copy, index))
        return NULL;
    *index = (neapi_memory_index){.name = copy, .map = map, .made = log->begun.indexes};
    begin_positions(&index->positions);
    log->begun.indexes = index;
    return index;
}

neapi_memory_stream *neapi_memory_stream_get(const neapi_memory_log *log, neap_text name)
{
    return neapi_map_get(&log->streams, name);
}

neapi_memory_stream *neapi_memory_stream_make(neapi_memory_log *log, neap_text name)
{
    neapi_memory_stream *stream = neapi_map_get(&log->streams, name);
    if (stream != NULL)
        return stream;
    neapi_memory_index *category = index_make(log, &log->categories, neapi_stream_category(name));
    if (category == NULL)
        return NULL;
    stream = neapi_arena_alloc(&log->names, sizeof *stream);
    neap_text copy = neapi_arena_text(&log->names, name);
    if (stream == NULL || copy.data == NULL || !neapi_map_put(&log->streams, copy, stream))
        return NULL;
    *stream = (neapi_memory_stream){.name = copy, .category = category, .made = log->begun.streams};
    begin_positions(&stream->positions);
    log->begun.streams = stream;
    return stream;
}

/* The place behind the head. */
static neapi_memory_record *next_record(neapi_memory_log *log)
{
    size_t block = (size_t)log->head / BLOCK_RECORDS;
    if (block == log->block_count) {
        if (log->block_count == log->block_capacity) {
            size_t capacity = log->block_capacity != 0 ? log->block_capacity * 2 : 16;
            neapi_memory_record **blocks = neapi_realloc(log->blocks, capacity * sizeof *blocks);
            if (blocks == NULL)
                return NULL;
            log->blocks = blocks;
            log->block_capacity = capacity;
        }
        log->blocks[block] = neapi_alloc(BLOCK_RECORDS * sizeof(neapi_memory_record));
        if (log->blocks[block] == NULL)
            return NULL;
        log->block_count++;
    }
    return neapi_memory_at(log, log->head + 1);
}

static char *put(char *at, neap_text *text)
{
    if (text->size != 0)
        memcpy(at, text->data, text->size);
    at[text->size] = '\0';
    text->data = at;
    return at + text->size + 1;
}

/* Data, meta and tags in one piece; what the tags are called, their indexes keep. */
static bool copy_texts(neapi_memory_log *log, neap_event *event)
{
    size_t size = event->tag_count * sizeof(neap_text) + event->data.size + event->meta.size + 2;
    neap_text *tags = neapi_arena_alloc(&log->texts, size);
    if (tags == NULL)
        return false;
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_memory_index *tag = index_make(log, &log->tags, event->tags[i]);
        if (tag == NULL || !reserve(&tag->positions))
            return false;
        tags[i] = tag->name;
    }
    char *at = (char *)(tags + event->tag_count);
    event->tags = event->tag_count != 0 ? tags : NULL;
    at = put(at, &event->data);
    put(at, &event->meta);
    return true;
}

bool neapi_memory_push(neapi_memory_log *log, neapi_memory_stream *stream, const neap_event *event,
                       const neapi_command *command)
{
    neapi_memory_index *type = index_make(log, &log->types, event->type);
    neapi_memory_record *record = next_record(log);
    if (type == NULL || record == NULL || !reserve(&type->positions) ||
        !reserve(&stream->positions) || !reserve(&stream->category->positions))
        return false;
    record->event = *event;
    record->command = command;
    if (!copy_texts(log, &record->event))
        return false;
    uint64_t position = ++log->head;
    record->event.type = type->name;
    record->event.stream = stream->name;
    record->event.position = position;
    stream->positions.items[stream->positions.count++] = position;
    type->positions.items[type->positions.count++] = position;
    stream->category->positions.items[stream->category->positions.count++] = position;
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_memory_index *tag = neapi_map_get(&log->tags, event->tags[i]);
        tag->positions.items[tag->positions.count++] = position;
    }
    record->event.version = stream->positions.count;
    return true;
}

void neapi_memory_begin(neapi_memory_log *log)
{
    log->begun.head = log->head;
    log->begun.names = neapi_arena_marked(&log->names);
    log->begun.texts = neapi_arena_marked(&log->texts);
    log->begun.streams = NULL;
    log->begun.indexes = NULL;
}

static void pop(neapi_memory_log *log)
{
    const neap_event *event = &neapi_memory_at(log, log->head)->event;
    neapi_memory_stream *stream = neapi_map_get(&log->streams, event->stream);
    neapi_memory_index *type = neapi_map_get(&log->types, event->type);
    stream->positions.count--;
    stream->category->positions.count--;
    type->positions.count--;
    for (uint32_t i = 0; i < event->tag_count; i++) {
        neapi_memory_index *tag = neapi_map_get(&log->tags, event->tags[i]);
        tag->positions.count--;
    }
    log->head--;
}

void neapi_memory_take_back(neapi_memory_log *log)
{
    while (log->head > log->begun.head)
        pop(log);
    for (neapi_memory_stream *made = log->begun.streams; made != NULL; made = made->made) {
        neapi_map_remove(&log->streams, made->name);
        free_positions(&made->positions);
    }
    for (neapi_memory_index *made = log->begun.indexes; made != NULL; made = made->made) {
        neapi_map_remove(made->map, made->name);
        free_positions(&made->positions);
    }
    neapi_arena_rewind(&log->names, &log->begun.names);
    neapi_arena_rewind(&log->texts, &log->begun.texts);
}

bool neapi_memory_copy_command(neapi_arena *arena, const neapi_command *command,
                               neapi_command *copy)
{
    neap_text name = neapi_arena_text(arena, command->name);
    neap_text data = neapi_arena_text(arena, command->data);
    neap_text meta = neapi_arena_text(arena, command->meta);
    if (name.data == NULL || data.data == NULL || meta.data == NULL)
        return false;
    *copy = *command;
    copy->name = name;
    copy->data = data;
    copy->meta = meta;
    return true;
}
