/* The path of a field in an error, as in "items[2].sku": names and places, these from 1, as Lua
 * counts; a name that is not an identifier stands in brackets and quotes. */
#ifndef NEAPI_MESSAGE_PATH_H
#define NEAPI_MESSAGE_PATH_H

#include "neap.h"

#define NEAPI_PATH_ROOM sizeof(((neap_error *)0)->path)

/* Append to a terminated path of NEAPI_PATH_ROOM bytes; what does not fit is left off. */
void neapi_path_name(char *path, neap_text name);
void neapi_path_place(char *path, uint64_t place);

/* Put before error->path; error may be NULL. */
void neapi_path_within_name(neap_error *error, neap_text name);
void neapi_path_within_place(neap_error *error, uint64_t place);

/* Puts "<path>: " before the message, if there is a path. Returns error's status. */
neap_status neapi_path_into_message(neap_error *error);

#endif
