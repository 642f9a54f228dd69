/* What a branch takes: its units are judged against the log behind it, and kept with numbers that
 * begin where the log's end. */
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "runtime/past_state.h"
#include "runtime/queued.h"

static neapi_past_store *store_of(const neapi_session *session)
{
    return (neapi_past_store *)session->store;
}

/* ---- Numbers --------------------------------------------------------------------------------- */

typedef struct begun {
    neap_text stream;
    uint64_t version;
} begun;

static neap_status find_locked(neapi_session *session, neap_text stream, const begun **found,
                               neap_error *error)
{
    neapi_past_store *store = store_of(session);
    uint64_t unused;
    *found = neapi_map_get(&store->begun, stream);
    if (*found != NULL)
        return NEAP_OK;
    begun *made = neapi_arena_alloc(&store->names, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_past_log_head(session, stream, &made->version, &unused, error);
    if (status != NEAP_OK)
        return status;
    made->stream = neapi_arena_text(&store->names, stream);
    if (made->stream.data == NULL || !neapi_map_put(&store->begun, made->stream, made))
        return neapi_nomem(error);
    *found = made;
    return NEAP_OK;
}

/* Which version of the stream the log has; of an empty name, 0. */
static neap_status version_before(neapi_session *session, neap_text stream, uint64_t *version,
                                  neap_error *error)
{
    neapi_past_store *store = store_of(session);
    const begun *found;
    *version = 0;
    if (stream.size == 0)
        return NEAP_OK;
    pthread_mutex_lock(&store->mutex);
    neap_status status = find_locked(session, stream, &found, error);
    if (status == NEAP_OK)
        *version = found->version;
    pthread_mutex_unlock(&store->mutex);
    return status;
}

static neap_status number(neapi_session *session, neap_event *events, size_t count,
                          neap_error *error)
{
    uint64_t position = neapi_past_store_position(session->store), before;
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < count && status == NEAP_OK; i++) {
        status = version_before(session, events[i].stream, &before, error);
        events[i].version += before;
        events[i].position += position;
    }
    return status;
}

neap_status neapi_past_number(neapi_session *session, neapi_page *page, neap_error *error)
{
    return number(session, page->events, page->count, error);
}

neap_status neapi_past_key_shown(neapi_session *session, neapi_key *key, neap_error *error)
{
    uint64_t before;
    neap_status status = version_before(session, key->stream, &before, error);
    key->version += before;
    key->position += neapi_past_store_position(session->store);
    return status;
}

/* ---- Judging --------------------------------------------------------------------------------- */

/* Whether the past may take the operation; if not, why. */
static bool may_take(const neapi_past_store *store, neapi_unit *unit, const neapi_op *op)
{
    switch (op->kind) {
    case NEAPI_OP_SNAPSHOT:
    case NEAPI_OP_DOCUMENT:
    case NEAPI_OP_CLEAR:
        return true;
    case NEAPI_OP_SQL:
        neapi_unit_say(unit, "projection %.*s: " NEAPI_PAST_NO_ROWS,
                       NEAPI_TEXT(op->statement.projection));
        return false;
    case NEAPI_OP_TABLES:
        neapi_unit_say(unit, "projection %.*s: " NEAPI_PAST_NO_ROWS,
                       NEAPI_TEXT(op->tables.projection));
        return false;
    default:
        if (!store->is_branch)
            neapi_unit_say(unit, "a past takes no events: what happened, happened");
        return store->is_branch;
    }
}

static bool admit(const neapi_past_store *store, neapi_unit *unit)
{
    for (size_t i = 0; i < unit->op_count; i++)
        if (!may_take(store, unit, &unit->ops[i])) {
            neapi_unit_refuse(unit, NEAP_USAGE, i, 0);
            return false;
        }
    return true;
}

/* The newest event that is against the condition, the log's or the branch's own; 0: none is. */
static neap_status against(neapi_session *session, const neapi_condition *condition,
                           uint64_t *position, neap_error *error)
{
    neapi_page page = NEAPI_PAGE_INIT;
    neapi_range range = {.types = condition->types,
                         .type_count = condition->type_count,
                         .tags = condition->tags,
                         .tag_count = condition->tag_count,
                         .from = neapi_past_store_head(session->store),
                         .to = condition->after + 1,
                         .backward = true,
                         .max_events = 1,
                         .max_bytes = 1};
    neap_status status = NEAP_OK;
    *position = 0;
    if (condition->after >= range.from)
        return NEAP_OK;
    while (status == NEAP_OK && range.from >= range.to && *position == 0) {
        status = session->store->backend->read(session, &range, &page, error);
        if (status == NEAP_OK && page.count != 0)
            *position = page.events[0].position;
        if (page.last)
            break;
        range.from = page.next;
        neapi_page_clear(&page);
    }
    neapi_page_fini(&page);
    return status;
}

/* An operation as it was before its numbers became those of a store that begins behind the log. */
typedef struct shifted {
    neapi_op was;
    uint64_t before;     /* was taken off its number */
    neap_status refused; /* what the log says to it; NEAP_OK: nothing */
    uint64_t actual;
} shifted;

/* No stream has it. */
#define NO_VERSION (NEAP_ANY_VERSION - 1)

static neap_status shift_version(neapi_session *session, neap_text stream, uint64_t *version,
                                 uint64_t *before, neap_error *error)
{
    neap_status status = version_before(session, stream, before, error);
    if (*version != NEAP_ANY_VERSION)
        *version = *version >= *before ? *version - *before : NO_VERSION;
    return status;
}

/* Takes the place of an operation to which the log says no: refused in its turn. */
static void refuse(neapi_op *op, shifted *it, neap_status status, uint64_t actual)
{
    it->refused = status;
    it->actual = actual;
    *op = (neapi_op){.kind = NEAPI_OP_EXPECT,
                     .expect = {.stream = NEAPI_LITERAL("-"), .version = NO_VERSION}};
}

static neap_status shift_condition(neapi_session *session, neapi_op *op, shifted *it,
                                   neap_error *error)
{
    neapi_condition *condition = &op->condition;
    uint64_t position, base = neapi_past_store_position(session->store);
    neap_status status = against(session, condition, &position, error);
    it->before = base;
    condition->after = condition->after > base ? condition->after - base : 0;
    if (status == NEAP_OK && position != 0)
        refuse(op, it, NEAP_CONFLICT, position);
    return status;
}

/* Whether the log behind the branch has the key. */
static neap_status has_key(neapi_session *session, neap_text key, int64_t now_us, bool *has,
                           neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_key known;
    neap_status status =
        neapi_find_key(neapi_past_log(session), key, now_us, &arena, &known, has, error);
    if (status == NEAP_OK && *has)
        *has = known.position <= neapi_past_store_position(session->store);
    neapi_arena_fini(&arena);
    return status;
}

/* They may wrap around: what is taken off is put on again when the key is shown. */
static neap_status shift_key(neapi_session *session, neapi_op *op, int64_t now_us, shifted *it,
                             neap_error *error)
{
    bool has;
    uint64_t before;
    neap_status status = version_before(session, op->key.stream, &before, error);
    op->key.version -= before;
    op->key.position -= neapi_past_store_position(session->store);
    if (status == NEAP_OK)
        status = has_key(session, op->key.key, now_us, &has, error);
    if (status == NEAP_OK && has)
        refuse(op, it, NEAP_DUPLICATE, 0);
    return status;
}

static neap_status shift(neapi_session *session, neapi_op *op, int64_t now_us, shifted *it,
                         neap_error *error)
{
    *it = (shifted){.was = *op};
    switch (op->kind) {
    case NEAPI_OP_EXPECT:
        return shift_version(session, op->expect.stream, &op->expect.version, &it->before, error);
    case NEAPI_OP_APPEND:
        return shift_version(session, op->append.stream, &op->append.expected, &it->before, error);
    case NEAPI_OP_CONDITION:
        return shift_condition(session, op, it, error);
    case NEAPI_OP_KEY:
        return shift_key(session, op, now_us, it, error);
    default:
        return NEAP_OK;
    }
}

/* Notes what the unit puts into the queue: it is taken out again when it is done. What there is no
 * memory for is told by who asks for it. */
static void note_issued(neapi_past_store *store, const neapi_unit *unit)
{
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < unit->op_count; i++) {
        const neapi_document *it = &unit->ops[i].document;
        if (unit->ops[i].kind == NEAPI_OP_DOCUMENT && it->write == NEAPI_DOCUMENT_PUT &&
            neapi_text_equal(it->collection, NEAPI_QUEUE))
            neapi_past_write_issued(&store->issued, it->key, it->data);
    }
    pthread_mutex_unlock(&store->mutex);
}

/* What the verdict says is of the branch. Nothing is looked up that is not known by now. */
static void number_verdict(neapi_session *session, neapi_unit *unit, const shifted *ops)
{
    neapi_past_store *store = store_of(session);
    neapi_verdict *verdict = &unit->verdict;
    uint64_t position = neapi_past_store_position(session->store);
    neap_error unwanted;
    if (unit->state == NEAPI_UNIT_REFUSED && verdict->status == NEAP_CONFLICT) {
        const shifted *it = &ops[verdict->op];
        if (it->refused != NEAP_OK)
            neapi_unit_refuse(unit, it->refused, verdict->op, it->actual);
        else
            verdict->actual += it->before;
    }
    if (unit->state != NEAPI_UNIT_ACCEPTED || verdict->last_position == 0)
        return;
    atomic_store(&store->added, verdict->last_position);
    verdict->first_position += position;
    verdict->last_position += position;
    number(session, unit->events, unit->event_count, &unwanted);
}

static neap_status judge_shifted(neapi_session *session, neapi_unit *unit, shifted *ops,
                                 int64_t now_us, neap_error *error)
{
    neapi_outcome outcome;
    size_t count = 0;
    neap_status status = NEAP_OK;
    for (; count < unit->op_count && status == NEAP_OK; count++)
        status = shift(session, &unit->ops[count], now_us, &ops[count], error);
    if (status == NEAP_OK)
        status = neapi_kept_commit(neapi_past_kept_of(session), unit, now_us, &outcome, error);
    for (size_t i = 0; i < count; i++)
        unit->ops[i] = ops[i].was;
    if (status == NEAP_OK)
        number_verdict(session, unit, ops);
    if (status == NEAP_OK && unit->state == NEAPI_UNIT_ACCEPTED)
        note_issued(store_of(session), unit);
    return status;
}

/* What cannot be judged is refused alone: others of its batch may have been accepted. */
static void refuse_failed(neapi_unit *unit, neap_status status, const neap_error *error)
{
    if (status == NEAP_OK)
        return;
    neapi_unit_refuse(unit, status, 0, 0);
    neapi_unit_say(unit, "%s", error->message);
}

void neapi_past_judge(neapi_session *session, neapi_unit *unit, int64_t now_us)
{
    const neapi_past_store *store = store_of(session);
    neapi_outcome outcome = NEAPI_OUTCOME_NONE;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_error error;
    neap_status status = NEAP_OK;
    if (!admit(store, unit))
        return;
    if (!store->is_branch) {
        status = neapi_kept_commit(neapi_past_kept_of(session), unit, now_us, &outcome, &error);
    } else if (neapi_unit_blocked(unit)) {
        neapi_unit_refuse(unit, NEAP_CONFLICT, 0, 0);
    } else {
        shifted *ops = neapi_arena_alloc(&arena, (unit->op_count + 1) * sizeof *ops);
        status =
            ops != NULL ? judge_shifted(session, unit, ops, now_us, &error) : neapi_nomem(&error);
    }
    refuse_failed(unit, status, &error);
    neapi_arena_fini(&arena);
}
