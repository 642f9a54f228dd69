/* Dead letters of a store at rest that go: nobody else writes there. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/dead_letter.h"
#include "runtime/queue_letters.h"
#include "runtime/runtime.h"

#define PAGE_DOCUMENTS 500

typedef struct dropping {
    neapi_session *session;
    neapi_uuid_source ids;
    neap_text prefix; /* of the keys */
    neap_uuid id;     /* the command's; zero: any */
    uint64_t count;
} dropping;

static bool is_meant(const dropping *job, neap_text key)
{
    neap_text queued;
    neapi_queued entry = {0};
    if (neapi_uuid_is_zero(job->id))
        return true;
    return neapi_queue_letter_key(key, &queued) && neapi_queued_read_key(queued, &entry) &&
           neapi_uuid_equal(entry.id, job->id);
}

static neap_status commit(dropping *job, neapi_unit *unit, neap_error *error)
{
    neapi_outcome outcome;
    if (unit->op_count == 0)
        return NEAP_OK;
    neap_status status = neapi_commit(job->session, &unit, 1,
                                      neapi_wall_us(neapi_platform_machine()), &outcome, error);
    if (status == NEAP_OK && unit->state != NEAPI_UNIT_ACCEPTED)
        status = neapi_fail(error, unit->verdict.status, "the store did not take the unit of work");
    if (status == NEAP_OK)
        job->count += unit->op_count;
    return status;
}

static neap_status drop_page(dropping *job, const neapi_document_page *page, neap_error *error)
{
    neapi_unit *unit =
        neapi_unit_new(neapi_uuid_new(&job->ids, neapi_wall_us(neapi_platform_machine())));
    neap_status status = unit != NULL ? NEAP_OK : neapi_nomem(error);
    for (size_t i = 0; status == NEAP_OK && i < page->count; i++) {
        const neapi_document document = {.collection = NEAPI_DEAD_LETTERS,
                                         .key = page->documents[i].key,
                                         .write = NEAPI_DOCUMENT_DROP,
                                         .expect = NEAPI_DOCUMENT_PRESENT};
        if (is_meant(job, document.key) && neapi_unit_document(unit, &document) != NEAP_OK)
            status = neapi_nomem(error);
    }
    if (status == NEAP_OK)
        status = commit(job, unit, error);
    neapi_unit_release(unit);
    return status;
}

static neap_status drop_all(dropping *job, neap_error *error)
{
    neapi_document_page page = NEAPI_DOCUMENT_PAGE_INIT;
    neapi_buffer behind = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    for (bool last = false; status == NEAP_OK && !last;) {
        const neapi_document_range range = {.collection = NEAPI_DEAD_LETTERS,
                                            .prefix = job->prefix,
                                            .behind = neapi_text(behind.data, behind.size),
                                            .limit = PAGE_DOCUMENTS};
        status = neapi_list_documents(job->session, &range, &page, error);
        last = page.last || page.count == 0;
        if (status == NEAP_OK)
            status = drop_page(job, &page, error);
        neapi_buffer_clear(&behind);
        if (status == NEAP_OK && !last)
            neapi_buffer_text(&behind, page.documents[page.count - 1].key);
        if (behind.failed)
            status = neapi_nomem(error);
    }
    neapi_buffer_fini(&behind);
    neapi_document_page_fini(&page);
    return status;
}

static bool read_position(const char *text, uint64_t *position)
{
    size_t size = strspn(text, "0123456789");
    if (size == 0 || size > 18 || text[size] != '\0')
        return false;
    for (*position = 0; *text != '\0'; text++)
        *position = *position * 10 + (uint64_t)(*text - '0');
    return *position != 0;
}

/* Appends the prefix of what is meant. */
static neap_status read_names(const char *subscription, const char *letter, neapi_buffer *prefix,
                              neap_uuid *id, neap_error *error)
{
    uint64_t position;
    if (subscription == NULL && letter != NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_drop_dead_letters: whose letter is %.80s?",
                          letter);
    if (subscription == NULL)
        return NEAP_OK;
    neap_text name = neapi_text_of(subscription);
    bool queued = neapi_text_equal(name, NEAPI_QUEUE_LETTERS);
    if (letter != NULL &&
        !(queued ? neapi_uuid_parse(neapi_text_of(letter), id) : read_position(letter, &position)))
        return neapi_fail(error, NEAP_INVALID, "\"%.80s\" is no %s", letter,
                          queued ? "id of a command" : "position of an event");
    if (letter != NULL && !queued) {
        neapi_dead_letter_key(prefix, name, position);
        return NEAP_OK;
    }
    neapi_buffer_text(prefix, name);
    neapi_buffer_byte(prefix, '/');
    return NEAP_OK;
}

static neap_status drop_in(neapi_store *store, dropping *job, neap_error *error)
{
    neap_status status = neapi_session_open(store, NEAPI_MODE_WRITE, &job->session, error);
    if (status != NEAP_OK)
        return status;
    neapi_uuid_source_init(&job->ids, neapi_platform_machine());
    status = drop_all(job, error);
    neapi_session_close(job->session);
    return status;
}

neap_status neap_store_drop_dead_letters(const char *url, const char *subscription,
                                         const char *letter, uint64_t *count, neap_error *error)
{
    neapi_store *store;
    dropping job = {0};
    neapi_buffer prefix = NEAPI_BUFFER_INIT;
    if (url == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_store_drop_dead_letters: url must not be NULL");
    neap_status status = read_names(subscription, letter, &prefix, &job.id, error);
    if (status == NEAP_OK && prefix.failed)
        status = neapi_nomem(error);
    if (status == NEAP_OK)
        status = neapi_store_open(url, NEAPI_MODE_WRITE, &store, error);
    if (status == NEAP_OK) {
        job.prefix = neapi_text(prefix.data, prefix.size);
        status = drop_in(store, &job, error);
        neapi_store_close(store);
    }
    if (status == NEAP_OK && letter != NULL && job.count == 0)
        status =
            neapi_fail(error, NEAP_UNKNOWN, "'%s' has no dead letter %s", subscription, letter);
    if (count != NULL)
        *count = job.count;
    neapi_buffer_fini(&prefix);
    return status;
}
