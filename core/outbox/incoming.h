/* Messages of others that are to become commands. */
#ifndef NEAPI_OUTBOX_INCOMING_H
#define NEAPI_OUTBOX_INCOMING_H

#include "base/arena.h"

/* Lifetime: texts lie in the body or in the arena; those that are pointers are terminated. */
typedef struct neapi_incoming_command {
    const char *name;
    neap_text data;          /* JSON */
    const char *key;         /* what the message is known again by; NULL: it says nothing */
    const char *meta;        /* flat JSON object of texts; NULL: none */
    const char *correlation; /* UUID texts; NULL: none */
    const char *causation;
} neapi_incoming_command;

/* Reads a CloudEvent, whose type names the command and whose source and id are the key; or
 * {"command":…,"data":…} with, if wanted, "key" and "meta". names: JSON object of the commands'
 * names by those of the messages; empty: they are the same. Errors: INVALID (with the place),
 * UNKNOWN (not among the names), LIMIT, NOMEM. */
neap_status neapi_incoming_read(neap_text body, neap_text names, neapi_arena *arena,
                                neapi_incoming_command *command, neap_error *error);

#endif
