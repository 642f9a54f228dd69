#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

#define EVERY_MS 5000

struct cli_metrics {
    neap_runtime *runtime;
    const char *path;
    char *beside; /* where it is written first; not what a collector looks for */
    pthread_t writer;
    int stop[2]; /* a pipe: closed at its writing end, the writer ends */
    bool failed; /* the last time, and it was said */
};

static bool put(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL)
        return false;
    bool written = fwrite(text, 1, size, file) == size;
    int why = errno;
    bool closed = fclose(file) == 0;
    if (!written)
        errno = why;
    return written && closed;
}

static void write_file(cli_metrics *metrics)
{
    char *text;
    size_t size;
    neap_error error;
    if (neap_metrics_prometheus(metrics->runtime, &text, &size, &error) != NEAP_OK) {
        cli_complain_error(&error);
        metrics->failed = true;
        return;
    }
    bool written = put(metrics->beside, text, size) && rename(metrics->beside, metrics->path) == 0;
    if (!written && !metrics->failed)
        cli_complain("cannot write %s: %s", metrics->path, strerror(errno));
    metrics->failed = !written;
    neap_free(text);
}

static void *write_now_and_then(void *user)
{
    cli_metrics *metrics = user;
    struct pollfd stop = {.fd = metrics->stop[0], .events = POLLIN};
    while (poll(&stop, 1, EVERY_MS) == 0)
        write_file(metrics);
    return NULL;
}

static void free_metrics(cli_metrics *metrics)
{
    for (int i = 0; i < 2; i++)
        if (metrics->stop[i] >= 0)
            close(metrics->stop[i]);
    free(metrics->beside);
    free(metrics);
}

cli_metrics *cli_metrics_open(neap_runtime *runtime, const char *path)
{
    cli_metrics *metrics = calloc(1, sizeof *metrics);
    size_t room = strlen(path) + sizeof ".new";
    if (metrics == NULL || (metrics->beside = malloc(room)) == NULL) {
        cli_complain("out of memory");
        free(metrics);
        return NULL;
    }
    metrics->runtime = runtime;
    metrics->path = path;
    snprintf(metrics->beside, room, "%s.new", path);
    metrics->stop[0] = metrics->stop[1] = -1;
    write_file(metrics);
    int why = 0;
    if (!metrics->failed && pipe2(metrics->stop, O_CLOEXEC) != 0)
        why = errno;
    if (!metrics->failed && why == 0)
        why = pthread_create(&metrics->writer, NULL, write_now_and_then, metrics);
    if (why != 0)
        cli_complain("cannot keep %s up to date: %s", path, strerror(why));
    if (!metrics->failed && why == 0)
        return metrics;
    free_metrics(metrics);
    return NULL;
}

bool cli_metrics_close(cli_metrics *metrics)
{
    if (metrics == NULL)
        return true;
    close(metrics->stop[1]);
    metrics->stop[1] = -1;
    pthread_join(metrics->writer, NULL);
    write_file(metrics);
    bool written = !metrics->failed;
    free_metrics(metrics);
    return written;
}
