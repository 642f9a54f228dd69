#include "path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

bool neapi_sqlite_mark_of(const char *path, neapi_sqlite_mark *mark)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return false;
    mark->device = about.st_dev;
    mark->file = about.st_ino;
    mark->size = about.st_size;
    mark->changed_ns = (int64_t)about.st_mtim.tv_sec * 1000000000 + about.st_mtim.tv_nsec;
    return true;
}

bool neapi_sqlite_mark_equal(neapi_sqlite_mark a, neapi_sqlite_mark b)
{
    return a.device == b.device && a.file == b.file && a.size == b.size &&
           a.changed_ns == b.changed_ns;
}

char *neapi_sqlite_path_beside(const char *real, const char *ending)
{
    size_t size = strlen(real) + strlen(ending) + 1;
    char *path = neapi_alloc(size);
    if (path != NULL)
        snprintf(path, size, "%s%s", real, ending);
    return path;
}

static bool is_there(const char *real, const char *ending)
{
    struct stat about;
    char *path = neapi_sqlite_path_beside(real, ending);
    bool found = path != NULL && stat(path, &about) == 0;
    neapi_free(path);
    return found;
}

bool neapi_sqlite_path_is_open(const char *real)
{
    return is_there(real, "-wal") && is_there(real, "-shm");
}

bool neapi_sqlite_path_is_own(const char *real)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", real);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder] = '\0';
    return access(real, W_OK) == 0 && access(folder, W_OK) == 0;
}

/* The real path of a file that is still to be made: its folder's, and its name. */
static neap_status path_to_make(char *given, char *real, neap_error *error)
{
    struct stat about;
    if (lstat(given, &about) == 0)
        return neapi_fail(error, NEAP_STORE, "%s is a symbolic link to a file that does not exist",
                          given);
    char *slash = strrchr(given, '/');
    const char *name = slash != NULL ? slash + 1 : given;
    if (*name == '\0')
        return neapi_fail(error, NEAP_STORE, "%s names a folder, not a file", given);
    const char *folder = slash == NULL ? "." : slash == given ? "/" : given;
    if (slash != NULL && slash != given)
        *slash = '\0';
    if (realpath(folder, real) == NULL)
        return neapi_fail(error, NEAP_STORE, "the folder %s: %m", folder);
    size_t size = strlen(real), more = strlen(name);
    if (size + more + 2 > PATH_MAX)
        return neapi_fail(error, NEAP_STORE, "the path is too long");
    if (size == 0 || real[size - 1] != '/')
        real[size++] = '/';
    memcpy(real + size, name, more + 1);
    return NEAP_OK;
}

static neap_status look(char *given, neapi_mode mode, char *real, neap_error *error)
{
    struct stat about;
    if (realpath(given, real) == NULL) {
        if (errno != ENOENT)
            return neapi_fail(error, NEAP_STORE, "%s: %m", given);
        if (mode == NEAPI_MODE_READ)
            return neapi_fail(error, NEAP_UNKNOWN, "there is no store at %s", given);
        return path_to_make(given, real, error);
    }
    if (stat(real, &about) != 0)
        return neapi_fail(error, NEAP_STORE, "%s: %m", real);
    if (!S_ISREG(about.st_mode))
        return neapi_fail(error, NEAP_STORE, "%s is %s, not a file", real,
                          S_ISDIR(about.st_mode) ? "a folder" : "a device or a pipe");
    if (access(real, mode == NEAPI_MODE_READ ? R_OK : R_OK | W_OK) != 0)
        return neapi_fail(error, NEAP_STORE, "%s cannot be %s: %m", real,
                          mode == NEAPI_MODE_READ ? "read" : "written");
    /* SQLite's log lies beside the name that was opened: a second name would mean a second log, and
     * a second lock. */
    if (mode == NEAPI_MODE_WRITE && about.st_nlink > 1)
        return neapi_fail(error, NEAP_STORE, "%s has %lu names (hard links), which a store cannot",
                          real, (unsigned long)about.st_nlink);
    return NEAP_OK;
}

neap_status neapi_sqlite_path_find(neap_text given, neapi_mode mode, neapi_sqlite_path *path,
                                   neap_error *error)
{
    char text[PATH_MAX], real[PATH_MAX];
    neapi_sqlite_path found = {0};
    if (given.size == 0)
        return neapi_fail(error, NEAP_USAGE, "the URL names no file; expected sqlite:PATH");
    if (given.size >= sizeof text || memchr(given.data, '\0', given.size) != NULL)
        return neapi_fail(error, NEAP_USAGE, "the URL's path is too long or not a path");
    memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    neap_status status = look(text, mode, real, error);
    if (status != NEAP_OK)
        return status;
    found.real = neapi_alloc_text(real, strlen(real));
    if (found.real == NULL)
        return neapi_nomem(error);
    *path = found;
    return NEAP_OK;
}
