/* An import's commands and events: what is compared, and what is appended. */
#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "runtime/export.h"
#include "runtime/import.h"
#include "store/check.h"
#include "store/mark.h"

/* A batch is made durable at a check; without one when it has so much: then one was left out. */
#define BATCH_EVENTS 65536
#define BATCH_BYTES  ((size_t)64 * 1024 * 1024)
#define PLAIN_EVENTS 256 /* that no command decided, of one unit */
#define UNIT_EVENTS  10000
#define UNIT_BYTES   ((size_t)16 * 1024 * 1024)

/* ---- The store ------------------------------------------------------------------------------- */

static neap_status find_mark(neap_importer *it, neap_error *error)
{
    neap_text mark;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_status status = neapi_find_document(it->session, NEAPI_MARK_COLLECTION, NEAPI_MARK_KEY,
                                             &arena, &mark, &it->has_found_mark, error);
    if (status == NEAP_OK && it->has_found_mark)
        neapi_buffer_text(&it->found_mark, mark);
    neapi_arena_fini(&arena);
    return status == NEAP_OK && it->found_mark.failed ? neapi_nomem(error) : status;
}

neap_status neapi_import_open_store(neap_importer *it, const neapi_transfer_header *header,
                                    neap_error *error)
{
    neap_status status = NEAP_OK;
    if (it->url != NULL)
        status = neapi_store_open_unfinished(it->url, NEAPI_MODE_WRITE, &it->store, error);
    if (status == NEAP_OK)
        status = neapi_session_open(it->store, NEAPI_MODE_WRITE, &it->session, error);
    if (status == NEAP_OK)
        status = find_mark(it, error);
    if (status == NEAP_OK)
        status = neapi_export_open_log(it->store, &it->existing, error);
    neapi_mark mark = {.begun_at = neapi_wall_us(neapi_platform_machine()),
                       .head = header->head,
                       .from = header->store};
    neapi_random(neapi_platform_machine(), &mark.id, sizeof mark.id);
    neapi_mark_write(&it->mark, &mark);
    return status == NEAP_OK && it->mark.failed ? neapi_nomem(error) : status;
}

/* ---- What is there already ------------------------------------------------------------------- */

static neap_status load_existing(neap_importer *it, neap_error *error)
{
    if (it->there != NULL)
        return NEAP_OK;
    neap_status status = neap_exporter_next(it->existing, &it->there, &it->there_size, error);
    if (status == NEAP_OK && it->there == NULL) {
        neap_exporter_close(it->existing);
        it->existing = NULL;
    }
    return status;
}

static neap_status say_other(const neapi_transfer_line *here, const neapi_transfer_line *there,
                             const neapi_buffer *difference, neap_error *error)
{
    neapi_buffer mine = NEAPI_BUFFER_INIT, other = NEAPI_BUFFER_INIT;
    neapi_transfer_describe(&mine, here);
    neapi_transfer_describe(&other, there);
    neap_text store = {mine.data, mine.size}, line = {other.data, other.size};
    neap_status status;
    if (difference->size != 0)
        status = neapi_fail(error, NEAP_CONFLICT, "the store has something else: %.*s: %.*s",
                            NEAPI_TEXT(line), (int)difference->size, difference->data);
    else if (there->kind == NEAPI_TRANSFER_COMMAND || there->kind == NEAPI_TRANSFER_EVENT)
        status = neapi_fail(error, NEAP_CONFLICT,
                            "the store has something else: %.*s here and %.*s there",
                            NEAPI_TEXT(store), NEAPI_TEXT(line));
    else
        status = neapi_fail(error, NEAP_CONFLICT, "the store goes on behind the export, with %.*s",
                            NEAPI_TEXT(store));
    neapi_buffer_fini(&mine);
    neapi_buffer_fini(&other);
    return status;
}

/* The lines are not the same bytes; they may say the same. */
static neap_status compare_parsed(neap_importer *it, neap_text text, neap_text existing, bool *same,
                                  neap_error *error)
{
    neapi_transfer_line here, there;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer difference = NEAPI_BUFFER_INIT;
    neap_status status = neapi_transfer_read(text, &arena, &there, error);
    if (status == NEAP_OK)
        status = neapi_transfer_read(existing, &arena, &here, error);
    *same = status == NEAP_OK && here.kind == there.kind &&
            neapi_transfer_same(&here, &there, !it->renumber, &difference);
    if (*same && here.kind == NEAPI_TRANSFER_EVENT && here.event.position != there.event.position)
        it->moved = true;
    if (status == NEAP_OK && !*same)
        status = say_other(&here, &there, &difference, error);
    neapi_buffer_fini(&difference);
    neapi_arena_fini(&arena);
    return status;
}

/* The store has the line. */
static neap_status pass(neap_importer *it, neap_text text, neap_error *error)
{
    neap_text line = {it->there, it->there_size};
    bool is_event = neapi_text_begins(line, NEAPI_LITERAL("{\"event\":"));
    it->there = NULL;
    if (!is_event)
        return neapi_import_command(it, text, error);
    it->position++;
    it->count.events++;
    it->command_used = true;
    return NEAP_OK;
}

neap_status neapi_import_compare(neap_importer *it, neap_text text, bool *same, neap_error *error)
{
    neap_status status = load_existing(it, error);
    *same = false;
    if (status != NEAP_OK || it->existing == NULL)
        return status;
    neap_text existing = {it->there, it->there_size};
    *same = neapi_text_equal(text, existing);
    if (!*same)
        status = compare_parsed(it, text, existing, same, error);
    return status == NEAP_OK ? pass(it, text, error) : status;
}

/* ---- Batches --------------------------------------------------------------------------------- */

static neap_status taken_over(const neap_importer *it, neap_error *error)
{
    return neapi_fail(error, NEAP_UNAVAILABLE, "%s: another import has taken the store over",
                      it->store->name);
}

static neap_status not_taken(const neapi_verdict *verdict, neap_error *error)
{
    if (verdict->status == NEAP_NOMEM)
        return neapi_nomem(error);
    return neapi_fail(error, verdict->status, "the store does not take it");
}

static neap_status commit_one(neap_importer *it, neapi_unit *unit, neap_error *error)
{
    neapi_outcome outcome;
    neap_status status = neapi_commit(it->session, &unit, 1,
                                      neapi_wall_us(neapi_platform_machine()), &outcome, error);
    if (status == NEAP_OK && unit->state != NEAPI_UNIT_ACCEPTED)
        status = unit->verdict.status == NEAP_CONFLICT ? taken_over(it, error)
                                                       : not_taken(&unit->verdict, error);
    return status;
}

neap_status neapi_import_mark(neap_importer *it, neap_error *error)
{
    if (it->marked)
        return NEAP_OK;
    const neapi_document mark = {
        .collection = NEAPI_MARK_COLLECTION,
        .key = NEAPI_MARK_KEY,
        .write = NEAPI_DOCUMENT_PUT,
        .expect = it->has_found_mark ? NEAPI_DOCUMENT_EQUAL : NEAPI_DOCUMENT_ABSENT,
        .expected = neapi_text(it->found_mark.data, it->found_mark.size),
        .data = neapi_text(it->mark.data, it->mark.size),
    };
    neapi_unit *unit =
        neapi_unit_new(neapi_uuid_new(&it->ids, neapi_wall_us(neapi_platform_machine())));
    if (unit == NULL)
        return neapi_nomem(error);
    neap_status status = neapi_unit_document(unit, &mark);
    status = status == NEAP_OK ? commit_one(it, unit, error) : neapi_nomem(error);
    neapi_unit_release(unit);
    it->marked = status == NEAP_OK;
    return status;
}

neapi_unit *neapi_import_unit(neap_importer *it, bool chained, neap_error *error)
{
    bool full = it->unit_count == NEAPI_IMPORT_UNITS || it->event_count >= BATCH_EVENTS ||
                it->bytes >= BATCH_BYTES;
    if (full && neapi_import_flush(it, error) != NEAP_OK)
        return NULL;
    const neapi_document mark = {.collection = NEAPI_MARK_COLLECTION,
                                 .key = NEAPI_MARK_KEY,
                                 .write = NEAPI_DOCUMENT_KEEP,
                                 .expect = NEAPI_DOCUMENT_EQUAL,
                                 .expected = neapi_text(it->mark.data, it->mark.size)};
    neapi_unit *unit =
        neapi_unit_new(neapi_uuid_new(&it->ids, neapi_wall_us(neapi_platform_machine())));
    bool follows = chained && it->unit_count != 0;
    if (unit == NULL || (!follows && neapi_unit_document(unit, &mark) != NEAP_OK)) {
        neapi_unit_release(unit);
        neapi_nomem(error);
        return NULL;
    }
    if (follows)
        neapi_unit_follow(unit, it->units[it->unit_count - 1]);
    it->numbers[it->unit_count] = it->number;
    it->units[it->unit_count++] = unit;
    it->open = false;
    return unit;
}

static neap_status does_not_follow(uint64_t version, neap_text stream, uint64_t last,
                                   neap_error *error)
{
    return neapi_fail(error, NEAP_CONFLICT,
                      "version %" PRIu64 " of %.*s does not follow: its last one is %" PRIu64,
                      version, NEAPI_TEXT(stream), last);
}

/* Why the store did not take the unit. */
static neap_status explain(neap_importer *it, size_t at, neap_error *error)
{
    neapi_unit *unit = it->units[at];
    const neapi_verdict *verdict = &unit->verdict;
    const neapi_op *op = &unit->ops[verdict->op];
    size_t checked;
    uint64_t last = it->number;
    it->number = it->numbers[at];
    if (verdict->status == NEAP_CONFLICT && op->kind == NEAPI_OP_APPEND) {
        it->number += op->append.first;
        return does_not_follow(op->append.expected + 1, op->append.stream, verdict->actual, error);
    }
    if (op->kind == NEAPI_OP_KEY && verdict->status == NEAP_DUPLICATE) {
        neap_status status = neapi_import_same_key(it, &op->key, error);
        if (status == NEAP_OK)
            it->number = last;
        return status;
    }
    if (verdict->status == NEAP_CONFLICT)
        return taken_over(it, error);
    neap_status status = neapi_unit_check(unit, &checked, error);
    return status != NEAP_OK ? neapi_error_as(error, NEAP_INVALID) : not_taken(verdict, error);
}

static neap_status check_batch(neap_importer *it, uint64_t behind, neap_error *error)
{
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < it->unit_count && status == NEAP_OK; i++) {
        const neapi_unit *unit = it->units[i];
        if (unit->state != NEAPI_UNIT_ACCEPTED)
            status = explain(it, i, error);
        else if (unit->event_count != 0 && unit->verdict.first_position != behind + 1)
            status = neapi_fail(error, NEAP_UNAVAILABLE, "%s: somebody else writes there",
                                it->store->name);
        behind += unit->event_count;
    }
    return status;
}

neap_status neapi_import_flush(neap_importer *it, neap_error *error)
{
    neapi_outcome outcome;
    bool more;
    if (it->unit_count == 0)
        return NEAP_OK;
    int64_t now_us = neapi_wall_us(neapi_platform_machine());
    neap_status status = neapi_import_mark(it, error);
    if (status == NEAP_OK)
        status = neapi_commit(it->session, it->units, it->unit_count, now_us, &outcome, error);
    if (status == NEAP_OK)
        status = check_batch(it, it->position - it->event_count, error);
    if (status == NEAP_OK) {
        it->appended += it->event_count;
        neapi_maintain(it->session, now_us, &more, NULL); /* what fails there is done later */
    }
    for (size_t i = 0; i < it->unit_count; i++)
        neapi_unit_release(it->units[i]);
    it->unit_count = it->event_count = it->bytes = 0;
    it->open = false;
    return status;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

neap_status neapi_import_command(neap_importer *it, neap_text text, neap_error *error)
{
    neapi_transfer_line line;
    neapi_buffer_clear(&it->command_text);
    neapi_arena_clear(&it->command_arena);
    neapi_buffer_text(&it->command_text, text);
    if (it->command_text.failed)
        return neapi_nomem(error);
    neap_status status = neapi_transfer_read(
        neapi_text(it->command_text.data, it->command_text.size), &it->command_arena, &line, error);
    if (status == NEAP_OK)
        status = neapi_name_check(line.command.name, "a command's name", error);
    if (status != NEAP_OK)
        return status;
    if (neapi_uuid_is_zero(line.command.id))
        return neapi_fail(error, NEAP_INVALID, "the command has no id");
    it->command = line.command;
    it->command_number = it->number;
    it->has_command = true;
    it->command_used = it->open = false;
    it->count.commands++;
    return NEAP_OK;
}

static neap_status check_place(neap_importer *it, const neap_event *event, neap_error *error)
{
    if (event->version == 0 || event->position == 0)
        return neapi_fail(error, NEAP_INVALID, "versions and positions count from 1");
    if (event->position == it->position + 1)
        return NEAP_OK;
    it->moved = true;
    if (it->renumber)
        return NEAP_OK;
    return neapi_fail(error, NEAP_INVALID,
                      "position %" PRIu64 " follows position %" PRIu64
                      "; events of a part of a store have to be renumbered",
                      event->position, it->position);
}

/* The unit that the event goes into: its command's, or one of events without command. */
static neapi_unit *unit_for(neap_importer *it, const neap_event *event, neap_error *error)
{
    bool decided = it->has_command && neapi_uuid_equal(event->command_id, it->command.id);
    neapi_unit *unit = it->unit_count != 0 ? it->units[it->unit_count - 1] : NULL;
    if (it->has_command && !decided)
        it->has_command = it->open = false;
    it->command_used = true;
    size_t most = decided ? UNIT_EVENTS : PLAIN_EVENTS;
    if (it->open && unit->event_count < most && unit->event_bytes < UNIT_BYTES)
        return unit;
    unit = neapi_import_unit(it, true, error);
    if (unit == NULL)
        return NULL;
    it->open = true;
    if (!decided || neapi_unit_command(unit, &it->command) == NEAP_OK)
        return unit;
    neapi_nomem(error);
    return NULL;
}

/* Of a stream's events that come together the store looks at the first one's version alone. */
static neap_status check_version(const neapi_unit *unit, const neap_event *event, neap_error *error)
{
    const neapi_op *op = unit->op_count != 0 ? &unit->ops[unit->op_count - 1] : NULL;
    if (op == NULL || op->kind != NEAPI_OP_APPEND ||
        !neapi_text_equal(op->append.stream, event->stream))
        return NEAP_OK;
    return event->version == op->append.expected + op->append.count + 1
               ? NEAP_OK
               : does_not_follow(event->version, event->stream,
                                 op->append.expected + op->append.count, error);
}

neap_status neapi_import_event(neap_importer *it, const neap_event *event, neap_error *error)
{
    neap_status status = check_place(it, event, error);
    if (status == NEAP_OK)
        status = neapi_stream_check(event->stream, error);
    if (status == NEAP_OK && neapi_event_check(event, event->stream, error) != NEAP_OK)
        status = neapi_error_as(error, NEAP_INVALID);
    if (status != NEAP_OK)
        return status;
    neap_error local;
    neapi_unit *unit = unit_for(it, event, error != NULL ? error : &local);
    if (unit == NULL)
        return error != NULL ? error->status : local.status;
    if (!it->renumber)
        status = check_version(unit, event, error);
    if (status != NEAP_OK)
        return status;
    uint64_t expected = it->renumber ? NEAP_ANY_VERSION : event->version - 1;
    size_t before = unit->event_bytes;
    if (neapi_unit_append(unit, event->stream, expected, event) != NEAP_OK)
        return neapi_nomem(error);
    it->bytes += unit->event_bytes - before;
    if (it->appended + it->event_count == 0)
        it->since = it->position;
    it->event_count++;
    it->position++;
    it->count.events++;
    return NEAP_OK;
}
