#include "outbox/incoming.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/cloudevent.h"
#include "message/json.h"

/* Text that goes on as terminated text; NULL: no memory. */
static const char *terminated(neapi_arena *arena, neap_text text)
{
    return neapi_arena_text(arena, text).data;
}

static neap_status refuse_zero(const char *what, neap_error *error)
{
    return neapi_fail(error, NEAP_INVALID, "%s has a character U+0000 in it", what);
}

static bool has_zero(neap_text text)
{
    return text.size != 0 && memchr(text.data, '\0', text.size) != NULL;
}

static const char *id_text(neapi_arena *arena, neap_uuid id)
{
    char text[37];
    neap_uuid_format(id, text);
    return terminated(arena, neapi_text(text, 36));
}

static neap_status read_cloudevent(neap_text body, neapi_arena *arena,
                                   neapi_incoming_command *command, neap_error *error)
{
    neapi_cloudevent read;
    neapi_buffer key = NEAPI_BUFFER_INIT;
    neap_status status = neapi_cloudevent_read(body, arena, &read, error);
    if (status != NEAP_OK)
        return status;
    if (has_zero(read.event.type) || has_zero(read.source) || has_zero(read.id))
        return refuse_zero("an attribute of the CloudEvent", error);
    neapi_buffer_text(&key, read.source);
    neapi_buffer_byte(&key, ' ');
    neapi_buffer_text(&key, read.id);
    bool correlated = !neapi_uuid_is_zero(read.event.correlation_id);
    bool caused = !neapi_uuid_is_zero(read.event.id);
    *command = (neapi_incoming_command){
        .name = terminated(arena, read.event.type),
        .data = read.event.data.size != 0 ? read.event.data : NEAPI_LITERAL("{}"),
        .key = key.failed ? NULL : terminated(arena, neapi_text(key.data, key.size)),
        .meta = read.event.meta.size != 0 ? terminated(arena, read.event.meta) : NULL,
        .correlation = correlated ? id_text(arena, read.event.correlation_id) : NULL,
        .causation = caused ? id_text(arena, read.event.id) : NULL,
    };
    neapi_buffer_fini(&key);
    bool whole = command->name != NULL && command->key != NULL &&
                 (command->meta != NULL || read.event.meta.size == 0) &&
                 (command->correlation != NULL || !correlated) &&
                 (command->causation != NULL || !caused);
    return whole ? NEAP_OK : neapi_nomem(error);
}

static neap_status take_text(neap_text raw, const char *what, neapi_arena *arena, const char **text,
                             neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neap_status status = NEAP_OK;
    if (!neapi_json_unquote(raw, &buffer))
        status = neapi_fail(error, NEAP_INVALID, "%s: expected a text", what);
    else if (has_zero(neapi_text(buffer.data, buffer.size)))
        status = refuse_zero(what, error);
    else if (buffer.failed ||
             (*text = terminated(arena, neapi_text(buffer.data, buffer.size))) == NULL)
        status = neapi_nomem(error);
    neapi_buffer_fini(&buffer);
    return status;
}

static neap_status read_plain(neap_text body, neapi_arena *arena, neapi_incoming_command *command,
                              neap_error *error)
{
    neap_json_member members[] = {
        {"command", true, {0}}, {"data", false, {0}}, {"key", false, {0}}, {"meta", false, {0}}};
    neapi_incoming_command read = {.data = NEAPI_LITERAL("{}")};
    neap_status status = neap_json_members(body.data, body.size, members, 4, error);
    if (status == NEAP_OK)
        status = take_text(members[0].value, "command", arena, &read.name, error);
    if (status == NEAP_OK && members[2].value.data != NULL)
        status = take_text(members[2].value, "key", arena, &read.key, error);
    if (status != NEAP_OK)
        return status;
    if (members[1].value.data != NULL)
        read.data = members[1].value;
    if (members[3].value.data != NULL && (read.meta = terminated(arena, members[3].value)) == NULL)
        return neapi_nomem(error);
    *command = read;
    return NEAP_OK;
}

static neap_status rename(neap_text names, neapi_arena *arena, neapi_incoming_command *command,
                          neap_error *error)
{
    neap_text raw;
    if (names.size == 0)
        return NEAP_OK;
    if (!neapi_json_member(names, neapi_text_of(command->name), &raw))
        return neapi_fail(error, NEAP_UNKNOWN, "no command is named for messages '%.200s'",
                          command->name);
    return take_text(raw, "the command's name", arena, &command->name, error);
}

neap_status neapi_incoming_read(neap_text body, neap_text names, neapi_arena *arena,
                                neapi_incoming_command *command, neap_error *error)
{
    neap_text version;
    neap_status status = body.size != 0 ? neapi_json_check(body, NEAPI_JSON_DEPTH, error)
                                        : neapi_fail(error, NEAP_INVALID, "the message is empty");
    if (status != NEAP_OK)
        return status;
    if (neapi_json_member(body, NEAPI_LITERAL("specversion"), &version))
        status = read_cloudevent(body, arena, command, error);
    else
        status = read_plain(body, arena, command, error);
    return status == NEAP_OK ? rename(names, arena, command, error) : status;
}
