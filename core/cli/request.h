/* One line of `neap run`'s input: a command and what goes with it. */
#ifndef NEAP_CLI_REQUEST_H
#define NEAP_CLI_REQUEST_H

#include "neap.h"

typedef struct cli_request {
    char *command;
    neap_text data; /* JSON within the line */
    char *key;      /* these four: NULL if absent */
    char *meta;     /* JSON */
    char *correlation_id;
    char *causation_id;
    char *name; /* in the queue; NULL if absent */
    bool queued;
    uint64_t after_ms;
    int64_t at_us;
} cli_request;

/* Owns: the caller (cli_request_fini), also after a failure. Errors: INVALID, NOMEM. */
neap_status cli_request_read(cli_request *request, const char *line, size_t size,
                             neap_error *error);
void cli_request_fini(cli_request *request);

/* Fills error and returns status. */
neap_status cli_fail(neap_error *error, neap_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
