/* Stores that are filled below the runtime, for what reads them. */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "store/store.h"

/* Adds an event to a unit. number: tells its id from others. */
void append_event(neapi_unit *unit, unsigned number, const char *type, const char *stream,
                  const char *data);

/* Writes so many events to a new store, a thousand in a unit, and looks after it as the writer
 * does. append: adds the n-th. */
void fill_store(const char *url, unsigned events, void (*append)(neapi_unit *unit, unsigned n));

#define LINE_DATA                                                                                  \
    "{\"note\":\"a note of about sixty bytes, so that an event has its length\","                  \
    "\"order_id\":\"o-123\",\"price\":12.5,\"quantity\":3,\"sku\":\"sku-0123456789\"}"

/* A unit of one event with that as its data, of about
 * 160 bytes, and the command that it is of. Owns: the caller. */
neapi_unit *line_unit(unsigned number, neap_text stream);

#endif
