/* A connection to NATS: how it is made, and how its failures are told. */
#ifndef NEAPI_OUTBOX_NATS_CONNECTION_H
#define NEAPI_OUTBOX_NATS_CONNECTION_H

#include <nats/nats.h>

#include "outbox/address.h"

typedef struct neapi_nats_settings {
    const char *name;    /* by which the server lists the connection */
    const char *creds;   /* file of a user's credentials; NULL: none */
    const char *ca;      /* file of certificates to trust; NULL: the machine's */
    uint32_t timeout_ms; /* for the first connection */
} neapi_nats_settings;

/* Connects once, in bounded time; from then on the library connects again by itself, waiting longer
 * from try to try. Call between neapi_quiet_enter() and neapi_quiet_leave(), as every function of
 * the library. Owns: the caller (natsConnection_Destroy). Errors: UNAVAILABLE, USAGE (the URL, the
 * files), NOMEM. */
neap_status neapi_nats_connect(const neapi_address *address, const neapi_nats_settings *settings,
                               natsConnection **connection, neap_error *error);

/* Makes the error of a failure: "nats: <doing>: <what the library says>". */
neap_status neapi_nats_fail(natsStatus failure, const char *doing, neap_error *error);

/* How often the connection was made again. */
uint64_t neapi_nats_reconnects(natsConnection *connection);

/* Whether it stands now. */
bool neapi_nats_connected(natsConnection *connection);

#endif
