#include "memory.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

/* The lists of the wanted types, or tags, that there are. */
typedef struct wanted_lists {
    neapi_memory_walker *walkers;
    size_t count;
    size_t events; /* that they have together */
} wanted_lists;

/* Goes through the numbers (versions of a stream, else positions) of what may be wanted, in the
 * range's order. Comes from one list, from all positions, or from the lists of several types or
 * tags merged. */
typedef struct event_walk {
    const neapi_memory_log *log;
    const neapi_range *range;
    const neapi_positions *stream; /* of the one stream: by version */
    const neapi_positions *list;   /* of the category */
    size_t list_next;
    uint64_t number; /* of a stream, or of all: comes next */
    wanted_lists types, tags;
    const wanted_lists *merged; /* what is walked along; NULL: neither */
    uint64_t lowest;            /* the bounds, within what there is */
    uint64_t highest;           /* below lowest: nothing is there */
} event_walk;

/* The index of the first item in the walk's direction; SIZE_MAX or the count: none. */
static size_t start_in(const event_walk *walk, const neapi_positions *positions)
{
    return walk->range->backward ? neapi_positions_below(positions, walk->highest + 1) - 1
                                 : neapi_positions_below(positions, walk->lowest);
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
    for (size_t i = 0; i < walk->merged->count; i++) {
        neapi_memory_walker *walker = &walk->merged->walkers[i];
        uint64_t item = item_at(walk, &walker->index->positions, walker->next);
        if (item != 0 && (nearest == 0 || (backward ? item > nearest : item < nearest)))
            nearest = item;
    }
    for (size_t i = 0; nearest != 0 && i < walk->merged->count; i++) {
        neapi_memory_walker *walker = &walk->merged->walkers[i];
        if (item_at(walk, &walker->index->positions, walker->next) == nearest)
            walker->next += backward ? (size_t)-1 : 1;
    }
    return nearest;
}

/* The next number, or 0 at the end. */
static uint64_t next_number(event_walk *walk)
{
    if (walk->merged != NULL)
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

/* Finds which of the names there are. Walkers: room for all of them. */
static wanted_lists find_lists(const neapi_map *map, const neap_text *names, size_t count,
                               neapi_memory_walker *walkers)
{
    wanted_lists lists = {.walkers = walkers};
    for (size_t i = 0; i < count; i++) {
        const neapi_memory_index *index = neapi_map_get(map, names[i]);
        if (index == NULL)
            continue;
        walkers[lists.count++].index = index;
        lists.events += index->positions.count;
    }
    return lists;
}

/* The lists that are shorter than the category's and than the others, if those are given. */
static const wanted_lists *shortest(const event_walk *walk, const neapi_memory_index *category)
{
    const wanted_lists *types = walk->range->type_count != 0 ? &walk->types : NULL;
    const wanted_lists *tags = walk->range->tag_count != 0 ? &walk->tags : NULL;
    if (tags != NULL)
        return types != NULL && types->events < tags->events ? types : tags;
    return types != NULL && (category == NULL || types->events < category->positions.count) ? types
                                                                                            : NULL;
}

/* Sets the bounds, and chooses the shortest list that contains all that is wanted. */
static void begin(event_walk *walk, neapi_memory_walker *walkers)
{
    const neapi_range *range = walk->range;
    walk->types = find_lists(&walk->log->types, range->types, range->type_count, walkers);
    if (range->tag_count != 0)
        walk->tags = find_lists(&walk->log->tags, range->tags, range->tag_count,
                                walkers + range->type_count);
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
    if ((range->type_count != 0 && walk->types.events == 0) ||
        (range->tag_count != 0 && walk->tags.events == 0))
        end = 0;
    uint64_t high = range->backward ? range->from : range->to;
    walk->lowest = range->backward ? range->to : range->from;
    walk->highest = high < end ? high : end;
    walk->number = range->backward ? walk->highest : walk->lowest;
    if (walk->stream != NULL || walk->highest < walk->lowest)
        return;

    walk->merged = shortest(walk, category);
    for (size_t i = 0; walk->merged != NULL && i < walk->merged->count; i++) {
        neapi_memory_walker *walker = &walk->merged->walkers[i];
        walker->next = start_in(walk, &walker->index->positions);
    }
    if (category != NULL && walk->merged == NULL) {
        walk->list = &category->positions;
        walk->list_next = start_in(walk, walk->list);
    }
}

/* The log's names are kept once, so that which one it is can be told from where it stands. */
static bool is_listed(const wanted_lists *lists, neap_text name)
{
    for (size_t i = 0; i < lists->count; i++)
        if (lists->walkers[i].index->name.data == name.data)
            return true;
    return false;
}

/* Whether the event is of the types, the tags and the category, where the walk itself does not see
 * to it. */
static bool is_wanted(const event_walk *walk, const neap_event *event)
{
    const neapi_range *range = walk->range;
    if (walk->merged != NULL && range->category.size != 0 &&
        !neapi_text_equal(neapi_stream_category(event->stream), range->category))
        return false;
    if (range->type_count != 0 && walk->merged != &walk->types &&
        !is_listed(&walk->types, event->type))
        return false;
    if (range->tag_count == 0 || walk->merged == &walk->tags)
        return true;
    uint32_t i = 0;
    while (i < event->tag_count && !is_listed(&walk->tags, event->tags[i]))
        i++;
    return i < event->tag_count;
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
    if (!reserve_walkers(session, range->type_count + range->tag_count))
        return neapi_nomem(error);
    event_walk walk = {.log = &store->log, .range = range};

    pthread_rwlock_rdlock(&store->lock);
    begin(&walk, session->walkers);
    size_t count = gather(&walk, session->found, page);
    if (page->last)
        page->next = behind_the_end(&walk);
    pthread_rwlock_unlock(&store->lock);

    for (size_t i = 0; i < count; i++)
        if (!neapi_page_add(page, &session->found[i]->event))
            return neapi_nomem(error);
    return NEAP_OK;
}
