/* SQL of projections as it is written: {name} stands for the table of that name of one build. */
#ifndef NEAPI_SQLITE_TEMPLATE_H
#define NEAPI_SQLITE_TEMPLATE_H

#include "base/buffer.h"

/* Appends the text, with "name@build" for each {name} outside of literals and comments. why is
 * filled with what is wrong with the text, and false returned then. */
bool neapi_sqlite_template(neapi_buffer *sql, neap_text text, uint32_t build, char *why,
                           size_t room);

/* Of the name of a table "name@build": the name alone, if it is one of that build. */
bool neapi_sqlite_table_name(neap_text table, uint32_t build, neap_text *name);

#endif
