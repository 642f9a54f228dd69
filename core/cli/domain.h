/* Opening a domain, with complaints on stderr when it cannot be. */
#ifndef NEAP_CLI_DOMAIN_H
#define NEAP_CLI_DOMAIN_H

#include <stdbool.h>

#include "neap.h"

/* Which exit status a failed call gives. */
int cli_exit_status(neap_status status);

/* Loads the domain without a store. Returns the exit status; on CLI_DONE the caller owns *runtime
 * (neap_close). */
int cli_domain_load(const char *path, const char *store, bool read_only, neap_runtime **runtime);

/* Complains about each command and query that nobody handles; returns how many there are. */
size_t cli_domain_unhandled(const neap_runtime *runtime);

/* Loads the domain, checks it, and starts it on the store. config: a file of JSON for its services;
 * NULL: none. */
int cli_domain_open(const char *path, const char *store, bool read_only, const char *config,
                    unsigned lanes, neap_runtime **runtime);

/* The text of such a file, terminated; the caller frees it. NULL: it cannot be read, and that was
 * said. */
char *cli_config_read(const char *path);

/* As cli_domain_open(), for a process that makes a projection anew, or goes on with that, and runs
 * nothing else.
 */
int cli_domain_open_to_rebuild(const char *path, const char *store, const char *projection,
                               unsigned lanes, neap_runtime **runtime);

/* The same for a process that runs one of its subscriptions only; NULL: all. */
int cli_domain_open_some(const char *path, const char *store, const char *subscription,
                         neap_runtime **runtime);

/* Whether the loaded domain has a projection of that name. Complains if it has none, and returns
 * the exit status. */
int cli_domain_projection(const neap_runtime *runtime, const char *name);

/* Opens a store without a domain. Returns the exit status; on CLI_DONE the caller owns *store. */
int cli_store_open(const char *url, neap_store **store);

/* Complains about a store that could not be opened or read, and returns the exit status: whatever
 * is not the caller's mistake means that there is no store. */
int cli_store_failed(const neap_error *error);

/* Prints the reply and a newline to stdout, and frees it. */
void cli_print_reply(neap_reply *reply);

#endif
