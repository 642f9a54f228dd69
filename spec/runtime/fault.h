/* A scenario run again and again, each time with another allocation refused: the first, the second
 * … until it goes through untouched. Whatever is refused, every call has to end with a status that
 * is allowed for it, what was answered is what the store holds, nothing leaks, and once there is
 * memory again everything goes on. A scenario is a function that calls neap.h and tells what each
 * call gave. */
#ifndef NEAPI_SPEC_FAULT_H
#define NEAPI_SPEC_FAULT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above. */
#include <cmocka.h>

#include "neap.h"

#define FAULT_COMMANDS 64

typedef enum fault_kind {
    FAULT_CORE,   /* of core and stores: neapi_alloc */
    FAULT_SQLITE, /* of SQLite itself; lanes without threads only */
    FAULT_LUA     /* of Lua, what is larger than the n-th of some sizes; always for good */
} fault_kind;

typedef enum fault_mode {
    FAULT_ONCE,     /* the n-th, and no other */
    FAULT_A_WHILE,  /* from the n-th to the end of the scenario; then there is memory again */
    FAULT_FOR_GOOD, /* from the n-th on, also while everything is closed */
    FAULT_MODES
} fault_mode;

/* What a command was answered. */
typedef struct fault_answer {
    bool answered;
    neap_status status;
    bool unknown, repeated;
    neap_uuid command_id;
    uint64_t version, position;
    size_t events;
    /* Filled by the scenario's call. */
    neap_status natural;
    unsigned also;
    size_t wanted; /* so many events it records, if it is done */
    size_t nested; /* and so many what it dispatches */
    char what[48];
    char key[16];
    bool seen_key; /* an earlier one has the same */
} fault_answer;

typedef struct fault_world {
    const char *domain;
    const char *url;
    unsigned lanes;
    size_t much;           /* bytes of a message that is to be large */
    neap_runtime *runtime; /* NULL: it could not be opened */
    fault_answer answers[FAULT_COMMANDS];
    unsigned count;
} fault_world;

/* A set of statuses. */
#define FAULT_ALSO(status) (1u << (status))

/* What a call gave: `natural` if nothing was refused; else that, NEAP_NOMEM, or one of `also`.
 * error: what the call filled, or NULL. */
void fault_told(fault_world *world, const char *call, neap_status status, const neap_error *error,
                neap_status natural, unsigned also);

/* Opens the world's runtime, with what the host registers before it starts (false: it could not).
 * false: there was no memory. */
bool fault_open(fault_world *world, bool (*handlers)(fault_world *world));

/* Dispatches a command that records `events` if it is done, and judges what it gave. key: NULL for
 * none. */
void fault_dispatch(fault_world *world, const char *name, const char *json, const char *key,
                    size_t events, neap_status natural, unsigned also);
/* The same of one whose handler dispatches commands that record `nested` events before it records
 * its own. */
void fault_dispatch_nested(fault_world *world, const char *name, const char *json, size_t nested,
                           size_t events, neap_status natural, unsigned also);
/* The same with neap_send(); what it gave is judged at the end. */
void fault_send(fault_world *world, const char *name, const char *json, const char *key,
                size_t events, neap_status natural, unsigned also);

/* The same with neap_publish(), of one event. */
void fault_publish(fault_world *world, const char *stream, const char *type, const char *json,
                   neap_status natural, unsigned also);
/* The same of one that is as schema version 1 was, with a tag and a key. */
void fault_publish_earlier(fault_world *world, const char *stream, const char *type,
                           const char *json, const char *key, neap_status natural, unsigned also);

typedef struct fault_instance {
    const char *aggregate, *id;
    const char *stream; /* NULL: by tags */
} fault_instance;

typedef struct fault_scenario {
    const char *domain;
    unsigned lanes;
    void (*prepare)(fault_world *world);  /* while nothing is refused, and closes again; or NULL */
    void (*run)(fault_world *world);      /* leaves the runtime open */
    bool (*handlers)(fault_world *world); /* of the host; NULL: none */
    /* A command that must go through once there is memory, whatever was before. NULL: the scenario
     * leaves no runtime open. */
    const char *command, *json;
    const fault_instance *instances; /* ends with an aggregate NULL */
} fault_scenario;

/* Runs it over a store of the scheme "memory" or "sqlite", with every stride-th allocation refused.
 * In the environment NEAP_FAULT_STRIDE is a factor to that (0: every one), NEAP_FAULT_FIRST the
 * first n, NEAP_FAULT_VERBOSE=1 tells where it ended. */
void fault_every(const fault_scenario *scenario, const char *scheme, fault_kind kind,
                 fault_mode mode, unsigned stride);

/* Before the first: makes SQLite's allocator one that can refuse. */
void fault_install(void);

#endif
