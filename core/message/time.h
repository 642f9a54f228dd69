/* Times in texts of others. */
#ifndef NEAPI_MESSAGE_TIME_H
#define NEAPI_MESSAGE_TIME_H

#include "neap.h"

/* Reads an RFC 3339 time of any offset, as µs since 1970, UTC; what is finer is cut off. false: it
 * is none. */
bool neapi_time_read(neap_text text, int64_t *us);

#endif
