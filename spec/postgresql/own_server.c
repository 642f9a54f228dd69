#include "own_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int own_server_do(own_server *server, const char *verb, const char *rest)
{
    char line[1024];
    snprintf(line, sizeof line, "%s %s %s %s", SERVER_SCRIPT, verb, server->file, rest);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static void must(own_server *server, const char *verb, const char *rest)
{
    if (own_server_do(server, verb, rest) == 0)
        return;
    fprintf(stderr, "the test's own server: %s %s failed\n", verb, rest);
    abort();
}

void own_server_start(own_server *server, const char *settings)
{
    strcpy(server->file, "/tmp/neap-server-XXXXXX");
    int descriptor = mkstemp(server->file);
    if (descriptor < 0)
        abort();
    close(descriptor);
    must(server, "start", settings);
    FILE *file = fopen(server->file, "r");
    if (file == NULL || fgets(server->folder, sizeof server->folder, file) == NULL)
        abort();
    fclose(file);
    server->folder[strcspn(server->folder, "\n")] = '\0';
}

void own_server_stop(own_server *server)
{
    must(server, "stop", "");
}

void own_server_url(const own_server *server, const char *more, char *url, unsigned size)
{
    snprintf(url, size, "postgresql://neap@/postgres?host=%s%s", server->folder, more);
}
