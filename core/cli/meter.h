/* How far something is that takes long: a bar on a terminal, a line now and then elsewhere. */
#ifndef NEAP_CLI_METER_H
#define NEAP_CLI_METER_H

#include <stdbool.h>

#include "neap.h"

#define CLI_METER_MS 100 /* how often it is worth showing */

typedef struct cli_meter {
    const char *name;
    int64_t said_us, shown_us;
    bool terminal;
    bool shown; /* the bar is there */
    unsigned steps;
} cli_meter;

/* name: what it is about; lives as long. */
void cli_meter_init(cli_meter *meter, const char *name);
/* Whether it is worth asking how far it is: not at every step of many small ones. */
bool cli_meter_due(cli_meter *meter);
/* Shows it, if it is time to. */
void cli_meter_show(cli_meter *meter, const neap_progress *progress);
/* Takes the bar away, so that words can follow. */
void cli_meter_clear(cli_meter *meter);

/* "1,234 events in 5.6 s (220/s)" */
void cli_meter_sum(const neap_progress *progress, char *text, size_t size);

#endif
