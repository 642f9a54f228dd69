/* One batch of events on its way to JetStream. */
#ifndef NEAPI_OUTBOX_NATS_BATCH_H
#define NEAPI_OUTBOX_NATS_BATCH_H

#include "outbox/nats/connection.h"
#include "outbox/subject.h"

#define NEAPI_NATS_PENDING_MOST 10000u

typedef struct neapi_nats_publisher {
    neapi_arena arena;
    neapi_address address;
    neapi_nats_settings settings;
    neap_text subject;  /* template, terminated */
    const char *stream; /* the only one that may take the events; NULL: whichever has the subject */
    bool creates;       /* makes that stream, if there is none */
    unsigned pending;
    uint32_t timeout_ms;
    natsConnection *connection; /* NULL: not made yet */
    char *inbox;                /* libnats' own memory */
    natsSubscription *answers;  /* to everything below the inbox */
    uint64_t sent;              /* messages; the inbox of each ends with its number */
} neapi_nats_publisher;

/* Connects, if that was not done, or says that it is not possible now. Errors: as
 * neapi_nats_connect(). */
neap_status neapi_nats_reach(neapi_nats_publisher *publisher, neap_error *error);
void neapi_nats_leave(neapi_nats_publisher *publisher);

/* As neap_publisher.publish, on a connection that stands. At most one event of each stream is on
 * its way at a time, so that what is lost cannot be overtaken. */
neap_status neapi_nats_publish(neapi_nats_publisher *publisher,
                               const neap_publication *const *publications, size_t count,
                               size_t *acknowledged, neap_error *error);

#endif
