/* What a subscriber or a saga wants done. The engine collects it; the runtime makes it durable, in
 * the unit of work of what asked for it.
 *
 * Threads: owner. */
#ifndef NEAPI_SCRIPT_EFFECTS_H
#define NEAPI_SCRIPT_EFFECTS_H

#include "base/arena.h"
#include "bus/catalog.h"

typedef enum neapi_effect_kind {
    NEAPI_EFFECT_SEND,    /* a command is to be queued: message, json, name or empty, at_us, id */
    NEAPI_EFFECT_CANCEL,  /* what was queued under a name is not to be: name */
    NEAPI_EFFECT_TIMEOUT, /* a saga's: name, at_us, id */
    NEAPI_EFFECT_COMPENSATE, /* a command for when the saga fails: message, json, id */
    NEAPI_EFFECT_COMPLETE,   /* the saga is done: the last effect */
    NEAPI_EFFECT_FAIL,       /* the saga has failed: text; the last effect */
} neapi_effect_kind;

/* Texts are the arena's. */
typedef struct neapi_effect {
    neapi_effect_kind kind;
    const neapi_message *message; /* a command */
    neap_text json;               /* its canonical JSON */
    neap_text name;               /* the same name again takes the place of what has it */
    neap_text text;               /* why */
    int64_t at_us;                /* since 1970; 0: at once */
    neap_uuid id; /* the command's, the timeout's: the same whenever the same is handled again */
    struct neapi_effect *next;
} neapi_effect;

/* In the order in which they were asked for. */
typedef struct neapi_effects {
    neapi_arena arena;
    neapi_effect *first, *last;
    size_t count, bytes;
    bool ended; /* by COMPLETE or FAIL */
} neapi_effects;

#define NEAPI_EFFECTS_INIT ((neapi_effects){.arena = NEAPI_ARENA_INIT})

void neapi_effects_fini(neapi_effects *effects);
/* None are there any more; memory is kept. */
void neapi_effects_clear(neapi_effects *effects);

#endif
