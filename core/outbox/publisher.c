#include "outbox/publisher.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const struct {
    const char *scheme;
    const neap_publisher *publisher;
} known[] = {{"nats", &neapi_publisher_nats}, {"tls", &neapi_publisher_nats}};
#define KNOWN (sizeof known / sizeof *known)

static neap_text scheme_of(neap_text to)
{
    const char *colon = to.size != 0 ? memchr(to.data, ':', to.size) : NULL;
    return neapi_text(to.data, colon != NULL ? (size_t)(colon - to.data) : 0);
}

bool neapi_publisher_is_url(neap_text to)
{
    return scheme_of(to).size != 0;
}

neap_status neapi_publisher_find(neap_text url, const neap_publisher **found, neap_error *error)
{
    neap_text scheme = scheme_of(url);
    const char *schemes[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        schemes[i] = known[i].scheme;
        if (neapi_text_equal(scheme, neapi_text_of(known[i].scheme))) {
            *found = known[i].publisher;
            return NEAP_OK;
        }
    }
    const char *meant = neapi_nearest(scheme, schemes, KNOWN);
    return neapi_fail(error, NEAP_UNKNOWN,
                      "there is no publisher for \"%.*s:\"; known are nats: and tls:%s%s%s",
                      NEAPI_TEXT(scheme), meant != NULL ? "; did you mean " : "",
                      meant != NULL ? meant : "", meant != NULL ? ":?" : "");
}
