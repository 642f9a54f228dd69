#include "sim/unsure.h"

#include "base/alloc.h"
#include "base/error.h"
#include "sim/dice.h"
#include "sim/ledger.h"
#include "sim/open_commit.h"
#include "sim/scheduler.h"
#include "sim/trace.h"

extern const neapi_backend __real_neapi_backend_memory, __real_neapi_backend_sqlite;

typedef struct unsure_store {
    neapi_store base;
    neapi_store *real;
} unsure_store;

typedef struct unsure_session {
    neapi_session base;
    neapi_session *real;
} unsure_session;

static unsure_options options;
static sim_dice chance;
static bool healed, is_cut, has_failed;
static neapi_store *in_memory; /* what outlives its runtimes; NULL: nothing yet */

void unsure_begin(const unsure_options *given)
{
    options = *given;
    chance = dice_of(given->seed, 3);
    healed = is_cut = has_failed = false;
    open_commit_forget();
}

void unsure_heal(void)
{
    healed = true;
}

void unsure_cut(bool cut)
{
    trace(scheduler_name(), "the store is cut off", cut, 0);
    is_cut = cut;
}

bool unsure_has_failed(void)
{
    return has_failed;
}

void unsure_end(void)
{
    if (in_memory != NULL)
        __real_neapi_backend_memory.close(in_memory);
    in_memory = NULL;
}

/* ---- Failing --------------------------------------------------------------------------------- */

static bool happens(unsigned per_thousand)
{
    return !healed && dice_chance(&chance, per_thousand);
}

static void take_time(void)
{
    scheduler_may_yield();
    if (scheduler_running() != NULL && happens(options.slow))
        scheduler_sleep(dice_between(&chance, 0, options.slow_us));
}

static neap_status fail(const char *call, neap_error *error)
{
    has_failed = true;
    neap_status status = is_cut || dice_chance(&chance, 500) ? NEAP_UNAVAILABLE : NEAP_STORE;
    trace(scheduler_name(), call, -1, status);
    return neapi_fail(error, status, "the simulated store failed");
}

/* ---- Writing --------------------------------------------------------------------------------- */

static neapi_session *real_of(neapi_session *session)
{
    return ((unsure_session *)session)->real;
}

static neap_status commit(neapi_session *session, neapi_unit *const *units, size_t count,
                          int64_t now_us, neapi_outcome *outcome, neap_error *error)
{
    trace(scheduler_name(), "commit: units, head", (int64_t)count, (int64_t)ledger_head());
    if (open_commit_is_on_its_way())
        trace_fail("a commit while it is unknown what became of the one before");
    open_commit_forget();
    bool was_cut = is_cut;
    take_time();
    if (was_cut || happens(options.refuse))
        return fail("commit refused: status", error);
    neap_status status;
    if (is_cut || happens(options.unknown)) {
        open_commit_leave(&chance, real_of(session), units, count, now_us);
        *outcome = NEAPI_OUTCOME_UNKNOWN;
        status = fail("commit unknown: status", error);
    } else {
        status = open_commit_now(real_of(session), units, count, now_us, outcome, error);
        trace(scheduler_name(), "committed: head, status", (int64_t)ledger_head(), status);
    }
    take_time();
    return status;
}

static neap_status resolve(neapi_session *session, neapi_unit *const *units, size_t count,
                           bool *durable, neap_error *error)
{
    (void)session;
    take_time();
    if (is_cut || happens(options.resolve))
        return fail("resolve failed: status", error);
    *durable = open_commit_resolve(units, count);
    trace(scheduler_name(), "resolved: durable, units", *durable, (int64_t)count);
    return NEAP_OK;
}

static neap_status maintain(neapi_session *session, int64_t now_us, bool *more, neap_error *error)
{
    take_time();
    if (is_cut || happens(options.refuse))
        return fail("maintain failed: status", error);
    scheduler_hold();
    neap_status status =
        real_of(session)->store->backend->maintain(real_of(session), now_us, more, error);
    scheduler_release();
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* What comes before a call that reads. */
static neap_status begin_reading(const char *call, neap_error *error)
{
    take_time();
    open_commit_may_arrive(&chance);
    if (is_cut || happens(options.read))
        return fail(call, error);
    trace(scheduler_name(), call, (int64_t)ledger_head(), 0);
    return NEAP_OK;
}

/* The real session's function of that name, with its own arguments. */
#define READ(session, name, ...)                                                                   \
    do {                                                                                           \
        neap_status status = begin_reading(#name, error);                                          \
        if (status != NEAP_OK)                                                                     \
            return status;                                                                         \
        neapi_session *real = real_of(session);                                                    \
        scheduler_hold();                                                                          \
        status = real->store->backend->name(real, __VA_ARGS__);                                    \
        scheduler_release();                                                                       \
        take_time();                                                                               \
        return status;                                                                             \
    } while (false)

static neap_status read_page(neapi_session *session, const neapi_range *range, neapi_page *page,
                             neap_error *error)
{
    READ(session, read, range, page, error);
}

static neap_status stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                               uint64_t *position, neap_error *error)
{
    READ(session, stream_head, stream, version, position, error);
}

static neap_status head(neapi_session *session, uint64_t *position, neap_error *error)
{
    READ(session, head, position, error);
}

static neap_status find_key(neapi_session *session, neap_text key, int64_t now_us,
                            neapi_arena *arena, neapi_key *result, bool *found, neap_error *error)
{
    READ(session, find_key, key, now_us, arena, result, found, error);
}

static neap_status find_snapshot(neapi_session *session, neap_text name, uint64_t max_version,
                                 neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                 bool *found, neap_error *error)
{
    READ(session, find_snapshot, name, max_version, fingerprint, arena, result, found, error);
}

static neap_status find_command(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error)
{
    READ(session, find_command, position, arena, result, found, error);
}

static neap_status find_document(neapi_session *session, neap_text collection, neap_text key,
                                 neapi_arena *arena, neap_text *data, bool *found,
                                 neap_error *error)
{
    READ(session, find_document, collection, key, arena, data, found, error);
}

static neap_status list_documents(neapi_session *session, const neapi_document_range *range,
                                  neapi_document_page *page, neap_error *error)
{
    READ(session, list_documents, range, page, error);
}

static neap_status list_collections(neapi_session *session, neapi_collection_list *list,
                                    neap_error *error)
{
    READ(session, list_collections, list, error);
}

static neap_status show_kept(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                             uint64_t *last, neap_error *error)
{
    READ(session, show_kept, now_us, sink, last, error);
}

static neap_status select_rows(neapi_session *session, const neapi_statement *statement,
                               size_t limit, neapi_result *result, neap_error *error)
{
    READ(session, select, statement, limit, result, error);
}

static neap_status verify(neapi_session *session, const neapi_verify_sink *sink,
                          neap_verification *result, neap_error *error)
{
    READ(session, verify, sink, result, error);
}

static neap_status survey(neapi_session *session, neapi_survey *survey, neap_error *error)
{
    READ(session, survey, survey, error);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

/* What the front does for a store that it opened. */
static void complete(neapi_store *real, const neapi_backend *backend, neapi_mode mode)
{
    static char name[] = "real";
    real->backend = backend;
    real->mode = mode;
    real->name = name;
    atomic_init(&real->writing, false);
}

static neap_status open_real(const neapi_backend *backend, const neapi_url *url, neapi_mode mode,
                             neapi_store **real, neap_error *error)
{
    bool kept = backend == &__real_neapi_backend_memory;
    if (kept && in_memory != NULL) {
        *real = in_memory;
        return NEAP_OK;
    }
    neap_status status = backend->open(url, kept ? NEAPI_MODE_WRITE : mode, real, error);
    if (status != NEAP_OK)
        return status;
    complete(*real, backend, mode);
    if (kept)
        in_memory = *real;
    return NEAP_OK;
}

static neap_status open_unsure(const neapi_backend *backend, const neapi_url *url, neapi_mode mode,
                               neapi_store **store, neap_error *error)
{
    take_time();
    if (is_cut || happens(options.open))
        return fail("open failed: status", error);
    unsure_store *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    scheduler_hold();
    neap_status status = open_real(backend, url, mode, &opened->real, error);
    scheduler_release();
    if (status != NEAP_OK) {
        neapi_free(opened);
        return status;
    }
    *store = &opened->base;
    return NEAP_OK;
}

static neap_status open_memory(const neapi_url *url, neapi_mode mode, neapi_store **store,
                               neap_error *error)
{
    return open_unsure(&__real_neapi_backend_memory, url, mode, store, error);
}

static neap_status open_sqlite(const neapi_url *url, neapi_mode mode, neapi_store **store,
                               neap_error *error)
{
    return open_unsure(&__real_neapi_backend_sqlite, url, mode, store, error);
}

static void close_store(neapi_store *store)
{
    neapi_store *real = ((unsure_store *)store)->real;
    scheduler_hold();
    if (real != in_memory)
        real->backend->close(real);
    scheduler_release();
    neapi_free(store);
}

static neap_status session_open(neapi_store *store, neapi_mode mode, neapi_session **session,
                                neap_error *error)
{
    take_time();
    if (is_cut || happens(options.open))
        return fail("no session: status", error);
    neapi_store *real = ((unsure_store *)store)->real;
    unsure_session *opened = neapi_alloc_zero(1, sizeof *opened);
    if (opened == NULL)
        return neapi_nomem(error);
    scheduler_hold();
    neap_status status = real->backend->session_open(real, mode, &opened->real, error);
    scheduler_release();
    if (status != NEAP_OK) {
        neapi_free(opened);
        return status;
    }
    opened->real->store = real;
    opened->real->mode = mode;
    *session = &opened->base;
    return NEAP_OK;
}

static void session_close(neapi_session *session)
{
    neapi_session *real = real_of(session);
    if (session->mode == NEAPI_MODE_WRITE)
        open_commit_forget();
    scheduler_hold();
    real->store->backend->session_close(real);
    scheduler_release();
    neapi_free(session);
}

/* ---- In place of the real ones --------------------------------------------------------------- */

extern const neapi_backend __wrap_neapi_backend_memory, __wrap_neapi_backend_sqlite;

#define UNSURE_BACKEND(name, open_function, select_function)                                       \
    const neapi_backend __wrap_neapi_backend_##name = {                                            \
        .scheme = #name,                                                                           \
        .shared = false,                                                                           \
        .waits = true,                                                                             \
        .open = open_function,                                                                     \
        .close = close_store,                                                                      \
        .session_open = session_open,                                                              \
        .session_close = session_close,                                                            \
        .commit = commit,                                                                          \
        .resolve = resolve,                                                                        \
        .read = read_page,                                                                         \
        .stream_head = stream_head,                                                                \
        .head = head,                                                                              \
        .find_key = find_key,                                                                      \
        .find_snapshot = find_snapshot,                                                            \
        .find_command = find_command,                                                              \
        .find_document = find_document,                                                            \
        .list_documents = list_documents,                                                          \
        .list_collections = list_collections,                                                      \
        .show_kept = show_kept,                                                                    \
        .select = select_function,                                                                 \
        .maintain = maintain,                                                                      \
        .verify = verify,                                                                          \
        .survey = survey,                                                                          \
    }

UNSURE_BACKEND(memory, open_memory, NULL);
UNSURE_BACKEND(sqlite, open_sqlite, select_rows);
