#include "outbox/nats/connection.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/platform.h"

#define FIRST_DELAY_MS 100
#define LAST_DELAY_MS  5000

neap_status neapi_nats_fail(natsStatus failure, const char *doing, neap_error *error)
{
    neap_status status = failure == NATS_NO_MEMORY ? NEAP_NOMEM : NEAP_UNAVAILABLE;
    return neapi_fail(error, status, "nats: %s: %s", doing, natsStatus_GetText(failure));
}

/* Called on the library's own thread between two tries. */
static int64_t delay_ms(natsConnection *connection, int attempts, void *closure)
{
    uint32_t dice;
    int64_t delay = FIRST_DELAY_MS;
    (void)connection;
    (void)closure;
    for (int i = 1; i < attempts && delay < LAST_DELAY_MS; i++)
        delay *= 2;
    if (delay > LAST_DELAY_MS)
        delay = LAST_DELAY_MS;
    neapi_random(neapi_platform_machine(), &dice, sizeof dice);
    return delay * 3 / 4 + dice % (delay / 2);
}

/* Without it the library prints what it meets with. */
static void ignore(natsConnection *connection, natsSubscription *subscription, natsStatus failure,
                   void *closure)
{
    (void)connection;
    (void)subscription;
    (void)failure;
    (void)closure;
}

/* The library ignores SIGPIPE in the whole process from its start on: that is the process' own to
 * decide. Its threads get no signals anyway. */
static natsStatus start_library(void)
{
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    natsStatus status = nats_Open(-1);
    sigaction(SIGPIPE, &before, NULL);
    return status;
}

static natsStatus set_options(natsOptions *options, const neapi_address *address,
                              const neapi_nats_settings *settings)
{
    natsStatus status = natsOptions_SetURL(options, address->servers);
    if (status == NATS_OK)
        status = natsOptions_SetName(options, settings->name);
    if (status == NATS_OK)
        status = natsOptions_SetTimeout(options, settings->timeout_ms);
    if (status == NATS_OK)
        status = natsOptions_SetMaxReconnect(options, INT_MAX);
    if (status == NATS_OK)
        status = natsOptions_SetCustomReconnectDelay(options, delay_ms, NULL);
    if (status == NATS_OK)
        status = natsOptions_SetErrorHandler(options, ignore, NULL);
    if (status == NATS_OK)
        status = natsOptions_SetSendAsap(options, true);
    if (status == NATS_OK && strncmp(address->servers, "tls:", 4) == 0)
        status = natsOptions_SetSecure(options, true);
    if (status == NATS_OK && settings->ca != NULL)
        status = natsOptions_LoadCATrustedCertificates(options, settings->ca);
    if (status == NATS_OK && settings->creds != NULL)
        status = natsOptions_SetUserCredentialsFromFiles(options, settings->creds, NULL);
    return status;
}

neap_status neapi_nats_connect(const neapi_address *address, const neapi_nats_settings *settings,
                               natsConnection **connection, neap_error *error)
{
    natsOptions *options = NULL;
    natsStatus status = start_library();
    if (status == NATS_OK)
        status = natsOptions_Create(&options);
    if (status != NATS_OK)
        return neapi_nats_fail(status, "start libnats", error);
    neap_status result = NEAP_OK;
    status = set_options(options, address, settings);
    if (status != NATS_OK) {
        result = neapi_nats_fail(status, address->shown, error);
        if (result != NEAP_NOMEM)
            result = neapi_error_as(error, NEAP_USAGE);
    } else if ((status = natsConnection_Connect(connection, options)) != NATS_OK) {
        result = neapi_nats_fail(status, address->shown, error);
    }
    natsOptions_Destroy(options);
    return result;
}

uint64_t neapi_nats_reconnects(natsConnection *connection)
{
    natsStatistics *statistics;
    uint64_t reconnects = 0;
    if (natsStatistics_Create(&statistics) != NATS_OK)
        return 0;
    if (natsConnection_GetStats(connection, statistics) == NATS_OK)
        natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, &reconnects);
    natsStatistics_Destroy(statistics);
    return reconnects;
}

bool neapi_nats_connected(natsConnection *connection)
{
    return natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED;
}
