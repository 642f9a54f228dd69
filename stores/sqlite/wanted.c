#include "sqlite.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

neap_status neapi_sqlite_wanted_begin(neapi_sqlite_session *session, size_t most, neap_error *error)
{
    if (most > session->wanted_capacity) {
        int64_t *wider = neapi_realloc(session->wanted, most * sizeof *wider);
        if (wider == NULL)
            return neapi_nomem(error);
        session->wanted = wider;
        session->wanted_capacity = most;
    }
    session->connection.wanted = session->wanted;
    session->connection.wanted_count = 0;
    return NEAP_OK;
}

void neapi_sqlite_wanted_add(neapi_sqlite_session *session, int64_t type)
{
    session->wanted[session->connection.wanted_count++] = type;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

void neapi_sqlite_wanted_end(neapi_sqlite_session *session)
{
    if (session->connection.wanted_count > 1)
        qsort(session->wanted, session->connection.wanted_count, sizeof *session->wanted, by_value);
}
