#include "contract/model.h"

#include <stdio.h>

const char *const model_streams[MODEL_STREAMS] = {"A-1",   "A-2", "AB-1", "A",
                                                  "B-1-2", "B-1", "-x",   "\xC3\x84-\xE2\x82\xAC"};
const char *const model_types[MODEL_TYPES] = {"Opened", "Changed", "Moved", "Closed", "Reopened"};
const char *const model_keys[MODEL_KEYS] = {"k", "k-1", "k-2", "K", "k%", "k_"};
const char *const model_tags[MODEL_TAGS] = {"Side:left", "room:1", "room:10", "side:\"\\",
                                            "side:left"};
const char *const model_prints[2] = {"f", "g"};

static size_t index_of(neap_text name, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && !neapi_text_equal(name, T(names[i])))
        i++;
    assert_true(i < count);
    return i;
}

static void keep_snapshot(model_state *state, const neapi_snapshot *given)
{
    size_t s = index_of(given->name, model_streams, MODEL_STREAMS), at = 0;
    model_snapshot *list = state->snapshots[s];
    size_t *count = &state->snapshot_count[s];
    while (at < *count && list[at].version > given->version)
        at++;
    bool replaces = at < *count && list[at].version == given->version;
    if (!replaces) {
        memmove(&list[at + 1], &list[at], (*count - at) * sizeof *list);
        (*count)++;
    }
    list[at].version = given->version;
    list[at].print = neapi_text_equal(given->fingerprint, T(model_prints[1]));
    snprintf(list[at].state, MODEL_BYTES, "%.*s", (int)given->state.size, given->state.data);
    if (*count > given->keep)
        *count = given->keep;
}

static bool append_events(model_store *model, const neapi_unit *unit, const neapi_op *op)
{
    size_t s = index_of(op->append.stream, model_streams, MODEL_STREAMS);
    for (size_t i = 0; i < op->append.count; i++) {
        neap_event event = unit->events[op->append.first + i];
        event.version = ++model->state.version[s];
        event.position = model->state.position[s] = model->log.count + 1;
        if (!neapi_page_add(&model->log, &event))
            return false;
    }
    return true;
}

static bool is_one_of(neap_text name, const neap_text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (neapi_text_equal(name, names[i]))
            return true;
    return false;
}

bool model_wants(const neap_event *event, const neap_text *types, size_t type_count,
                 const neap_text *tags, size_t tag_count)
{
    if (type_count != 0 && !is_one_of(event->type, types, type_count))
        return false;
    for (uint32_t i = 0; i < event->tag_count; i++)
        if (is_one_of(event->tags[i], tags, tag_count))
            return true;
    return tag_count == 0;
}

/* The newest position behind `after` and up to `last` that is against the condition, or 0. */
static uint64_t against(const model_store *model, const neapi_condition *condition, size_t last)
{
    for (size_t position = last; position > condition->after; position--)
        if (model_wants(&model->log.events[position - 1], condition->types, condition->type_count,
                        condition->tags, condition->tag_count))
            return position;
    return 0;
}

/* The verdict on one operation. start: the head before its unit. */
static neapi_verdict model_op(model_store *model, const neapi_unit *unit, size_t at, size_t start)
{
    const neapi_op *op = &unit->ops[at];
    neapi_verdict verdict = {.op = at};
    if (op->kind == NEAPI_OP_APPEND || op->kind == NEAPI_OP_EXPECT) {
        bool appends = op->kind == NEAPI_OP_APPEND;
        neap_text stream = appends ? op->append.stream : op->expect.stream;
        uint64_t expected = appends ? op->append.expected : op->expect.version;
        verdict.actual = model->state.version[index_of(stream, model_streams, MODEL_STREAMS)];
        if (expected != NEAP_ANY_VERSION && expected != verdict.actual)
            verdict.status = NEAP_CONFLICT;
        else if (appends)
            assert_true(append_events(model, unit, op));
    } else if (op->kind == NEAPI_OP_CONDITION) {
        verdict.actual = against(model, &op->condition, start);
        verdict.status = verdict.actual != 0 ? NEAP_CONFLICT : NEAP_OK;
    } else if (op->kind == NEAPI_OP_KEY) {
        model_key *key = &model->state.keys[index_of(op->key.key, model_keys, MODEL_KEYS)];
        if (model->now_us < key->expires_at)
            verdict.status = NEAP_DUPLICATE;
        else
            *key = (model_key){op->key.expires_at, op->key.hash, op->key.version, op->key.position};
    } else if (op->kind == NEAPI_OP_SNAPSHOT) {
        keep_snapshot(&model->state, &op->snapshot);
    }
    return verdict;
}

/* Keys get the receipt of the accepted unit. */
static void settle_keys(model_store *model, const neapi_unit *unit, size_t before)
{
    for (size_t i = 0; i < unit->op_count && model->log.count > before; i++) {
        if (unit->ops[i].kind != NEAPI_OP_KEY)
            continue;
        const neapi_key *given = &unit->ops[i].key;
        model_key *key = &model->state.keys[index_of(given->key, model_keys, MODEL_KEYS)];
        key->position = model->log.count;
        for (size_t n = before; n < model->log.count; n++)
            if (neapi_text_equal(model->log.events[n].stream, given->stream))
                key->version = model->log.events[n].version;
    }
}

neapi_verdict model_judge(model_store *model, const neapi_unit *unit, bool blocked)
{
    if (blocked)
        return (neapi_verdict){.status = NEAP_CONFLICT};
    static model_state before;
    before = model->state;
    size_t count = model->log.count;
    for (size_t i = 0; i < unit->op_count; i++) {
        neapi_verdict verdict = model_op(model, unit, i, count);
        if (verdict.status != NEAP_OK) {
            model->state = before;
            model->log.count = count;
            return verdict;
        }
    }
    settle_keys(model, unit, count);
    bool appended = model->log.count > count;
    return (neapi_verdict){.first_position = appended ? count + 1 : 0,
                           .last_position = appended ? model->log.count : 0};
}
