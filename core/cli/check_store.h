/* What of a store a domain cannot read. */
#ifndef NEAP_CLI_CHECK_STORE_H
#define NEAP_CLI_CHECK_STORE_H

/* Loads the domain, reads all events of the store, and prints what it cannot read. Returns the exit
 * status. */
int cli_check_store(const char *path, const char *url);

#endif
