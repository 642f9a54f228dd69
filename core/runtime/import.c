#include "runtime/import.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/options.h"

#define LINE_BYTES ((size_t)256 * 1024 * 1024)

/* ---- Opening and closing --------------------------------------------------------------------- */

static neap_status make(const neap_import_options *given, neap_importer **made, neap_error *error)
{
    neap_import_options options;
    neap_status status = neapi_import_options_take(given, &options, error);
    if (status != NEAP_OK)
        return status;
    neap_importer *it = neapi_alloc_zero(1, sizeof *it);
    if (it == NULL)
        return neapi_nomem(error);
    it->renumber = options.renumber;
    it->began_us = neapi_monotonic_us(neapi_platform_machine());
    neapi_uuid_source_init(&it->ids, neapi_platform_machine());
    *made = it;
    return NEAP_OK;
}

neap_status neap_import(const char *url, const neap_import_options *options, neap_importer **opened,
                        neap_error *error)
{
    static const char memory[] = "memory:";
    if (url == NULL || opened == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_import: url and import must not be NULL");
    if (strncmp(url, memory, sizeof memory - 1) == 0)
        return neapi_fail(error, NEAP_USAGE,
                          "a store in memory is gone when it is closed: nothing is imported there");
    neap_importer *it = NULL;
    neap_status status = make(options, &it, error);
    if (status != NEAP_OK)
        return status;
    it->url = neapi_alloc_text(url, strlen(url));
    if (it->url == NULL) {
        neap_importer_close(it);
        return neapi_nomem(error);
    }
    *opened = it;
    return NEAP_OK;
}

neap_status neapi_import_open_into(neapi_store *store, const neap_import_options *options,
                                   neap_importer **opened, neap_error *error)
{
    neap_status status = make(options, opened, error);
    if (status == NEAP_OK)
        (*opened)->store = store;
    return status;
}

void neap_importer_close(neap_importer *it)
{
    if (it == NULL)
        return;
    for (size_t i = 0; i < it->unit_count; i++)
        neapi_unit_release(it->units[i]);
    neap_exporter_close(it->existing);
    neapi_session_close(it->session);
    if (it->url != NULL)
        neapi_store_close(it->store);
    neapi_free(it->url);
    neapi_buffer_fini(&it->partial);
    neapi_buffer_fini(&it->command_text);
    neapi_buffer_fini(&it->mark);
    neapi_buffer_fini(&it->found_mark);
    neapi_arena_fini(&it->arena);
    neapi_arena_fini(&it->command_arena);
    neapi_free(it);
}

/* ---- Errors ---------------------------------------------------------------------------------- */

/* The place within the line, which is a text of its own, becomes that in the whole. */
static void place_error(const neap_importer *it, neap_error *error)
{
    char place[64];
    int size = snprintf(place, sizeof place, " (line %u, column %u)", error->line, error->column);
    size_t length = strlen(error->message);
    if (error->line != 0 && size > 0 && length >= (size_t)size &&
        strcmp(error->message + length - (size_t)size, place) == 0)
        error->message[length - (size_t)size] = '\0';
    if (error->line != 0)
        neapi_error_prefix(error, "line %" PRIu64 ", column %u", it->number, error->column);
    else
        neapi_error_prefix(error, "line %" PRIu64, it->number);
    error->line = it->number < UINT32_MAX ? (uint32_t)it->number : UINT32_MAX;
}

/* Whether it is the line that is wrong, and not the store. */
static bool is_about_the_line(neap_status status)
{
    return status == NEAP_INVALID || status == NEAP_CONFLICT || status == NEAP_LIMIT;
}

static neap_status fail_line(neap_error *error, const char *expected)
{
    return neapi_fail(error, NEAP_INVALID, "expected %s", expected);
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static neap_status take_header(neap_importer *it, const neapi_transfer_line *line,
                               neap_error *error)
{
    if (line->kind != NEAPI_TRANSFER_HEADER)
        return neapi_fail(error, NEAP_INVALID,
                          "expected the first line of an export, {\"neap_export\":…}, got %s",
                          neapi_transfer_kind_name(line->kind));
    if (line->header.format != NEAPI_TRANSFER_FORMAT)
        return neapi_fail(error, NEAP_INVALID,
                          "the export has format %" PRIu64 "; this library knows format %d",
                          line->header.format, NEAPI_TRANSFER_FORMAT);
    it->head = line->header.head;
    it->part = line->header.part;
    it->stage = NEAPI_IMPORT_LOG;
    return neapi_import_open_store(it, &line->header, error);
}

/* The line before was a command: only an event of it may follow. */
static neap_status check_command(const neap_importer *it, const neapi_transfer_line *line,
                                 neap_error *error)
{
    if (!it->has_command || it->command_used ||
        (line->kind == NEAPI_TRANSFER_EVENT &&
         neapi_uuid_equal(line->event.command_id, it->command.id)))
        return NEAP_OK;
    return neapi_fail(error, NEAP_INVALID,
                      "expected an event that the command on line %" PRIu64 " decided",
                      it->command_number);
}

static neap_status check_kept(const neap_importer *it, neap_error *error)
{
    if (it->part)
        return fail_line(error, "an event: a part of a store has no keys and no documents");
    if (it->moved)
        return neapi_fail(error, NEAP_INVALID,
                          "keys and documents tell of positions, which are not as they were: where "
                          "events are renumbered there can be none");
    return NEAP_OK;
}

static neap_status compare_count(const char *what, uint64_t said, uint64_t found, neap_error *error)
{
    if (said == found)
        return NEAP_OK;
    return neapi_fail(error, NEAP_INVALID,
                      "the export says that it has %" PRIu64 " %s, but %" PRIu64 " came", said,
                      what, found);
}

static neap_status check_hash(const neap_importer *it, uint64_t hash, neap_error *error)
{
    if (hash == it->hash)
        return NEAP_OK;
    return neapi_fail(error, NEAP_INVALID,
                      "the lines before are not those that were exported: their hash is "
                      "%016" PRIx64 ", not %016" PRIx64,
                      it->hash, hash);
}

static neap_status check_end(const neap_importer *it, const neapi_transfer_end *end,
                             neap_error *error)
{
    neap_status status = compare_count("events", end->events, it->count.events, error);
    if (status == NEAP_OK)
        status = compare_count("commands", end->commands, it->count.commands, error);
    if (status == NEAP_OK)
        status = compare_count("keys", end->keys, it->count.keys, error);
    if (status == NEAP_OK)
        status = compare_count("documents", end->documents, it->count.documents, error);
    if (status == NEAP_OK && end->hash != 0)
        status = check_hash(it, end->hash, error);
    return status;
}

/* What came so far is as it was exported, and is made durable. */
static neap_status take_check(neap_importer *it, const neapi_transfer_check *check,
                              neap_error *error)
{
    neap_status status = check_hash(it, check->hash, error);
    return status == NEAP_OK ? neapi_import_flush(it, error) : status;
}

static neap_status take_end(neap_importer *it, const neapi_transfer_end *end, neap_error *error)
{
    neap_status status = check_end(it, end, error);
    bool nothing_to_do = it->part && !it->marked && !it->has_found_mark && it->unit_count == 0;
    if (status == NEAP_OK && it->stage == NEAPI_IMPORT_LOG && !nothing_to_do)
        status = neapi_import_begin_kept(it, error);
    if (status == NEAP_OK && !nothing_to_do)
        status = neapi_import_complete(it, error);
    if (status == NEAP_OK)
        it->stage = NEAPI_IMPORT_ENDED;
    return status;
}

static neap_status take_kept(neap_importer *it, const neapi_transfer_line *line, neap_error *error)
{
    neap_status status = check_kept(it, error);
    if (status == NEAP_OK && it->stage == NEAPI_IMPORT_LOG)
        status = neapi_import_begin_kept(it, error);
    if (status != NEAP_OK)
        return status;
    it->stage = NEAPI_IMPORT_KEPT;
    return line->kind == NEAPI_TRANSFER_KEY ? neapi_import_key(it, &line->key, error)
                                            : neapi_import_document(it, &line->document, error);
}

static neap_status take_parsed(neap_importer *it, neap_text text, const neapi_transfer_line *line,
                               neap_error *error)
{
    if (it->stage == NEAPI_IMPORT_BEGINS)
        return take_header(it, line, error);
    neap_status status = check_command(it, line, error);
    if (status != NEAP_OK)
        return status;
    bool in_log = it->stage == NEAPI_IMPORT_LOG;
    switch (line->kind) {
    case NEAPI_TRANSFER_HEADER:
        return fail_line(error,
                         "a line of the export that has begun, not the first one of another");
    case NEAPI_TRANSFER_COMMAND:
        return in_log ? neapi_import_command(it, text, error)
                      : fail_line(error, "a key or a document: all events have come");
    case NEAPI_TRANSFER_EVENT:
        return in_log ? neapi_import_event(it, &line->event, error)
                      : fail_line(error, "a key or a document: all events have come");
    case NEAPI_TRANSFER_KEY:
    case NEAPI_TRANSFER_DOCUMENT:
        return take_kept(it, line, error);
    case NEAPI_TRANSFER_CHECK:
        return take_check(it, &line->check, error);
    case NEAPI_TRANSFER_END:
        return take_end(it, &line->end, error);
    case NEAPI_TRANSFER_KINDS:
        break;
    }
    return NEAP_OK;
}

/* A check is no part of a log. */
static bool is_check(neap_text text)
{
    static const char check[] = "{\"check\":";
    return text.size > sizeof check && memcmp(text.data, check, sizeof check - 1) == 0;
}

static neap_status take_line(neap_importer *it, neap_text text, neap_error *error)
{
    neapi_transfer_line line;
    bool same = false;
    neap_status status = NEAP_OK;
    if (it->stage == NEAPI_IMPORT_ENDED)
        return fail_line(error, "nothing: the line before was the last one");
    if (it->existing != NULL && !is_check(text))
        status = neapi_import_compare(it, text, &same, error);
    if (status == NEAP_OK && !same) {
        neapi_arena_clear(&it->arena);
        status = neapi_transfer_read(text, &it->arena, &line, error);
        if (status == NEAP_OK)
            status = take_parsed(it, text, &line, error);
    }
    if (it->number != 1)
        it->hash = neapi_text_hash(text, it->hash);
    return status;
}

static neap_status take_numbered(neap_importer *it, neap_text text, neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    error->line = error->column = 0;
    it->number++;
    if (text.size != 0 && text.data[text.size - 1] == '\r')
        text.size--;
    neap_status status = take_line(it, text, error);
    if (status == NEAP_OK)
        return NEAP_OK;
    if (is_about_the_line(status))
        place_error(it, error);
    it->failure = *error;
    return status;
}

neap_status neap_importer_write(neap_importer *it, const char *bytes, size_t size,
                                neap_error *error)
{
    if (it->failure.status != NEAP_OK) {
        if (error != NULL)
            *error = it->failure;
        return it->failure.status;
    }
    for (const char *end = bytes + size, *newline; bytes < end; bytes = newline + 1) {
        newline = memchr(bytes, '\n', (size_t)(end - bytes));
        neap_text text = {bytes, (size_t)((newline != NULL ? newline : end) - bytes)};
        bool joined = newline == NULL || it->partial.size != 0;
        if (joined && text.size + it->partial.size > LINE_BYTES)
            return it->failure.status =
                       neapi_fail(error, NEAP_LIMIT, "line %" PRIu64 " has more than %zu MiB",
                                  it->number + 1, LINE_BYTES / 1024 / 1024);
        if (joined)
            neapi_buffer_text(&it->partial, text);
        if (it->partial.failed)
            return neapi_nomem(error);
        if (newline == NULL)
            return NEAP_OK;
        if (joined)
            text = neapi_text(it->partial.data, it->partial.size);
        neap_status status = take_numbered(it, text, error);
        neapi_buffer_clear(&it->partial);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

neap_status neap_importer_finish(neap_importer *it, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (it->partial.size != 0 || it->failure.status != NEAP_OK)
        status = neap_importer_write(it, "\n", 1, error);
    if (status != NEAP_OK || it->stage == NEAPI_IMPORT_ENDED)
        return status;
    if (it->number == 0)
        return neapi_fail(error, NEAP_INVALID,
                          "there is no line: expected the first one of an export, "
                          "{\"neap_export\":…}");
    return neapi_fail(error, NEAP_INVALID,
                      "the export is cut off: it ends with line %" PRIu64
                      ", and the last one of an export is {\"end\":…}",
                      it->number);
}

void neap_importer_progress(const neap_importer *it, neap_progress *progress)
{
    const neap_progress now = {
        .done = it->stage == NEAPI_IMPORT_ENDED,
        .since = it->appended != 0 ? it->since : it->position,
        .position = it->position,
        .head = it->head > it->position ? it->head : it->position,
        .handled = it->appended,
        .elapsed_us = neapi_monotonic_us(neapi_platform_machine()) - it->began_us,
    };
    neapi_progress_give(&now, progress);
}
