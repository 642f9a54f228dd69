/* What the subscribers of reading.lua were told, through a service of the host that fails now and
 * then: each of its events at least once, those of one stream in order. */
#ifndef NEAP_SPEC_HEARING_H
#define NEAP_SPEC_HEARING_H

#include "neap.h"

/* fails: so many of a thousand calls. */
void hearing_begin(uint64_t seed, unsigned fails);
void hearing_heal(void);
/* Between neap_load and neap_start. */
neap_status hearing_provide(neap_runtime *runtime, neap_error *error);

enum { HEARING_SUBSCRIBERS = 4 };
/* Names them. */
const char *hearing_name(unsigned subscriber);
/* Somebody asks to drop that dead letter: it need not be heard. */
void hearing_drop(unsigned subscriber, uint64_t position);

/* A partition's checkpoint is durable at the position: nothing up to it is lost. */
void hearing_check_checkpoint(const char *name, unsigned partition, uint64_t position);
/* A dead letter of that key is gone. */
void hearing_check_letter_gone(const char *key);
/* At the end, when nothing is a dead letter any more. */
void hearing_check_end(void);

#endif
