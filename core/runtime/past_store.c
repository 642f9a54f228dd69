#include "runtime/past_store.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

typedef struct past_store {
    neapi_store base;
    neapi_store *log;
    neapi_store *kept; /* in memory, without events */
    atomic_uint_fast64_t position;
} past_store;

typedef struct past_session {
    neapi_session base;
    neapi_session *log;
    neapi_session *kept;
} past_session;

static past_store *store_of(const neapi_session *session)
{
    return (past_store *)session->store;
}

static neapi_session *log_of(const neapi_session *session)
{
    return ((const past_session *)session)->log;
}

static neapi_session *kept_of(const neapi_session *session)
{
    return ((const past_session *)session)->kept;
}

static uint64_t position_of(const neapi_session *session)
{
    return atomic_load(&store_of(session)->position);
}

static void close_store(neapi_store *base)
{
    past_store *store = (past_store *)base;
    neapi_store_close(store->kept);
    neapi_free(store);
}

static void close_session(neapi_session *base)
{
    past_session *session = (past_session *)base;
    neapi_session_close(session->log);
    neapi_session_close(session->kept);
    neapi_free(session);
}

static neap_status open_session(neapi_store *base, neapi_mode mode, neapi_session **opened,
                                neap_error *error)
{
    const past_store *store = (const past_store *)base;
    past_session *session = neapi_alloc_zero(1, sizeof *session);
    if (session == NULL)
        return neapi_nomem(error);
    session->base.store = base;
    session->base.mode = mode;
    neap_status status = neapi_session_open(store->log, NEAPI_MODE_READ, &session->log, error);
    if (status == NEAP_OK)
        status = neapi_session_open(store->kept, mode, &session->kept, error);
    if (status == NEAP_OK)
        *opened = &session->base;
    else
        close_session(&session->base);
    return status;
}

/* ---- Events: those up to the position -------------------------------------------------------- */

/* The position of the stream's event of that version, which is there. */
static neap_status place_of(neapi_session *session, neap_text stream, uint64_t version,
                            neapi_page *page, uint64_t *position, neap_error *error)
{
    const neapi_range range = {
        .stream = stream, .from = version, .to = version, .max_events = 1, .max_bytes = 1};
    neap_status status = neapi_read(log_of(session), &range, page, error);
    if (status == NEAP_OK && page->count == 0)
        status = neapi_fail(error, NEAP_CORRUPT, "%.*s has no version %llu", NEAPI_TEXT(stream),
                            (unsigned long long)version);
    if (status == NEAP_OK)
        *position = page->events[0].position;
    return status;
}

/* The last version at the position; `version` and `at` are those of the log's own. */
static neap_status stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                               uint64_t *position, neap_error *error)
{
    uint64_t end, at, head = position_of(session);
    neap_status status = neapi_stream_head(log_of(session), stream, &end, &at, error);
    uint64_t low = 0, low_at = 0; /* up to here it is in the past */
    neapi_page page = NEAPI_PAGE_INIT;
    if (status == NEAP_OK && at <= head) {
        low = end;
        low_at = at;
    }
    while (status == NEAP_OK && end - low > 1) {
        uint64_t middle = low + (end - low) / 2;
        status = place_of(session, stream, middle, &page, &at, error);
        if (status == NEAP_OK && at <= head) {
            low = middle;
            low_at = at;
        } else {
            end = middle;
        }
    }
    neapi_page_fini(&page);
    if (status == NEAP_OK) {
        *version = low;
        *position = low_at;
    }
    return status;
}

static void nothing_more(neapi_page *page, uint64_t next)
{
    page->next = next;
    page->last = true;
}

/* What came later is cut off: the versions of a stream do not tell. */
static void cut(neapi_page *page, uint64_t head)
{
    size_t count = page->count;
    while (page->count > 0 && page->events[page->count - 1].position > head)
        page->count--;
    if (page->count < count)
        nothing_more(page, page->events[page->count].version);
}

static neap_status read_stream(neapi_session *session, const neapi_range *range, neapi_page *page,
                               neap_error *error)
{
    uint64_t version, unused;
    neapi_range bounded = *range;
    if (range->backward) {
        neap_status status = stream_head(session, range->stream, &version, &unused, error);
        if (status != NEAP_OK)
            return status;
        if (version < bounded.from)
            bounded.from = version;
        if (bounded.from < bounded.to) {
            nothing_more(page, bounded.to - 1);
            return NEAP_OK;
        }
    }
    neap_status status = neapi_read(log_of(session), &bounded, page, error);
    if (status == NEAP_OK && !range->backward)
        cut(page, position_of(session));
    return status;
}

static neap_status read_log(neapi_session *session, const neapi_range *range, neapi_page *page,
                            neap_error *error)
{
    uint64_t head = position_of(session);
    neapi_range bounded = *range;
    if (range->backward && bounded.from > head)
        bounded.from = head;
    if (!range->backward && bounded.to > head)
        bounded.to = head;
    bool nothing = range->backward ? bounded.from < bounded.to : bounded.from > bounded.to;
    if (nothing) {
        nothing_more(page, range->backward ? bounded.to - 1 : range->from);
        return NEAP_OK;
    }
    neap_status status = neapi_read(log_of(session), &bounded, page, error);
    if (status == NEAP_OK && !range->backward && page->next > head) {
        page->next = head + 1 > range->from ? head + 1 : range->from;
        page->last = true;
    }
    return status;
}

static neap_status read(neapi_session *session, const neapi_range *range, neapi_page *page,
                        neap_error *error)
{
    return range->stream.size != 0 ? read_stream(session, range, page, error)
                                   : read_log(session, range, page, error);
}

static neap_status head(neapi_session *session, uint64_t *position, neap_error *error)
{
    (void)error;
    *position = position_of(session);
    return NEAP_OK;
}

/* A snapshot has a version of its stream, or where it is of none, a position. */
static neap_status find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                 neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                 bool *found, neap_error *error)
{
    uint64_t version, unused;
    neap_status status = stream_head(session, name, &version, &unused, error);
    if (status != NEAP_OK)
        return status;
    uint64_t newest = version != 0 ? version : position_of(session);
    if (max_version > newest)
        max_version = newest;
    return neapi_find_snapshot(log_of(session), name, max_version, fingerprint, arena, result,
                               found, error);
}

static neap_status find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error)
{
    *found = false;
    if (position > position_of(session))
        return NEAP_OK;
    return neapi_find_command(log_of(session), position, arena, result, found, error);
}

static neap_status survey(neapi_session *session, neapi_survey *taken, neap_error *error)
{
    neapi_session *log = log_of(session);
    return log->store->backend->survey(log, taken, error);
}

static neap_status verify(neapi_session *session, const neapi_verify_sink *sink,
                          neap_verification *result, neap_error *error)
{
    neapi_session *log = log_of(session);
    return log->store->backend->verify(log, sink, result, error);
}

/* ---- What is kept beside events -------------------------------------------------------------- */

static bool is_kept(neapi_op_kind kind)
{
    return kind == NEAPI_OP_SNAPSHOT || kind == NEAPI_OP_DOCUMENT || kind == NEAPI_OP_CLEAR;
}

#define NO_ROWS "a past has no rows of projections: their tables are as they are now"

/* Whether the unit changes nothing but what is the past's own. Else it is refused. */
static bool admit(neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++)
        if (!is_kept(unit->ops[i].kind)) {
            bool sql = unit->ops[i].kind == NEAPI_OP_SQL || unit->ops[i].kind == NEAPI_OP_TABLES;
            neapi_unit_say(unit, "%s",
                           sql ? NO_ROWS : "a past takes no events: what happened, happened");
            neapi_unit_refuse(unit, NEAP_USAGE, i, 0);
            return false;
        }
    return true;
}

static neap_status commit(neapi_session *session, neapi_unit *const *units, size_t count,
                          int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    neapi_session *kept = kept_of(session);
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < count && status == NEAP_OK; i++)
        if (admit(units[i]))
            status = kept->store->backend->commit(kept, &units[i], 1, now_us, outcome, error);
    return status;
}

static neap_status find_key(neapi_session *session, neap_text key, int64_t now_us,
                            neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    return neapi_find_key(kept_of(session), key, now_us, arena, result, found, error);
}

static neap_status find_document(neapi_session *session, neap_text collection, neap_text key,
                                 neapi_arena *arena, neap_text *data, bool *found,
                                 neap_error *error)
{
    return neapi_find_document(kept_of(session), collection, key, arena, data, found, error);
}

static neap_status list_documents(neapi_session *session, const neapi_document_range *range,
                                  neapi_document_page *page, neap_error *error)
{
    return neapi_list_documents(kept_of(session), range, page, error);
}

static neap_status list_collections(neapi_session *session, neapi_collection_list *list,
                                    neap_error *error)
{
    return neapi_list_collections(kept_of(session), list, error);
}

static neap_status show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                             uint64_t *position, neap_error *error)
{
    neap_status status = neapi_show_kept(kept_of(session), now_us, sink, position, error);
    if (status == NEAP_OK)
        *position = position_of(session);
    return status;
}

/* Projections that keep rows may be in the domain; in a past they answer nothing. */
static neap_status refuse_select(neapi_session *session, const neapi_statement *statement,
                                 size_t limit, neapi_result *result, neap_error *error)
{
    (void)session;
    (void)limit;
    (void)result;
    return neapi_fail(error, NEAP_USAGE, "projection %.*s: " NO_ROWS,
                      NEAPI_TEXT(statement->projection));
}

static neap_status maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error)
{
    return neapi_maintain(kept_of(session), now_us, more, error);
}

static const neapi_backend backend = {
    .scheme = "past",
    .shared = false,
    .waits = false,
    .close = close_store,
    .session_open = open_session,
    .session_close = close_session,
    .commit = commit,
    .read = read,
    .stream_head = stream_head,
    .head = head,
    .find_key = find_key,
    .find_snapshot = find_snapshot,
    .find_command = find_command,
    .find_document = find_document,
    .list_documents = list_documents,
    .list_collections = list_collections,
    .show_kept = show_kept,
    .select = refuse_select,
    .maintain = maintain,
    .verify = verify,
    .survey = survey,
};

neap_status neapi_past_store_new(neapi_store *log, neapi_store **past, neap_error *error)
{
    past_store *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    made->base.backend = &backend;
    made->base.mode = NEAPI_MODE_WRITE;
    made->base.name = neapi_alloc_text(log->name, strlen(log->name));
    made->log = log;
    atomic_init(&made->base.writing, false);
    atomic_init(&made->position, 0);
    neap_status status = made->base.name != NULL
                             ? neapi_store_open("memory:", NEAPI_MODE_WRITE, &made->kept, error)
                             : neapi_nomem(error);
    if (status != NEAP_OK) {
        neapi_free(made->base.name);
        neapi_free(made);
        return status;
    }
    *past = &made->base;
    return NEAP_OK;
}

void neapi_past_store_move(neapi_store *past, uint64_t position)
{
    atomic_store(&((past_store *)past)->position, position);
}

uint64_t neapi_past_store_position(const neapi_store *past)
{
    return atomic_load(&((const past_store *)past)->position);
}
