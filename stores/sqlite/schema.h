/* What a store's file contains: making it, bringing it up to date, telling it from other files. */
#ifndef NEAPI_SQLITE_SCHEMA_H
#define NEAPI_SQLITE_SCHEMA_H

#include "connection.h"

/* Checks that the file at the real path is a store that this library knows. Opened for writing, an
 * empty one becomes a store and an older one is brought up to date. Errors: CORRUPT (foreign,
 * newer, cut off, damaged), UNKNOWN (to be read, and empty), else as neapi_connection_fail. */
neap_status neapi_schema_check(neapi_connection *connection, const char *real, neapi_mode mode,
                               neap_error *error);

/* What the check above failed with, in terms of the file: that it is cut off, that its folder
 * cannot be written, … code: SQLite's own, or anything else if it was not SQLite that failed.
 * Returns `status`, or the status that is meant. */
neap_status neapi_schema_explain(const char *real, int code, neap_status status, neap_error *error);

#endif
