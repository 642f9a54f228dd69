/* Which fields of its event a function can read, found in its compiled code: the others need not be
 * made. A function that does anything else with its event than read its fields by name gets all. */
#ifndef NEAPI_SCRIPT_FIELD_USE_H
#define NEAPI_SCRIPT_FIELD_USE_H

#include "script/schema_flat.h"

/* Those that the function on top of the stack, called with a table of such fields as its argument
 * number `parameter`, can ever see; NEAPI_FLAT_ALL also if that cannot be known. */
neapi_flat_set neapi_fields_used(lua_State *L, unsigned parameter, const neapi_fields *fields);

#endif
