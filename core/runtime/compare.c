/* Comparing two stores, by the lines that both would be exported as. */
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/export.h"
#include "runtime/runtime.h"
#include "runtime/transfer_line.h"

typedef struct comparing {
    neap_exporter *here, *there;
    neapi_arena arena;
    neap_comparison result;
    neapi_buffer difference;
} comparing;

/* What a line is about, or that there is none. */
static neap_status describe(comparing *it, neap_text text, neapi_transfer_line *line,
                            neapi_buffer *words, neap_error *error)
{
    neap_status status = neapi_transfer_read(text, &it->arena, line, error);
    if (status == NEAP_OK)
        neapi_transfer_describe(words, line);
    return status;
}

/* The lines are not the same bytes. */
static neap_status differ(comparing *it, neap_text here, neap_text there, neap_error *error)
{
    neapi_transfer_line mine, other;
    neapi_buffer what = NEAPI_BUFFER_INIT, words = NEAPI_BUFFER_INIT, others = NEAPI_BUFFER_INIT;
    neap_status status = describe(it, here, &mine, &words, error);
    if (status == NEAP_OK)
        status = describe(it, there, &other, &others, error);
    bool alike = status == NEAP_OK && mine.kind == other.kind;
    if (alike && !neapi_transfer_same(&mine, &other, true, &what))
        neapi_buffer_format(&it->difference, "%.*s: %.*s", (int)words.size, words.data,
                            (int)what.size, what.data);
    else if (status == NEAP_OK && !alike)
        neapi_buffer_format(&it->difference, "%.*s here, %.*s there", (int)words.size, words.data,
                            (int)others.size, others.data);
    neapi_buffer_fini(&what);
    neapi_buffer_fini(&words);
    neapi_buffer_fini(&others);
    return status == NEAP_OK && it->difference.failed ? neapi_nomem(error) : status;
}

static void count(neap_comparison *result, neap_text line)
{
    static const char event[] = "{\"event\"", command[] = "{\"command\"", key[] = "{\"key\"",
                      document[] = "{\"document\"";
    if (memcmp(line.data, event, sizeof event - 1) == 0)
        result->events++;
    else if (memcmp(line.data, command, sizeof command - 1) == 0)
        result->commands++;
    else if (memcmp(line.data, key, sizeof key - 1) == 0)
        result->keys++;
    else if (memcmp(line.data, document, sizeof document - 1) == 0)
        result->documents++;
}

/* The next line; the first one is passed over. */
static neap_status next(neap_exporter *from, neap_text *line, bool first, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (int i = first ? 0 : 1; i < 2 && status == NEAP_OK; i++)
        status = neap_exporter_next(from, &line->data, &line->size, error);
    return status;
}

static bool is_end(neap_text line)
{
    static const char end[] = "{\"end\"";
    return memcmp(line.data, end, sizeof end - 1) == 0;
}

static neap_status compare(comparing *it, neap_error *error)
{
    for (bool first = true;; first = false) {
        neap_text here, there;
        neap_status status = next(it->here, &here, first, error);
        if (status == NEAP_OK)
            status = next(it->there, &there, first, error);
        if (status != NEAP_OK || (is_end(here) && is_end(there)))
            return status;
        if (!neapi_text_equal(here, there)) {
            neapi_arena_clear(&it->arena);
            status = differ(it, here, there, error);
        }
        if (status != NEAP_OK || it->difference.size != 0)
            return status;
        count(&it->result, here);
    }
}

neap_status neapi_stores_compare(neapi_store *store, neapi_store *other,
                                 neap_finding_callback callback, void *user,
                                 neap_comparison *result, neap_error *error)
{
    comparing it = {.result = {.same = true}};
    int64_t now_us = neapi_wall_us(neapi_platform_machine());
    neap_status status = neapi_export_open(store, NULL, now_us, &it.here, error);
    if (status == NEAP_OK)
        status = neapi_export_open(other, NULL, now_us, &it.there, error);
    if (status == NEAP_OK)
        status = compare(&it, error);
    if (status == NEAP_OK && it.difference.size != 0) {
        const char *text = neapi_buffer_terminated(&it.difference);
        it.result.same = false;
        if (text == NULL)
            status = neapi_nomem(error);
        else if (callback != NULL)
            callback(user, text);
    }
    if (status == NEAP_OK && result != NULL)
        *result = it.result;
    neap_exporter_close(it.here);
    neap_exporter_close(it.there);
    neapi_arena_fini(&it.arena);
    neapi_buffer_fini(&it.difference);
    return status;
}

neap_status neap_store_compare(neap_store *store, neap_store *other, neap_finding_callback callback,
                               void *user, neap_comparison *result, neap_error *error)
{
    if (store == NULL || other == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_compare: stores must not be NULL");
    return neapi_stores_compare(store->store, other->store, callback, user, result, error);
}
