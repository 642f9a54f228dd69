#include "database.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[128];

bool database_is_there(void)
{
    const char *path = getenv("NEAP_POSTGRESQL_SERVER");
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    if (file == NULL || fgets(folder, sizeof folder, file) == NULL)
        strcpy(folder, "skip: NEAP_POSTGRESQL_SERVER does not name the file of a server");
    if (file != NULL)
        fclose(file);
    folder[strcspn(folder, "\n")] = '\0';
    if (strncmp(folder, "skip", 4) == 0)
        printf("%s\n", folder);
    return strncmp(folder, "skip", 4) != 0;
}

const char *database_folder(void)
{
    return folder;
}

void database_fresh(char *url, size_t size)
{
    static unsigned number;
    snprintf(url, size, "postgresql://neap@/postgres?host=%s&schema=s%ld_%u", folder,
             (long)getpid(), ++number);
}

static void ignore(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static PGconn *connect_to(void)
{
    char text[256];
    snprintf(text, sizeof text, "host=%s user=neap dbname=postgres", folder);
    PGconn *pg = PQconnectdb(text);
    if (PQstatus(pg) != CONNECTION_OK)
        abort();
    PQsetNoticeReceiver(pg, ignore, NULL);
    return pg;
}

static void run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(pg));
        abort();
    }
    PQclear(result);
}

static const char *schema_of(const char *url)
{
    return strstr(url, "schema=") + strlen("schema=");
}

void database_run(const char *url, const char *sql)
{
    char path[128];
    PGconn *pg = connect_to();
    snprintf(path, sizeof path, "SET search_path = %s", schema_of(url));
    run(pg, path);
    run(pg, sql);
    PQfinish(pg);
}

void database_hold(const char *url, bool held)
{
    static PGconn *holder;
    char sql[160];
    if (held) {
        holder = connect_to();
        snprintf(sql, sizeof sql, "SELECT pg_advisory_lock(hashtextextended('neap %s', 0))",
                 schema_of(url));
        run(holder, sql);
    } else {
        PQfinish(holder);
    }
}

static PGconn *beginner;

void database_begin(const char *url, const char *sql)
{
    char path[128];
    beginner = connect_to();
    snprintf(path, sizeof path, "BEGIN; SET search_path = %s", schema_of(url));
    run(beginner, path);
    run(beginner, sql);
}

void database_end(void)
{
    PQfinish(beginner);
    beginner = NULL;
}

void database_discard(const char *url)
{
    static PGconn *pg; /* many schemas are discarded */
    char sql[128];
    if (pg == NULL)
        pg = connect_to();
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE", schema_of(url));
    run(pg, sql);
}
