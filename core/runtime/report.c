#include "runtime/report.h"

#include <stdarg.h>
#include <stdio.h>

void neapi_report_text(const neapi_report *report, neap_log_level level, const char *format, ...)
{
    if (report->log == NULL)
        return;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(report->mutex);
    report->log(report->user, level, text);
    pthread_mutex_unlock(report->mutex);
}
