#include "runtime/past_edit.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

void neapi_past_edits_fini(neapi_past_edits *edits)
{
    neapi_arena_fini(&edits->texts);
    neapi_free(edits->items);
    *edits = (neapi_past_edits){0};
}

/* How many are for positions before that one. */
static size_t count_before(const neapi_past_edits *edits, uint64_t position)
{
    size_t low = 0, high = edits->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (edits->items[middle].position < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(neapi_past_edits *edits, size_t at)
{
    if (edits->count == edits->capacity) {
        size_t capacity = edits->capacity != 0 ? 2 * edits->capacity : 8;
        neapi_past_edit *items = neapi_realloc(edits->items, capacity * sizeof *items);
        if (items == NULL)
            return false;
        edits->items = items;
        edits->capacity = capacity;
    }
    memmove(&edits->items[at + 1], &edits->items[at], (edits->count - at) * sizeof *edits->items);
    edits->count++;
    return true;
}

neap_status neapi_past_edits_add(neapi_past_edits *edits, const neapi_past_edit *edit,
                                 neap_error *error)
{
    neapi_past_edit copy = *edit;
    size_t at = count_before(edits, edit->position);
    copy.stream = neapi_arena_text(&edits->texts, edit->stream);
    copy.data = neapi_arena_text(&edits->texts, edit->data);
    if (copy.stream.data == NULL || copy.data.data == NULL)
        return neapi_nomem(error);
    bool is_there = at < edits->count && edits->items[at].position == edit->position;
    if (!is_there && !make_room(edits, at))
        return neapi_nomem(error);
    edits->items[at] = copy;
    return NEAP_OK;
}

neap_status neapi_past_edits_add_all(neapi_past_edits *edits, const neapi_past_edits *other,
                                     neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < other->count && status == NEAP_OK; i++)
        status = neapi_past_edits_add(edits, &other->items[i], error);
    return status;
}

const neapi_past_edit *neapi_past_edits_find(const neapi_past_edits *edits, uint64_t position)
{
    size_t at = count_before(edits, position);
    bool is_there = at < edits->count && edits->items[at].position == position;
    return is_there ? &edits->items[at] : NULL;
}

uint64_t neapi_past_edits_before(const neapi_past_edits *edits, neap_text stream, bool is_stream)
{
    for (size_t i = 0; i < edits->count; i++) {
        const neapi_past_edit *it = &edits->items[i];
        if (!is_stream)
            return it->position - 1;
        if (neapi_text_equal(it->stream, stream))
            return it->version - 1;
    }
    return UINT64_MAX;
}

void neapi_past_edits_apply(const neapi_past_edits *edits, const neapi_range *range,
                            neapi_page *page)
{
    size_t left = 0;
    if (edits->count == 0)
        return;
    for (size_t i = 0; i < page->count; i++) {
        neap_event event = page->events[i];
        const neapi_past_edit *edit = neapi_past_edits_find(edits, event.position);
        bool left_out = edit != NULL && edit->data.size == 0;
        if (left_out && range->type_count != 0)
            continue;
        if (edit != NULL) {
            event.data = left_out ? NEAPI_LITERAL("{}") : edit->data;
            event.schema = edit->schema;
        }
        if (left_out)
            event.type = NEAPI_LEFT_OUT;
        page->events[left++] = event;
    }
    page->count = left;
}
