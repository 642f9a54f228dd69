#include "runtime/export.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/field.h"
#include "runtime/asked.h"
#include "runtime/checkpoint.h"
#include "runtime/filter.h"
#include "runtime/member.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "runtime/spool.h"
#include "runtime/transfer_line.h"
#include "store/mark.h"

/* How much a check is about at most, but for what one command decided. An import makes nothing
 * durable that was not checked, so it has to hold so much. */
#define CHECK_LINES 8192
#define CHECK_BYTES ((size_t)4 * 1024 * 1024)

typedef enum export_stage {
    STAGE_HEADER,
    STAGE_EVENTS,
    STAGE_KEPT,
    STAGE_END,
    STAGE_DONE,
} export_stage;

struct neap_exporter {
    neapi_session *session;
    export_stage stage;
    bool log_alone;
    neapi_transfer_header header;
    neapi_transfer_end count;
    neapi_arena arena; /* holds the filter's texts, and names of projections */
    neapi_arena found; /* the command that is written */
    neapi_range range;
    uint64_t left; /* how many more events the filter allows */
    neapi_page page;
    size_t at;
    neap_uuid command_id;  /* the last one that was looked for */
    uint64_t position;     /* of the last event that was given */
    neapi_map projections; /* by name */
    neapi_spool kept;
    neapi_buffer note, line;
    int64_t began_us;       /* monotonic */
    size_t unchecked_lines; /* since the last check */
    size_t unchecked_bytes;
    bool checked; /* the line that was written last is a check */
};

/* ---- What is kept ---------------------------------------------------------------------------- */

bool neapi_export_carries(neap_text collection)
{
    return collection.size != 0 && collection.data[0] == '$' &&
           !neapi_text_equal(collection, NEAPI_MARK_COLLECTION) &&
           !neapi_text_equal(collection, NEAPI_ASKED) &&
           !neapi_text_equal(collection, NEAPI_MEMBERS) &&
           !neapi_text_equal(collection,
                             NEAPI_OWNERS); /* who runs it there is not who runs it here */
}

neap_text neapi_checkpoint_owner(neap_text key)
{
    size_t size = key.size;
    while (size > 0 && key.data[size - 1] != '@')
        size--;
    return neapi_text(key.data, size > 0 ? size - 1 : 0);
}

neap_status neapi_record_of_projection(neap_text record, bool *is, neap_error *error)
{
    neap_text kind;
    neapi_buffer texts = NEAPI_BUFFER_INIT;
    bool room = neapi_buffer_reserve(&texts, record.size);
    *is = room && neapi_field_text(record, "kind", &texts, &kind) &&
          neapi_text_equal(kind, NEAPI_LITERAL("projection"));
    neapi_buffer_fini(&texts);
    return room ? NEAP_OK : neapi_nomem(error);
}

static neap_status put_aside(neap_exporter *it, neap_text note, const neapi_transfer_line *line,
                             neap_error *error)
{
    neapi_buffer_clear(&it->line);
    neap_status status = neapi_transfer_write(&it->line, line, error);
    return status == NEAP_OK
               ? neapi_spool_add(&it->kept, note, neapi_text(it->line.data, it->line.size), error)
               : status;
}

static bool wants(void *user, neap_text collection)
{
    (void)user;
    return neapi_export_carries(collection);
}

static neap_status see_key(void *user, const neapi_key *key, neap_error *error)
{
    const neapi_transfer_line line = {.kind = NEAPI_TRANSFER_KEY, .key = *key};
    return put_aside(user, neapi_text_of(""), &line, error);
}

static neap_status note_projection(neap_exporter *it, neap_text name, neap_error *error)
{
    neap_text copy = neapi_arena_text(&it->arena, name);
    if (copy.data == NULL || !neapi_map_put(&it->projections, copy, it))
        return neapi_nomem(error);
    return NEAP_OK;
}

/* A checkpoint gets its subscription as a note: only later it is known whether that is a
 * projection. */
static neap_status see_document(void *user, neap_text collection, neap_text key, neap_text data,
                                neap_error *error)
{
    neap_exporter *it = user;
    bool of_projection = false;
    neap_text note = neapi_text_of("");
    neap_status status = NEAP_OK;
    if (neapi_text_equal(collection, NEAPI_CHECKPOINTS))
        note = neapi_checkpoint_owner(key);
    else if (neapi_text_equal(collection, NEAPI_SUBSCRIPTIONS))
        status = neapi_record_of_projection(data, &of_projection, error);
    if (status != NEAP_OK)
        return status;
    if (of_projection)
        return note_projection(it, key, error);
    const neapi_transfer_line line = {.kind = NEAPI_TRANSFER_DOCUMENT,
                                      .document = {collection, key, data}};
    return put_aside(it, note, &line, error);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static bool is_part(const neap_filter *filter)
{
    return filter->stream != NULL || filter->category != NULL || filter->type_count != 0 ||
           filter->from > 1 || filter->to != 0 || filter->limit != 0;
}

static neap_status take_filter(neap_exporter *it, const neap_filter *given, neap_error *error)
{
    neap_filter filter;
    neap_status status = neapi_filter_read(given, NEAPI_FILTER_CURSOR, &it->arena, &filter,
                                           &it->range, &it->left, error);
    if (status == NEAP_OK && (filter.backward || filter.follow))
        return neapi_fail(error, NEAP_USAGE,
                          "filter: an export is in the order of the log, and has an end: neither "
                          "backward nor follow goes with it");
    it->header.part = status == NEAP_OK && is_part(&filter);
    return status;
}

static neap_status take_kept(neap_exporter *it, int64_t now_us, neap_error *error)
{
    const neapi_kept_sink sink = {it, wants, see_key, see_document};
    if (it->header.part || it->log_alone)
        return neapi_head(it->session, &it->header.head, error);
    neap_status status = neapi_show_kept(it->session, now_us, &sink, &it->header.head, error);
    return status == NEAP_OK ? neapi_spool_rewind(&it->kept, error) : status;
}

static neap_status open_export(neapi_store *store, const neap_filter *filter, int64_t now_us,
                               bool log_alone, neap_exporter **opened, neap_error *error)
{
    neap_exporter *it = neapi_alloc_zero(1, sizeof *it);
    if (it == NULL)
        return neapi_nomem(error);
    it->log_alone = log_alone;
    it->stage = log_alone ? STAGE_EVENTS : STAGE_HEADER;
    it->began_us = neapi_monotonic_us(neapi_platform_machine());
    it->header = (neapi_transfer_header){.format = NEAPI_TRANSFER_FORMAT,
                                         .neap = NEAPI_LITERAL(NEAP_VERSION),
                                         .store = neapi_text_of(store->name),
                                         .exported_at = now_us};
    neapi_map_init(&it->projections);
    neap_status status = take_filter(it, filter, error);
    if (status == NEAP_OK)
        status = neapi_session_open(store, NEAPI_MODE_READ, &it->session, error);
    if (status == NEAP_OK)
        status = take_kept(it, now_us, error);
    if (status != NEAP_OK) {
        neap_exporter_close(it);
        return status;
    }
    *opened = it;
    return NEAP_OK;
}

neap_status neapi_export_open(neapi_store *store, const neap_filter *filter, int64_t now_us,
                              neap_exporter **opened, neap_error *error)
{
    return open_export(store, filter, now_us, false, opened, error);
}

neap_status neapi_export_open_log(neapi_store *store, neap_exporter **opened, neap_error *error)
{
    return open_export(store, NULL, 0, true, opened, error);
}

neap_status neap_store_export(neap_store *store, const neap_filter *filter, neap_exporter **opened,
                              neap_error *error)
{
    return neapi_export_open(store->store, filter, neapi_wall_us(neapi_platform_machine()), opened,
                             error);
}

neap_status neap_export(neap_runtime *runtime, const neap_filter *filter, neap_exporter **opened,
                        neap_error *error)
{
    if (runtime->stage != NEAPI_RUNTIME_RUNNING)
        return neapi_fail(error, NEAP_USAGE, "neap_export: the runtime is not started");
    return neapi_export_open(runtime->store, filter, neapi_wall_us(runtime->platform), opened,
                             error);
}

void neap_exporter_close(neap_exporter *it)
{
    if (it == NULL)
        return;
    neapi_session_close(it->session);
    neapi_spool_fini(&it->kept);
    neapi_map_fini(&it->projections);
    neapi_page_fini(&it->page);
    neapi_buffer_fini(&it->note);
    neapi_buffer_fini(&it->line);
    neapi_arena_fini(&it->arena);
    neapi_arena_fini(&it->found);
    neapi_free(it);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

/* The next event up to the head, at it->page.events[it->at]; *found false: there is none. */
static neap_status find_event(neap_exporter *it, bool *found, neap_error *error)
{
    while (it->at == it->page.count) {
        if (it->page.last || it->left == 0) {
            *found = false;
            return NEAP_OK;
        }
        if (it->page.next != 0)
            it->range.from = it->page.next;
        it->at = 0;
        neap_status status = neapi_read(it->session, &it->range, &it->page, error);
        if (status != NEAP_OK)
            return status;
    }
    *found = it->left != 0 && it->page.events[it->at].position <= it->header.head;
    return NEAP_OK;
}

/* Writes the command that decided the event, if it is recorded and its line is due: *written. */
static neap_status write_command(neap_exporter *it, const neap_event *event, bool *written,
                                 neap_error *error)
{
    neapi_transfer_line line = {.kind = NEAPI_TRANSFER_COMMAND};
    *written = false;
    if (neapi_uuid_equal(event->command_id, it->command_id))
        return NEAP_OK;
    bool found = false;
    neapi_arena_clear(&it->found);
    neap_status status = NEAP_OK;
    if (!neapi_uuid_is_zero(event->command_id))
        status = neapi_find_command(it->session, event->position, &it->found, &line.command, &found,
                                    error);
    if (status == NEAP_OK && found && !neapi_uuid_equal(line.command.id, event->command_id))
        return neapi_fail(error, NEAP_CORRUPT,
                          "the store is damaged: the event at position %llu names another command "
                          "than the store does",
                          (unsigned long long)event->position);
    if (status == NEAP_OK && found)
        status = neapi_transfer_write(&it->line, &line, error);
    if (status != NEAP_OK)
        return status;
    it->command_id = event->command_id;
    it->count.commands += found;
    *written = found;
    return NEAP_OK;
}

static bool needs_check(const neap_exporter *it)
{
    return it->unchecked_lines >= CHECK_LINES || it->unchecked_bytes >= CHECK_BYTES;
}

static neap_status write_check(neap_exporter *it, neap_error *error)
{
    const neapi_transfer_line check = {.kind = NEAPI_TRANSFER_CHECK, .check = {it->count.hash}};
    it->checked = true;
    return neapi_transfer_write(&it->line, &check, error);
}

/* Whether the event is of another unit of work than the one before, as far as that matters. */
static bool begins_unit(const neap_exporter *it, const neap_event *event)
{
    return neapi_uuid_is_zero(event->command_id) ||
           !neapi_uuid_equal(event->command_id, it->command_id);
}

static neap_status write_event(neap_exporter *it, bool *written, neap_error *error)
{
    neap_status status = find_event(it, written, error);
    if (status == NEAP_OK && !*written && it->unchecked_lines != 0 && !it->log_alone) {
        *written = true;
        return write_check(it, error);
    }
    if (status != NEAP_OK || !*written)
        return status;
    const neap_event *event = &it->page.events[it->at];
    if (needs_check(it) && begins_unit(it, event))
        return write_check(it, error);
    status = write_command(it, event, written, error);
    if (status != NEAP_OK || *written)
        return status;
    const neapi_transfer_line line = {.kind = NEAPI_TRANSFER_EVENT, .event = *event};
    status = neapi_transfer_write(&it->line, &line, error);
    if (status != NEAP_OK)
        return status;
    it->position = event->position;
    it->at++;
    it->left--;
    it->count.events++;
    *written = true;
    return NEAP_OK;
}

static neap_status write_kept(neap_exporter *it, bool *written, neap_error *error)
{
    neap_status status;
    bool derived;
    *written = needs_check(it);
    if (*written)
        return write_check(it, error);
    do {
        status = neapi_spool_next(&it->kept, &it->note, &it->line, written, error);
        neap_text note = neapi_text(it->note.data, it->note.size);
        derived = status == NEAP_OK && *written && note.size != 0 &&
                  neapi_map_get(&it->projections, note) != NULL;
    } while (derived);
    bool is_key =
        neapi_text_begins(neapi_text(it->line.data, it->line.size), NEAPI_LITERAL("{\"key\":"));
    if (status == NEAP_OK && *written)
        ++*(is_key ? &it->count.keys : &it->count.documents);
    return status;
}

static neap_status write_line(neap_exporter *it, bool *written, neap_error *error)
{
    const neapi_transfer_line header = {.kind = NEAPI_TRANSFER_HEADER, .header = it->header};
    const neapi_transfer_line end = {.kind = NEAPI_TRANSFER_END, .end = it->count};
    *written = true;
    switch (it->stage) {
    case STAGE_HEADER:
        return neapi_transfer_write(&it->line, &header, error);
    case STAGE_EVENTS:
        return write_event(it, written, error);
    case STAGE_KEPT:
        return write_kept(it, written, error);
    case STAGE_END:
        return neapi_transfer_write(&it->line, &end, error);
    case STAGE_DONE:
        break;
    }
    *written = false;
    return NEAP_OK;
}

static bool has_many(export_stage stage)
{
    return stage == STAGE_EVENTS || stage == STAGE_KEPT;
}

/* A line counts in what is checked, but for the first, which tells of the export itself. */
static neap_status give(neap_exporter *it, bool counts, const char **json, size_t *size,
                        neap_error *error)
{
    const char *text = neapi_buffer_terminated(&it->line);
    if (text == NULL)
        return neapi_nomem(error);
    if (counts && !it->log_alone) {
        it->count.hash = neapi_text_hash(neapi_text(text, it->line.size), it->count.hash);
        it->unchecked_lines = it->checked ? 0 : it->unchecked_lines + 1;
        it->unchecked_bytes = it->checked ? 0 : it->unchecked_bytes + it->line.size;
    }
    *json = text;
    if (size != NULL)
        *size = it->line.size;
    return NEAP_OK;
}

neap_status neap_exporter_next(neap_exporter *it, const char **json, size_t *size,
                               neap_error *error)
{
    while (it->stage != STAGE_DONE) {
        bool written = false, is_first = it->stage == STAGE_HEADER;
        neapi_buffer_clear(&it->line);
        it->checked = false;
        neap_status status = write_line(it, &written, error);
        if (status != NEAP_OK)
            return status;
        if (it->log_alone && !written)
            it->stage = STAGE_DONE;
        else if (!written || !has_many(it->stage))
            it->stage++;
        if (written)
            return give(it, !is_first, json, size, error);
    }
    *json = NULL;
    if (size != NULL)
        *size = 0;
    return NEAP_OK;
}

void neap_exporter_progress(const neap_exporter *it, neap_progress *progress)
{
    const neap_progress now = {
        .done = it->stage == STAGE_DONE,
        .position = it->stage > STAGE_EVENTS ? it->header.head : it->position,
        .head = it->header.head,
        .handled = it->count.events,
        .elapsed_us = neapi_monotonic_us(neapi_platform_machine()) - it->began_us,
    };
    neapi_progress_give(&now, progress);
}
