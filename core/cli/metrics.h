/* A file that always holds the runtime's metrics as text for Prometheus. */
#ifndef NEAP_CLI_METRICS_H
#define NEAP_CLI_METRICS_H

#include <stdbool.h>

#include "neap.h"

typedef struct cli_metrics cli_metrics;

/* Writes the file, and from then on anew every few seconds, whole or not at all: who reads it finds
 * the old text or the new. NULL: that failed, and was said. path: as long as it is open. */
cli_metrics *cli_metrics_open(neap_runtime *runtime, const char *path);

/* Writes it a last time. false: that failed, and was said. NULL is allowed. */
bool cli_metrics_close(cli_metrics *metrics);

#endif
