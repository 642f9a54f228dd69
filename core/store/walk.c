#include "store/walk.h"

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

#define PAGE_DOCUMENTS 1000

static neap_status show_page(const neapi_document_page *page, neapi_document_seen seen, void *user,
                             bool *enough, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < page->count && status == NEAP_OK && !*enough; i++)
        status = seen(user, &page->documents[i], enough, error);
    return status;
}

neap_status neapi_documents_walk(neapi_session *session, const neapi_document_range *range,
                                 neapi_document_seen seen, void *user, neap_error *error)
{
    neapi_document_range next = *range;
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    size_t left = range->limit != 0 ? range->limit : SIZE_MAX;
    neap_status status = NEAP_OK;
    for (bool enough = false; status == NEAP_OK && !enough;) {
        next.limit = left < PAGE_DOCUMENTS ? left : PAGE_DOCUMENTS;
        status = neapi_list_documents(session, &next, &page, error);
        if (status == NEAP_OK)
            status = show_page(&page, seen, user, &enough, error);
        if (status != NEAP_OK || page.last || page.count == 0 || page.count >= left)
            break;
        left -= page.count;
        neapi_buffer_clear(&behind);
        neapi_buffer_text(&behind, page.documents[page.count - 1].key);
        next.behind = neapi_text(behind.data, behind.size);
        if (behind.failed)
            status = neapi_nomem(error);
    }
    neapi_buffer_fini(&behind);
    neapi_document_page_fini(&page);
    return status;
}
