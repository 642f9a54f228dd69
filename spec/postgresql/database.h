/* The database that tests of PostgreSQL use, and schemas in it. */
#ifndef NEAPI_SPEC_DATABASE_H
#define NEAPI_SPEC_DATABASE_H

#include <stdbool.h>
#include <stddef.h>

#define DATABASE_SKIP 77 /* what main returns where there is none */

/* Whether the server was started; else the reason is printed. */
bool database_is_there(void);
/* The folder of its socket. Lifetime: static. */
const char *database_folder(void);
/* The URL of a store that does not exist yet. */
void database_fresh(char *url, size_t size);
/* Runs SQL in the URL's schema. */
void database_run(const char *url, const char *sql);
/* Holds the lock that the store's commits take, or lets it go. */
void database_hold(const char *url, bool held);
/* Runs SQL in the URL's schema, in a transaction that goes on until the end of it is called for. */
void database_begin(const char *url, const char *sql);
void database_end(void);
/* Drops the URL's schema. */
void database_discard(const char *url);

#endif
