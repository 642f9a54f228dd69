/* What the runtime has to say to its host's log, one record at a time. */
#ifndef NEAPI_RUNTIME_REPORT_H
#define NEAPI_RUNTIME_REPORT_H

#include <pthread.h>
#include <stdarg.h>

#include "base/platform.h"

typedef struct neapi_report {
    neap_log_callback log; /* NULL: none */
    void *user;
    pthread_mutex_t *mutex;
    neap_log_record_callback record; /* NULL: none */
    neap_log_level least;
    const neapi_platform *platform; /* whose time it is; NULL: none */
} neapi_report;

/* Whether anybody hears what is of that level: for what takes time to say. */
static inline bool neapi_report_heard(const neapi_report *report, neap_log_level level)
{
    return level >= report->least && (report->log != NULL || report->record != NULL);
}

/* Threads: any. */
void neapi_report_text(const neapi_report *report, neap_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void neapi_report_fields(const neapi_report *report, neap_log_level level,
                         const neap_log_field *fields, size_t field_count, const char *format,
                         va_list arguments) __attribute__((format(printf, 5, 0)));

#endif
