#include "runtime/retry.h"

#include <math.h>

int64_t neapi_retry_delay_us(const neapi_platform *platform, const neapi_subscription *definition,
                             unsigned failures)
{
    double delay = (double)definition->first_delay_us * pow(definition->factor, failures - 1.0);
    uint32_t dice;
    neapi_random(platform, &dice, sizeof dice);
    if (!(delay < (double)definition->max_delay_us)) /* also where the power is infinite */
        delay = (double)definition->max_delay_us;
    return (int64_t)(delay * (1 + definition->jitter * (dice / (double)UINT32_MAX * 2 - 1)));
}

bool neapi_retry_publishing(const neapi_subscription *definition, neap_status status,
                            unsigned failures)
{
    switch (status) {
    case NEAP_UNAVAILABLE:
    case NEAP_TIMEOUT:
    case NEAP_BUSY:
    case NEAP_NOMEM:
        return true;
    case NEAP_REJECTED:
        return false;
    default:
        return failures < definition->attempts;
    }
}
