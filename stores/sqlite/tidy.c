#include "tidy.h"

#include <sqlite3.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "path.h"

static bool has_empty_log(const char *real)
{
    neapi_sqlite_mark log;
    char *path = neapi_sqlite_path_beside(real, "-wal");
    bool found = path != NULL && neapi_sqlite_mark_of(path, &log) && log.size == 0;
    neapi_free(path);
    return found;
}

/* SQLite removes them itself, under its own locks, when the last connection that may write is
 * closed. With an empty log nothing is moved into the file then, whose bytes and time stay. */
void neapi_sqlite_tidy(const char *real)
{
    if (!has_empty_log(real))
        return;
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(real, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_exec(db, "PRAGMA schema_version", NULL, NULL, NULL); /* has it open the log */
        if (!has_empty_log(real)) /* somebody came and went meanwhile */
            sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    sqlite3_close_v2(db);
}
