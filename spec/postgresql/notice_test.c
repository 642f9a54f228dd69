/* What a server says unasked is not for the terminal of whoever uses the library. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "store/store.h"

/* In the place of a server: it greets with a warning, and ends as one does that is shut down just
 * when it has let somebody in. */
typedef struct stand_in {
    char folder[64];
    struct sockaddr_un at;
    int listening;
    pthread_t thread;
    atomic_uint greeted;
} stand_in;

static size_t add(unsigned char *bytes, char type, const char *body, size_t size)
{
    bytes[0] = (unsigned char)type;
    bytes[1] = bytes[2] = 0;
    bytes[3] = (unsigned char)((size + 4) >> 8);
    bytes[4] = (unsigned char)(size + 4);
    memcpy(bytes + 5, body, size);
    return size + 5;
}

static void greet(stand_in *server, int client)
{
    static const char warning[] = "SWARNING\0VWARNING\0C01000\0Mhello\0";
    static const char fatal[] = "SFATAL\0VFATAL\0C57P01\0Mgood bye\0";
    unsigned char bytes[256];
    ssize_t got = recv(client, bytes, sizeof bytes, 0);
    if (got > 0) {
        size_t size = add(bytes, 'R', "\0\0\0\0", 4);
        size += add(bytes + size, 'N', warning, sizeof warning);
        size += add(bytes + size, 'Z', "I", 1);
        size += add(bytes + size, 'E', fatal, sizeof fatal);
        if (send(client, bytes, size, MSG_NOSIGNAL) == (ssize_t)size)
            atomic_fetch_add(&server->greeted, 1);
    }
    close(client);
}

static void *serve(void *user)
{
    stand_in *server = user;
    int client;
    while ((client = accept(server->listening, NULL, NULL)) >= 0)
        greet(server, client);
    return NULL;
}

static void start(stand_in *server)
{
    strcpy(server->folder, "/tmp/neap-stand-in-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    server->at.sun_family = AF_UNIX;
    snprintf(server->at.sun_path, sizeof server->at.sun_path, "%.64s/.s.PGSQL.5432",
             server->folder);
    server->listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listening, (struct sockaddr *)&server->at, sizeof server->at), 0);
    assert_int_equal(listen(server->listening, 8), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(stand_in *server)
{
    shutdown(server->listening, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listening);
    unlink(server->at.sun_path);
    rmdir(server->folder);
}

static void nothing_is_printed(void **unused)
{
    (void)unused;
    stand_in server = {.greeted = 0};
    char url[128], printed[256] = "";
    neapi_store *store;
    neap_error error;
    start(&server);
    snprintf(url, sizeof url, "postgresql://neap@/shop?host=%s", server.folder);
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int terminal = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    neap_status status = neapi_store_open(url, NEAPI_MODE_WRITE, &store, &error);
    fflush(stderr);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    rewind(file);
    size_t size = fread(printed, 1, sizeof printed - 1, file);
    fclose(file);
    stop(&server);
    assert_int_equal(status, NEAP_UNAVAILABLE);
    assert_true(atomic_load(&server.greeted) > 0);
    if (size != 0)
        fail_msg("printed: %s", printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_printed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
