/* The contract suite on a branch: it takes what any store takes, also as a branch of a branch, with
 * numbers that go on behind those of another log. */
#include "contract/contract.h"

#include <string.h>

#include "runtime/past_store.h"

static void fresh(char url[CONTRACT_URL_SIZE])
{
    strcpy(url, "branch");
}

/* A branch of all that the log has, and of the other past's documents (NULL: none). */
static neap_status make_branch(neapi_store *log, uint64_t head, neapi_store *documents,
                               neapi_store **branch, neap_error *error)
{
    neapi_store *past = NULL;
    *branch = NULL;
    neap_status status = neapi_past_store_new(log, &past, error);
    if (status == NEAP_OK)
        status = neapi_past_store_new(log, branch, error);
    if (status == NEAP_OK) {
        neapi_past_store_move(*branch, head);
        status = neapi_past_store_share(*branch, documents != NULL ? documents : past, error);
    }
    if (status == NEAP_OK)
        status = neapi_past_store_extend(*branch, past, error);
    neapi_store_close(past);
    if (status != NEAP_OK) {
        neapi_store_close(*branch);
        *branch = NULL;
    }
    return status;
}

static neap_status open_branch(const char *url, neapi_store **store, neap_error *error)
{
    (void)url;
    neapi_store *log;
    neap_status status = neapi_store_open("memory:", NEAPI_MODE_WRITE, &log, error);
    if (status != NEAP_OK)
        return status;
    status = make_branch(log, 0, NULL, store, error);
    if (status != NEAP_OK)
        neapi_store_close(log);
    return status;
}

static void close_branch(neapi_store *store)
{
    while (store != NULL) {
        bool is_branch = strcmp(store->backend->scheme, "past") == 0;
        neapi_store *log = is_branch ? neapi_past_store_log(store) : NULL;
        neapi_store_close(store);
        store = log;
    }
}

/* A key may say that it is of one of the first events. */
#define LEAST_EVENTS 16

static neap_status renew(neapi_store **store, neap_error *error)
{
    neapi_store *branch;
    uint64_t head = neapi_past_store_head(*store);
    if (head != 0 && head < LEAST_EVENTS)
        return NEAP_OK;
    neap_status status = make_branch(*store, head, *store, &branch, error);
    if (status == NEAP_OK)
        *store = branch;
    return status;
}

static const contract_fixture branch = {
    .name = "branch", .fresh = fresh, .open = open_branch, .close = close_branch, .renew = renew};
NEAPI_CONTRACT(branch)
