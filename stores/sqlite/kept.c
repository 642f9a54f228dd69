/* Reading documents. */
#include "sqlite.h"

#include "base/error.h"
#include "base/text.h"

neap_status neapi_sqlite_find_document(neapi_session *base, neap_text collection, neap_text key,
                                       neapi_arena *arena, neap_text *data, bool *found,
                                       neap_error *error)
{
    bool row;
    neap_text copy;
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_DOCUMENT_FIND);
    neapi_query_text(&query, collection);
    neapi_query_text(&query, key);
    neap_status status = neapi_query_step(&query, &row, error);
    if (status == NEAP_OK && row)
        status = neapi_query_column_copy(&query, 0, arena, &copy, error);
    neapi_query_end(&query);
    if (status != NEAP_OK)
        return status;
    if (row)
        *data = copy;
    *found = row;
    return NEAP_OK;
}

/* Puts the row on the page; page->last: it had no room there. */
static neap_status take_row(const neapi_query *query, const neapi_document_range *range,
                            neapi_document_page *page, bool *full, neap_error *error)
{
    neap_text key = neapi_query_column_bytes(query, 0), data = neapi_query_column_bytes(query, 1);
    if (key.data == NULL || data.data == NULL)
        return neapi_nomem(error);
    *full = !neapi_document_page_fits(page, range, key, data);
    return *full || neapi_document_page_add(page, key, data) ? NEAP_OK : neapi_nomem(error);
}

neap_status neapi_sqlite_list_documents(neapi_session *base, const neapi_document_range *range,
                                        neapi_document_page *page, neap_error *error)
{
    bool row = true, full = false;
    neapi_document_bounds bounds;
    neapi_document_bounds_set(&bounds, range);
    neapi_query query = neapi_query_begin(&neapi_sqlite_session_of(base)->connection,
                                          range->backward ? NEAPI_SQL_DOCUMENTS_BACKWARD
                                                          : NEAPI_SQL_DOCUMENTS_FORWARD);
    neapi_query_text(&query, range->collection);
    neapi_query_text(&query, bounds.low);
    neapi_query_text(&query, bounds.high);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row && !full) {
        status = take_row(&query, range, page, &full, error);
        if (status == NEAP_OK && !full)
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    page->last = !full;
    return status;
}

neap_status neapi_sqlite_list_collections(neapi_session *base, neapi_collection_list *list,
                                          neap_error *error)
{
    bool row;
    neapi_query query =
        neapi_query_begin(&neapi_sqlite_session_of(base)->connection, NEAPI_SQL_COLLECTIONS);
    neap_status status = neapi_query_step(&query, &row, error);
    while (status == NEAP_OK && row) {
        neap_text name = neapi_query_column_bytes(&query, 0);
        uint64_t count = (uint64_t)neapi_query_column_integer(&query, 1);
        if (name.data == NULL || (count != 0 && !neapi_collection_list_add(list, name, count)))
            status = neapi_nomem(error);
        else
            status = neapi_query_step(&query, &row, error);
    }
    neapi_query_end(&query);
    return status;
}
