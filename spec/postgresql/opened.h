/* A store in PostgreSQL that is open, and what tests of its failures write to it and find there. */
#ifndef NEAPI_SPEC_OPENED_H
#define NEAPI_SPEC_OPENED_H

#include "store/store.h"

#define NOW      ((int64_t)1700000000000000)
#define URL_SIZE 512

typedef struct opened_store {
    neapi_store *store;
    neapi_session *writer, *reader;
} opened_store;

void open_all(opened_store *opened, const char *url);
void close_all(opened_store *opened);

/* A unit of everything: an event of A-1 behind the version, a key and a document of its number. */
neapi_unit *unit_behind(uint64_t version);
/* A unit of such an event alone. */
neapi_unit *unit_of_event(uint64_t version);
/* A unit of a document that is not there, and nothing else. */
neapi_unit *unit_of_document(neap_text key);
neap_status commit(neapi_session *writer, neapi_unit *unit, neapi_outcome *outcome,
                   neap_error *error);
/* Commits the unit, which must be accepted, and releases it; or such a one of everything. */
void commit_unit_well(neapi_session *writer, neapi_unit *unit, uint64_t version);
void commit_well(neapi_session *writer, uint64_t version);
/* Commits the unit, which must be accepted, as often as it takes: where timeouts are short, a
 * machine that is busy may be too slow for them. */
void commit_patiently(neapi_session *writer, neapi_unit *unit);

uint64_t version_of(neapi_session *session);
/* So many events are there, and agree; everything is there `count` times, and agrees. */
void assert_events(neapi_session *session, uint64_t count);
void assert_whole(neapi_session *session, uint64_t count);

#endif
