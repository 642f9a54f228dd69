#include "runtime/topics.h"

#include "base/alloc.h"
#include "base/text.h"
#include "runtime/wanted.h"

/* There is one as long as a reader has a place in it. */
struct neapi_topic {
    neapi_topic_index *index;
    neapi_interest_place *first; /* that wait */
    size_t places;
    neap_text name; /* behind the struct */
};

void neapi_topics_init(neapi_topics *topics)
{
    neapi_topic_index *const indexes[] = {&topics->streams, &topics->types, &topics->categories,
                                          &topics->all};
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        neapi_map_init(&indexes[i]->topics);
        indexes[i]->waiting = 0;
    }
}

void neapi_topics_fini(neapi_topics *topics)
{
    neapi_map_fini(&topics->streams.topics);
    neapi_map_fini(&topics->types.topics);
    neapi_map_fini(&topics->categories.topics);
    neapi_map_fini(&topics->all.topics);
}

static neapi_topic *get_topic(neapi_topic_index *index, neap_text name)
{
    neapi_topic *topic = neapi_map_get(&index->topics, name);
    if (topic != NULL)
        return topic;
    topic = neapi_alloc(sizeof *topic + name.size);
    if (topic == NULL)
        return NULL;
    *topic = (neapi_topic){.index = index, .name = {(char *)(topic + 1), name.size}};
    if (name.size != 0)
        memcpy(topic + 1, name.data, name.size);
    if (neapi_map_put(&index->topics, topic->name, topic))
        return topic;
    neapi_free(topic);
    return NULL;
}

static bool has_place_in(const neapi_interest *interest, const neapi_topic *topic)
{
    for (size_t i = 0; i < interest->place_count; i++)
        if (interest->places[i].topic == topic)
            return true;
    return false;
}

/* A name that is given twice is one place. */
static bool add_place(neapi_interest *interest, neapi_topic_index *index, neap_text name)
{
    neapi_topic *topic = get_topic(index, name);
    if (topic == NULL)
        return false;
    if (has_place_in(interest, topic))
        return true;
    topic->places++;
    interest->places[interest->place_count++] =
        (neapi_interest_place){.topic = topic, .interest = interest};
    return true;
}

/* Who reads only to a position has to see when the log has come there, whatever lies there. */
static bool ends_at_a_position(const neapi_range *range)
{
    return range->stream.size == 0 && range->to != UINT64_MAX;
}

/* The index that the range is looked up in: where the fewest events are found in vain. */
static neapi_topic_index *index_of(neapi_topics *topics, const neapi_range *range)
{
    if (range->stream.size != 0)
        return &topics->streams;
    if (ends_at_a_position(range))
        return &topics->all;
    if (range->type_count != 0)
        return &topics->types;
    return range->category.size != 0 ? &topics->categories : &topics->all;
}

neap_status neapi_topics_enter(neapi_topics *topics, neapi_interest *interest,
                               const neapi_range *range)
{
    neapi_topic_index *index = index_of(topics, range);
    size_t count = index == &topics->types ? range->type_count : 1;
    *interest = (neapi_interest){.range = range};
    interest->places = neapi_alloc(count * sizeof *interest->places);
    bool made = interest->places != NULL;
    for (size_t i = 0; i < count && made; i++) {
        neap_text name = index == &topics->streams      ? range->stream
                         : index == &topics->categories ? range->category
                         : index == &topics->types      ? range->types[i]
                                                        : (neap_text){0};
        made = add_place(interest, index, name);
    }
    if (made)
        return NEAP_OK;
    neapi_topics_leave(interest);
    return NEAP_NOMEM;
}

void neapi_topics_leave(neapi_interest *interest)
{
    for (size_t i = 0; i < interest->place_count; i++) {
        neapi_topic *topic = interest->places[i].topic;
        if (--topic->places != 0)
            continue;
        neapi_map_remove(&topic->index->topics, topic->name);
        neapi_free(topic);
    }
    neapi_free(interest->places);
    *interest = (neapi_interest){0};
}

void neapi_topics_wait(neapi_interest *interest)
{
    for (size_t i = 0; i < interest->place_count; i++) {
        neapi_interest_place *place = &interest->places[i];
        place->next = place->topic->first;
        place->link = &place->topic->first;
        if (place->next != NULL)
            place->next->link = &place->next;
        place->topic->first = place;
        place->topic->index->waiting++;
    }
}

void neapi_topics_stop_waiting(neapi_interest *interest)
{
    for (size_t i = 0; i < interest->place_count; i++) {
        neapi_interest_place *place = &interest->places[i];
        *place->link = place->next;
        if (place->next != NULL)
            place->next->link = place->link;
        place->topic->index->waiting--;
    }
}

static void match(const neapi_topic *topic, const neap_event *event, neapi_topics_found found,
                  void *user)
{
    for (neapi_interest_place *place = topic != NULL ? topic->first : NULL, *next; place != NULL;
         place = next) {
        next = place->next;
        const neapi_range *range = place->interest->range;
        if (neapi_is_wanted(range, event) ||
            (ends_at_a_position(range) && event->position >= range->to))
            found(user, place->interest, event);
    }
}

static const neapi_topic *of_type(const neapi_topics *topics, neap_text type,
                                  neapi_topics_hint *hint)
{
    if (hint->type.size == 0 || !neapi_text_equal(hint->type, type))
        *hint = (neapi_topics_hint){type, neapi_map_get(&topics->types.topics, type)};
    return hint->topic;
}

void neapi_topics_match(const neapi_topics *topics, const neap_event *event,
                        neapi_topics_hint *hint, neapi_topics_found found, void *user)
{
    if (topics->types.waiting != 0)
        match(of_type(topics, event->type, hint), event, found, user);
    if (topics->streams.waiting != 0)
        match(neapi_map_get(&topics->streams.topics, event->stream), event, found, user);
    if (topics->categories.waiting != 0)
        match(neapi_map_get(&topics->categories.topics, neapi_stream_category(event->stream)),
              event, found, user);
    if (topics->all.waiting != 0)
        match(neapi_map_get(&topics->all.topics, (neap_text){0}), event, found, user);
}
