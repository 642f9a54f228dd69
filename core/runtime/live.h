/* Reading the log while it grows: from the hub's memory where that has what comes next, else in
 * pages from the store, one event after another either way. Threads: owner. */
#ifndef NEAPI_RUNTIME_LIVE_H
#define NEAPI_RUNTIME_LIVE_H

#include "runtime/ahead.h"
#include "runtime/hub.h"
#include "store/store.h"

typedef struct neapi_live {
    neapi_hub_reader reader;
    neapi_range *range; /* `from` is the first that is wanted and was not given yet */
    /* What is at hand: a batch, or a page. */
    neapi_batch *batch;
    neapi_batch_place place;
    const neapi_page *page;
    size_t at;
    uint64_t given, pages; /* not counted yet: events given of what is at hand */
    uint64_t behind;       /* of a range by position: where what is wanted goes on behind it */
    neapi_ahead *ahead;    /* reads what follows a page; NULL: nobody does. To be set once open */
    neapi_ahead_page *coming;
} neapi_live;

typedef enum neapi_live_answer {
    NEAPI_LIVE_EVENTS, /* something is at hand */
    NEAPI_LIVE_ON,     /* nothing wanted was found so far: to be asked again */
    NEAPI_LIVE_COMES,  /* it is being read ahead; the gate will be moved */
    NEAPI_LIVE_WAITS,  /* nothing is there; the gate will be moved */
    NEAPI_LIVE_OVER,   /* the range is read to its end */
    NEAPI_LIVE_ENDED,  /* nothing more will be committed */
} neapi_live_answer;

/* range: forward; outlives it. gate, detach: as in a neapi_hub_reader. Errors: NEAP_CLOSED,
 * NEAP_NOMEM. */
neap_status neapi_live_open(neapi_live *live, neapi_hub *hub, neapi_range *range, neapi_gate *gate,
                            void (*detach)(neapi_hub_reader *reader), neap_error *error);
void neapi_live_close(neapi_live *live);

/* Gets the next into hand, once all that was there has been taken. The page is used until it has
 * been taken. Errors: as neapi_read; nothing is lost by them. */
neap_status neapi_live_get(neapi_live *live, neapi_session *session, neapi_page *page,
                           neapi_live_answer *answer, neap_error *error);
/* While it waits: everything up to there is not wanted, or was given. */
uint64_t neapi_live_reached(const neapi_live *live);
/* The next wanted event at hand; NULL: there is none. Lifetime: until the next neapi_live_get. */
const neap_event *neapi_live_next(neapi_live *live);

#endif
