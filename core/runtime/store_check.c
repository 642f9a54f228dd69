/* What the domain makes of all events that the store has. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/check_kept.h"
#include "runtime/runtime.h"

#define PAGE_EVENTS 512
#define PAGE_BYTES  (1u << 20)

/* A check under way, and what a host holds of it afterwards. */
typedef struct store_check {
    neap_store_check result; /* first: it is what a host holds */
    neapi_arena arena;
    neapi_map by_name; /* findings, by type, schema version and reading */
    neapi_buffer name; /* of the one that is looked for */
    uint32_t finding_count;
} store_check;

const char *neap_reading_name(neap_reading reading)
{
    static const char *const names[] = {
        [NEAP_READING_CURRENT] = "current", [NEAP_READING_UPCAST] = "upcast",
        [NEAP_READING_RETIRED] = "retired", [NEAP_READING_REFUSED] = "refused",
        [NEAP_READING_UNKNOWN] = "unknown", [NEAP_READING_NEWER] = "newer",
        [NEAP_READING_OLDER] = "older",     [NEAP_READING_FAILED] = "failed",
        [NEAP_READING_DAMAGED] = "damaged",
    };
    return (unsigned)reading < sizeof names / sizeof *names ? names[reading] : "unknown reading";
}

/* ---- Findings -------------------------------------------------------------------------------- */

static neap_store_finding *make_finding(store_check *check, neap_text name, const neap_event *event,
                                        neap_reading reading, const neap_error *error)
{
    neap_store_finding *made = neapi_arena_alloc(&check->arena, sizeof *made);
    if (made == NULL)
        return NULL;
    *made = (neap_store_finding){
        .type = neapi_arena_text(&check->arena, event->type),
        .schema = event->schema,
        .reading = reading,
        .first = event->position,
        .message = neapi_arena_text(&check->arena, neapi_text_of(error->message)),
    };
    name = neapi_arena_text(&check->arena, name);
    if (made->type.data == NULL || made->message.data == NULL || name.data == NULL ||
        !neapi_map_put(&check->by_name, name, made))
        return NULL;
    check->finding_count++;
    return made;
}

static neap_status note(store_check *check, const neap_event *event, neap_reading reading,
                        neap_error *error)
{
    neapi_buffer_clear(&check->name);
    neapi_buffer_format(&check->name, "%u %u ", event->schema, (unsigned)reading);
    neapi_buffer_text(&check->name, event->type);
    if (check->name.failed)
        return neapi_nomem(error);
    neap_text name = neapi_text(check->name.data, check->name.size);
    neap_store_finding *finding = neapi_map_get(&check->by_name, name);
    if (finding == NULL)
        finding = make_finding(check, name, event, reading, error);
    if (finding == NULL)
        return neapi_nomem(error);
    finding->events++;
    finding->last = event->position;
    return NEAP_OK;
}

/* What cannot be read first; then by type, schema version and reading. */
static int by_weight(const void *a, const void *b)
{
    const neap_store_finding *left = *(neap_store_finding *const *)a;
    const neap_store_finding *right = *(neap_store_finding *const *)b;
    bool left_read = left->reading == NEAP_READING_REFUSED;
    bool right_read = right->reading == NEAP_READING_REFUSED;
    if (left_read != right_read)
        return left_read - right_read;
    int order = neapi_text_compare(left->type, right->type);
    if (order != 0)
        return order;
    if (left->schema != right->schema)
        return left->schema < right->schema ? -1 : 1;
    return (left->reading > right->reading) - (left->reading < right->reading);
}

static neap_status list_findings(store_check *check, neap_error *error)
{
    neap_store_finding **list = neapi_alloc((check->finding_count + 1) * sizeof *list);
    if (list == NULL)
        return neapi_nomem(error);
    size_t at = 0, count = 0;
    while ((list[count] = neapi_map_next(&check->by_name, &at)) != NULL)
        count++;
    qsort(list, count, sizeof *list, by_weight);
    for (size_t i = 0; i + 1 < count; i++)
        list[i]->next = list[i + 1];
    check->result.findings = count != 0 ? list[0] : NULL;
    neapi_free(list);
    return NEAP_OK;
}

/* ---- Going through the store ----------------------------------------------------------------- */

static neap_status see(store_check *check, neapi_engine *engine, const neap_event *event,
                       neap_error *error)
{
    neap_reading reading;
    neap_status status = neapi_engine_examine(engine, event, &reading, error);
    if (status != NEAP_OK)
        return status;
    neap_store_check *result = &check->result;
    result->events++;
    switch (reading) {
    case NEAP_READING_CURRENT:
        result->current++;
        return NEAP_OK;
    case NEAP_READING_UPCAST:
        result->upcast++;
        return NEAP_OK;
    case NEAP_READING_RETIRED:
        result->retired++;
        return NEAP_OK;
    case NEAP_READING_REFUSED:
        result->refused++;
        break;
    default:
        result->unreadable++;
    }
    return note(check, event, reading, error);
}

/* Goes through what there is now: a writer beside it does not make it endless. */
static neap_status see_all(store_check *check, neapi_engine *engine, neapi_session *session,
                           neap_error *error)
{
    neapi_range range = {.from = 1, .max_events = PAGE_EVENTS, .max_bytes = PAGE_BYTES};
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = neapi_head(session, &range.to, error);
    while (status == NEAP_OK && range.from <= range.to) {
        neapi_page_clear(&page);
        status = neapi_read(session, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++)
            status = see(check, engine, &page.events[i], error);
        if (page.last)
            break;
        range.from = page.next;
    }
    neapi_page_fini(&page);
    if (status == NEAP_OK)
        status = list_findings(check, error);
    return status == NEAP_OK
               ? neapi_check_kept(&check->result, &check->arena, engine, session, error)
               : status;
}

static neap_status see_store(store_check *check, neapi_engine *engine, neapi_store *store,
                             neap_error *error)
{
    neapi_session *session;
    neap_status status = neapi_session_open(store, NEAPI_MODE_READ, &session, error);
    if (status != NEAP_OK)
        return status;
    status = see_all(check, engine, session, error);
    neapi_session_close(session);
    return status;
}

static neap_status see_runtime(store_check *check, neapi_engine *engine,
                               const neap_runtime *runtime, neap_error *error)
{
    if (runtime->stage == NEAPI_RUNTIME_RUNNING)
        return see_store(check, engine, runtime->store, error);
    neapi_store *store;
    neap_status status = neapi_store_open(runtime->options.store, NEAPI_MODE_READ, &store, error);
    if (status != NEAP_OK)
        return status;
    status = see_store(check, engine, store, error);
    neapi_store_close(store);
    return status;
}

/* With an engine of its own: the lane's is the lane's. What the domain prints while it is loaded
 * was heard when the runtime loaded it. */
neap_status neap_check_store(neap_runtime *runtime, const neap_store_check **check,
                             neap_error *error)
{
    neap_error own;
    if (error == NULL)
        error = &own;
    if (runtime == NULL || check == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_check_store: runtime and check must not be NULL");
    if (runtime->sources == NULL)
        return neapi_fail(error, NEAP_USAGE,
                          "neap_check_store loads the domain once more, which needs its file: this "
                          "runtime was given an object");
    const neapi_engine_options options = neapi_runtime_engine_options(runtime);
    neapi_engine *engine;
    store_check *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    neapi_map_init(&made->by_name);
    neap_status status = neapi_engine_open(runtime->sources, &options, &engine, error);
    if (status == NEAP_OK) {
        status = see_runtime(made, engine, runtime, error);
        neapi_engine_close(engine);
    }
    neapi_buffer_fini(&made->name);
    neapi_map_fini(&made->by_name);
    if (status == NEAP_OK)
        *check = &made->result;
    else
        neap_store_check_free(&made->result);
    return status;
}

void neap_store_check_free(const neap_store_check *check)
{
    store_check *made = (store_check *)(uintptr_t)check;
    if (made == NULL)
        return;
    neapi_arena_fini(&made->arena);
    neapi_free(made);
}
