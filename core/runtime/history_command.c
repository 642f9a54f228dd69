/* The command behind an event. */
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "runtime/history.h"
#include "runtime/host_reading.h"

static void write_id(neapi_buffer *json, const char *name, neap_uuid id)
{
    char text[37];
    if (neapi_uuid_is_zero(id))
        return;
    neap_uuid_format(id, text);
    neapi_buffer_format(json, "\"%s\":\"%s\",", name, text);
}

static void write_command(neapi_buffer *json, const neapi_command *command)
{
    NEAPI_BUFFER_LITERAL(json, "{\"name\":");
    neapi_json_quote(json, command->name);
    neapi_buffer_byte(json, ',');
    write_id(json, "id", command->id);
    write_id(json, "correlation_id", command->correlation_id);
    write_id(json, "causation_id", command->causation_id);
    if (command->data.size != 0)
        neapi_buffer_format(json, "\"data\":%.*s,", NEAPI_TEXT(command->data));
    if (command->meta.size != 0)
        neapi_buffer_format(json, "\"meta\":%.*s,", NEAPI_TEXT(command->meta));
    neapi_buffer_format(json, "\"recorded_at\":%lld}", (long long)command->recorded_at);
}

neap_status neap_history_command(neap_runtime *past, uint64_t position, char **json, size_t *size,
                                 neap_error *error)
{
    bool found;
    neapi_session *session;
    neapi_command command;
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer text = NEAPI_BUFFER_INIT;
    if (past == NULL || past->history == NULL || json == NULL)
        return neapi_fail(error, NEAP_USAGE, "neap_history_command: it is no past of a history");
    neap_status status = neapi_host_session(past, &session, error);
    if (status != NEAP_OK)
        return status;
    status = neapi_find_command(session, position, &arena, &command, &found, error);
    neapi_host_session_done(past);
    if (status == NEAP_OK && !found)
        *json = NULL;
    else if (status == NEAP_OK)
        write_command(&text, &command);
    neapi_arena_fini(&arena);
    return status == NEAP_OK && found ? neapi_buffer_give(&text, status, json, size, error)
                                      : status;
}
