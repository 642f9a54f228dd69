#include "runtime/wanted.h"

#include "base/text.h"

static bool is_among(neap_text text, const neap_text *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (neapi_text_equal(text, wanted[i]))
            return true;
    return false;
}

static bool carries_one(const neap_event *event, const neap_text *tags, size_t count)
{
    for (uint32_t i = 0; i < event->tag_count; i++)
        if (is_among(event->tags[i], tags, count))
            return true;
    return false;
}

bool neapi_is_wanted(const neapi_range *range, const neap_event *event)
{
    uint64_t number = neapi_number_of(range, event);
    if (number < range->from || number > range->to)
        return false;
    if (range->type_count != 0 && !is_among(event->type, range->types, range->type_count))
        return false;
    if (range->stream.size != 0 && !neapi_text_equal(event->stream, range->stream))
        return false;
    if (range->category.size != 0 &&
        !neapi_text_equal(neapi_stream_category(event->stream), range->category))
        return false;
    return range->tag_count == 0 || carries_one(event, range->tags, range->tag_count);
}
