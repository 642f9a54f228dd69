#include "store/document.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define FIRST_CAPACITY 16

void neapi_document_page_fini(neapi_document_page *page)
{
    neapi_arena_fini(&page->arena);
    neapi_free(page->documents);
    *page = NEAPI_DOCUMENT_PAGE_INIT;
}

void neapi_document_page_clear(neapi_document_page *page)
{
    neapi_arena_clear(&page->arena);
    page->count = page->bytes = 0;
    page->last = false;
}

bool neapi_document_page_fits(const neapi_document_page *page, const neapi_document_range *range,
                              neap_text key, neap_text data)
{
    if (page->count == 0)
        return true;
    return page->count < range->limit && page->bytes < NEAPI_DOCUMENT_PAGE_BYTES &&
           key.size + data.size <= NEAPI_DOCUMENT_PAGE_BYTES - page->bytes;
}

/* Room for one more item; NULL: refused. */
static void *widened(void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    size_t more = *capacity != 0 ? *capacity * 2 : FIRST_CAPACITY;
    void *wider = neapi_realloc(items, more * item_size);
    if (wider != NULL)
        *capacity = more;
    return wider;
}

bool neapi_document_page_add(neapi_document_page *page, neap_text key, neap_text data)
{
    neapi_kept_document *documents =
        widened(page->documents, page->count, &page->capacity, sizeof *documents);
    if (documents == NULL)
        return false;
    page->documents = documents;
    const neapi_kept_document added = {neapi_arena_text(&page->arena, key),
                                       neapi_arena_text(&page->arena, data)};
    if (added.key.data == NULL || added.data.data == NULL)
        return false;
    documents[page->count++] = added;
    page->bytes += key.size + data.size;
    return true;
}

void neapi_collection_list_fini(neapi_collection_list *list)
{
    neapi_arena_fini(&list->arena);
    neapi_free(list->collections);
    *list = NEAPI_COLLECTION_LIST_INIT;
}

bool neapi_collection_list_add(neapi_collection_list *list, neap_text name, uint64_t documents)
{
    neapi_collection *collections =
        widened(list->collections, list->count, &list->capacity, sizeof *collections);
    if (collections == NULL)
        return false;
    list->collections = collections;
    const neapi_collection added = {neapi_arena_text(&list->arena, name), documents};
    if (added.name.data == NULL)
        return false;
    collections[list->count++] = added;
    return true;
}

void neapi_result_fini(neapi_result *result)
{
    neapi_arena_fini(&result->arena);
    neapi_free(result->values);
    *result = NEAPI_RESULT_INIT;
}

void neapi_result_clear(neapi_result *result)
{
    neapi_arena_clear(&result->arena);
    result->columns = result->rows = result->bytes = 0;
    result->more = false;
}

neapi_value *neapi_result_row(neapi_result *result)
{
    size_t used = result->rows * result->columns;
    if (used + result->columns > result->capacity) {
        size_t capacity = 2 * (used + result->columns);
        neapi_value *wider = neapi_realloc(result->values, capacity * sizeof *wider);
        if (wider == NULL)
            return NULL;
        result->values = wider;
        result->capacity = capacity;
    }
    result->rows++;
    return result->values + used;
}

/* No key is UTF-8 and begins with this byte: all are below. */
static const char above_all[] = "\xFF";

/* The first text behind all that begin with the prefix. */
static neap_text behind_prefix(neap_text prefix, char *bytes)
{
    size_t size = prefix.size;
    while (size > 0 && (unsigned char)prefix.data[size - 1] == 0xFF)
        size--;
    if (size == 0)
        return (neap_text){above_all, 1};
    memcpy(bytes, prefix.data, size);
    bytes[size - 1] = (char)((unsigned char)bytes[size - 1] + 1);
    return (neap_text){bytes, size};
}

/* The first text behind that one. */
static neap_text next_text(neap_text text, char *bytes)
{
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '\0';
    return (neap_text){bytes, text.size + 1};
}

void neapi_document_bounds_set(neapi_document_bounds *bounds, const neapi_document_range *range)
{
    bounds->low = range->prefix;
    bounds->high = behind_prefix(range->prefix, bounds->bytes[0]);
    if (range->behind.size == 0)
        return;
    if (range->backward) {
        if (neapi_text_compare(range->behind, bounds->high) < 0)
            bounds->high = range->behind;
    } else if (neapi_text_compare(range->behind, bounds->low) >= 0) {
        bounds->low = next_text(range->behind, bounds->bytes[1]);
    }
}
