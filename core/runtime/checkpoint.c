#include "runtime/checkpoint.h"

#include "base/error.h"
#include "base/text.h"
#include "message/field.h"

uint32_t neapi_schema_hash(const neapi_subscription *definition)
{
    if (definition->is_inline)
        return NEAPI_SCHEMA_INLINE;
    return definition->is_sql ? (uint32_t)neapi_text_hash(definition->schema, 0) | 1 : 0;
}

void neapi_record_write(neapi_buffer *json, neapi_subscription_kind kind,
                        const neapi_record *record)
{
    neapi_buffer_format(
        json,
        "{\"build\":%u,\"kind\":\"%s\",\"last\":%u,\"next\":%u,\"next_partitions\":%u,"
        "\"next_schema\":%u,\"next_version\":%u,\"partitions\":%u,\"paused\":%s,",
        record->build, neapi_subscription_kind_name(kind), record->last, record->next,
        record->next_partitions, record->next_schema, record->next_version, record->partitions,
        record->paused ? "true" : "false");
    if (record->resets != 0)
        neapi_buffer_format(json, "\"resets\":%u,", record->resets);
    if (record->resumes != 0)
        neapi_buffer_format(json, "\"resumes\":%u,", record->resumes);
    neapi_buffer_format(json, "\"schema\":%u,\"version\":%u}", record->schema, record->version);
}

neap_status neapi_record_read(neap_text json, neapi_record *record, neap_error *error)
{
    if (neapi_field_small(json, "build", &record->build) &&
        neapi_field_small(json, "next", &record->next) &&
        neapi_field_small(json, "last", &record->last) &&
        neapi_field_small(json, "next_partitions", &record->next_partitions) &&
        neapi_field_small(json, "next_version", &record->next_version) &&
        neapi_field_small(json, "next_schema", &record->next_schema) &&
        neapi_field_small(json, "schema", &record->schema) &&
        neapi_field_small(json, "partitions", &record->partitions) &&
        neapi_field_small(json, "version", &record->version) &&
        neapi_field_flag(json, "paused", &record->paused) && record->partitions != 0 &&
        record->build != 0 && (record->next == 0 || record->next_partitions != 0)) {
        if (!neapi_field_small(json, "resets", &record->resets))
            record->resets = 0;
        if (!neapi_field_small(json, "resumes", &record->resumes))
            record->resumes = 0;
        return NEAP_OK;
    }
    return neapi_fail(error, NEAP_CORRUPT, "a subscription's record is damaged: %.*s",
                      NEAPI_TEXT(json));
}

void neapi_checkpoint_write(neapi_buffer *json, const neapi_checkpoint *checkpoint)
{
    neapi_buffer_format(json, "{\"generation\":%llu,\"position\":%llu}",
                        (unsigned long long)checkpoint->generation,
                        (unsigned long long)checkpoint->position);
}

neap_status neapi_checkpoint_read(neap_text json, neapi_checkpoint *checkpoint, neap_error *error)
{
    if (neapi_field_number(json, "generation", INT64_MAX, &checkpoint->generation) &&
        neapi_field_number(json, "position", INT64_MAX, &checkpoint->position))
        return NEAP_OK;
    return neapi_fail(error, NEAP_CORRUPT, "a checkpoint is damaged: %.*s", NEAPI_TEXT(json));
}

void neapi_collection_name(neapi_buffer *name, neap_text subscription, uint32_t build)
{
    neapi_buffer_text(name, subscription);
    neapi_buffer_format(name, "@%u", build);
}

void neapi_checkpoint_key(neapi_buffer *name, neap_text subscription, uint32_t build,
                          uint32_t partition)
{
    neapi_collection_name(name, subscription, build);
    neapi_buffer_format(name, "/%u", partition);
}
