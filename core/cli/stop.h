/* Ending early: SIGINT and SIGTERM ask the command to stop; the second one ends it at once. */
#ifndef NEAP_CLI_STOP_H
#define NEAP_CLI_STOP_H

#include <stdbool.h>

/* From now on signals ask. Errors: false, the system has no descriptors left. */
bool cli_stop_install(void);

/* Asks as a signal does, for a reason of the command's own. Threads: any. */
void cli_stop_request(void);

bool cli_stop_requested(void); /* Threads: any. */
int cli_stop_signal(void);     /* which signal asked; 0: none */
void cli_stop_wait(void);      /* until somebody asks */
int cli_stop_fd(void);         /* becomes readable, and stays so, when somebody asks */

#endif
