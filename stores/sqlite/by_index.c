#include "reader.h"

/* So many places are looked at in one reading before it gives back what it has: with a filter by
 * types most of them may be unwanted, and no transaction is to be long. */
#define MOST 131072

/* The index tells where the events are. */
neap_status neapi_reading_by_index(neapi_reading *reading, neap_error *error)
{
    neapi_sqlite_session *session = reading->session;
    neapi_sqlite_places wanted = {.source = reading->source,
                                  .id = reading->id,
                                  .low = reading->lowest,
                                  .high = reading->highest,
                                  .backward = reading->range->backward};
    for (size_t looked_at = 0; wanted.low <= wanted.high; looked_at += session->place_count) {
        if (looked_at >= MOST) {
            reading->full = true;
            reading->page->next = (uint64_t)(wanted.backward ? wanted.high : wanted.low);
            return NEAP_OK;
        }
        wanted.most = neapi_reading_how_many(reading, reading->range->type_count != 0);
        neap_status status = neapi_sqlite_find_places(session, &wanted, error);
        size_t count = session->place_count;
        if (status == NEAP_OK && count != 0)
            status = neapi_reading_take_places(reading, error);
        if (status != NEAP_OK || reading->full || count < wanted.most)
            return status;
        int64_t last = session->places[count - 1].number;
        if (wanted.backward)
            wanted.high = last - 1;
        else
            wanted.low = last + 1;
    }
    return NEAP_OK;
}
