/* What the runtime has to say to its host's log, one text at a time. */
#ifndef NEAPI_RUNTIME_REPORT_H
#define NEAPI_RUNTIME_REPORT_H

#include <pthread.h>

#include "neap.h"

typedef struct neapi_report {
    neap_log_callback log; /* NULL: silent */
    void *user;
    pthread_mutex_t *mutex;
} neapi_report;

/* Threads: any. */
void neapi_report_text(const neapi_report *report, neap_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
