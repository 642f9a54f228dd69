/* The layouts that a store's file has had. */
#ifndef NEAPI_SQLITE_LAYOUT_H
#define NEAPI_SQLITE_LAYOUT_H

#include <stdint.h>

/* The newest schema version. */
int64_t neapi_sqlite_newest(void);
/* Of those that can be read as they are. */
int64_t neapi_sqlite_oldest_read(void);

/* The statements, NULL-terminated, that lead from a version to the one above it; from 0, which is
 * an empty database, to version 1. */
const char *const *neapi_sqlite_step(int64_t from);

#endif
