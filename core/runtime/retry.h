/* When what failed is tried again. */
#ifndef NEAPI_RUNTIME_RETRY_H
#define NEAPI_RUNTIME_RETRY_H

#include "base/platform.h"
#include "bus/catalog.h"

/* After so many failures, at least 1. It grows from attempt to attempt, up to the most, and differs
 * a little each time, so that what failed together does not come back together. */
int64_t neapi_retry_delay_us(const neapi_platform *platform, const neapi_subscription *definition,
                             unsigned failures);

/* Of an outbox: whether it is tried again after so many failures of one event, this one included.
 * What another try may help is, however long that takes; what a publisher rejects is not. */
bool neapi_retry_publishing(const neapi_subscription *definition, neap_status status,
                            unsigned failures);

#endif
