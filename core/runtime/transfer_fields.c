#include "runtime/transfer_fields.h"

#define PLACE(kind, field) offsetof(neapi_transfer_line, kind.field)
#define REQUIRED           true, false
#define OPTIONAL           false, false

static const neapi_transfer_field of_header[] = {
    {"format", NEAPI_TRANSFER_COUNT, PLACE(header, format), REQUIRED},
    {"neap", NEAPI_TRANSFER_TEXT, PLACE(header, neap), OPTIONAL},
    {"store", NEAPI_TRANSFER_TEXT, PLACE(header, store), OPTIONAL},
    {"exported_at", NEAPI_TRANSFER_TIME, PLACE(header, exported_at), OPTIONAL},
    {"head", NEAPI_TRANSFER_COUNT, PLACE(header, head), OPTIONAL},
    {"part", NEAPI_TRANSFER_FLAG, PLACE(header, part), OPTIONAL},
};
static const neapi_transfer_field of_command[] = {
    {"id", NEAPI_TRANSFER_ID, PLACE(command, id), REQUIRED},
    {"name", NEAPI_TRANSFER_TEXT, PLACE(command, name), REQUIRED},
    {"data", NEAPI_TRANSFER_BYTES, PLACE(command, data), OPTIONAL},
    {"recorded_at", NEAPI_TRANSFER_TIME, PLACE(command, recorded_at), REQUIRED},
    {"correlation_id", NEAPI_TRANSFER_ID, PLACE(command, correlation_id), OPTIONAL},
    {"causation_id", NEAPI_TRANSFER_ID, PLACE(command, causation_id), OPTIONAL},
    {"meta", NEAPI_TRANSFER_BYTES, PLACE(command, meta), OPTIONAL},
};
/* As `neap events` prints them. */
static const neapi_transfer_field of_event[] = {
    {"position", NEAPI_TRANSFER_COUNT, PLACE(event, position), true, true},
    {"stream", NEAPI_TRANSFER_TEXT, PLACE(event, stream), REQUIRED},
    {"version", NEAPI_TRANSFER_COUNT, PLACE(event, version), true, true},
    {"type", NEAPI_TRANSFER_TEXT, PLACE(event, type), REQUIRED},
    {"schema", NEAPI_TRANSFER_SMALL, PLACE(event, schema), REQUIRED},
    {"data", NEAPI_TRANSFER_BYTES, PLACE(event, data), REQUIRED},
    {"recorded_at", NEAPI_TRANSFER_TIME, PLACE(event, recorded_at), REQUIRED},
    {"id", NEAPI_TRANSFER_ID, PLACE(event, id), REQUIRED},
    {"correlation_id", NEAPI_TRANSFER_ID, PLACE(event, correlation_id), OPTIONAL},
    {"causation_id", NEAPI_TRANSFER_ID, PLACE(event, causation_id), OPTIONAL},
    {"command_id", NEAPI_TRANSFER_ID, PLACE(event, command_id), OPTIONAL},
    {"tags", NEAPI_TRANSFER_TAGS, PLACE(event, tags), OPTIONAL},
    {"meta", NEAPI_TRANSFER_BYTES, PLACE(event, meta), OPTIONAL},
};
static const neapi_transfer_field of_key[] = {
    {"key", NEAPI_TRANSFER_TEXT, PLACE(key, key), REQUIRED},
    {"hash", NEAPI_TRANSFER_HASH, PLACE(key, hash), REQUIRED},
    {"command_id", NEAPI_TRANSFER_ID, PLACE(key, command_id), OPTIONAL},
    {"expires_at", NEAPI_TRANSFER_TIME, PLACE(key, expires_at), REQUIRED},
    {"stream", NEAPI_TRANSFER_TEXT, PLACE(key, stream), OPTIONAL},
    {"types", NEAPI_TRANSFER_BYTES, PLACE(key, types), OPTIONAL},
    {"version", NEAPI_TRANSFER_COUNT, PLACE(key, version), REQUIRED},
    {"position", NEAPI_TRANSFER_COUNT, PLACE(key, position), REQUIRED},
};
static const neapi_transfer_field of_document[] = {
    {"collection", NEAPI_TRANSFER_TEXT, PLACE(document, collection), REQUIRED},
    {"key", NEAPI_TRANSFER_TEXT, PLACE(document, key), REQUIRED},
    {"data", NEAPI_TRANSFER_BYTES, PLACE(document, data), OPTIONAL},
};
static const neapi_transfer_field of_check[] = {
    {"hash", NEAPI_TRANSFER_HASH, PLACE(check, hash), REQUIRED},
};
static const neapi_transfer_field of_end[] = {
    {"events", NEAPI_TRANSFER_COUNT, PLACE(end, events), REQUIRED},
    {"commands", NEAPI_TRANSFER_COUNT, PLACE(end, commands), REQUIRED},
    {"keys", NEAPI_TRANSFER_COUNT, PLACE(end, keys), REQUIRED},
    {"documents", NEAPI_TRANSFER_COUNT, PLACE(end, documents), REQUIRED},
    {"hash", NEAPI_TRANSFER_HASH, PLACE(end, hash), OPTIONAL},
};

#define TABLE(name, fields)                                                                        \
    {                                                                                              \
        (name), (fields), sizeof(fields) / sizeof *(fields)                                        \
    }

static const neapi_transfer_table tables[NEAPI_TRANSFER_KINDS] = {
    [NEAPI_TRANSFER_HEADER] = TABLE("neap_export", of_header),
    [NEAPI_TRANSFER_COMMAND] = TABLE("command", of_command),
    [NEAPI_TRANSFER_EVENT] = TABLE("event", of_event),
    [NEAPI_TRANSFER_KEY] = TABLE("key", of_key),
    [NEAPI_TRANSFER_DOCUMENT] = TABLE("document", of_document),
    [NEAPI_TRANSFER_CHECK] = TABLE("check", of_check),
    [NEAPI_TRANSFER_END] = TABLE("end", of_end),
};

const neapi_transfer_table *neapi_transfer_table_of(neapi_transfer_kind kind)
{
    return &tables[kind];
}

const char *neapi_transfer_kind_name(neapi_transfer_kind kind)
{
    return tables[kind].name;
}
