#include "store/survey.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "store/store.h"

#define HOUR_US ((int64_t)3600 * 1000000)
#define DAY_US  (24 * HOUR_US)

/* What is counted under one number: a version of a type, or a category. */
typedef struct neapi_survey_group {
    struct neapi_survey_group *next;
    uint64_t key[3]; /* kind, number, schema */
    uint64_t streams, events, first, last, data_bytes;
} group;

static group *group_of(neapi_survey *survey, neapi_survey_kind kind, uint64_t number,
                       uint32_t schema, group **list, group **recent)
{
    uint64_t key[3] = {kind, number, schema};
    if (*recent != NULL && memcmp((*recent)->key, key, sizeof key) == 0)
        return *recent;
    group *found = neapi_map_get(&survey->groups, neapi_text((const char *)key, sizeof key));
    if (found == NULL) {
        found = neapi_arena_alloc(&survey->arena, sizeof *found);
        if (found == NULL)
            return NULL;
        *found = (group){.next = *list};
        memcpy(found->key, key, sizeof key);
        neap_text own = neapi_text((const char *)found->key, sizeof found->key);
        if (!neapi_map_put(&survey->groups, own, found))
            return NULL;
        *list = found;
    }
    *recent = found;
    return found;
}

static neapi_survey_stream *shortest(neapi_survey *survey)
{
    neapi_survey_stream *least = &survey->longest[0];
    for (size_t i = 1; i < survey->longest_count; i++)
        if (survey->longest[i].events < least->events)
            least = &survey->longest[i];
    return least;
}

/* An event's version is how long its stream is by then: so in the end each of the longest streams
 * has come by with its whole length. */
static void note_length(neapi_survey *survey, const neapi_survey_event *event)
{
    bool full = survey->longest_count == NEAPI_SURVEY_LONGEST;
    if (full && event->version <= survey->least)
        return;
    neapi_survey_stream *place = NULL;
    for (size_t i = 0; i < survey->longest_count && place == NULL; i++)
        if (survey->longest[i].number == event->stream)
            place = &survey->longest[i];
    if (place == NULL)
        place = full ? shortest(survey) : &survey->longest[survey->longest_count++];
    *place = (neapi_survey_stream){event->stream, event->version, event->position};
    if (survey->longest_count == NEAPI_SURVEY_LONGEST)
        survey->least = shortest(survey)->events;
}

static void note_time(neap_statistics *result, const neapi_survey_event *event)
{
    int64_t at = event->recorded_at;
    if (event->position == 1 || at < result->first_at)
        result->first_at = at;
    if (event->position == 1 || at > result->last_at)
        result->last_at = at;
    result->last_hour += at > result->taken_at - HOUR_US && at <= result->taken_at;
    result->last_day += at > result->taken_at - DAY_US && at <= result->taken_at;
}

static void count(group *counted, const neapi_survey_event *event)
{
    if (counted->events++ == 0)
        counted->first = event->position;
    counted->last = event->position;
    counted->data_bytes += event->data_bytes;
    counted->streams += event->version == 1;
}

bool neapi_survey_see(neapi_survey *survey, const neapi_survey_event *event)
{
    group *type = group_of(survey, NEAPI_SURVEY_TYPE, event->type, event->schema, &survey->types,
                           &survey->last_type);
    group *category = group_of(survey, NEAPI_SURVEY_CATEGORY, event->category, 0,
                               &survey->categories, &survey->last_category);
    if (type == NULL || category == NULL)
        return false;
    count(type, event);
    count(category, event);
    survey->result.streams += event->version == 1;
    survey->result.data_bytes += event->data_bytes;
    survey->result.tagged_events += event->tagged;
    note_time(&survey->result, event);
    note_length(survey, event);
    return true;
}

/* ---- The lists ------------------------------------------------------------------------------- */

static bool want_name(neapi_survey *survey, neapi_survey_kind kind, uint64_t number,
                      neap_text *name)
{
    neapi_survey_name *wanted = neapi_arena_alloc(&survey->arena, sizeof *wanted);
    if (wanted == NULL)
        return false;
    *name = (neap_text){"", 0};
    *wanted = (neapi_survey_name){kind, number, name, survey->names};
    survey->names = wanted;
    return true;
}

/* The fewest events first; of as many, what came last: a list is made from its end. */
static int by_events(const void *a, const void *b)
{
    const group *left = *(group *const *)a, *right = *(group *const *)b;
    if (left->events != right->events)
        return left->events < right->events ? -1 : 1;
    return left->first > right->first ? -1 : left->first < right->first;
}

static int by_length(const void *a, const void *b)
{
    const neapi_survey_stream *left = a, *right = b;
    if (left->events != right->events)
        return left->events < right->events ? -1 : 1;
    return left->last > right->last ? -1 : left->last < right->last;
}

static group **sorted(neapi_survey *survey, group *list, size_t *count)
{
    *count = 0;
    for (const group *each = list; each != NULL; each = each->next)
        ++*count;
    group **array = neapi_arena_alloc(&survey->arena, (*count + 1) * sizeof(group *));
    if (array == NULL)
        return NULL;
    *count = 0;
    for (group *each = list; each != NULL; each = each->next)
        array[(*count)++] = each;
    qsort(array, *count, sizeof(group *), by_events);
    return array;
}

static bool list_types(neapi_survey *survey)
{
    size_t count;
    group **groups = sorted(survey, survey->types, &count);
    for (size_t i = 0; groups != NULL && i < count; i++) {
        neap_type_statistics *type = neapi_arena_alloc(&survey->arena, sizeof *type);
        if (type == NULL || !want_name(survey, NEAPI_SURVEY_TYPE, groups[i]->key[1], &type->type))
            return false;
        type->schema = (uint32_t)groups[i]->key[2];
        type->events = groups[i]->events;
        type->first = groups[i]->first;
        type->last = groups[i]->last;
        type->data_bytes = groups[i]->data_bytes;
        type->next = survey->result.types;
        survey->result.types = type;
    }
    return groups != NULL;
}

static bool list_categories(neapi_survey *survey)
{
    size_t count;
    group **groups = sorted(survey, survey->categories, &count);
    for (size_t i = 0; groups != NULL && i < count; i++) {
        neap_category_statistics *category = neapi_arena_alloc(&survey->arena, sizeof *category);
        if (category == NULL ||
            !want_name(survey, NEAPI_SURVEY_CATEGORY, groups[i]->key[1], &category->category))
            return false;
        category->streams = groups[i]->streams;
        category->events = groups[i]->events;
        category->next = survey->result.categories;
        survey->result.categories = category;
    }
    return groups != NULL;
}

static bool list_streams(neapi_survey *survey)
{
    qsort(survey->longest, survey->longest_count, sizeof *survey->longest, by_length);
    for (size_t i = 0; i < survey->longest_count; i++) {
        neap_stream_statistics *stream = neapi_arena_alloc(&survey->arena, sizeof *stream);
        if (stream == NULL ||
            !want_name(survey, NEAPI_SURVEY_STREAM, survey->longest[i].number, &stream->stream))
            return false;
        stream->events = survey->longest[i].events;
        stream->last = survey->longest[i].last;
        stream->next = survey->result.longest_streams;
        survey->result.longest_streams = stream;
    }
    return true;
}

bool neapi_survey_close(neapi_survey *survey)
{
    neap_statistics *result = &survey->result;
    int64_t span = result->last_at - result->first_at;
    if (span > 0)
        result->per_second = (double)result->events / ((double)span / 1e6);
    return list_types(survey) && list_categories(survey) && list_streams(survey);
}

void neapi_survey_fini(neapi_survey *survey)
{
    neapi_map_fini(&survey->groups);
    neapi_arena_fini(&survey->arena);
}

neap_status neapi_survey_take(neapi_session *session, int64_t now_us, neapi_survey *survey,
                              neap_error *error)
{
    neap_error local;
    if (error == NULL)
        error = &local;
    *survey = (neapi_survey){.result = {.taken_at = now_us}};
    neapi_map_init(&survey->groups);
    neap_status status = neapi_head(session, &survey->result.events, error);
    if (status != NEAP_OK)
        return status;
    status = session->store->backend->survey(session, survey, error);
    if (status != NEAP_OK)
        neapi_error_prefix(error, "survey %s", session->store->name);
    return status;
}
