/* Time and chance as the host gives them: a clock, a seed. */
#ifndef NEAPI_RUNTIME_GIVEN_H
#define NEAPI_RUNTIME_GIVEN_H

#include "runtime/runtime.h"

/* Sets runtime->platform: the machine, with what the options give in place of it. With a clock and
 * without lanes nobody waits for time to pass: whoever would finds that it has. */
void neapi_given_take(neap_runtime *runtime);

#endif
