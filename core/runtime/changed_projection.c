/* Projections of two versions of a domain. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/changed_fold.h"

/* So many documents stay in each engine; the others are found in what is kept. */
#define DOCUMENTS_MOST 10000
#define TRIM_EVERY     1024
/* For each so many bytes of documents that were written one more event is folded at once: else a
 * large document would be written, and compared, as often as there are events. */
#define BYTES_PER_EVENT ((size_t)64 << 10)

static neap_text text_of(const neapi_buffer *buffer)
{
    return neapi_text(buffer->data, buffer->size);
}

/* As it was before the events at hand: what they have changed is in the engine. */
static neap_status find(void *host, neap_text key, neap_text *data, bool *found, neap_error *error)
{
    const neapi_changed_fold *fold = host;
    const neapi_changed_kept *kept = neapi_map_get(&fold->by_key, key);
    (void)error;
    *found = kept != NULL && kept->sides[fold->code].json.size != 0;
    if (*found)
        *data = text_of(&kept->sides[fold->code].json);
    return NEAP_OK;
}

/* Folds them into documents that go: see fold_once_more() of changed_pair.c. */
static neap_status project_once_more(const neapi_changed *it, neapi_projecting where, int code,
                                     const neap_event *const *events, size_t count, neap_error *why)
{
    size_t failed;
    neapi_engine *engine = it->codes[code].engine;
    neap_status status =
        neapi_engine_documents_new(engine, where.projection, &where.documents, why);
    if (status != NEAP_OK)
        return status;
    status = neapi_engine_project(engine, &where, events, count, &failed, why);
    neapi_engine_documents_free(engine, where.documents);
    return neapi_changed_fails(status) ? status : NEAP_OK;
}

/* Folds those events that this version wants; what they have changed goes into its unit. Errors:
 * of the version, in *why. */
static neap_status project(neapi_changed *it, neapi_changed_fold *fold, int code,
                           const neap_event *events, size_t count, neap_error *why)
{
    const neap_event *wanted[NEAPI_CHANGED_BATCH];
    size_t wanted_count = 0, failed;
    neapi_engine *engine = it->codes[code].engine;
    neapi_documents *documents = &fold->documents[code];
    neap_status status = NEAP_OK;
    neapi_unit_clear(fold->units[code]);
    for (size_t i = 0; i < count; i++)
        if (neapi_changed_wants(fold->both[code], &events[i]))
            wanted[wanted_count++] = &events[i];
    if (wanted_count == 0)
        return NEAP_OK;
    if (*documents == NEAPI_NO_DOCUMENTS)
        status = neapi_engine_documents_new(engine, fold->both[code], documents, why);
    const neapi_projecting where = {.projection = fold->both[code],
                                    .documents = *documents,
                                    .partitions = 1,
                                    .find = find,
                                    .host = fold};
    fold->code = code;
    if (status == NEAP_OK && it->twice && code == NEAPI_AFTER)
        status = project_once_more(it, where, code, wanted, wanted_count, why);
    if (status == NEAP_OK)
        status = neapi_engine_project(engine, &where, wanted, wanted_count, &failed, why);
    if (status == NEAP_OK && neapi_engine_documents_changed(engine, *documents) != 0)
        status = neapi_engine_documents_save(engine, *documents, fold->both[code]->name,
                                             fold->units[code], why);
    return status;
}

/* ---- What the events have changed, until it is kept ------------------------------------------ */

static neap_status stage(neapi_changed_fold *fold, int code, neap_error *error)
{
    for (size_t i = 0; i < fold->units[code]->op_count; i++) {
        const neapi_document *document = &fold->units[code]->ops[i].document;
        neapi_changed_kept *kept = neapi_changed_touch(fold, document->key);
        if (kept == NULL)
            return neapi_nomem(error);
        neapi_changed_side *side = &kept->sides[code];
        side->written = document->write == NEAPI_DOCUMENT_PUT ? document->data : (neap_text){0};
        side->is_written = true;
    }
    return NEAP_OK;
}

static neap_text newest(const neapi_changed_side *side)
{
    return side->is_written ? side->written : text_of(&side->json);
}

/* Whether a document differs that did not before. */
static bool differs(const neapi_changed_fold *fold)
{
    for (const neapi_changed_kept *kept = fold->touched; kept != NULL; kept = kept->next)
        if (!kept->differs && !neapi_text_equal(newest(&kept->sides[NEAPI_BEFORE]),
                                                newest(&kept->sides[NEAPI_AFTER])))
            return true;
    return false;
}

static neap_status keep(neapi_changed_fold *fold, neap_error *error)
{
    bool refused = false;
    size_t bytes = 0;
    for (neapi_changed_kept *kept = fold->touched; kept != NULL; kept = kept->next)
        for (int code = 0; code < NEAPI_CODES; code++) {
            neapi_changed_side *side = &kept->sides[code];
            if (!side->is_written)
                continue;
            neapi_buffer_clear(&side->json);
            neapi_buffer_text(&side->json, side->written);
            refused = refused || side->json.failed;
            bytes += side->json.size;
            side->is_written = false;
        }
    size_t batch = 1 + bytes / (2 * BYTES_PER_EVENT);
    fold->batch = batch < NEAPI_CHANGED_BATCH ? batch : NEAPI_CHANGED_BATCH;
    return refused ? neapi_nomem(error) : NEAP_OK;
}

/* Nothing of it has happened. */
static void take_back(const neapi_changed *it, neapi_changed_fold *fold)
{
    for (neapi_changed_kept *kept; (kept = fold->touched) != NULL;) {
        fold->touched = kept->next;
        kept->touched = false;
        for (int code = 0; code < NEAPI_CODES; code++)
            kept->sides[code].is_written = false;
    }
    for (int code = 0; code < NEAPI_CODES; code++) {
        if (fold->documents[code] != NEAPI_NO_DOCUMENTS)
            neapi_engine_documents_free(it->codes[code].engine, fold->documents[code]);
        fold->documents[code] = NEAPI_NO_DOCUMENTS;
    }
}

/* ---- Batches --------------------------------------------------------------------------------- */

static void trim(const neapi_changed *it, neapi_changed_fold *fold, size_t count)
{
    fold->events += count;
    if (fold->events < TRIM_EVERY)
        return;
    fold->events = 0;
    for (int code = 0; code < NEAPI_CODES; code++)
        if (fold->documents[code] != NEAPI_NO_DOCUMENTS)
            neapi_engine_documents_trim(it->codes[code].engine, fold->documents[code],
                                        DOCUMENTS_MOST);
}

/* *again: something differs, or has stopped, and it is to be found out at which event. */
static neap_status project_batch(neapi_changed *it, neapi_changed_fold *fold,
                                 const neap_event *events, size_t count, bool *again,
                                 neap_error *error)
{
    neap_error why;
    neap_status status = NEAP_OK;
    *again = false;
    for (int code = 0; code < NEAPI_CODES && status == NEAP_OK && !*again; code++) {
        neap_status outcome = project(it, fold, code, events, count, &why);
        *again = outcome != NEAP_OK && count > 1;
        if (outcome != NEAP_OK && count == 1)
            status = neapi_changed_stop(fold, code, &why, error);
        else if (outcome == NEAP_OK)
            status = stage(fold, code, error);
    }
    *again = *again || (count > 1 && status == NEAP_OK && differs(fold));
    if (status != NEAP_OK || *again || fold->over)
        return status;
    status = keep(fold, error);
    trim(it, fold, count);
    return status;
}

neap_status neapi_changed_project(neapi_changed *it, neapi_changed_fold *fold,
                                  const neap_event *events, size_t count, neap_error *error)
{
    bool again;
    neap_status status = project_batch(it, fold, events, count, &again, error);
    if (status != NEAP_OK || !again)
        return status == NEAP_OK ? neapi_changed_compare(it, fold, &events[count - 1], error)
                                 : status;
    take_back(it, fold);
    for (size_t i = 0; i < count && status == NEAP_OK && !fold->over; i++) {
        status = project_batch(it, fold, &events[i], 1, &again, error);
        if (status == NEAP_OK)
            status = neapi_changed_compare(it, fold, &events[i], error);
    }
    return status;
}
