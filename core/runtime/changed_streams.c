/* Aggregates by key: each stream is gone through once, folded and decided again step by step. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "runtime/changed.h"

static neap_status decide(neapi_changed *it, neapi_changed_pair *pair, const neap_event *events,
                          size_t count, neap_error *error)
{
    bool found;
    neapi_command command;
    neap_status status = neapi_changed_command(it, events, &command, &found, error);
    if (status != NEAP_OK)
        return status;
    if (!found)
        return neapi_changed_undecided(it, (neap_text){0}, "the command was not recorded",
                                       events->position, error);
    return neapi_changed_decide(it, pair, &command, events, count, error);
}

/* One command's events: decided again, then folded. */
static neap_status step(neapi_changed *it, neapi_changed_pair *pair, const neap_event *events,
                        size_t count, neap_error *error)
{
    neap_status status = NEAP_OK;
    if (!neapi_uuid_is_zero(events->command_id) && events->position >= it->from)
        status = decide(it, pair, events, count, error);
    for (size_t i = 0; i < count && status == NEAP_OK; i++)
        status = neapi_pair_fold(it, pair, &events[i], error);
    return status == NEAP_OK ? neapi_changed_go_on(it, count, error) : status;
}

static neap_status go_through(neapi_changed *it, neapi_changed_pair *pair, neap_error *error)
{
    neapi_decision_reader reader;
    const neap_event *events;
    size_t count;
    const neapi_range range = {
        .stream = pair->instances[NEAPI_BEFORE].stream, .from = 1, .to = UINT64_MAX};
    neapi_decision_reader_init(&reader, it->session, &range);
    neap_status status = neapi_decision_next(&reader, &events, &count, error);
    while (status == NEAP_OK && count != 0 && events[count - 1].position <= it->to) {
        status = step(it, pair, events, count, error);
        if (status == NEAP_OK && neapi_decision_pauses(&reader, it->to))
            status = neapi_pair_settle(it, pair, &events[count - 1], error);
        if (status == NEAP_OK)
            status = neapi_decision_next(&reader, &events, &count, error);
    }
    neapi_decision_reader_fini(&reader);
    return status;
}

static neap_status compare_stream(neapi_changed *it, neapi_changed_pair *pair,
                                  const neapi_aggregate *const both[NEAPI_CODES], neap_text stream,
                                  neap_error *error)
{
    size_t prefix = both[NEAPI_BEFORE]->name.size + 1;
    for (int code = 0; code < NEAPI_CODES; code++)
        pair->instances[code] =
            (neapi_instance){.aggregate = both[code],
                             .name = stream,
                             .stream = stream,
                             .id = neapi_text(stream.data + prefix, stream.size - prefix)};
    neap_status status = neapi_pair_begin(it, pair, error);
    if (status != NEAP_OK)
        return status;
    status = go_through(it, pair, error);
    pair->definition->compared++;
    neapi_pair_free_states(it, pair);
    return status;
}

neap_status neapi_changed_streams(neapi_changed *it, const neapi_aggregate *const both[NEAPI_CODES],
                                  neap_error *error)
{
    neap_text *streams = NULL, name = both[NEAPI_BEFORE]->name;
    size_t count = 0;
    neapi_changed_pair pair = {.definition = neapi_changed_define(it, "aggregate", name)};
    if (pair.definition == NULL)
        return neapi_nomem(error);
    neap_status status =
        neapi_streams_of(it->history, it->session, name, it->to, &streams, &count, error);
    for (size_t i = 0; i < count && status == NEAP_OK; i++)
        if (streams[i].size > name.size + 1)
            status = compare_stream(it, &pair, both, streams[i], error);
    neapi_free(streams);
    neapi_pair_fini(&pair);
    return status;
}
