/* What stops a handler that does not stop by itself: instructions, time, memory. */
#ifndef NEAPI_SCRIPT_LIMITS_H
#define NEAPI_SCRIPT_LIMITS_H

#include "script/vm.h"

/* Has the hook run at the next instruction. Called by the allocator: allocates nothing. */
void neapi_limits_alarm(neapi_vm *vm);

#endif
