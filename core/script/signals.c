#include "script/signals.h"

#include "base/error.h"

bool neapi_event_copy(neapi_arena *arena, const neap_event *event, neap_event *copy)
{
    *copy = *event;
    copy->type = neapi_arena_text(arena, event->type);
    copy->stream = neapi_arena_text(arena, event->stream);
    copy->data = neapi_arena_text(arena, event->data);
    copy->meta = neapi_arena_text(arena, event->meta);
    neap_text *tags = neapi_arena_alloc(arena, ((size_t)event->tag_count + 1) * sizeof *tags);
    copy->tags = tags;
    bool copied = copy->type.data != NULL && copy->stream.data != NULL && copy->data.data != NULL &&
                  copy->meta.data != NULL && tags != NULL;
    for (uint32_t i = 0; copied && i < event->tag_count; i++) {
        tags[i] = neapi_arena_text(arena, event->tags[i]);
        copied = tags[i].data != NULL;
    }
    return copied;
}

neap_status neapi_signals_add(neapi_signals *signals, const neap_event *event, neap_error *error)
{
    neapi_signal *added = neapi_arena_alloc(signals->arena, sizeof *added);
    if (added == NULL || !neapi_event_copy(signals->arena, event, &added->event))
        return neapi_nomem(error);
    added->next = NULL;
    *(signals->last != NULL ? &signals->last->next : &signals->first) = added;
    signals->last = added;
    signals->count++;
    signals->bytes += event->data.size;
    return NEAP_OK;
}
