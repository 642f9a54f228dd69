/* "did you mean": the name that somebody who mistyped probably wanted. */
#ifndef NEAP_CLI_NEAREST_H
#define NEAP_CLI_NEAREST_H

#include <stddef.h>

/* Remembers the best of the names that it is shown. Start with all zero. */
typedef struct cli_nearest {
    const char *name; /* NULL: none is near enough */
    size_t distance;
} cli_nearest;

/* wanted: what was typed. Lifetime: name is kept as it is. */
void cli_nearest_consider(cli_nearest *nearest, const char *wanted, const char *name);

#endif
