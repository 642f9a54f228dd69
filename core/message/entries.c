#include "message/entries.h"

#include "base/text.h"

static void merge(const neapi_entry *list, size_t from, size_t middle, size_t end,
                  neapi_entry *result)
{
    size_t a = from, b = middle;
    for (size_t i = from; i < end; i++) {
        bool first =
            b == end || (a < middle && neapi_text_compare(list[a].name, list[b].name) <= 0);
        result[i] = first ? list[a++] : list[b++];
    }
}

neapi_entry *neapi_entries_sort(neapi_entry *list, neapi_entry *room, size_t count)
{
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t from = 0; from < count; from += 2 * run) {
            size_t middle = from + run < count ? from + run : count;
            size_t end = from + 2 * run < count ? from + 2 * run : count;
            merge(list, from, middle, end, room);
        }
        neapi_entry *sorted = room;
        room = list;
        list = sorted;
    }
    return list;
}
