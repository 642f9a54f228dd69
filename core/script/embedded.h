/* Neap's own Lua files, which the library carries in itself. */
#ifndef NEAPI_SCRIPT_EMBEDDED_H
#define NEAPI_SCRIPT_EMBEDDED_H

/* Every embedded chunk is named "=[neap]/<file>". */
#define NEAPI_EMBEDDED_CHUNK "=[neap]/"

typedef struct neapi_embedded {
    const char *file; /* "domain.lua", "middleware/retry.lua" */
    const char *begin, *end;
} neapi_embedded;

/* Ends with one whose file is NULL. Made by embed.cmake. */
extern const neapi_embedded neapi_embedded_files[];

const neapi_embedded *neapi_embedded_file(const char *file); /* NULL: there is none */

#endif
