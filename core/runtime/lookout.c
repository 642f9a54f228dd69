#include "runtime/lookout.h"

#define LOOK_US 20000
/* A store may be reached through something that does not pass on what it tells. */
#define LISTEN_US 1000000

bool neapi_lookout_init(neapi_lookout *lookout, neapi_store *store)
{
    /* It tells nobody of what its own session commits. */
    bool deaf = store->backend->listen == NULL || store->mode == NEAPI_MODE_WRITE;
    *lookout = (neapi_lookout){.store = store, .deaf = deaf};
    return neapi_gate_init(&lookout->never);
}

static void go_deaf(neapi_lookout *lookout)
{
    if (lookout->session != NULL)
        neapi_session_close(lookout->session);
    lookout->session = NULL;
    lookout->deaf = true;
}

void neapi_lookout_fini(neapi_lookout *lookout)
{
    go_deaf(lookout);
    neapi_gate_fini(&lookout->never);
}

/* A store that cannot tell, as a copy that only follows another, is looked at. What is wrong with
 * it says who reads. */
static void listen(neapi_lookout *lookout, int64_t for_us)
{
    neap_error unwanted;
    neapi_told told;
    neap_status status = NEAP_OK;
    if (lookout->session == NULL)
        status = neapi_session_open(lookout->store, NEAPI_MODE_READ, &lookout->session, &unwanted);
    if (status == NEAP_OK)
        status = neapi_listen(lookout->session, -1, (int)((for_us + 999) / 1000), &told, &unwanted);
    if (status != NEAP_OK)
        go_deaf(lookout);
}

static void pause_for(neapi_lookout *lookout, const neapi_platform *platform, int64_t until_us)
{
    neapi_park(platform, &lookout->never, neapi_gate_seen(&lookout->never), until_us);
}

neap_status neapi_lookout_wait(neapi_lookout *lookout, neapi_session *reading, uint64_t seen,
                               int64_t until_us, uint64_t *head, neap_error *error)
{
    const neapi_platform *platform = neapi_platform_machine();
    for (;;) {
        neap_status status = neapi_head(reading, head, error);
        int64_t left_us = until_us - neapi_monotonic_us(platform);
        if (status != NEAP_OK || *head > seen || left_us <= 0)
            return status;
        if (lookout->deaf)
            pause_for(lookout, platform,
                      until_us - left_us + (left_us < LOOK_US ? left_us : LOOK_US));
        else
            listen(lookout, left_us < LISTEN_US ? left_us : LISTEN_US);
    }
}
