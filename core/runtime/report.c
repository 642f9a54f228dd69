#include "runtime/report.h"

#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "message/json.h"
#include "message/object.h"

const char *neap_log_level_name(neap_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    return level >= NEAP_LOG_DEBUG && level <= NEAP_LOG_ERROR ? names[level] : "unknown";
}

void neapi_report_fields(const neapi_report *report, neap_log_level level,
                         const neap_log_field *fields, size_t field_count, const char *format,
                         va_list arguments)
{
    if (!neapi_report_heard(report, level))
        return;
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    const neap_log_record record = {
        .size = sizeof record,
        .level = level,
        .at_us = report->platform != NULL ? neapi_wall_us(report->platform) : 0,
        .message = text,
        .fields = fields,
        .field_count = field_count,
    };
    pthread_mutex_lock(report->mutex);
    if (report->log != NULL)
        report->log(report->user, level, text);
    if (report->record != NULL)
        report->record(report->user, &record);
    pthread_mutex_unlock(report->mutex);
}

void neapi_report_text(const neapi_report *report, neap_log_level level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    neapi_report_fields(report, level, NULL, 0, format, arguments);
    va_end(arguments);
}

static void write_field(neapi_buffer *json, const neap_log_field *field)
{
    neapi_json_quote(json, neapi_text_of(field->name));
    neapi_buffer_byte(json, ':');
    if (field->text.data != NULL)
        neapi_json_quote(json, field->text);
    else
        neapi_write_integer(json, field->number);
    neapi_buffer_byte(json, ',');
}

neap_status neap_log_record_json(const neap_log_record *record, char **json, size_t *size,
                                 neap_error *error)
{
    neapi_buffer buffer = NEAPI_BUFFER_INIT;
    neapi_buffer_byte(&buffer, '{');
    if (record->at_us != 0) {
        NEAPI_BUFFER_LITERAL(&buffer, "\"time\":");
        neapi_json_time(&buffer, record->at_us);
        neapi_buffer_byte(&buffer, ',');
    }
    neapi_buffer_format(&buffer, "\"level\":\"%s\",", neap_log_level_name(record->level));
    NEAPI_BUFFER_LITERAL(&buffer, "\"message\":");
    neapi_json_quote(&buffer, neapi_text_of(record->message));
    neapi_buffer_byte(&buffer, ',');
    for (size_t i = 0; i < record->field_count; i++)
        write_field(&buffer, &record->fields[i]);
    neapi_write_end(&buffer, '{');
    return neapi_buffer_give(&buffer, NEAP_OK, json, size, error);
}
