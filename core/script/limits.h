/* What stops a handler that does not stop by itself: instructions, time, memory. */
#ifndef NEAPI_SCRIPT_LIMITS_H
#define NEAPI_SCRIPT_LIMITS_H

#include "script/vm.h"

/* Has the hook run at the next instruction. Called by the allocator: allocates nothing. */
void neapi_limits_alarm(neapi_vm *vm);

/* Counts work that was done, or is about to be, inside C, where no hook looks: `steps` that take
 * about as long as so many instructions. Looks at the limits now and then. */
void neapi_limits_spend_lj(lua_State *L, uint64_t steps);

#endif
