/* Reading ahead: the page of the log that comes next is read on a thread of its own, while a lane
 * handles the page before. It is for those who are far behind, and for long streams; whoever has
 * but a page to read reads it himself.
 * What cannot be read ahead, for whatever reason, is read by the one who wants it, who is told what
 * is wrong then. */
#ifndef NEAPI_RUNTIME_AHEAD_H
#define NEAPI_RUNTIME_AHEAD_H

#include "base/platform.h"
#include "store/store.h"

typedef struct neapi_ahead neapi_ahead;
/* One page that was asked for. */
typedef struct neapi_ahead_page neapi_ahead_page;

/* The thread begins with the first page that is asked for. calls: where reading is counted.
 * Lifetime: store and calls are used until it has stopped, the platform as long as it is there.
 * Errors: NULL, no memory. */
neapi_ahead *neapi_ahead_new(neapi_store *store, const neapi_platform *platform,
                             neapi_store_calls *calls);
/* Reads nothing any more: the store may be closed. NULL is allowed, as below. */
void neapi_ahead_stop(neapi_ahead *ahead);
/* It has stopped, and nobody has a page that was asked for. */
void neapi_ahead_free(neapi_ahead *ahead);

/* Asks for what the range has from a number on; the gate is moved when it is there. Lifetime: what
 * the range points to, but for a stream's name, outlives the page; the gate does until the page is
 * dropped. Owns: the caller;
 * NULL: it cannot be. Threads: any. */
neapi_ahead_page *neapi_ahead_ask(neapi_ahead *ahead, const neapi_range *range, uint64_t from,
                                  neapi_gate *gate);

typedef enum neapi_ahead_answer {
    NEAPI_AHEAD_COMES,
    NEAPI_AHEAD_TAKEN, /* it is in `page` */
    NEAPI_AHEAD_NOT,   /* it could not be read, or is not what lies at `from` */
} neapi_ahead_answer;

/* Exchanges what is on the page for what was read. */
neapi_ahead_answer neapi_ahead_take(neapi_ahead_page *asked, uint64_t from, neapi_page *page);
/* The same, and waits if it is being read. What has not been begun, as others' pages come first, is
 * not. */
neapi_ahead_answer neapi_ahead_await(neapi_ahead_page *asked, uint64_t from, neapi_page *page);
/* NULL is allowed. */
void neapi_ahead_drop(neapi_ahead_page *asked);

#endif
