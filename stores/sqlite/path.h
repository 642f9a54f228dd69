/* Which file a path means, found out without opening it: closing a descriptor of a database would
 * drop every POSIX lock that SQLite holds on it in this process. */
#ifndef NEAPI_SQLITE_PATH_H
#define NEAPI_SQLITE_PATH_H

#include "store/backend.h"

typedef struct neapi_sqlite_path {
    char *real; /* absolute, without links: two spellings of one file give one path */
} neapi_sqlite_path;

/* Owns: the caller frees path->real (neapi_free). Errors: UNKNOWN (to be read, and not there),
 * STORE (a directory, no permission …), NOMEM. */
neap_status neapi_sqlite_path_find(neap_text given, neapi_mode mode, neapi_sqlite_path *path,
                                   neap_error *error);

/* What tells whether a file is as it was. */
typedef struct neapi_sqlite_mark {
    uint64_t device, file;
    int64_t size, changed_ns;
} neapi_sqlite_mark;

/* False: there is no such file. */
bool neapi_sqlite_mark_of(const char *path, neapi_sqlite_mark *mark);
bool neapi_sqlite_mark_equal(neapi_sqlite_mark a, neapi_sqlite_mark b);

/* Whether this user can make files beside it that whoever may write it can write as well. */
bool neapi_sqlite_path_is_own(const char *real);
/* Whether the files that SQLite makes for reading are there. */
bool neapi_sqlite_path_is_open(const char *real);

/* The real path with something behind it. Owns: the caller (neapi_free). Errors: NULL, refused. */
char *neapi_sqlite_path_beside(const char *real, const char *ending);

#endif
