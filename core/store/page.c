#include "store/page.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define FIRST_CAPACITY 64

void neapi_page_fini(neapi_page *page)
{
    neapi_arena_fini(&page->arena);
    neapi_free(page->events);
    *page = NEAPI_PAGE_INIT;
}

void neapi_page_clear(neapi_page *page)
{
    neapi_arena_clear(&page->arena);
    page->count = page->bytes = 0;
    page->next = 0;
    page->last = false;
}

static bool make_room(neapi_page *page)
{
    if (page->count < page->capacity)
        return true;
    size_t capacity = page->capacity != 0 ? page->capacity * 2 : FIRST_CAPACITY;
    neap_event *events = neapi_realloc(page->events, capacity * sizeof *events);
    if (events == NULL)
        return false;
    page->events = events;
    page->capacity = capacity;
    return true;
}

/* Moves the text to `at`, with a terminator behind it; returns where the next one goes. */
static char *put(char *at, neap_text *text)
{
    if (text->size != 0)
        memcpy(at, text->data, text->size);
    at[text->size] = '\0';
    text->data = at;
    return at + text->size + 1;
}

/* Takes the text from the event before, which often has the same; false: it has not. */
static bool same_as_before(neap_text *text, const neap_text *before)
{
    if (before == NULL || !neapi_text_equal(*text, *before))
        return false;
    *text = *before;
    return true;
}

bool neapi_page_add(neapi_page *page, const neap_event *event)
{
    if (!make_room(page))
        return false;
    const neap_event *before = page->count != 0 ? &page->events[page->count - 1] : NULL;
    neap_event copy = *event;
    bool type_is_kept = same_as_before(&copy.type, before != NULL ? &before->type : NULL);
    bool stream_is_kept = same_as_before(&copy.stream, before != NULL ? &before->stream : NULL);

    size_t size = event->tag_count * sizeof(neap_text) + event->data.size + event->meta.size + 2;
    size += type_is_kept ? 0 : event->type.size + 1;
    size += stream_is_kept ? 0 : event->stream.size + 1;
    for (uint32_t i = 0; i < event->tag_count; i++)
        size += event->tags[i].size + 1;
    neap_text *tags = neapi_arena_alloc(&page->arena, size);
    if (tags == NULL)
        return false;

    char *at = (char *)(tags + event->tag_count);
    for (uint32_t i = 0; i < event->tag_count; i++) {
        tags[i] = event->tags[i];
        at = put(at, &tags[i]);
    }
    copy.tags = event->tag_count != 0 ? tags : NULL;
    if (!type_is_kept)
        at = put(at, &copy.type);
    if (!stream_is_kept)
        at = put(at, &copy.stream);
    at = put(at, &copy.data);
    put(at, &copy.meta);
    page->events[page->count++] = copy;
    page->bytes += event->data.size + event->meta.size;
    return true;
}
