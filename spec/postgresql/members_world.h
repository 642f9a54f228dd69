/* Runtimes that write to one store, and what tests of them ask and wait for. */
#ifndef NEAPI_SPEC_MEMBERS_WORLD_H
#define NEAPI_SPEC_MEMBERS_WORLD_H

#include <stdatomic.h>
#include <time.h>

#include "runtime/runtime.h"
#include "runtime/subscribed.h"

#define PATIENCE_S 60
#define ITEMS      5 /* subscriptions of the domain */
#define HOUR_US    ((int64_t)3600 * 1000000)

extern char url[512]; /* a store of the test's own */
extern neap_error error;
extern atomic_uint errors_said; /* in the log */

int begin(void **state); /* setup and teardown of each test */
int end(void **state);

/* One that holds nobody for dead within a test, whatever the machine is busy with, unless that has
 * ended for sure. */
neap_runtime *open_one(unsigned lanes);
/* One that holds others for dead after so long; 0: the usual. */
neap_runtime *open_with(unsigned lanes, int64_t patience_us);
unsigned owned_by(const neap_runtime *runtime);
neapi_subscribed *subscribed_of(const neap_runtime *runtime, const char *name);
/* As if another process had taken the subscription over, all at once: a member `other`, a document
 * that names it, and the next generation. */
void be_replaced(const char *subscription);

neap_status dispatch(neap_runtime *runtime, const char *command, const char *json, const char *key);
void add(neap_runtime *runtime, const char *id, int n);
void drain(neap_runtime *runtime);
/* The events of the type Told, and how many of them are a stream's second or later. */
unsigned told(neap_runtime *runtime, unsigned *twice);
/* The same, and there must be none of those. */
unsigned all_told(neap_runtime *runtime);

double now(void);

/* Until it is so. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        double start_s = now();                                                                    \
        while (!(condition)) {                                                                     \
            if (now() - start_s > PATIENCE_S)                                                      \
                fail_msg("in vain: %s", #condition);                                               \
            nanosleep(&(struct timespec){0, 2000000}, NULL);                                       \
        }                                                                                          \
    } while (0)

#endif
