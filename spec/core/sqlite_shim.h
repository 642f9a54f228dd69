/* A file system for SQLite that fails on purpose, and one whose power goes off: a VFS around the
 * machine's own. Threads: one. */
#ifndef NEAPI_SPEC_SQLITE_SHIM_H
#define NEAPI_SPEC_SQLITE_SHIM_H

#include <stdbool.h>
#include <stdint.h>

typedef enum shim_call {
    SHIM_READ = 1,
    SHIM_WRITE = 2,
    SHIM_SYNC = 4,
    SHIM_TRUNCATE = 8,
    SHIM_LOCK = 16,
    SHIM_SHARED_MEMORY = 32,
    SHIM_OPEN = 64,
    SHIM_SIZE = 128,
    SHIM_DELETE = 256,
    SHIM_MEMORY = 512 /* an allocation of SQLite's */
} shim_call;

typedef enum shim_effect {
    SHIM_NOT_DONE,
    SHIM_HALF_DONE, /* a write: its first half */
    SHIM_DONE       /* only the answer is wrong */
} shim_effect;

typedef struct shim_plan {
    unsigned calls;  /* which count: shim_call, added up */
    unsigned nth;    /* of them fails, from 1 */
    bool persistent; /* and all that follow */
    shim_effect effect;
    int code; /* what the call answers */
} shim_plan;

/* Makes it SQLite's default, until the process ends; before SQLite is used. Nothing fails until it
 * is told to. */
void shim_install(void);

void shim_arm(shim_plan plan);
bool shim_struck(void); /* whether anything failed since then */
bool shim_disarm(void); /* the same, and nothing fails from now on */

/* From now on remembers what was written and not synced. */
void shim_power_on(void);
/* After so many calls that change a file nothing is done any more, and every call fails. */
void shim_power_off_after(unsigned calls);
/* Once everything is closed: leaves in every file what was synced and, by chance, some of the rest,
 * sectors torn apart; then calls succeed again. Returns whether the power had gone off. */
bool shim_power_back(uint32_t seed);

#endif
