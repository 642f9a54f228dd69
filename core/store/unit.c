#include "store/unit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define FIRST_OPS    4
#define FIRST_EVENTS 2
#define FIRST_BYTES  1024

/* A unit and the first of everything that it needs, in one allocation: most units never need a
 * second. */
typedef struct whole_unit {
    neapi_unit unit;
    neapi_op ops[FIRST_OPS];
    neap_event events[FIRST_EVENTS];
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
    unit->state = NEAPI_UNIT_BUILDING;
    unit->verdict = (neapi_verdict){0};
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

/* Replaces the text by a copy in the unit; an empty text stays empty without one. */
static bool keep(neapi_unit *unit, neap_text *text)
{
    if (text->size == 0) {
        *text = (neap_text){"", 0};
        return true;
    }
    *text = neapi_arena_text(&unit->arena, *text);
    return text->data != NULL;
}

neap_status neapi_unit_expect(neapi_unit *unit, neap_text stream, uint64_t version)
{
    neapi_op *op = next_op(unit, NEAPI_OP_EXPECT);
    if (op == NULL || !keep(unit, &stream))
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
        if (!keep(unit, &kept[i]))
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
    if (!keep(unit, &op->key.key) || !keep(unit, &op->key.stream) || !keep(unit, &op->key.types))
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
    if (!keep(unit, &op->command.name) || !keep(unit, &op->command.data) ||
        !keep(unit, &op->command.meta))
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
    if (!keep(unit, &op->snapshot.name) || !keep(unit, &op->snapshot.fingerprint) ||
        !keep(unit, &op->snapshot.state))
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
    if (continues)
        stream = last->append.stream;
    else if (!keep(unit, &stream))
        return NEAP_NOMEM;

    *kept = *event;
    kept->position = kept->version = 0;
    kept->stream = stream;
    size_t bytes = event->data.size + event->meta.size;
    if (!keep(unit, &kept->type) || !keep(unit, &kept->data) || !keep(unit, &kept->meta) ||
        !keep_tags(unit, kept, &bytes))
        return NEAP_NOMEM;

    if (!continues) {
        op->append.stream = stream;
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
    judged(unit, NEAPI_UNIT_ACCEPTED);
}

void neapi_unit_refuse(neapi_unit *unit, neap_status status, size_t op, uint64_t actual)
{
    unit->verdict = (neapi_verdict){.status = status, .op = op, .actual = actual};
    judged(unit, NEAPI_UNIT_REFUSED);
}
