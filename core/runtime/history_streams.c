/* Which streams there were. The log is looked through once, as far as was asked for. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"
#include "runtime/options.h"
#include "runtime/past_store.h"

#define PAGE_EVENTS 4096
#define PAGE_BYTES  ((size_t)4 << 20)

typedef struct neapi_begun_stream {
    struct neapi_begun_stream *next;
    neap_text name;
    uint64_t first; /* position */
} begun_stream;

bool neapi_stream_list_init(neapi_stream_list *list)
{
    *list = (neapi_stream_list){.texts = NEAPI_ARENA_INIT};
    list->end = &list->first;
    neapi_map_init(&list->known);
    return pthread_mutex_init(&list->mutex, NULL) == 0;
}

void neapi_stream_list_fini(neapi_stream_list *list)
{
    neapi_map_fini(&list->known);
    neapi_arena_fini(&list->texts);
    pthread_mutex_destroy(&list->mutex);
}

static bool note_locked(neapi_stream_list *list, const neap_event *event)
{
    if (event->version != 1)
        return true;
    begun_stream *begun = neapi_arena_alloc(&list->texts, sizeof *begun);
    if (begun == NULL)
        return false;
    *begun = (begun_stream){.name = neapi_arena_text(&list->texts, event->stream),
                            .first = event->position};
    if (begun->name.data == NULL || !neapi_map_put(&list->known, begun->name, begun))
        return false;
    *list->end = begun;
    list->end = &begun->next;
    return true;
}

static neap_status look_locked(neap_history *history, neapi_session *session, uint64_t position,
                               neap_error *error)
{
    neapi_stream_list *list = &history->streams;
    neapi_page page = NEAPI_PAGE_INIT;
    neap_status status = NEAP_OK;
    while (list->through < position && status == NEAP_OK) {
        const neapi_range range = {.from = list->through + 1,
                                   .to = position,
                                   .max_events = PAGE_EVENTS,
                                   .max_bytes = PAGE_BYTES};
        status = neapi_history_go_on(history, list->through, position, error);
        if (status == NEAP_OK)
            status = neapi_read(session, &range, &page, error);
        for (size_t i = 0; i < page.count && status == NEAP_OK; i++) {
            if (!note_locked(list, &page.events[i]))
                status = neapi_nomem(error);
            else
                list->through = page.events[i].position;
        }
        if (status == NEAP_OK && page.last)
            list->through = position;
    }
    neapi_page_fini(&page);
    return status;
}

static bool is_of(const begun_stream *begun, neap_text category)
{
    return neapi_text_equal(neapi_stream_category(begun->name), category);
}

static neap_status collect_locked(const neapi_stream_list *list, neap_text category,
                                  uint64_t position, neap_text **names, size_t *count,
                                  neap_error *error)
{
    size_t found = 0;
    for (const begun_stream *it = list->first; it != NULL && it->first <= position; it = it->next)
        found += is_of(it, category);
    neap_text *made = found != 0 ? neapi_alloc(found * sizeof *made) : NULL;
    if (found != 0 && made == NULL)
        return neapi_nomem(error);
    *names = made;
    *count = found;
    for (const begun_stream *it = list->first; it != NULL && it->first <= position; it = it->next)
        if (is_of(it, category))
            *made++ = it->name;
    return NEAP_OK;
}

neap_status neapi_streams_of(neap_history *history, neapi_session *session, neap_text category,
                             uint64_t position, neap_text **names, size_t *count, neap_error *error)
{
    neapi_stream_list *list = &history->streams;
    pthread_mutex_lock(&list->mutex);
    neap_status status = look_locked(history, session, position, error);
    if (status == NEAP_OK)
        status = collect_locked(list, category, position, names, count, error);
    pthread_mutex_unlock(&list->mutex);
    return status;
}

static neap_status write_one(neapi_session *session, const begun_stream *begun, neapi_buffer *json,
                             neap_error *error)
{
    uint64_t version, last;
    neap_status status = neapi_stream_head(session, begun->name, &version, &last, error);
    if (status != NEAP_OK)
        return status;
    NEAPI_BUFFER_LITERAL(json, "{\"stream\":");
    neapi_json_quote(json, begun->name);
    neapi_buffer_format(json, ",\"version\":%llu,\"first\":%llu,\"last\":%llu},",
                        (unsigned long long)version, (unsigned long long)begun->first,
                        (unsigned long long)last);
    return json->failed ? neapi_nomem(error) : NEAP_OK;
}

static neap_status write_locked(const neapi_stream_list *list, neapi_session *session,
                                uint64_t position, const neap_list_options *options,
                                neapi_buffer *json, neap_error *error)
{
    neap_text prefix = neapi_text_of(options->prefix), behind = neapi_text_of(options->behind);
    bool wanted = behind.size == 0;
    uint64_t count = 0;
    neap_status status = NEAP_OK;
    for (const begun_stream *it = list->first;
         it != NULL && it->first <= position && status == NEAP_OK; it = it->next) {
        if (wanted && neapi_text_begins(it->name, prefix)) {
            if (options->limit != 0 && count++ == options->limit)
                break;
            status = write_one(session, it, json, error);
        }
        wanted = wanted || neapi_text_equal(it->name, behind);
    }
    return status;
}

static neap_status check_behind(const neapi_stream_list *list, const neap_list_options *options,
                                neap_error *error)
{
    if (options->backward)
        return neapi_fail(error, NEAP_USAGE, "neap_history_streams: streams are listed forward");
    if (options->behind == NULL || options->behind[0] == '\0' ||
        neapi_map_get(&list->known, neapi_text_of(options->behind)) != NULL)
        return NEAP_OK;
    return neapi_fail(error, NEAP_UNKNOWN, "there is no stream '%.200s'", options->behind);
}

neap_status neap_history_streams(neap_runtime *past, const neap_list_options *given, char **json,
                                 size_t *size, neap_error *error)
{
    neapi_session *session;
    neap_list_options options;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (past == NULL || past->history == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_streams: it is no past of a history");
    neap_status status = neapi_list_options_take(given, &options, error);
    if (status == NEAP_OK)
        status = neapi_host_session(past, &session, error);
    if (status != NEAP_OK)
        return status;
    neapi_stream_list *list = &past->history->streams;
    uint64_t position = neapi_past_store_position(past->store);
    pthread_mutex_lock(&list->mutex);
    status = look_locked(past->history, session, position, error);
    if (status == NEAP_OK)
        status = check_behind(list, &options, error);
    neapi_buffer_byte(&text, '[');
    if (status == NEAP_OK)
        status = write_locked(list, session, position, &options, &text, error);
    pthread_mutex_unlock(&list->mutex);
    neapi_host_session_done(past);
    neapi_write_end(&text, '[');
    return neapi_buffer_give(&text, status, json, size, error);
}
