/* What the documents of histories.lua are by a plain fold, at every position of the log. Threads:
 * any. */
#ifndef NEAP_SPEC_HISTORIES_MODEL_H
#define NEAP_SPEC_HISTORIES_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/unit.h"

/* Histories of a world run beside each other, in one store. */
#define AT_ONCE 500
#define KEYS    3

typedef struct document {
    long sum, moves;
    unsigned count; /* 0: no sum, and no count */
    bool moved;
    char name[8]; /* "": none */
} document;

void model_begin(void);
/* A document has become that by the event at the position, which is the last one so far; before the
 * event is recorded. */
void model_change(uint64_t position, unsigned history, unsigned key, const document *changed);
/* As of a position. */
document model_at(uint64_t position, unsigned history, unsigned key);
/* As JSON, terminated; its size: 0, it is not there. */
size_t model_write(const document *of, char *json, size_t size);

/* A unit was accepted: if it moves the checkpoint of `one` or `many` its documents are the plain
 * fold up to there, and those that are not in it have not changed since the checkpoint before.
 * Keeps what is wrong for model_finding(). */
void model_check_unit(const neapi_unit *unit);
/* What was found so far, the first one; NULL: nothing. */
const char *model_finding(void);
uint64_t model_checkpoints(void); /* so many were looked at */

#endif
