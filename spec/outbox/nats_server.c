#include "outbox/nats_server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 30

static void fail(const char *what)
{
    fprintf(stderr, "nats-server: %s: %s\n", what, strerror(errno));
    abort();
}

/* Debian has it where daemons are, which is not on everybody's path. */
static const char *program(void)
{
    static char found[512];
    const char *path = getenv("PATH");
    char all[4096];
    snprintf(all, sizeof all, "%s:/usr/sbin:/usr/local/sbin", path != NULL ? path : "");
    for (char *rest = all, *folder; (folder = strsep(&rest, ":")) != NULL;) {
        snprintf(found, sizeof found, "%.480s/nats-server", folder);
        if (access(found, X_OK) == 0)
            return found;
    }
    return NULL;
}

bool nats_server_installed(void)
{
    if (program() != NULL)
        return true;
    printf("nats-server is not installed. On Debian: apt-get install nats-server\n");
    return false;
}

static void run(const nats_server *server)
{
    char port[16], store[96], file[96];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(store, sizeof store, "%s/js", server->folder);
    snprintf(file, sizeof file, "%s/log", server->folder);
    int log = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    execl(program(), "nats-server", "-js", "-a", "127.0.0.1", "-p", port, "-sd", store,
          "--ports_file_dir", server->folder, (char *)NULL);
    _exit(127);
}

static bool read_port(nats_server *server)
{
    char path[128], text[512];
    snprintf(path, sizeof path, "%s/nats-server_%d.ports", server->folder, (int)server->pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    const char *colon = strstr(text, "127.0.0.1:");
    return colon != NULL && sscanf(colon, "127.0.0.1:%d", &server->port) == 1;
}

void nats_server_start(nats_server *server)
{
    struct timespec start, now;
    if (server->folder[0] == '\0') {
        strcpy(server->folder, "/tmp/neap-nats-XXXXXX");
        if (mkdtemp(server->folder) == NULL)
            fail(server->folder);
        server->port = -1;
    }
    fflush(NULL);
    server->pid = fork();
    if (server->pid < 0)
        fail("fork");
    if (server->pid == 0)
        run(server);
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!read_port(server)) {
        poll(NULL, 0, 5);
        clock_gettime(CLOCK_MONOTONIC, &now);
        errno = ETIMEDOUT;
        if (now.tv_sec - start.tv_sec > DEADLINE_S || waitpid(server->pid, NULL, WNOHANG) != 0)
            fail("it did not start; see its log");
    }
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%d", server->port);
}

void nats_server_kill(nats_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

void nats_server_hold(nats_server *server)
{
    kill(server->pid, SIGSTOP);
    waitpid(server->pid, NULL, WUNTRACED);
}

void nats_server_go_on(nats_server *server)
{
    kill(server->pid, SIGCONT);
}

void nats_server_remove(nats_server *server)
{
    char command[128];
    nats_server_kill(server);
    if (server->folder[0] == '\0')
        return;
    snprintf(command, sizeof command, "rm -rf %s", server->folder);
    if (system(command) != 0)
        fail(command);
    server->folder[0] = '\0';
}
