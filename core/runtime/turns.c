#include "runtime/turns.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

typedef struct neapi_place neapi_place;

/* The commands with one tag, in the order in which they came. There is one as long as there is such
 * a command. */
typedef struct queue {
    neapi_place *first, *last;
    neap_text tag; /* behind the struct */
} queue;

/* One command's place in one of them. */
struct neapi_place {
    neapi_request *request;
    queue *queue;
    neapi_place *before, *behind;
};

static queue *make_queue(neapi_lane *lane, neap_text tag)
{
    queue *made = neapi_alloc(sizeof *made + tag.size);
    if (made == NULL)
        return NULL;
    *made = (queue){.tag = {(char *)(made + 1), tag.size}};
    memcpy(made + 1, tag.data, tag.size);
    if (neapi_map_put(&lane->turns, made->tag, made))
        return made;
    neapi_free(made);
    return NULL;
}

static bool enter(neapi_lane *lane, neapi_request *request, neap_text tag, neapi_place *place)
{
    queue *found = neapi_map_get(&lane->turns, tag);
    if (found == NULL)
        found = make_queue(lane, tag);
    if (found == NULL)
        return false;
    *place = (neapi_place){.request = request, .queue = found, .before = found->last};
    *(found->last != NULL ? &found->last->behind : &found->first) = place;
    found->last = place;
    request->behind += place->before != NULL;
    return true;
}

static void leave(neapi_lane *lane, const neapi_place *place)
{
    queue *left = place->queue;
    neapi_place *next = place->behind;
    *(place->before != NULL ? &place->before->behind : &left->first) = next;
    *(next != NULL ? &next->before : &left->last) = place->before;
    if (left->first == NULL) {
        neapi_map_remove(&lane->turns, left->tag);
        neapi_free(left);
    } else if (place->before == NULL && --next->request->behind == 0) {
        neapi_request_list_push(&lane->ready, next->request);
    }
}

static void leave_first(neapi_lane *lane, neapi_request *request, size_t count)
{
    for (size_t i = 0; i < count; i++)
        leave(lane, &request->places[i]);
    request->places = NULL;
    request->behind = 0;
}

neap_status neapi_turns_enter(neapi_lane *lane, neapi_request *request)
{
    const neapi_instance *instance = &request->instance;
    request->places =
        neapi_arena_alloc(&request->arena, instance->tag_count * sizeof *request->places);
    if (request->places == NULL)
        return NEAP_NOMEM;
    for (size_t i = 0; i < instance->tag_count; i++)
        if (!enter(lane, request, instance->tags[i], &request->places[i])) {
            leave_first(lane, request, i);
            return NEAP_NOMEM;
        }
    return NEAP_OK;
}

void neapi_turns_leave(neapi_lane *lane, neapi_request *request)
{
    leave_first(lane, request, request->instance.tag_count);
}
