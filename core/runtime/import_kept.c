/* An import's keys and documents, which come when all events are there. */
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/checkpoint.h"
#include "runtime/export.h"
#include "runtime/import.h"
#include "store/check.h"
#include "store/mark.h"

#define AT_ONCE 1000 /* documents that are dropped, or put, in one unit */

/* ---- What was there before ------------------------------------------------------------------- */

/* The tables of a projection that keeps rows: those of each build that it may have. */
static neap_status drop_tables(neap_importer *it, neap_text projection, const neapi_record *record,
                               neap_error *error)
{
    bool has_rows = ((record->schema | record->next_schema) & 1) != 0;
    for (uint32_t build = 1; has_rows && build <= record->last; build++) {
        const neapi_tables tables = {
            .projection = projection, .build = build, .change = NEAPI_TABLES_DROP};
        neapi_unit *unit = neapi_import_unit(it, false, error);
        if (unit == NULL)
            return error->status;
        if (neapi_unit_tables(unit, &tables) != NEAP_OK)
            return neapi_nomem(error);
    }
    return NEAP_OK;
}

static neap_status drop_document(neap_importer *it, neap_text collection, neap_text key,
                                 neap_error *error)
{
    const neapi_document document = {
        .collection = collection, .key = key, .write = NEAPI_DOCUMENT_DROP};
    neapi_unit *unit = neapi_import_unit(it, false, error);
    if (unit == NULL)
        return error->status;
    return neapi_unit_document(unit, &document) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

static neap_status drop_checkpoints(neap_importer *it, neap_text projection, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_buffer prefix = NEAPI_BUFFER_INIT;
    neapi_buffer_text(&prefix, projection);
    neapi_buffer_byte(&prefix, '@');
    const neapi_document_range range = {.collection = NEAPI_CHECKPOINTS,
                                        .prefix = neapi_text(prefix.data, prefix.size),
                                        .limit = AT_ONCE};
    neap_status status = prefix.failed ? neapi_nomem(error) : NEAP_OK;
    while (status == NEAP_OK && !page.last) {
        status = neapi_list_documents(it->session, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = drop_document(it, NEAPI_CHECKPOINTS, page.documents[i].key, error);
        if (status == NEAP_OK)
            status = neapi_import_flush(it, error);
    }
    neapi_document_page_fini(&page);
    neapi_buffer_fini(&prefix);
    return status;
}

/* What is known of a projection, so that it is made anew. */
static neap_status drop_projection(neap_importer *it, neap_text name, neap_text data,
                                   neap_error *error)
{
    neapi_record record;
    bool is;
    neap_status status = neapi_record_of_projection(data, &is, error);
    if (status != NEAP_OK || !is)
        return status;
    status = neapi_record_read(data, &record, error);
    if (status == NEAP_OK)
        status = drop_tables(it, name, &record, error);
    if (status == NEAP_OK)
        status = drop_checkpoints(it, name, error);
    return status == NEAP_OK ? drop_document(it, NEAPI_SUBSCRIPTIONS, name, error) : status;
}

static neap_status drop_projections(neap_importer *it, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    do {
        const neapi_document_range range = {.collection = NEAPI_SUBSCRIPTIONS,
                                            .behind = neapi_text(behind.data, behind.size),
                                            .limit = AT_ONCE};
        status = neapi_list_documents(it->session, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = drop_projection(it, page.documents[i].key, page.documents[i].data, error);
        neapi_buffer_clear(&behind);
        if (page.count != 0)
            neapi_buffer_text(&behind, page.documents[page.count - 1].key);
        if (status == NEAP_OK && behind.failed)
            status = neapi_nomem(error);
    } while (status == NEAP_OK && !page.last);
    if (status == NEAP_OK)
        status = neapi_import_flush(it, error);
    neapi_buffer_fini(&behind);
    neapi_document_page_fini(&page);
    return status;
}

static neap_status clear(neap_importer *it, const neapi_collection *collection, neap_error *error)
{
    for (uint64_t cleared = 0; cleared < collection->documents; cleared += AT_ONCE) {
        neapi_unit *unit = neapi_import_unit(it, false, error);
        if (unit == NULL)
            return error->status;
        if (neapi_unit_clear_collection(unit, collection->name, AT_ONCE) != NEAP_OK)
            return neapi_nomem(error);
    }
    return NEAP_OK;
}

/* A part of a store leaves Neap's own documents as they are: they tell of what was there before. */
neap_status neapi_import_begin_kept(neap_importer *it, neap_error *error)
{
    neapi_collection_list list = NEAPI_COLLECTION_LIST_INIT;
    neap_status status = neapi_import_flush(it, error);
    if (status == NEAP_OK)
        status = neapi_import_mark(it, error);
    if (status == NEAP_OK)
        status = drop_projections(it, error);
    if (status == NEAP_OK)
        status = neapi_list_collections(it->session, &list, error);
    for (size_t i = 0; i < list.count && status == NEAP_OK; i++) {
        neap_text name = list.collections[i].name;
        bool own = name.size != 0 && name.data[0] == '$';
        if (!own || (!it->part && neapi_export_carries(name)))
            status = clear(it, &list.collections[i], error);
    }
    if (status == NEAP_OK)
        status = neapi_import_flush(it, error);
    neapi_collection_list_fini(&list);
    return status;
}

/* ---- What comes ------------------------------------------------------------------------------ */

static neap_status check_position(const neap_importer *it, uint64_t position, const char *what,
                                  neap_error *error)
{
    if (position <= it->position)
        return NEAP_OK;
    return neapi_fail(error, NEAP_INVALID,
                      "%s tells of position %" PRIu64 ", behind the last event at %" PRIu64, what,
                      position, it->position);
}

neap_status neapi_import_key(neap_importer *it, const neapi_key *key, neap_error *error)
{
    neap_status status = neapi_name_check(key->key, "an idempotency key", error);
    if (status == NEAP_OK && key->stream.size != 0)
        status = neapi_stream_check(key->stream, error);
    if (status == NEAP_OK)
        status = check_position(it, key->position, "the key", error);
    if (status != NEAP_OK)
        return status;
    it->count.keys++;
    if (key->expires_at <= neapi_wall_us(neapi_platform_machine()))
        return NEAP_OK;
    neapi_unit *unit = neapi_import_unit(it, false, error);
    if (unit == NULL)
        return error->status;
    it->bytes += key->key.size + key->types.size;
    return neapi_unit_key(unit, key) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

/* An import that was ended behind it has left it there. */
neap_status neapi_import_same_key(neap_importer *it, const neapi_key *key, neap_error *error)
{
    neapi_transfer_line here = {.kind = NEAPI_TRANSFER_KEY};
    neapi_transfer_line there = {.kind = NEAPI_TRANSFER_KEY, .key = *key};
    bool found;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer difference = NEAPI_BUFFER_INIT;
    neap_status status =
        neapi_find_key(it->session, key->key, neapi_wall_us(neapi_platform_machine()), &arena,
                       &here.key, &found, error);
    if (status == NEAP_OK && found && !neapi_transfer_same(&here, &there, true, &difference))
        status =
            neapi_fail(error, NEAP_CONFLICT, "the store has another idempotency key %.*s: %.*s",
                       NEAPI_TEXT(key->key), (int)difference.size, difference.data);
    neapi_buffer_fini(&difference);
    neapi_arena_fini(&arena);
    return status;
}

static neap_status check_document(const neap_importer *it, const neapi_transfer_document *document,
                                  neap_error *error)
{
    neapi_checkpoint checkpoint;
    neap_status status = neapi_document_check(document->collection, document->key, error);
    if (status != NEAP_OK)
        return status;
    if (!neapi_export_carries(document->collection))
        return neapi_fail(error, NEAP_INVALID,
                          "expected a document of Neap's own, whose collection begins with '$'; "
                          "this one is of %.*s",
                          NEAPI_TEXT(document->collection));
    if (!neapi_text_equal(document->collection, NEAPI_CHECKPOINTS))
        return NEAP_OK;
    if (neapi_checkpoint_read(document->data, &checkpoint, error) != NEAP_OK)
        return neapi_error_as(error, NEAP_INVALID);
    return check_position(it, checkpoint.position, "the checkpoint", error);
}

neap_status neapi_import_document(neap_importer *it, const neapi_transfer_document *document,
                                  neap_error *error)
{
    const neapi_document put = {.collection = document->collection,
                                .key = document->key,
                                .write = NEAPI_DOCUMENT_PUT,
                                .data = document->data};
    neap_status status = check_document(it, document, error);
    if (status != NEAP_OK)
        return status;
    neapi_unit *unit = it->unit_count != 0 ? it->units[it->unit_count - 1] : NULL;
    if (!it->open || unit->op_count >= AT_ONCE || it->bytes >= (size_t)8 * 1024 * 1024) {
        unit = neapi_import_unit(it, false, error);
        if (unit == NULL)
            return error->status;
        it->open = true;
    }
    it->count.documents++;
    it->bytes += document->key.size + document->data.size;
    return neapi_unit_document(unit, &put) == NEAP_OK ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_import_complete(neap_importer *it, neap_error *error)
{
    bool more = true;
    const neapi_document gone = {
        .collection = NEAPI_MARK_COLLECTION, .key = NEAPI_MARK_KEY, .write = NEAPI_DOCUMENT_DROP};
    it->open = false;
    neap_status status = neapi_import_flush(it, error);
    neapi_unit *unit = status == NEAP_OK ? neapi_import_unit(it, false, error) : NULL;
    if (unit == NULL)
        return error->status;
    if (neapi_unit_document(unit, &gone) != NEAP_OK)
        return neapi_nomem(error);
    status = neapi_import_flush(it, error);
    while (status == NEAP_OK && more)
        if (neapi_maintain(it->session, neapi_wall_us(neapi_platform_machine()), &more, NULL) !=
            NEAP_OK)
            more = false; /* It is done by who opens it next. */
    return status;
}
