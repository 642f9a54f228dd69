/* The schema that the store is: made, and looked at. */
#ifndef NEAPI_POSTGRESQL_SCHEMA_H
#define NEAPI_POSTGRESQL_SCHEMA_H

#include "connection.h"
#include "store/backend.h"

/* Sees that the schema is a store of this layout; with NEAPI_MODE_WRITE it is made if it is not
 * there, by one process of those that try at once. Errors: NEAP_UNKNOWN, NEAP_CORRUPT. */
neap_status neapi_pg_schema_check(neapi_pg_connection *connection, neapi_mode mode,
                                  neap_error *error);

#endif
