/* The contract suite on the store in a SQLite file; with RUN, while its indexes are always behind,
 * in runs of so many events. */
#include "contract/contract.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/dialects.h"
#include "stores/sqlite/backlog.h"

static char folder[] = "/tmp/neap-contract-XXXXXX";

static void remove_folder(void)
{
    rmdir(folder);
}

static void fresh(char url[CONTRACT_URL_SIZE])
{
    static unsigned number;
    if (number++ == 0) {
#ifdef RUN
        neapi_sqlite_run = RUN;
#endif
        if (mkdtemp(folder) == NULL)
            abort();
        atexit(remove_folder);
    }
    snprintf(url, CONTRACT_URL_SIZE, "sqlite:%s/%u.db", folder, number);
}

static const char *path_of(const char *url)
{
    return strchr(url, ':') + 1;
}

static void discard(const char *url)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[CONTRACT_URL_SIZE + 8];
        snprintf(path, sizeof path, "%s%s", path_of(url), endings[i]);
        unlink(path);
    }
}

static void execute(const char *url, const char *sql)
{
    sqlite3 *database;
    if (sqlite3_open(path_of(url), &database) != SQLITE_OK ||
        sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        abort();
    sqlite3_close(database);
}

static void make_foreign(const char *url)
{
    execute(url, "PRAGMA application_id = 4711");
}

static void make_newer(const char *url)
{
    execute(url, "PRAGMA user_version = 1000000");
}

static void damage(const char *url)
{
    struct stat state;
    if (stat(path_of(url), &state) != 0 || truncate(path_of(url), state.st_size / 2) != 0)
        abort();
}

static const contract_fixture sqlite = {.name = "sqlite",
                                        .fresh = fresh,
                                        .discard = discard,
                                        .persistent = true,
                                        .sql = &contract_sqlite_sql,
                                        .make_foreign = make_foreign,
                                        .make_newer = make_newer,
                                        .damage = damage};
NEAPI_CONTRACT(sqlite)
