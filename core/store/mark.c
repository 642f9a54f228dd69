#include "store/mark.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/text.h"
#include "message/field.h"
#include "message/json.h"
#include "store/store.h"

void neapi_mark_write(neapi_buffer *json, const neapi_mark *mark)
{
    neapi_buffer_format(json, "{\"begun_at\":%" PRId64 ",\"from\":", mark->begun_at);
    neapi_json_quote(json, mark->from);
    neapi_buffer_format(json, ",\"head\":%" PRIu64 ",\"id\":\"%016" PRIx64 "\"}", mark->head,
                        mark->id);
}

/* What stands in the mark is for people; none of it need be there. */
static neap_status refuse(neap_text mark, neap_error *error)
{
    uint64_t begun_at = 0, head = 0;
    neap_text from = neapi_text_of("another store");
    neapi_buffer words = NEAPI_BUFFER_INIT;
    if (neapi_buffer_reserve(&words, mark.size) &&
        !(neapi_field_text(mark, "from", &words, &from) && from.size != 0))
        from = neapi_text_of("another store");
    neapi_field_number(mark, "begun_at", INT64_MAX, &begun_at);
    neapi_field_number(mark, "head", UINT64_MAX, &head);
    neapi_buffer time = NEAPI_BUFFER_INIT;
    neapi_json_time(&time, (int64_t)begun_at); /* with its quotes */
    neap_text when = time.size > 2 ? neapi_text(time.data + 1, time.size - 2) : neapi_text_of("");
    neap_status status = neapi_fail(
        error, NEAP_UNAVAILABLE,
        "an import of %.*s up to position %" PRIu64 ", begun at %.*s, is not complete: import the "
        "same again, which goes on where it stopped, or delete the store",
        NEAPI_TEXT(from), head, NEAPI_TEXT(when));
    neapi_buffer_fini(&words);
    neapi_buffer_fini(&time);
    return status;
}

neap_status neapi_mark_check(neapi_store *store, neap_error *error)
{
    bool found = false;
    neap_text mark;
    neapi_session *session;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neap_status status = neapi_session_open(store, NEAPI_MODE_READ, &session, error);
    if (status == NEAP_OK) {
        status = neapi_find_document(session, NEAPI_MARK_COLLECTION, NEAPI_MARK_KEY, &arena, &mark,
                                     &found, error);
        neapi_session_close(session);
    }
    if (status == NEAP_CORRUPT || status == NEAP_STORE)
        status = NEAP_OK;
    else if (status == NEAP_OK && found)
        status = refuse(mark, error);
    neapi_arena_fini(&arena);
    return status;
}
