#include "core/sqlite_shim.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR   512
#define FILES    16
#define NO_LIMIT UINT32_MAX

/* A write, or (bytes NULL) a truncation, that is not synced yet. */
typedef struct shim_pending {
    sqlite3_int64 offset;
    int size;
    char *bytes;
    struct shim_pending *next;
} shim_pending;

/* A file as it is on the medium: what is synced, and what is under way. */
typedef struct shim_medium {
    char path[256];
    char *synced;
    sqlite3_int64 size;
    shim_pending *first, **last;
} shim_medium;

typedef struct shim_file {
    sqlite3_file base;
    shim_medium *medium; /* NULL: not looked at */
    sqlite3_file *real;
} shim_file;

static sqlite3_vfs *machine;
static sqlite3_mem_methods allocator;
static shim_plan plan;
static bool armed, struck;
static shim_medium media[FILES];
static bool power_watched, power_gone;
static unsigned power_left = NO_LIMIT;

/* Whether this call is to fail. */
static bool strikes(shim_call call)
{
    if (!armed || (plan.calls & (unsigned)call) == 0 || plan.nth == 0)
        return false;
    if (plan.nth > 1) {
        plan.nth--;
        return false;
    }
    if (!plan.persistent)
        plan.nth = 0;
    struck = true;
    return true;
}

/* Whether the power is still on, for a call that changes a file. */
static bool powered(void)
{
    if (!power_gone && power_left != NO_LIMIT && power_left-- == 0)
        power_gone = true;
    return !power_gone;
}

static void die(const char *what)
{
    fprintf(stderr, "shim: %s: %s\n", what, strerror(errno));
    abort();
}

static void forget_pending(shim_medium *medium)
{
    while (medium->first != NULL) {
        shim_pending *next = medium->first->next;
        free(medium->first->bytes);
        free(medium->first);
        medium->first = next;
    }
    medium->last = &medium->first;
}

static void read_synced(shim_medium *medium)
{
    struct stat about;
    int file = open(medium->path, O_RDONLY);
    free(medium->synced);
    medium->synced = NULL;
    medium->size = 0;
    if (file < 0)
        return;
    if (fstat(file, &about) != 0 || (medium->synced = malloc((size_t)about.st_size + 1)) == NULL ||
        read(file, medium->synced, (size_t)about.st_size) != about.st_size)
        die(medium->path);
    medium->size = about.st_size;
    close(file);
}

/* Looking needs a descriptor of its own, whose closing costs SQLite its locks in this process: the
 * specs that cut the power have one connection at a time. */
static shim_medium *watch(const char *path, int flags)
{
    if (!power_watched || path == NULL ||
        (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) == 0)
        return NULL;
    shim_medium *found = NULL;
    for (size_t i = 0; i < FILES && found == NULL; i++)
        if (strcmp(media[i].path, path) == 0)
            return &media[i];
        else if (media[i].path[0] == '\0')
            found = &media[i];
    if (found == NULL || strlen(path) >= sizeof found->path)
        die("too many files");
    strcpy(found->path, path);
    found->last = &found->first;
    read_synced(found);
    return found;
}

static void remember(shim_medium *medium, sqlite3_int64 offset, const void *bytes, int size)
{
    if (medium == NULL)
        return;
    shim_pending *change = calloc(1, sizeof *change);
    if (change == NULL || (bytes != NULL && (change->bytes = malloc((size_t)size)) == NULL))
        die("memory");
    if (bytes != NULL)
        memcpy(change->bytes, bytes, (size_t)size);
    change->offset = offset;
    change->size = size;
    *medium->last = change;
    medium->last = &change->next;
}

static void apply(shim_medium *medium, sqlite3_int64 offset, const char *bytes, sqlite3_int64 size)
{
    if (offset + size > medium->size) {
        medium->synced = realloc(medium->synced, (size_t)(offset + size));
        if (medium->synced == NULL)
            die("memory");
        memset(medium->synced + medium->size, 0, (size_t)(offset + size - medium->size));
        medium->size = offset + size;
    }
    memcpy(medium->synced + offset, bytes, (size_t)size);
}

static uint32_t chance(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Of one change that was under way: nothing, all, or some of its sectors. */
static void settle(shim_medium *medium, const shim_pending *change, uint32_t *seed)
{
    uint32_t fate = chance(seed) % 4;
    if (fate == 0)
        return;
    if (change->bytes == NULL) {
        if (change->offset < medium->size)
            medium->size = change->offset;
        return;
    }
    for (int at = 0; at < change->size;) {
        int part = SECTOR - (int)((change->offset + at) % SECTOR);
        if (part > change->size - at)
            part = change->size - at;
        if (fate != 1 || chance(seed) % 2 == 0)
            apply(medium, change->offset + at, change->bytes + at, part);
        at += part;
    }
}

static void write_back(const shim_medium *medium)
{
    int file = open(medium->path, O_WRONLY | O_TRUNC);
    if (file < 0)
        return; /* It was deleted, and that is settled at once. */
    if (write(file, medium->synced, (size_t)medium->size) != medium->size)
        die(medium->path);
    close(file);
    char shared[300];
    snprintf(shared, sizeof shared, "%s-shm", medium->path);
    unlink(shared);
}

static int shim_close(sqlite3_file *base)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xClose(file->real);
}

static int shim_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
    shim_file *file = (shim_file *)base;
    if (power_gone)
        return SQLITE_IOERR_READ;
    if (strikes(SHIM_READ))
        return plan.code;
    return file->real->pMethods->xRead(file->real, bytes, size, offset);
}

static int shim_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
    shim_file *file = (shim_file *)base;
    if (!powered())
        return SQLITE_IOERR_WRITE;
    bool fails = strikes(SHIM_WRITE);
    if (fails && plan.effect == SHIM_NOT_DONE)
        return plan.code;
    if (fails && plan.effect == SHIM_HALF_DONE)
        size /= 2;
    remember(file->medium, offset, bytes, size);
    int code = file->real->pMethods->xWrite(file->real, bytes, size, offset);
    return fails ? plan.code : code;
}

static int shim_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    shim_file *file = (shim_file *)base;
    if (!powered())
        return SQLITE_IOERR_TRUNCATE;
    if (strikes(SHIM_TRUNCATE))
        return plan.code;
    remember(file->medium, size, NULL, 0);
    return file->real->pMethods->xTruncate(file->real, size);
}

/* Nothing is really synced: that is only slow, and no test here dies with the machine. */
static int shim_sync(sqlite3_file *base, int flags)
{
    (void)flags;
    shim_file *file = (shim_file *)base;
    if (!powered())
        return SQLITE_IOERR_FSYNC;
    bool fails = strikes(SHIM_SYNC);
    if (file->medium != NULL && (!fails || plan.effect == SHIM_DONE)) {
        for (const shim_pending *change = file->medium->first; change != NULL;
             change = change->next)
            if (change->bytes != NULL)
                apply(file->medium, change->offset, change->bytes, change->size);
            else if (change->offset < file->medium->size)
                file->medium->size = change->offset;
        forget_pending(file->medium);
    }
    return fails ? plan.code : SQLITE_OK;
}

static int shim_size(sqlite3_file *base, sqlite3_int64 *size)
{
    shim_file *file = (shim_file *)base;
    if (power_gone || strikes(SHIM_SIZE))
        return SQLITE_IOERR_FSTAT;
    return file->real->pMethods->xFileSize(file->real, size);
}

static int shim_lock(sqlite3_file *base, int level)
{
    shim_file *file = (shim_file *)base;
    if (strikes(SHIM_LOCK))
        return SQLITE_IOERR_LOCK;
    return file->real->pMethods->xLock(file->real, level);
}

static int shim_unlock(sqlite3_file *base, int level)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xUnlock(file->real, level);
}

static int shim_reserved(sqlite3_file *base, int *held)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xCheckReservedLock(file->real, held);
}

static int shim_control(sqlite3_file *base, int what, void *argument)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xFileControl(file->real, what, argument);
}

static int shim_sector(sqlite3_file *base)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xSectorSize(file->real);
}

static int shim_traits(sqlite3_file *base)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xDeviceCharacteristics(file->real);
}

static int shim_map(sqlite3_file *base, int page, int size, int extend, void volatile **memory)
{
    shim_file *file = (shim_file *)base;
    if (strikes(SHIM_SHARED_MEMORY))
        return SQLITE_IOERR_SHMMAP;
    return file->real->pMethods->xShmMap(file->real, page, size, extend, memory);
}

static int shim_shared_lock(sqlite3_file *base, int offset, int count, int flags)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xShmLock(file->real, offset, count, flags);
}

static void shim_barrier(sqlite3_file *base)
{
    shim_file *file = (shim_file *)base;
    file->real->pMethods->xShmBarrier(file->real);
}

static int shim_unmap(sqlite3_file *base, int delete_it)
{
    shim_file *file = (shim_file *)base;
    return file->real->pMethods->xShmUnmap(file->real, delete_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_map,
    .xShmLock = shim_shared_lock,
    .xShmBarrier = shim_barrier,
    .xShmUnmap = shim_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
    (void)vfs;
    shim_file *file = (shim_file *)base;
    file->base.pMethods = NULL;
    if (power_gone || strikes(SHIM_OPEN))
        return SQLITE_CANTOPEN;
    file->medium = watch(path, flags);
    file->real = (sqlite3_file *)(file + 1);
    int code = machine->xOpen(machine, path, file->real, flags, out);
    if (file->real->pMethods != NULL)
        file->base.pMethods = &methods;
    return code;
}

static int shim_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    (void)vfs;
    if (!powered() || strikes(SHIM_DELETE))
        return SQLITE_IOERR_DELETE;
    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(media[i].path, path) != 0)
            continue;
        forget_pending(&media[i]);
        media[i].size = 0;
    }
    return machine->xDelete(machine, path, sync_folder);
}

static void *shim_allocate(int size)
{
    return strikes(SHIM_MEMORY) ? NULL : allocator.xMalloc(size);
}

static void *shim_reallocate(void *block, int size)
{
    return strikes(SHIM_MEMORY) ? NULL : allocator.xRealloc(block, size);
}

static void install_allocator(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &allocator);
    sqlite3_mem_methods failing = allocator;
    failing.xMalloc = shim_allocate;
    failing.xRealloc = shim_reallocate;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
}

void shim_install(void)
{
    static sqlite3_vfs shim;
    install_allocator();
    machine = sqlite3_vfs_find(NULL);
    shim = *machine;
    shim.zName = "shim";
    shim.szOsFile = (int)sizeof(shim_file) + machine->szOsFile;
    shim.xOpen = shim_open;
    shim.xDelete = shim_delete;
    sqlite3_vfs_register(&shim, 1);
}

void shim_arm(shim_plan wanted)
{
    plan = wanted;
    armed = true;
    struck = false;
}

bool shim_struck(void)
{
    return struck;
}

bool shim_disarm(void)
{
    armed = false;
    return struck;
}

void shim_power_on(void)
{
    power_watched = true;
    power_gone = false;
    power_left = NO_LIMIT;
}

void shim_power_off_after(unsigned calls)
{
    power_left = calls;
}

bool shim_power_back(uint32_t seed)
{
    bool was_gone = power_gone;
    for (size_t i = 0; i < FILES; i++) {
        if (media[i].path[0] == '\0')
            continue;
        for (const shim_pending *change = media[i].first; change != NULL; change = change->next)
            settle(&media[i], change, &seed);
        forget_pending(&media[i]);
        if (was_gone)
            write_back(&media[i]);
        free(media[i].synced);
        memset(&media[i], 0, sizeof media[i]);
    }
    power_watched = power_gone = false;
    power_left = NO_LIMIT;
    return was_gone;
}
