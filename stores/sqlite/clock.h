/* Finds out whether a statement asks SQLite for the time now: `datetime('now')`, a column's DEFAULT
 * CURRENT_TIMESTAMP and all that comes to the same ask the operating system through SQLite's VFS,
 * where they are noticed. */
#ifndef NEAPI_SQLITE_CLOCK_H
#define NEAPI_SQLITE_CLOCK_H

#include <stdbool.h>

/* The name of a VFS that is the default one but for that. NULL: the default one, since there is no
 * other; then nothing is noticed. Threads: any. */
const char *neapi_sqlite_clock_vfs(void);

/* What this thread does from now on is watched. */
void neapi_sqlite_clock_watch(void);
/* Whether it has asked for the time since. */
bool neapi_sqlite_clock_was_asked(void);

#endif
