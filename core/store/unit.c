#include "store/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define FIRST_EVENTS 1
#define FIRST_OPS    3
#define FIRST_BYTES  512

/* A unit and the first of everything that it needs, in one allocation, what the store writes to
 * first: most units never need a second. Many are on their way at once, so each is small. */
typedef struct whole_unit {
    neapi_unit unit;
    neap_event events[FIRST_EVENTS];
    neapi_op ops[FIRST_OPS];
    _Alignas(max_align_t) char memory[FIRST_BYTES];
} whole_unit;

static void begin(neapi_unit *unit)
{
    whole_unit *whole = (whole_unit *)unit;
    unit->ops = whole->ops;
    unit->op_count = 0;
    unit->op_capacity = FIRST_OPS;
    unit->events = whole->events;
    unit->event_count = 0;
    unit->event_capacity = FIRST_EVENTS;
    unit->event_bytes = 0;
    unit->due_us = 0;
    unit->tells = false;
    unit->state = NEAPI_UNIT_BUILDING;
    unit->verdict = (neapi_verdict){0};
    unit->message = (neap_text){"", 0};
}

neapi_unit *neapi_unit_new(neap_uuid id)
{
    whole_unit *whole = neapi_alloc(sizeof *whole);
    if (whole == NULL)
        return NULL;
    neapi_unit *unit = &whole->unit;
    atomic_init(&unit->references, 1);
    neapi_arena_init_with(&unit->arena, whole->memory, sizeof whole->memory);
    unit->id = id;
    unit->after = NULL;
    unit->next = NULL;
    unit->owner = NULL;
    begin(unit);
    return unit;
}

neapi_unit *neapi_unit_hold(neapi_unit *unit)
{
    atomic_fetch_add_explicit(&unit->references, 1, memory_order_relaxed);
    return unit;
}

void neapi_unit_release(neapi_unit *unit)
{
    /* A loop, not a recursion: units that were never judged may hang together in a long chain. */
    while (unit != NULL &&
           atomic_fetch_sub_explicit(&unit->references, 1, memory_order_acq_rel) == 1) {
        neapi_unit *after = unit->after;
        neapi_arena_fini(&unit->arena);
        neapi_free(unit);
        unit = after;
    }
}

size_t neapi_unit_bytes(const neapi_unit *unit)
{
    return sizeof(whole_unit) + neapi_arena_held(&unit->arena);
}

void neapi_unit_follow(neapi_unit *unit, neapi_unit *after)
{
    neapi_unit *before = unit->after;
    unit->after = after != NULL ? neapi_unit_hold(after) : NULL;
    neapi_unit_release(before);
}

bool neapi_unit_blocked(const neapi_unit *unit)
{
    const neapi_unit *after = unit->after;
    if (after == NULL || after->state == NEAPI_UNIT_ACCEPTED)
        return false;
    return after->state != NEAPI_UNIT_BUILDING || after->verdict.status != NEAP_OK;
}

/* Twice the capacity, in the arena: a unit is short-lived, so what it leaves behind does not
 * matter. */
static void *widened(neapi_unit *unit, const void *items, size_t *capacity, size_t item_size)
{
    void *wider = neapi_arena_alloc(&unit->arena, *capacity * 2 * item_size);
    if (wider != NULL) {
        memcpy(wider, items, *capacity * item_size);
        *capacity *= 2;
    }
    return wider;
}

/* The next operation, which counts once the caller adds one to op_count. */
static neapi_op *next_op(neapi_unit *unit, neapi_op_kind kind)
{
    if (unit->op_count == unit->op_capacity) {
        neapi_op *ops = widened(unit, unit->ops, &unit->op_capacity, sizeof *ops);
        if (ops == NULL)
            return NULL;
        unit->ops = ops;
    }
    neapi_op *op = &unit->ops[unit->op_count];
    op->kind = kind;
    return op;
}

static neap_event *next_event(neapi_unit *unit)
{
    if (unit->event_count == unit->event_capacity) {
        neap_event *events = widened(unit, unit->events, &unit->event_capacity, sizeof *events);
        if (events == NULL)
            return NULL;
        unit->events = events;
    }
    return &unit->events[unit->event_count];
}

/* Replaces each text by a terminated copy in the unit, all in one piece; an empty text stays empty
 * without one. */
static bool keep_all(neapi_unit *unit, neap_text *const *texts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += texts[i]->size != 0 ? texts[i]->size + 1 : 0;
    char *at = bytes != 0 ? neapi_arena_alloc(&unit->arena, bytes) : NULL;
    if (bytes != 0 && at == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t size = texts[i]->size;
        if (size == 0) {
            texts[i]->data = "";
            continue;
        }
        memcpy(at, texts[i]->data, size);
        at[size] = '\0';
        texts[i]->data = at;
        at += size + 1;
    }
    return true;
}
#define KEEP(unit, ...)                                                                            \
    keep_all((unit), (neap_text *const[]){__VA_ARGS__},                                            \
             sizeof((neap_text *const[]){__VA_ARGS__}) / sizeof(neap_text *))

neap_status neapi_unit_expect(neapi_unit *unit, neap_text stream, uint64_t version)
{
    neapi_op *op = next_op(unit, NEAPI_OP_EXPECT);
    if (op == NULL || !KEEP(unit, &stream))
        return NEAP_NOMEM;
    op->expect.stream = stream;
    op->expect.version = version;
    unit->op_count++;
    return NEAP_OK;
}

/* Copies of the texts; NULL if refused, and only then. */
static neap_text *keep_texts(neapi_unit *unit, const neap_text *texts, size_t count)
{
    neap_text *kept = neapi_arena_alloc(&unit->arena, count * sizeof *kept);
    for (size_t i = 0; i < count && kept != NULL; i++) {
        kept[i] = texts[i];
        if (!KEEP(unit, &kept[i]))
            return NULL;
    }
    return kept;
}

neap_status neapi_unit_condition(neapi_unit *unit, const neap_text *types, size_t type_count,
                                 const neap_text *tags, size_t tag_count, uint64_t after)
{
    neapi_op *op = next_op(unit, NEAPI_OP_CONDITION);
    if (op == NULL)
        return NEAP_NOMEM;
    types = keep_texts(unit, types, type_count);
    tags = keep_texts(unit, tags, tag_count);
    if (types == NULL || tags == NULL)
        return NEAP_NOMEM;
    op->condition = (neapi_condition){.types = types,
                                      .type_count = type_count,
                                      .tags = tags,
                                      .tag_count = tag_count,
                                      .after = after};
    unit->op_count++;
    return NEAP_OK;
}

neap_status neapi_unit_key(neapi_unit *unit, const neapi_key *key)
{
    neapi_op *op = next_op(unit, NEAPI_OP_KEY);
    if (op == NULL)
        return NEAP_NOMEM;
    op->key = *key;
    if (!KEEP(unit, &op->key.key, &op->key.stream, &op->key.types))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

neap_status neapi_unit_command(neapi_unit *unit, const neapi_command *command)
{
    neapi_op *op = next_op(unit, NEAPI_OP_COMMAND);
    if (op == NULL)
        return NEAP_NOMEM;
    op->command = *command;
    if (!KEEP(unit, &op->command.name, &op->command.data, &op->command.meta))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

neap_status neapi_unit_snapshot(neapi_unit *unit, const neapi_snapshot *snapshot)
{
    neapi_op *op = next_op(unit, NEAPI_OP_SNAPSHOT);
    if (op == NULL)
        return NEAP_NOMEM;
    op->snapshot = *snapshot;
    if (!KEEP(unit, &op->snapshot.name, &op->snapshot.fingerprint, &op->snapshot.state))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

/* Many documents of one collection come one after another: its name is kept once for them. */
static bool keep_collection(neapi_unit *unit, neap_text *collection)
{
    const neapi_op *last = unit->op_count != 0 ? &unit->ops[unit->op_count - 1] : NULL;
    if (last == NULL || last->kind != NEAPI_OP_DOCUMENT ||
        !neapi_text_equal(last->document.collection, *collection))
        return KEEP(unit, collection);
    *collection = last->document.collection;
    return true;
}

neap_status neapi_unit_document(neapi_unit *unit, const neapi_document *document)
{
    neapi_op *op = next_op(unit, NEAPI_OP_DOCUMENT);
    if (op == NULL)
        return NEAP_NOMEM;
    op->document = *document;
    if (document->write != NEAPI_DOCUMENT_PUT)
        op->document.data = (neap_text){"", 0};
    if (document->expect != NEAPI_DOCUMENT_EQUAL)
        op->document.expected = (neap_text){"", 0};
    if (!keep_collection(unit, &op->document.collection) ||
        !KEEP(unit, &op->document.key, &op->document.expected, &op->document.data))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

neap_status neapi_unit_clear_collection(neapi_unit *unit, neap_text collection, uint32_t most)
{
    neapi_op *op = next_op(unit, NEAPI_OP_CLEAR);
    if (op == NULL || !KEEP(unit, &collection))
        return NEAP_NOMEM;
    op->clear.collection = collection;
    op->clear.most = most;
    unit->op_count++;
    return NEAP_OK;
}

/* Copies of the values, with their bytes; NULL if refused, and only then. */
static neapi_value *keep_values(neapi_unit *unit, const neapi_value *values, size_t count)
{
    neapi_value *kept = neapi_arena_alloc(&unit->arena, count * sizeof *kept);
    for (size_t i = 0; i < count && kept != NULL; i++) {
        kept[i] = values[i];
        bool bytes = values[i].kind == NEAPI_VALUE_TEXT || values[i].kind == NEAPI_VALUE_BLOB;
        if (bytes && !KEEP(unit, &kept[i].bytes))
            return NULL;
    }
    return kept;
}

/* What the statement before it says, too, is kept once. */
static bool keep_sql(neapi_unit *unit, neapi_statement *statement)
{
    const neapi_op *last = unit->op_count != 0 ? &unit->ops[unit->op_count - 1] : NULL;
    if (last == NULL || last->kind != NEAPI_OP_SQL ||
        !neapi_text_equal(last->statement.projection, statement->projection))
        return KEEP(unit, &statement->projection, &statement->text);
    statement->projection = last->statement.projection;
    if (!neapi_text_equal(last->statement.text, statement->text))
        return KEEP(unit, &statement->text);
    statement->text = last->statement.text;
    return true;
}

neap_status neapi_unit_sql(neapi_unit *unit, const neapi_statement *statement)
{
    neapi_op *op = next_op(unit, NEAPI_OP_SQL);
    if (op == NULL)
        return NEAP_NOMEM;
    op->statement = *statement;
    op->statement.values = keep_values(unit, statement->values, statement->value_count);
    if (op->statement.values == NULL || !keep_sql(unit, &op->statement))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

neap_status neapi_unit_tables(neapi_unit *unit, const neapi_tables *tables)
{
    neapi_op *op = next_op(unit, NEAPI_OP_TABLES);
    if (op == NULL)
        return NEAP_NOMEM;
    op->tables = *tables;
    if (!KEEP(unit, &op->tables.projection, &op->tables.text))
        return NEAP_NOMEM;
    unit->op_count++;
    return NEAP_OK;
}

static bool keep_tags(neapi_unit *unit, neap_event *event, size_t *bytes)
{
    if (event->tag_count == 0) {
        event->tags = NULL;
        return true;
    }
    event->tags = keep_texts(unit, event->tags, event->tag_count);
    for (uint32_t i = 0; i < event->tag_count && event->tags != NULL; i++)
        *bytes += event->tags[i].size;
    return event->tags != NULL;
}

neap_status neapi_unit_append(neapi_unit *unit, neap_text stream, uint64_t expected,
                              const neap_event *event)
{
    neapi_op *last = unit->op_count != 0 ? &unit->ops[unit->op_count - 1] : NULL;
    bool continues = last != NULL && last->kind == NEAPI_OP_APPEND &&
                     neapi_text_equal(last->append.stream, stream);
    neapi_op *op = continues ? last : next_op(unit, NEAPI_OP_APPEND);
    neap_event *kept = next_event(unit);
    if (op == NULL || kept == NULL)
        return NEAP_NOMEM;
    *kept = *event;
    kept->position = kept->version = 0;
    kept->stream = continues ? last->append.stream : stream;
    size_t bytes = event->data.size + event->meta.size;
    bool copied = continues ? KEEP(unit, &kept->type, &kept->data, &kept->meta)
                            : KEEP(unit, &kept->stream, &kept->type, &kept->data, &kept->meta);
    if (!copied || !keep_tags(unit, kept, &bytes))
        return NEAP_NOMEM;

    if (!continues) {
        op->append.stream = kept->stream;
        op->append.expected = expected;
        op->append.first = unit->event_count;
        op->append.count = 0;
        unit->op_count++;
    }
    op->append.count++;
    unit->event_count++;
    unit->event_bytes += bytes;
    return NEAP_OK;
}

void neapi_unit_clear(neapi_unit *unit)
{
    neapi_arena_clear(&unit->arena);
    begin(unit);
}

void neapi_unit_say(neapi_unit *unit, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    neap_text said = neapi_text(text, size < 0 ? 0 : strlen(text));
    unit->message = neapi_arena_text(&unit->arena, said);
    if (unit->message.data == NULL)
        unit->message = (neap_text){"", 0};
}

/* Once a unit is judged, what it was decided on matters to nobody any more. */
static void judged(neapi_unit *unit, neapi_unit_state state)
{
    neapi_unit *after = unit->after;
    unit->state = state;
    unit->after = NULL;
    neapi_unit_release(after);
}

void neapi_unit_accept(neapi_unit *unit, uint64_t first_position, uint64_t last_position)
{
    unit->verdict = (neapi_verdict){
        .status = NEAP_OK, .first_position = first_position, .last_position = last_position};
    unit->message = (neap_text){"", 0};
    judged(unit, NEAPI_UNIT_ACCEPTED);
}

void neapi_unit_refuse(neapi_unit *unit, neap_status status, size_t op, uint64_t actual)
{
    unit->verdict = (neapi_verdict){.status = status, .op = op, .actual = actual};
    judged(unit, NEAPI_UNIT_REFUSED);
}
