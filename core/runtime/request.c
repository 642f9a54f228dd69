#include "runtime/request.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/reply.h"

/* The first of a request's arena: enough for the name of most streams. */
#define ARENA_BYTES 96

static neap_text placed(char **at, neap_text text)
{
    neap_text copy = {*at, text.size};
    if (text.size != 0)
        memcpy(*at, text.data, text.size);
    (*at)[text.size] = '\0';
    *at += text.size + 1;
    return copy;
}

neapi_request *neapi_request_new(const neapi_platform *platform, neapi_request_kind kind,
                                 bool gated, neap_text json, neap_text key, neap_text meta)
{
    struct whole_request {
        neapi_request request;
        _Alignas(max_align_t) char memory[ARENA_BYTES];
    } *whole = neapi_alloc(sizeof *whole + json.size + key.size + meta.size + 3);
    if (whole == NULL)
        return NULL;
    neapi_request *request = &whole->request;
    memset(request, 0, sizeof *request);
    neapi_arena_init_with(&request->arena, whole->memory, sizeof whole->memory);
    if (gated && !neapi_gate_init(&request->answered)) {
        neapi_free(request);
        return NULL;
    }
    atomic_init(&request->references, gated ? 2 : 1);
    atomic_init(&request->stage, NEAPI_STAGE_WAITING);
    request->platform = platform;
    request->kind = kind;
    request->gated = gated;
    request->deadline_us = NEAPI_NO_DEADLINE;
    request->submission.request = request;
    char *at = (char *)(whole + 1);
    request->json = placed(&at, json);
    request->key = placed(&at, key);
    request->meta = placed(&at, meta);
    return request;
}

void neapi_request_hold(neapi_request *request)
{
    atomic_fetch_add(&request->references, 1);
}

void neapi_request_release(neapi_request *request)
{
    if (request == NULL || atomic_fetch_sub(&request->references, 1) != 1)
        return;
    neapi_unit_release(request->submission.unit);
    neapi_failure_release(request->submission.failure);
    neapi_arena_fini(&request->arena);
    neap_reply_free(request->reply);
    neapi_free(request->error);
    if (request->gated)
        neapi_gate_fini(&request->answered);
    neapi_request_release(request->outer);
    neapi_free(request);
}

/* The runtime's reference is given up last: nothing here may touch the request afterwards. */
static void answer(neapi_request *request, neap_status status, const neap_error *error)
{
    request->status = status;
    atomic_store(&request->stage, NEAPI_STAGE_DONE);
    if (request->callback != NULL) {
        neap_reply *reply = request->reply;
        request->reply = NULL;
        request->callback(request->user, status, reply, error);
    }
    if (request->gated)
        neapi_wake(request->platform, &request->answered);
    neapi_request_release(request);
}

void neapi_request_succeed(neapi_request *request, neap_reply *reply)
{
    request->reply = reply;
    answer(request, NEAP_OK, NULL);
}

void neapi_request_keep_error(neapi_request *request, const neap_error *error)
{
    if (request->error == NULL)
        request->error = neapi_alloc(sizeof *request->error);
    if (request->error != NULL && request->error != error)
        *request->error = *error;
}

void neapi_request_fail(neapi_request *request, const neap_error *error)
{
    if (request->gated)
        neapi_request_keep_error(request, error);
    request->outcome_unknown = error->outcome_unknown;
    answer(request, error->status, error);
}

bool neapi_request_withdraw(neapi_request *request)
{
    int waiting = NEAPI_STAGE_WAITING;
    return atomic_compare_exchange_strong(&request->stage, &waiting, NEAPI_STAGE_WITHDRAWN);
}

bool neapi_request_begin(neapi_request *request)
{
    int waiting = NEAPI_STAGE_WAITING;
    return atomic_compare_exchange_strong(&request->stage, &waiting, NEAPI_STAGE_BEGUN);
}

neap_text neapi_request_name(const neapi_request *request)
{
    if (request->message != NULL)
        return request->message->name;
    if (request->kind == NEAPI_REQUEST_CANCEL)
        return request->schedule->name;
    if (request->kind == NEAPI_REQUEST_DELIVERY)
        return request->delivered.type;
    if (request->projection != NULL)
        return request->projection->name;
    return request->kind == NEAPI_REQUEST_PUBLISH ? request->earlier.type
                                                  : request->instance.aggregate->name;
}
