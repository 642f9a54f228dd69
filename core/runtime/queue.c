#include "runtime/queue_state.h"

#include <stdarg.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/members.h"
#include "runtime/runtime.h"

#define PAGE 64
/* A clock that is set forward is noticed after so long at the latest. */
#define LONGEST_WAIT_US 60000000
/* Where other processes put something into the queue it is looked at so often. */
#define SHARED_US 1000000

/* ---- Making ---------------------------------------------------------------------------------- */

neapi_queue *neapi_queue_new(neapi_lane *lane)
{
    neapi_queue *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->lane = lane;
    made->mailbox = lane->mailbox;
    made->at_start = made->scanning = true;
    made->next_us = INT64_MAX;
    made->wake_us = NEAPI_NO_DEADLINE;
    neapi_map_init(&made->in_hand);
    neapi_map_init(&made->lines);
    atomic_init(&made->told_us, INT64_MAX);
    atomic_init(&made->returned, NULL);
    atomic_init(&made->settled, false);
    return made;
}

static void free_line(neapi_owner_line *line)
{
    neapi_free(line->behind);
    neapi_free(line);
}

static void free_in_hand(neapi_in_hand *it)
{
    neapi_arena_fini(&it->arena);
    neapi_free(it->error);
    neapi_free(it);
}

void neapi_queue_free(neapi_queue *queue)
{
    size_t at = 0;
    if (queue == NULL)
        return;
    for (neapi_owner_line *line; (line = neapi_map_next(&queue->lines, &at)) != NULL;)
        free_line(line);
    at = 0;
    for (neapi_in_hand *it; (it = neapi_map_next(&queue->in_hand, &at)) != NULL;)
        free_in_hand(it);
    neapi_map_fini(&queue->lines);
    neapi_map_fini(&queue->in_hand);
    neapi_wakeups_fini(&queue->wakeups);
    neapi_document_page_fini(&queue->page);
    neapi_free(queue);
}

void neapi_queue_move(neapi_queue *queue, neapi_lane *lane)
{
    queue->lane = lane;
}

neap_status neapi_queue_serve(neapi_queue *queue, const neapi_queue_owner *owner, neap_error *error)
{
    if (queue->owner_count == NEAPI_QUEUE_OWNERS)
        return neapi_fail(error, NEAP_USAGE, "the queue has %d kinds of owners already",
                          NEAPI_QUEUE_OWNERS);
    queue->owners[queue->owner_count++] = *owner;
    return NEAP_OK;
}

/* ---- What is in hand ------------------------------------------------------------------------- */

neapi_in_hand *neapi_in_hand_new(neapi_queue *queue, neap_text key)
{
    neapi_in_hand *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->queue = queue;
    memcpy(made->key.text, key.data, NEAPI_QUEUED_KEY_BYTES);
    if (neapi_map_put(&queue->in_hand, neapi_queued_key_text(&made->key), made))
        return made;
    neapi_free(made);
    return NULL;
}

void neapi_in_hand_make_ready(neapi_in_hand *it)
{
    neapi_queue *queue = it->queue;
    it->state = NEAPI_IN_HAND_READY;
    it->next = NULL;
    *(queue->last_ready != NULL ? &queue->last_ready->next : &queue->first_ready) = it;
    queue->last_ready = it;
}

void neapi_in_hand_release(neapi_in_hand *it)
{
    neapi_queue *queue = it->queue;
    neapi_map_remove(&queue->in_hand, neapi_queued_key_text(&it->key));
    neapi_wakeups_remove(&queue->wakeups, &it->wakeup);
    neapi_queue_end_turn(queue, it);
    free_in_hand(it);
}

/* Without memory for that it is read again with all others of its time. */
void neapi_in_hand_wait(neapi_in_hand *it, int64_t at_us)
{
    it->state = NEAPI_IN_HAND_WAITING;
    if (neapi_wakeups_set(&it->queue->wakeups, &it->wakeup, at_us))
        return;
    neapi_queue *queue = it->queue;
    int64_t due_us = it->entry.due_us;
    neapi_in_hand_release(it);
    neapi_queue_rewind(queue, due_us);
    queue->again_us = at_us;
}

static neapi_in_hand *in_hand_of_wakeup(neapi_wakeup *wakeup)
{
    return (neapi_in_hand *)(void *)((char *)wakeup - offsetof(neapi_in_hand, wakeup));
}

/* Those whose time has come. */
static void wake(neapi_queue *queue, int64_t now_us)
{
    for (neapi_wakeup *first; (first = neapi_wakeups_first(&queue->wakeups)) != NULL;) {
        if (first->at_us > now_us)
            return;
        neapi_wakeups_remove(&queue->wakeups, first);
        neapi_in_hand_make_ready(in_hand_of_wakeup(first));
    }
}

static void give_back(neapi_in_hand *it)
{
    neapi_queue *queue = it->queue;
    it->next = atomic_load(&queue->returned);
    while (!atomic_compare_exchange_weak(&queue->returned, &it->next, it))
        continue;
    neapi_inbox_nudge(&queue->mailbox->inbox);
}

void neapi_queue_give_back(neapi_due *due, bool done)
{
    neapi_in_hand *it = neapi_in_hand_of(due);
    it->done = done;
    it->parked = false;
    give_back(it);
}

void neapi_queue_park(neapi_due *due)
{
    neapi_in_hand *it = neapi_in_hand_of(due);
    it->done = it->parked = true;
    give_back(it);
}

static bool take_back(neapi_queue *queue)
{
    neapi_in_hand *it = atomic_load(&queue->returned);
    if (it == NULL)
        return false;
    it = atomic_exchange(&queue->returned, NULL);
    while (it != NULL) {
        neapi_in_hand *next = it->next;
        queue->given--;
        if (it->parked)
            neapi_queue_leave_line(queue, it);
        if (it->done)
            neapi_in_hand_release(it);
        else
            neapi_in_hand_make_ready(it);
        it = next;
    }
    return true;
}

/* ---- What others say ------------------------------------------------------------------------- */

void neapi_queue_tell(neapi_queue *queue, int64_t due_us)
{
    long long told = atomic_load(&queue->told_us);
    while (due_us < told && !atomic_compare_exchange_weak(&queue->told_us, &told, due_us))
        continue;
    neapi_inbox_nudge(&queue->mailbox->inbox);
}

static int64_t cursor_us(const neapi_queue *queue)
{
    uint64_t due_us = 0;
    for (int i = 0; i < 20 && !queue->at_start; i++)
        due_us = due_us * 10 + (unsigned)(queue->cursor.text[i] - '0');
    return (int64_t)due_us;
}

/* Whether what is due then would be on the page that is gone over. */
static bool shows(const neapi_queue *queue, int64_t due_us)
{
    const neapi_document_page *page = &queue->page;
    int64_t last_us;
    return page->count == 0 || page->last ||
           !neapi_queued_due_of(page->documents[page->count - 1].key, &last_us) ||
           due_us <= last_us;
}

static void listen(neapi_queue *queue)
{
    if (atomic_load(&queue->told_us) == INT64_MAX)
        return;
    atomic_store(&queue->settled, false);
    int64_t told_us = atomic_exchange(&queue->told_us, INT64_MAX);
    bool scanning = queue->scanning;
    neapi_queue_unpark(queue, told_us);
    if (!queue->at_start && told_us <= cursor_us(queue))
        neapi_queue_rewind(queue, told_us);
    else if (shows(queue, told_us))
        queue->page_is_old = true;
    queue->scanning = scanning;
    if (told_us < queue->next_us)
        queue->next_us = told_us;
}

/* ---- Reading on ------------------------------------------------------------------------------ */

static bool has_room(const neapi_queue *queue)
{
    return queue->in_flight < NEAPI_QUEUE_IN_FLIGHT && queue->in_hand.count < NEAPI_QUEUE_IN_HAND &&
           !neapi_queue_is_closing(queue);
}

/* The store cannot be read, or there is no memory: tried again a little later. */
static void pause(neapi_queue *queue, int64_t now_us, const neap_error *error)
{
    if (!queue->unreadable)
        neapi_report_text(queue->lane->report, NEAP_LOG_WARN, "the queue cannot be read: %s",
                          error->message);
    queue->unreadable = true;
    queue->again_us = now_us + NEAPI_QUEUE_AGAIN_US;
}

/* Reads the entry, which may have gone or changed since its key was seen, and begins it. */
static void revive(neapi_in_hand *it, int64_t now_us)
{
    neapi_queue *queue = it->queue;
    neapi_lane *lane = queue->lane;
    neap_text json;
    bool found = false;
    neapi_free(it->error);
    it->error = NULL;
    neapi_arena_clear(&it->arena);
    neap_text key = neapi_queued_key_text(&it->key);
    neap_status status = neapi_find_document(lane->session, NEAPI_QUEUE, key, &it->arena, &json,
                                             &found, &lane->error);
    if (status == NEAP_OK && found)
        status = neapi_queued_read(key, json, &it->arena, &it->entry, &lane->error);
    if (status == NEAP_OK && found && neapi_queue_is_ours(queue, it->entry.owner)) {
        neapi_in_hand_begin(it);
        return;
    }
    if (status == NEAP_OK || status == NEAP_CORRUPT) {
        neapi_in_hand_release(it);
        return;
    }
    pause(queue, now_us, &lane->error);
    neapi_in_hand_wait(it, queue->again_us);
}

static bool begin_ready(neapi_queue *queue, int64_t now_us)
{
    bool any = false;
    while (queue->first_ready != NULL && queue->in_flight < NEAPI_QUEUE_IN_FLIGHT &&
           !neapi_queue_is_closing(queue)) {
        neapi_in_hand *it = queue->first_ready;
        queue->first_ready = it->next;
        if (queue->first_ready == NULL)
            queue->last_ready = NULL;
        revive(it, now_us);
        any = true;
    }
    return any;
}

bool neapi_queue_is_ours(const neapi_queue *queue, neap_text owner)
{
    const char *name = owner.size != 0 ? memchr(owner.data, '/', owner.size) : NULL;
    if (name == NULL)
        return neapi_members_run_queued(queue->lane->runtime, (neap_text){0});
    name++;
    size_t left = (size_t)(owner.data + owner.size - name);
    const char *end = memchr(name, '/', left);
    neap_text saga = neapi_text(name, end != NULL ? (size_t)(end - name) : left);
    return neapi_members_run_queued(queue->lane->runtime, saga);
}

/* Errors: false, no memory. */
static bool consider(neapi_queue *queue, const neapi_kept_document *document)
{
    neapi_lane *lane = queue->lane;
    if (neapi_map_get(&queue->in_hand, document->key) != NULL)
        return true;
    neapi_in_hand *it = neapi_in_hand_new(queue, document->key);
    if (it == NULL)
        return false;
    neap_text json = neapi_arena_text(&it->arena, document->data);
    neap_status status = NEAP_NOMEM;
    if (json.data != NULL)
        status = neapi_queued_read(document->key, json, &it->arena, &it->entry, &lane->error);
    if (status == NEAP_CORRUPT) {
        neapi_report_text(lane->report, NEAP_LOG_ERROR, "the queue: %s, and is passed over",
                          lane->error.message);
        neapi_in_hand_release(it);
        return true;
    }
    if (status == NEAP_OK && !neapi_queue_is_ours(queue, it->entry.owner)) {
        neapi_in_hand_release(it);
        return true;
    }
    bool owned = status == NEAP_OK && it->entry.owner.size != 0;
    if (owned && neapi_queue_line_up(queue, it->entry.owner, document->key)) {
        neapi_in_hand_release(it);
        return true;
    }
    if (owned && !neapi_queue_begin_line(queue, it))
        status = NEAP_NOMEM;
    if (status != NEAP_OK) {
        neapi_in_hand_release(it);
        return false;
    }
    neapi_in_hand_begin(it);
    return true;
}

static neap_status read_page(neapi_queue *queue, neap_error *error)
{
    const neapi_document_range range = {
        .collection = NEAPI_QUEUE,
        .behind = queue->at_start ? (neap_text){0} : neapi_text_of(queue->cursor.text),
        .limit = PAGE,
    };
    queue->page_at = 0;
    queue->page_is_old = false;
    return neapi_list_documents(queue->lane->session, &range, &queue->page, error);
}

/* Goes over the page. false: it has come to what is not due yet, or to the end of all. */
static bool go_over_page(neapi_queue *queue, int64_t now_us)
{
    while (queue->page_at < queue->page.count && !queue->page_is_old && has_room(queue)) {
        const neapi_kept_document *document = &queue->page.documents[queue->page_at];
        int64_t due_us;
        if (neapi_queued_due_of(document->key, &due_us)) {
            if (due_us > now_us) {
                queue->next_us = due_us;
                return false;
            }
            if (!consider(queue, document)) {
                neap_error error;
                neapi_nomem(&error);
                pause(queue, now_us, &error);
                return true;
            }
        }
        size_t size = document->key.size < NEAPI_QUEUED_KEY_BYTES ? document->key.size
                                                                  : NEAPI_QUEUED_KEY_BYTES;
        if (!queue->page_is_old) {
            memcpy(queue->cursor.text, document->key.data, size);
            queue->cursor.text[size] = '\0';
            queue->at_start = false;
        }
        queue->page_at++;
    }
    return queue->page_at < queue->page.count || queue->page_is_old || !queue->page.last;
}

/* true: something was read. */
static bool scan(neapi_queue *queue, int64_t now_us)
{
    bool any = false;
    while (queue->scanning && has_room(queue) && queue->again_us == 0) {
        if (queue->page_is_old || queue->page_at >= queue->page.count) {
            neap_error *error = &queue->lane->error;
            if (read_page(queue, error) != NEAP_OK) {
                neapi_document_page_clear(&queue->page);
                queue->page_is_old = true;
                pause(queue, now_us, error);
                break;
            }
            queue->unreadable = false;
        }
        any = true;
        queue->next_us = INT64_MAX;
        if (!go_over_page(queue, now_us))
            queue->scanning = false;
    }
    if (!queue->scanning)
        neapi_document_page_clear(&queue->page);
    return any;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static int64_t first_moment(const neapi_queue *queue)
{
    const neapi_wakeup *first = neapi_wakeups_first(&queue->wakeups);
    int64_t at_us = queue->scanning ? INT64_MAX : queue->next_us;
    if (first != NULL && first->at_us < at_us)
        at_us = first->at_us;
    if (queue->again_us != 0 && queue->again_us < at_us)
        at_us = queue->again_us;
    return at_us;
}

bool neapi_queue_is_settled(const neapi_queue *queue)
{
    if (queue->in_flight != 0)
        return false;
    if (neapi_queue_is_closing(queue) || queue->again_us != 0)
        return true;
    if (queue->scanning || queue->given != 0 || queue->first_ready != NULL ||
        atomic_load(&queue->told_us) != INT64_MAX || atomic_load(&queue->returned) != NULL)
        return false;
    int64_t at_us = first_moment(queue);
    return at_us == INT64_MAX || at_us > neapi_wall_us(queue->lane->platform);
}

bool neapi_queue_looks_settled(const neapi_queue *queue)
{
    return atomic_load(&queue->told_us) == INT64_MAX && atomic_load(&queue->settled);
}

bool neapi_queue_has_ended(const neapi_queue *queue)
{
    return queue->in_flight == 0;
}

/* With a clock of its own nobody waits for the moment: the host moves the clock, and calls. */
static int64_t wake_at(const neapi_queue *queue, int64_t now_us)
{
    const neapi_lane *lane = queue->lane;
    if (lane->options->lanes == 0 && lane->options->clock != NULL)
        return NEAPI_NO_DEADLINE;
    int64_t at_us = neapi_queue_is_closing(queue) ? INT64_MAX : first_moment(queue);
    if (neapi_session_is_remote(lane->session) && at_us > now_us + SHARED_US)
        at_us = now_us + SHARED_US;
    if (at_us == INT64_MAX)
        return NEAPI_NO_DEADLINE;
    int64_t wait_us = at_us > now_us ? at_us - now_us : 0;
    return neapi_monotonic_us(lane->platform) +
           (wait_us < LONGEST_WAIT_US ? wait_us : LONGEST_WAIT_US);
}

/* Others may have put something before what is known. */
static void look_again(neapi_queue *queue, int64_t now_us)
{
    if (queue->shared_us > now_us || !neapi_session_is_remote(queue->lane->session))
        return;
    queue->shared_us = now_us + SHARED_US;
    neapi_queue_rewind(queue, 0);
}

static bool has_nothing(const neapi_queue *queue)
{
    return !queue->scanning && queue->next_us == INT64_MAX && queue->again_us == 0 &&
           queue->first_ready == NULL && queue->wakeups.count == 0 &&
           atomic_load(&queue->told_us) == INT64_MAX && atomic_load(&queue->returned) == NULL &&
           !neapi_session_is_remote(queue->lane->session);
}

bool neapi_queue_step(neapi_queue *queue)
{
    if (has_nothing(queue)) {
        queue->wake_us = NEAPI_NO_DEADLINE;
        if (queue->in_flight == 0 && queue->given == 0 && !atomic_load(&queue->settled))
            atomic_store(&queue->settled, true);
        return false;
    }
    int64_t now_us = neapi_wall_us(queue->lane->platform);
    listen(queue); /* first, so that nobody is told of what is in hand still */
    bool busy = take_back(queue);
    look_again(queue, now_us);
    if (queue->again_us != 0 && queue->again_us <= now_us)
        queue->again_us = 0;
    if (queue->next_us <= now_us)
        queue->scanning = true;
    wake(queue, now_us);
    busy = begin_ready(queue, now_us) || busy;
    busy = scan(queue, now_us) || busy;
    queue->wake_us = busy ? 0 : wake_at(queue, now_us);
    atomic_store(&queue->settled, neapi_queue_is_settled(queue));
    return busy;
}

int64_t neapi_queue_wake_us(const neapi_queue *queue)
{
    return queue->wake_us;
}

/* ---- The log --------------------------------------------------------------------------------- */

static void report(const neapi_queue *queue, neap_log_level level, const neap_log_field *fields,
                   size_t count, const char *format, ...) __attribute__((format(printf, 5, 6)));

static void report(const neapi_queue *queue, neap_log_level level, const neap_log_field *fields,
                   size_t count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    neapi_report_fields(queue->lane->report, level, fields, count, format, arguments);
    va_end(arguments);
}

void neapi_queue_say(const neapi_queue *queue, neap_log_level level, const neapi_queued *entry,
                     const char *what, const neap_error *why)
{
    char id[37], correlation[37];
    neap_uuid_format(entry->id, id);
    neap_uuid_format(entry->correlation_id, correlation);
    const neap_log_field fields[] = {
        {"command", entry->is_timeout ? entry->name : entry->command, 0},
        {"command_id", {id, 36}, 0},
        {"correlation_id", {correlation, 36}, 0},
        {"status", neapi_text_of(neap_status_name(why->status)), 0},
        {"code", neapi_text_of(why->code), 0},
    };
    bool named = !entry->is_timeout && entry->name.size != 0;
    report(queue, level, fields, sizeof fields / sizeof *fields, "%.*s%s%.*s%s of the queue %s: %s",
           NEAPI_TEXT(fields[0].text), named ? " (" : "", named ? (int)entry->name.size : 0,
           named ? entry->name.data : "", named ? ")" : "", what, why->message);
}
