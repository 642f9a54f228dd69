/* What verifying reports to. */
#ifndef NEAPI_SQLITE_VERIFY_H
#define NEAPI_SQLITE_VERIFY_H

#include "sqlite.h"

/* Checks that the indexes of streams and categories list every event up to where they say that they
 * go, each once, and nothing else: with versions and positions that follow each other. */
neap_status neapi_sqlite_verify_indexes(neapi_connection *connection, const neapi_verify_sink *sink,
                                        neap_verification *result, neap_error *error);

#endif
