/* The names of types that a session has met, by their numbers. They never change in the file. */
#ifndef NEAPI_SQLITE_TYPES_H
#define NEAPI_SQLITE_TYPES_H

#include "query.h"

#define NEAPI_SQLITE_TYPES_BY_HEART 1024

typedef struct neapi_sqlite_type_name {
    int64_t id; /* 0: free */
    neap_text name;
} neapi_sqlite_type_name;

typedef struct neapi_sqlite_types {
    neapi_sqlite_type_name *names; /* a hash table of twice as many; NULL: nothing was met */
    size_t count;
    neapi_arena arena;
} neapi_sqlite_types;

void neapi_sqlite_types_fini(neapi_sqlite_types *types);

/* The name; empty if there is none. Lifetime: until the next call. */
neap_status neapi_sqlite_type_find(neapi_sqlite_types *types, neapi_connection *connection,
                                   int64_t id, neap_text *name, neap_error *error);

#endif
