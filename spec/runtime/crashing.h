/* Lives that end before or behind one of their commits, and others that go on with what is durable.
 * Over SQLite a process is killed; over memory, which does not outlive its process, the store does
 * nothing any more from that commit on, and is the next one's. For programs that are linked with
 * --wrap of neapi_commit and neapi_backend_memory. */
#ifndef NEAP_SPEC_CRASHING_H
#define NEAP_SPEC_CRASHING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "neap.h"

extern bool crashing_in_memory;
extern atomic_bool crashing_is_dead;
extern char crashing_path[64], crashing_url[96]; /* the path: over SQLite */

/* Of a call in a life. false: it is dead, and is to come to its end. */
bool crashing_lives(const char *call, neap_status status, const neap_error *error);

/* Who waits for what a dead store was to do would wait for ever: makes the call again and again. */
#define CRASHING_WAIT(status, call)                                                                \
    do                                                                                             \
        (status) = (call);                                                                         \
    while ((status) == NEAP_TIMEOUT && !atomic_load(&crashing_is_dead))
#define CRASHING_WAIT_MS 20

/* What is tried with lives. */
typedef struct crashing_lifetime {
    const char *name; /* of the store's file */
    void (*live)(void);
    char *(*show)(void); /* what is there in the end; Owns: the caller (free()) */
    void (*does_all_of_it)(
        void);            /* asserts, with crashing_count(), that a life without an end did */
    unsigned each;        /* which commits are tried: every one, every second … */
    unsigned first, last; /* and so many commits a life has where all of them end early */
} crashing_lifetime;

/* How often a text is in what is there when nobody died. */
unsigned crashing_count(const char *wanted);

/* Over both stores: dying before and behind each commit, and dying again and again until a life
 * comes to its end, leave what is there when nobody died. Returns what main() does. */
int crashing_main(const crashing_lifetime *lifetime);

#endif
