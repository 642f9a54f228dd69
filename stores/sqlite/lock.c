#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "path.h"

/* A note of a fixed length: written at once, and over the whole of the one before. */
#define NOTE_BYTES 128
/* How often a loser looks again while the winner is about to write who it is. */
#define LOOKS 200

static void write_note(int file)
{
    char host[65] = "", note[NOTE_BYTES + 1];
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    int used = snprintf(note, sizeof note, "%ld %.32s@%.64s", (long)getpid(),
                        program_invocation_short_name, host);
    size_t size = used > 0 ? (size_t)used : 0;
    if (size >= NOTE_BYTES)
        size = NOTE_BYTES - 1;
    memset(note + size, ' ', NOTE_BYTES - size);
    note[NOTE_BYTES - 1] = '\n';
    /* Without the note the lock holds all the same. */
    (void)!pwrite(file, note, NOTE_BYTES, 0);
}

/* Who holds the lock, or an empty text. A process that is gone left its note behind. */
static void read_note(int file, char *holder, size_t capacity)
{
    for (int i = 0; i < LOOKS; i++) {
        char note[NOTE_BYTES + 1];
        ssize_t size = pread(file, note, NOTE_BYTES, 0);
        note[size > 0 ? size : 0] = '\0';
        note[strcspn(note, "\n")] = '\0';
        for (size_t end = strlen(note); end > 0 && note[end - 1] == ' '; end--)
            note[end - 1] = '\0';
        long pid = strtol(note, NULL, 10);
        if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH)) {
            neapi_text_copy(holder, capacity, note, strlen(note));
            return;
        }
        sched_yield();
    }
    neapi_text_copy(holder, capacity, "", 0);
}

static neap_status refused(int file, const char *real, neap_error *error)
{
    if (errno != EAGAIN && errno != EACCES)
        return neapi_fail(error, NEAP_STORE, "%s-lock cannot be locked: %m", real);
    char holder[NOTE_BYTES];
    read_note(file, holder, sizeof holder);
    char *name = strchr(holder, ' ');
    if (name == NULL)
        return neapi_fail(error, NEAP_BUSY, "another process holds %s for writing", real);
    *name = '\0';
    return neapi_fail(error, NEAP_BUSY, "process %s (%s) holds %s for writing", holder, name + 1,
                      real);
}

neap_status neapi_sqlite_lock(const char *real, int *lock, neap_error *error)
{
    char *path = neapi_sqlite_path_beside(real, "-lock");
    if (path == NULL)
        return neapi_nomem(error);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    neap_status status = NEAP_OK;
    /* Of the open file, not of the process: it also keeps out a second writer in this process, and
     * no other descriptor's close can lose it. */
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (file < 0)
        status = neapi_fail(error, NEAP_STORE, "%s cannot be opened: %m", path);
    else if (fcntl(file, F_OFD_SETLK, &whole) != 0)
        status = refused(file, real, error);
    neapi_free(path);
    if (status != NEAP_OK) {
        neapi_sqlite_unlock(file);
        return status;
    }
    write_note(file);
    *lock = file;
    return NEAP_OK;
}

void neapi_sqlite_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
