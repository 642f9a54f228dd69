#include "outbox/nats/ack.h"

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"

#define TOO_LARGE NEAPI_LITERAL("10054")

static neap_status fail(neap_text answer, neap_error *error)
{
    neap_text code = {0}, raw;
    neapi_buffer words = NEAPI_BUFFER_INIT;
    if (neapi_json_member(answer, NEAPI_LITERAL("description"), &raw))
        neapi_json_unquote(raw, &words);
    neapi_json_member(answer, NEAPI_LITERAL("err_code"), &code);
    const char *text = neapi_buffer_terminated(&words);
    neap_status status =
        neapi_fail(error, neapi_text_equal(code, TOO_LARGE) ? NEAP_LIMIT : NEAP_UNAVAILABLE,
                   "nats: JetStream refuses the event: %s (%.*s)", text != NULL ? text : "",
                   (int)code.size, code.size != 0 ? code.data : "");
    neapi_buffer_fini(&words);
    return status;
}

neap_status neapi_nats_ack_read(neap_text json, neap_error *error)
{
    neap_text value;
    bool sound = json.size != 0 && neapi_json_check(json, NEAPI_JSON_DEPTH, NULL) == NEAP_OK;
    if (sound && neapi_json_member(json, NEAPI_LITERAL("error"), &value))
        return fail(value, error);
    if (sound && neapi_json_member(json, NEAPI_LITERAL("seq"), &value))
        return NEAP_OK;
    return neapi_fail(error, NEAP_UNAVAILABLE,
                      "nats: what answers is not JetStream: expected {\"stream\":…,\"seq\":…}");
}
