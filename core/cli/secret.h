/* Passwords in what the command was called with: everybody on the machine can list the arguments of
 * processes. */
#ifndef NEAP_CLI_SECRET_H
#define NEAP_CLI_SECRET_H

#include <stdbool.h>

/* Overwrites the passwords of URLs where the system shows them, and leaves copies of those
 * arguments in the list. Until then they can be seen. Errors: false, out of memory. */
bool cli_secrets_hide(char **arguments);
/* Lets go of the copies. */
void cli_secrets_forget(void);

#endif
