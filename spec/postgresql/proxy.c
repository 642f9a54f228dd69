#include "proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One direction: how much of the message under way is still to come, and its head so far. */
typedef struct proxy_side {
    int from, to;
    bool greets; /* the first message of a client has no type */
    size_t head, left;
    unsigned char bytes[5];
} proxy_side;

struct proxy_between {
    char folder[64], path[96];
    struct sockaddr_un server;
    int listening;
    pthread_t thread;
    atomic_int nth, counted;
    atomic_bool has_cut, ends;
};

static void must(bool well, const char *what)
{
    if (well)
        return;
    perror(what);
    abort();
}

static struct sockaddr_un address(const char *folder)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    must(snprintf(at.sun_path, sizeof at.sun_path, "%s/.s.PGSQL.5432", folder) > 0, "address");
    return at;
}

static bool write_all(int to, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = send(to, bytes, size, MSG_NOSIGNAL);
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Whether the connection is cut behind the message that has just ended. */
static bool count(proxy_between *proxy)
{
    int counted = atomic_fetch_add(&proxy->counted, 1) + 1;
    if (counted != atomic_load(&proxy->nth))
        return false;
    atomic_store(&proxy->has_cut, true);
    return true;
}

/* How many of the bytes go on: all, or those up to where it is cut. */
static size_t measure(proxy_between *proxy, proxy_side *side, const unsigned char *bytes,
                      size_t size, bool *cut)
{
    size_t at = 0;
    while (at < size && !*cut) {
        size_t wanted = side->greets ? 4 : 5;
        if (side->head < wanted) {
            side->bytes[side->head++] = bytes[at++];
            if (side->head < wanted)
                continue;
            const unsigned char *length = side->bytes + wanted - 4;
            side->left = ((size_t)length[0] << 24 | (size_t)length[1] << 16 |
                          (size_t)length[2] << 8 | length[3]) -
                         4;
        }
        size_t here = side->left < size - at ? side->left : size - at;
        at += here;
        side->left -= here;
        if (side->left != 0)
            continue;
        side->head = 0;
        side->greets = false;
        *cut = count(proxy);
    }
    return at;
}

/* Hands on what there is; false: it is over. */
static bool hand_on(proxy_between *proxy, proxy_side *side)
{
    unsigned char bytes[65536];
    bool cut = false;
    ssize_t size = recv(side->from, bytes, sizeof bytes, 0);
    if (size <= 0)
        return false;
    size_t on = measure(proxy, side, bytes, (size_t)size, &cut);
    return write_all(side->to, bytes, on) && !cut;
}

static void serve(proxy_between *proxy, int client)
{
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(server, (struct sockaddr *)&proxy->server, sizeof proxy->server) == 0) {
        proxy_side sides[2] = {{.from = client, .to = server, .greets = true},
                               {.from = server, .to = client}};
        bool goes_on = true;
        while (goes_on && !atomic_load(&proxy->ends)) {
            struct pollfd wanted[2] = {{.fd = client, .events = POLLIN},
                                       {.fd = server, .events = POLLIN}};
            if (poll(wanted, 2, 100) < 0)
                break;
            for (int i = 0; i < 2 && goes_on; i++)
                if (wanted[i].revents != 0)
                    goes_on = hand_on(proxy, &sides[i]);
        }
    }
    close(server);
    close(client);
}

static void *run(void *user)
{
    proxy_between *proxy = user;
    while (!atomic_load(&proxy->ends)) {
        struct pollfd wanted = {.fd = proxy->listening, .events = POLLIN};
        if (poll(&wanted, 1, 100) > 0)
            serve(proxy, accept(proxy->listening, NULL, NULL));
    }
    return NULL;
}

proxy_between *proxy_start(const char *folder)
{
    proxy_between *proxy = calloc(1, sizeof *proxy);
    must(proxy != NULL, "calloc");
    strcpy(proxy->folder, "/tmp/neap-proxy-XXXXXX");
    must(mkdtemp(proxy->folder) != NULL, "mkdtemp");
    proxy->server = address(folder);
    struct sockaddr_un own = address(proxy->folder);
    strcpy(proxy->path, own.sun_path);
    proxy->listening = socket(AF_UNIX, SOCK_STREAM, 0);
    must(bind(proxy->listening, (struct sockaddr *)&own, sizeof own) == 0, "bind");
    must(listen(proxy->listening, 8) == 0, "listen");
    must(pthread_create(&proxy->thread, NULL, run, proxy) == 0, "pthread_create");
    return proxy;
}

void proxy_stop(proxy_between *proxy)
{
    atomic_store(&proxy->ends, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listening);
    unlink(proxy->path);
    rmdir(proxy->folder);
    free(proxy);
}

const char *proxy_folder(const proxy_between *proxy)
{
    return proxy->folder;
}

void proxy_cut(proxy_between *proxy, int nth)
{
    atomic_store(&proxy->nth, nth);
    atomic_store(&proxy->counted, 0);
    atomic_store(&proxy->has_cut, false);
}

bool proxy_has_cut(const proxy_between *proxy)
{
    return atomic_load(&proxy->has_cut);
}
