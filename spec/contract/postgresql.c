/* The contract suite on the store in PostgreSQL: each store is a schema of its own, in the server
 * that the tests share (spec/postgresql). */
#include "contract/contract.h"

#include <stdio.h>

#include "contract/dialects.h"
#include "postgresql/database.h"

static void fresh(char url[CONTRACT_URL_SIZE])
{
    database_fresh(url, CONTRACT_URL_SIZE);
}

static void make_foreign(const char *url)
{
    database_run(url, "UPDATE store SET application = 'other'");
}

static void make_newer(const char *url)
{
    database_run(url, "UPDATE store SET layout = 1000000");
}

static void damage(const char *url)
{
    database_run(url, "DROP TABLE tags");
}

static const contract_fixture postgresql = {.name = "postgresql",
                                            .fresh = fresh,
                                            .discard = database_discard,
                                            .persistent = true,
                                            .shared = true,
                                            .sql = &contract_postgresql_sql,
                                            .make_foreign = make_foreign,
                                            .make_newer = make_newer,
                                            .damage = damage};

int main(void)
{
    return database_is_there() ? contract_run(&postgresql) : DATABASE_SKIP;
}
