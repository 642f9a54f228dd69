/* A session of the REPL on a small store, and what must hold behind every input. */
#ifndef NEAP_SPEC_FUZZ_CONSOLE_SUPPORT_H
#define NEAP_SPEC_FUZZ_CONSOLE_SUPPORT_H

#include <stdbool.h>

#include "neap.h"

/* Makes the store, and opens a session on it that cannot reach the system. Exits with a complaint
 * if that fails. */
neap_console *console_begin(void);
void console_end(neap_console *console);

/* Enters a line, and ends it if it takes long; looks at what it prints, at what it could become,
 * and whether the session goes on. false, after a complaint: something does not hold. */
bool console_survives(neap_console *console, const char *line, size_t size);

#endif
