/* In the place of what needs libnats, where Neap is built without it. */
#include "base/error.h"
#include "outbox/publisher.h"
#include "outbox/source.h"

static neap_status fail(neap_error *error)
{
    return neapi_fail(error, NEAP_USAGE,
                      "Neap was built without NATS. Install libnats (on Debian: apt-get install "
                      "libnats-dev), and build it again with -DNEAP_NATS=ON");
}

static neap_status refuse(void *user, const neap_publisher_options *options, void **self,
                          neap_error *error)
{
    (void)user;
    (void)options;
    (void)self;
    return fail(error);
}

static neap_status publish(void *self, const neap_publication *const *publications, size_t count,
                           size_t *acknowledged, neap_error *error)
{
    (void)self;
    (void)publications;
    (void)count;
    *acknowledged = 0;
    return fail(error);
}

const neap_publisher neapi_publisher_nats = {
    .size = sizeof(neap_publisher), .open = refuse, .publish = publish, .close = NULL};

neap_status neapi_source_open(const char *from, uint32_t timeout_ms, neapi_source **source,
                              neap_error *error)
{
    (void)from;
    (void)timeout_ms;
    (void)source;
    return fail(error);
}

neap_status neapi_source_fetch(neapi_source *source, neapi_incoming *list, size_t most,
                               uint32_t timeout_ms, size_t *count, neap_error *error)
{
    (void)source;
    (void)list;
    (void)most;
    (void)timeout_ms;
    *count = 0;
    return fail(error);
}

neapi_settlement neapi_source_settle(neapi_source *source, neapi_incoming *incoming,
                                     neapi_settlement settlement, uint32_t delay_ms,
                                     const neap_error *why)
{
    (void)source;
    (void)incoming;
    (void)delay_ms;
    (void)why;
    return settlement;
}

void neapi_source_close(neapi_source *source)
{
    (void)source;
}
