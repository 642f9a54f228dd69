/* Which instance of an aggregate a command, or a caller's id, means. */
#ifndef NEAPI_RUNTIME_INSTANCE_H
#define NEAPI_RUNTIME_INSTANCE_H

#include "base/arena.h"
#include "bus/catalog.h"

/* What a command goes to, and so to which stream. If that cannot be found out the instance has no
 * stream: the command's schema says what is wrong. Texts lie in the arena. Errors: NEAP_INVALID
 * (the stream or a tag would have no proper name) with the path of the field, NEAP_NOMEM. */
neap_status neapi_instance_of_command(neapi_arena *arena, const neapi_aggregate *aggregate,
                                      neap_text json, neapi_instance *instance, neap_error *error);

/* The instance that is named: by its key, or by a JSON object of its tags' values. Errors: as
 * above, and NEAP_INVALID for an id that names none. */
neap_status neapi_instance_named(neapi_arena *arena, const neapi_aggregate *aggregate, neap_text id,
                                 neapi_instance *instance, neap_error *error);

#endif
