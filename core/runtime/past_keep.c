#include "runtime/past_keep.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"

#define UNIT_DOCUMENTS 1000

bool neapi_past_keep_init(neapi_past_keep *keep, uint64_t spacing, size_t most_bytes)
{
    *keep = (neapi_past_keep){.spacing = spacing, .most_bytes = most_bytes};
    return pthread_mutex_init(&keep->mutex, NULL) == 0;
}

void neapi_past_keep_fini(neapi_past_keep *keep)
{
    for (size_t i = 0; i < keep->count; i++)
        neapi_kept_past_release(keep->items[i]);
    neapi_free(keep->items);
    pthread_mutex_destroy(&keep->mutex);
}

void neapi_kept_past_release(neapi_kept_past *kept)
{
    if (kept == NULL || atomic_fetch_sub(&kept->references, 1) != 1)
        return;
    neapi_buffer_fini(&kept->bytes);
    neapi_free(kept);
}

/* How many there are up to the position. */
static size_t count_locked(const neapi_past_keep *keep, uint64_t position)
{
    size_t low = 0, high = keep->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keep->items[middle]->position <= position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

neapi_kept_past *neapi_past_keep_nearest(neapi_past_keep *keep, uint64_t position)
{
    neapi_kept_past *found = NULL;
    pthread_mutex_lock(&keep->mutex);
    size_t count = count_locked(keep, position);
    if (count != 0) {
        found = keep->items[count - 1];
        atomic_fetch_add(&found->references, 1);
    }
    pthread_mutex_unlock(&keep->mutex);
    return found;
}

uint64_t neapi_past_keep_next(neapi_past_keep *keep, uint64_t position)
{
    pthread_mutex_lock(&keep->mutex);
    uint64_t spacing = keep->spacing;
    pthread_mutex_unlock(&keep->mutex);
    return (position / spacing + 1) * spacing;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

static size_t size_of(const neapi_kept_past *kept)
{
    return sizeof *kept + kept->bytes.capacity;
}

static void write_text(neapi_buffer *bytes, neap_text text)
{
    neapi_buffer_append(bytes, &text.size, sizeof text.size);
    neapi_buffer_text(bytes, text);
}

static neap_status write_document(void *user, neap_text collection, neap_text key, neap_text data,
                                  neap_error *error)
{
    neapi_buffer *bytes = user;
    write_text(bytes, collection);
    write_text(bytes, key);
    write_text(bytes, data);
    return bytes->failed ? neapi_nomem(error) : NEAP_OK;
}

/* Every other one goes, and what comes is kept further apart. */
static void thin_out_locked(neapi_past_keep *keep)
{
    size_t left = 0;
    keep->spacing *= 2;
    for (size_t i = 0; i < keep->count; i++) {
        neapi_kept_past *it = keep->items[i];
        if (it->position % keep->spacing == 0) {
            keep->items[left++] = it;
        } else {
            keep->bytes -= size_of(it);
            neapi_kept_past_release(it);
        }
    }
    keep->count = left;
}

static bool insert_locked(neapi_past_keep *keep, neapi_kept_past *kept)
{
    size_t at = count_locked(keep, kept->position);
    if (at != 0 && keep->items[at - 1]->position == kept->position)
        return false;
    if (keep->count == keep->capacity) {
        size_t capacity = keep->capacity != 0 ? 2 * keep->capacity : 16;
        neapi_kept_past **items = neapi_realloc(keep->items, capacity * sizeof(neapi_kept_past *));
        if (items == NULL)
            return false;
        keep->items = items;
        keep->capacity = capacity;
    }
    for (size_t i = keep->count; i > at; i--)
        keep->items[i] = keep->items[i - 1];
    keep->items[at] = kept;
    keep->count++;
    keep->bytes += size_of(kept);
    while (keep->bytes > keep->most_bytes && keep->count != 0)
        thin_out_locked(keep);
    return true;
}

void neapi_past_keep_add(neapi_past_keep *keep, neapi_session *session, uint64_t position)
{
    neap_error unwanted;
    uint64_t at;
    neapi_kept_past *kept = neapi_alloc_zero(1, sizeof *kept);
    if (kept == NULL)
        return;
    atomic_init(&kept->references, 1);
    kept->position = position;
    const neapi_kept_sink sink = {.user = &kept->bytes, .document = write_document};
    bool kept_it = neapi_show_kept(session, 0, &sink, &at, &unwanted) == NEAP_OK;
    pthread_mutex_lock(&keep->mutex);
    kept_it = kept_it && insert_locked(keep, kept);
    pthread_mutex_unlock(&keep->mutex);
    if (!kept_it)
        neapi_kept_past_release(kept);
}

/* ---- Putting back ---------------------------------------------------------------------------- */

static neap_text read_text(const neapi_buffer *bytes, size_t *at)
{
    neap_text text;
    memcpy(&text.size, bytes->data + *at, sizeof text.size);
    text.data = bytes->data + *at + sizeof text.size;
    *at += sizeof text.size + text.size;
    return text;
}

bool neapi_kept_past_find(const neapi_kept_past *kept, neap_text collection, neap_text key,
                          neap_text *data)
{
    for (size_t at = 0; at < kept->bytes.size;) {
        neap_text in = read_text(&kept->bytes, &at);
        neap_text name = read_text(&kept->bytes, &at);
        neap_text value = read_text(&kept->bytes, &at);
        if (neapi_text_equal(name, key) && neapi_text_equal(in, collection)) {
            *data = value;
            return true;
        }
    }
    return false;
}

static neap_status put_some(const neapi_buffer *bytes, size_t *at, neapi_unit *unit,
                            neapi_session *session, neap_error *error)
{
    neapi_outcome outcome;
    neap_status status = NEAP_OK;
    for (unsigned i = 0; i < UNIT_DOCUMENTS && *at < bytes->size && status == NEAP_OK; i++) {
        neapi_document document = {.write = NEAPI_DOCUMENT_PUT};
        document.collection = read_text(bytes, at);
        document.key = read_text(bytes, at);
        document.data = read_text(bytes, at);
        status = neapi_unit_document(unit, &document);
    }
    if (status != NEAP_OK)
        return neapi_nomem(error);
    status = neapi_commit(session, &unit, 1, 0, &outcome, error);
    if (status == NEAP_OK && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status, "what was folded could not be put back");
    return status;
}

neap_status neapi_kept_past_put(const neapi_kept_past *kept, neapi_store *store, neap_error *error)
{
    neapi_session *session;
    neap_uuid id = {{1}};
    neap_status status = neapi_session_open(store, NEAPI_MODE_WRITE, &session, error);
    if (status != NEAP_OK)
        return status;
    for (size_t at = 0; at < kept->bytes.size && status == NEAP_OK;) {
        neapi_unit *unit = neapi_unit_new(id);
        status =
            unit != NULL ? put_some(&kept->bytes, &at, unit, session, error) : neapi_nomem(error);
        neapi_unit_release(unit);
    }
    neapi_session_close(session);
    return status;
}
