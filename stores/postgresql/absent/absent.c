/* In the place of what needs libpq, where Neap is built without it. */
#include "base/error.h"
#include "store/backend.h"

static neap_status refuse(const neapi_url *url, neapi_mode mode, neapi_store **store,
                          neap_error *error)
{
    (void)url;
    (void)mode;
    (void)store;
    return neapi_fail(error, NEAP_USAGE,
                      "Neap was built without PostgreSQL. Install libpq (on Debian: apt-get "
                      "install libpq-dev), and build it again with -DNEAP_POSTGRESQL=ON");
}

const neapi_backend neapi_backend_postgresql = {.scheme = "postgresql", .open = refuse};
