#include "store/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "store/check.h"
#include "store/store.h"

#define PAGE_EVENTS 1000
#define PAGE_BYTES  (4 * 1024 * 1024)

/* The events of a tag. */
typedef struct carriers {
    uint64_t count;
    uint64_t last; /* position */
    uint64_t mix;  /* of all positions */
} carriers;

typedef struct tallied_tag {
    neap_text name;
    carriers events;
} tallied_tag;

void neapi_tally_init(neapi_tally *tally)
{
    neapi_map_init(&tally->tags);
    tally->memory = NEAPI_ARENA_INIT;
}

void neapi_tally_fini(neapi_tally *tally)
{
    neapi_map_fini(&tally->tags);
    neapi_arena_fini(&tally->memory);
}

/* The order of the positions matters, too. */
static void add(carriers *events, uint64_t position)
{
    if (events->last == position)
        return;
    events->count++;
    events->last = position;
    events->mix = (events->mix ^ position) * 0x9E3779B97F4A7C15u;
    events->mix ^= events->mix >> 29;
}

static tallied_tag *make(neapi_tally *tally, neap_text name)
{
    tallied_tag *tag = neapi_map_get(&tally->tags, name);
    if (tag != NULL)
        return tag;
    tag = neapi_arena_alloc(&tally->memory, sizeof *tag);
    neap_text copy = neapi_arena_text(&tally->memory, name);
    if (tag == NULL || copy.data == NULL || !neapi_map_put(&tally->tags, copy, tag))
        return NULL;
    *tag = (tallied_tag){.name = copy};
    return tag;
}

bool neapi_tally_note(neapi_tally *tally, const neap_event *event)
{
    for (uint32_t i = 0; i < event->tag_count; i++) {
        if (neapi_tag_check(event->tags[i], NULL) != NEAP_OK)
            continue;
        tallied_tag *tag = make(tally, event->tags[i]);
        if (tag == NULL)
            return false;
        add(&tag->events, event->position);
    }
    return true;
}

static neap_status read_by_tag(neapi_session *session, neap_text tag, uint64_t last,
                               neapi_page *page, carriers *found, neap_error *error)
{
    neap_status status = NEAP_OK;
    neapi_range range = {.tags = &tag,
                         .tag_count = 1,
                         .from = 1,
                         .to = last,
                         .max_events = PAGE_EVENTS,
                         .max_bytes = PAGE_BYTES};
    do {
        status = neapi_read(session, &range, page, error);
        for (size_t i = 0; i < page->count && status == NEAP_OK; i++)
            add(found, page->events[i].position);
        range.from = page->next;
    } while (status == NEAP_OK && !page->last);
    return status;
}

static void report(const tallied_tag *tag, const carriers *found, const neapi_verify_sink *sink)
{
    char text[NEAPI_STREAM_BYTES + 200];
    if (found->count != tag->events.count)
        snprintf(text, sizeof text,
                 "The tag %.*s is on %" PRIu64 " event%s; reading by it finds %" PRIu64 ".",
                 NEAPI_TEXT(tag->name), tag->events.count, tag->events.count == 1 ? "" : "s",
                 found->count);
    else
        snprintf(text, sizeof text, "Reading by the tag %.*s finds other events than carry it.",
                 NEAPI_TEXT(tag->name));
    sink->finding(sink->user, text);
}

neap_status neapi_tally_compare(const neapi_tally *tally, neapi_session *session, uint64_t last,
                                const neapi_verify_sink *sink, neap_error *error)
{
    size_t at = 0;
    const tallied_tag *tag;
    neap_status status = NEAP_OK;
    neapi_page page = NEAPI_PAGE_INIT;
    while (status == NEAP_OK && (tag = neapi_map_next(&tally->tags, &at)) != NULL) {
        carriers found = {0};
        status = read_by_tag(session, tag->name, last, &page, &found, error);
        if (status == NEAP_CORRUPT) {
            char text[NEAPI_STREAM_BYTES + sizeof error->message + 100];
            snprintf(text, sizeof text, "Reading by the tag %.*s fails: %s.", NEAPI_TEXT(tag->name),
                     error->message);
            sink->finding(sink->user, text);
            status = NEAP_OK;
        } else if (status == NEAP_OK &&
                   (found.count != tag->events.count || found.mix != tag->events.mix)) {
            report(tag, &found, sink);
        }
    }
    neapi_page_fini(&page);
    return status;
}
