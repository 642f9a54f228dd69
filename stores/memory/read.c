#include "memory.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

/* Goes through the numbers (versions of a stream, else positions) of what may be wanted, in the
 * range's order. Comes from one list, from all positions, or from the lists of several types
 * merged. */
typedef struct event_walk {
    const neapi_memory_log *log;
    const neapi_range *range;
    const neapi_positions *stream; /* of the one stream: by version */
    const neapi_positions *list;   /* of the category */
    size_t list_next;
    uint64_t number; /* of a stream, or of all: comes next */
    neapi_memory_walker *walkers;
    size_t walker_count;
    bool merges;      /* the types' lists are what is walked along */
    uint64_t lowest;  /* the bounds, within what there is */
    uint64_t highest; /* below lowest: nothing is there */
} event_walk;

/* How many of the positions are below the bound. */
static size_t count_below(const neapi_positions *positions, uint64_t bound)
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

/* The index of the first item in the walk's direction; SIZE_MAX or the count: none. */
static size_t start_in(const event_walk *walk, const neapi_positions *positions)
{
    return walk->range->backward ? count_below(positions, walk->highest + 1) - 1
                                 : count_below(positions, walk->lowest);
}

/* What stands at the index, or 0 if that is past the end or out of bounds. */
static uint64_t item_at(const event_walk *walk, const neapi_positions *positions, size_t index)
{
    if (index >= positions->count)
        return 0;
    uint64_t item = positions->items[index];
    return item >= walk->lowest && item <= walk->highest ? item : 0;
}

static uint64_t next_merged(event_walk *walk)
{
    bool backward = walk->range->backward;
    uint64_t nearest = 0;
    for (size_t i = 0; i < walk->walker_count; i++) {
        neapi_memory_walker *walker = &walk->walkers[i];
        uint64_t item = item_at(walk, &walker->index->positions, walker->next);
        if (item != 0 && (nearest == 0 || (backward ? item > nearest : item < nearest)))
            nearest = item;
    }
    for (size_t i = 0; nearest != 0 && i < walk->walker_count; i++) {
        neapi_memory_walker *walker = &walk->walkers[i];
        if (item_at(walk, &walker->index->positions, walker->next) == nearest)
            walker->next += backward ? (size_t)-1 : 1;
    }
    return nearest;
}

/* The next number, or 0 at the end. */
static uint64_t next_number(event_walk *walk)
{
    if (walk->merges)
        return next_merged(walk);
    bool backward = walk->range->backward;
    if (walk->list != NULL) {
        uint64_t item = item_at(walk, walk->list, walk->list_next);
        walk->list_next += backward ? (size_t)-1 : 1;
        return item;
    }
    uint64_t number = walk->number;
    if (number < walk->lowest || number > walk->highest)
        return 0;
    walk->number = backward ? number - 1 : number + 1;
    return number;
}

/* Finds the wanted types that there are, and how many events they have together. */
static size_t find_types(event_walk *walk)
{
    size_t events = 0;
    for (size_t i = 0; i < walk->range->type_count; i++) {
        const neapi_memory_index *type = neapi_map_get(&walk->log->types, walk->range->types[i]);
        if (type == NULL)
            continue;
        walk->walkers[walk->walker_count++].index = type;
        events += type->positions.count;
    }
    return events;
}

/* Sets the bounds, and chooses the shortest list that contains all that is wanted. */
static void begin(event_walk *walk)
{
    const neapi_range *range = walk->range;
    size_t typed = find_types(walk);
    uint64_t end = walk->log->head;
    if (range->stream.size != 0) {
        const neapi_memory_stream *stream = neapi_memory_stream_get(walk->log, range->stream);
        walk->stream = stream != NULL ? &stream->positions : NULL;
        end = stream != NULL ? stream->positions.count : 0;
    }
    const neapi_memory_index *category = NULL;
    if (range->category.size != 0) {
        category = neapi_map_get(&walk->log->categories, range->category);
        end = category != NULL ? end : 0;
    }
    if (range->type_count != 0 && typed == 0)
        end = 0;
    uint64_t high = range->backward ? range->from : range->to;
    walk->lowest = range->backward ? range->to : range->from;
    walk->highest = high < end ? high : end;
    walk->number = range->backward ? walk->highest : walk->lowest;
    if (walk->stream != NULL || walk->highest < walk->lowest)
        return;

    walk->merges =
        range->type_count != 0 && (category == NULL || typed < category->positions.count);
    for (size_t i = 0; walk->merges && i < walk->walker_count; i++)
        walk->walkers[i].next = start_in(walk, &walk->walkers[i].index->positions);
    if (category != NULL && !walk->merges) {
        walk->list = &category->positions;
        walk->list_next = start_in(walk, walk->list);
    }
}

/* Whether the event is of the types and the category, where the walk itself does not see to it. */
static bool is_wanted(const event_walk *walk, const neap_event *event)
{
    if (walk->merges && walk->range->category.size != 0 &&
        !neapi_text_equal(neapi_stream_category(event->stream), walk->range->category))
        return false;
    if (walk->merges || walk->range->type_count == 0)
        return true;
    for (size_t i = 0; i < walk->walker_count; i++)
        if (walk->walkers[i].index->name.data == event->type.data)
            return true;
    return false;
}

/* Notes what belongs on the page; returns how many. */
static size_t gather(event_walk *walk, const neapi_memory_record **found, neapi_page *page)
{
    const neapi_range *range = walk->range;
    size_t count = 0, bytes = 0;
    for (size_t seen = 0; seen < NEAPI_MEMORY_SCAN; seen++) {
        uint64_t number = next_number(walk);
        if (number == 0) {
            page->last = true;
            return count;
        }
        uint64_t position = walk->stream != NULL ? walk->stream->items[number - 1] : number;
        const neapi_memory_record *record = neapi_memory_at(walk->log, position);
        if (is_wanted(walk, &record->event)) {
            size_t size = record->event.data.size + record->event.meta.size;
            bool full =
                count == range->max_events ||
                (count != 0 && (size > range->max_bytes || bytes > range->max_bytes - size));
            if (full) {
                page->next = number;
                return count;
            }
            found[count++] = record;
            bytes += size;
        }
        page->next = range->backward ? number - 1 : number + 1;
    }
    return count;
}

/* Where the page after the last one would begin: behind all that was there. */
static uint64_t behind_the_end(const event_walk *walk)
{
    if (walk->range->backward)
        return walk->range->to - 1;
    uint64_t from = walk->range->from;
    uint64_t end = walk->range->stream.size != 0 ? (walk->stream != NULL ? walk->stream->count : 0)
                                                 : walk->log->head;
    uint64_t to = walk->range->to < end ? walk->range->to : end;
    return to >= from ? to + 1 : from;
}

static bool reserve_walkers(neapi_memory_session *session, size_t count)
{
    if (count <= session->walker_capacity)
        return true;
    neapi_memory_walker *walkers = neapi_realloc(session->walkers, count * sizeof *walkers);
    if (walkers == NULL)
        return false;
    session->walkers = walkers;
    session->walker_capacity = count;
    return true;
}

neap_status neapi_memory_read(neapi_session *base, const neapi_range *range, neapi_page *page,
                              neap_error *error)
{
    neapi_memory_session *session = (neapi_memory_session *)base;
    neapi_memory_store *store = neapi_memory_of(base);
    if (!reserve_walkers(session, range->type_count))
        return neapi_nomem(error);
    event_walk walk = {.log = &store->log, .range = range, .walkers = session->walkers};

    pthread_rwlock_rdlock(&store->lock);
    begin(&walk);
    size_t count = gather(&walk, session->found, page);
    if (page->last)
        page->next = behind_the_end(&walk);
    pthread_rwlock_unlock(&store->lock);

    for (size_t i = 0; i < count; i++)
        if (!neapi_page_add(page, &session->found[i]->event))
            return neapi_nomem(error);
    return NEAP_OK;
}
