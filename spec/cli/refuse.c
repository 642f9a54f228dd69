/* To be preloaded into the command: refuses it one allocation, or all from one on. Only what the
 * command and libneap ask for themselves counts: Lua 5.4.4 does not survive every refusal, and it
 * asks by realloc(), as libneap does only where C tests refuse it.
 *
 * NEAP_REFUSE: the n-th. NEAP_REFUSE_ALL: if set, all after it too. NEAP_REFUSED: a file that is
 * made when the n-th is refused. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

typedef struct place {
    uintptr_t begin, end;
} place;

static place command, library;
static bool persistent;
static const char *mark;
static atomic_long left;

static int find(struct dl_phdr_info *info, size_t size, void *first)
{
    (void)size;
    place found = {UINTPTR_MAX, 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD)
            continue;
        found.begin = begin < found.begin ? begin : found.begin;
        found.end = begin + part->p_memsz > found.end ? begin + part->p_memsz : found.end;
    }
    if (*(bool *)first)
        command = found;
    else if (strstr(info->dlpi_name, "libneap.so") != NULL)
        library = found;
    *(bool *)first = false;
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    bool first = true;
    const char *nth = getenv("NEAP_REFUSE");
    if (nth == NULL)
        return;
    persistent = getenv("NEAP_REFUSE_ALL") != NULL;
    mark = getenv("NEAP_REFUSED");
    dl_iterate_phdr(find, &first);
    atomic_store(&left, atol(nth));
}

static bool within(const place *part, const void *address)
{
    return (uintptr_t)address >= part->begin && (uintptr_t)address < part->end;
}

static bool strikes(void)
{
    long before = atomic_load(&left);
    do {
        if (before <= 0 || (before == 1 && persistent))
            break;
    } while (!atomic_compare_exchange_weak(&left, &before, before - 1));
    if (before != 1)
        return false;
    if (mark != NULL)
        close(open(mark, O_CREAT | O_WRONLY, 0600));
    errno = ENOMEM;
    return true;
}

#define SHOWN      __attribute__((visibility("default")))
#define CALLER     __builtin_return_address(0)
#define BY_COMMAND (atomic_load(&left) != 0 && within(&command, CALLER))
#define BY_EITHER  (BY_COMMAND || (atomic_load(&left) != 0 && within(&library, CALLER)))

SHOWN void *malloc(size_t size)
{
    return BY_EITHER && strikes() ? NULL : __libc_malloc(size);
}

SHOWN void *calloc(size_t count, size_t size)
{
    return BY_EITHER && strikes() ? NULL : __libc_calloc(count, size);
}

SHOWN void *realloc(void *block, size_t size)
{
    return BY_COMMAND && strikes() ? NULL : __libc_realloc(block, size);
}

static char *copy(const char *text, size_t size)
{
    char *made = __libc_malloc(size + 1);
    if (made == NULL)
        return NULL;
    memcpy(made, text, size);
    made[size] = '\0';
    return made;
}

#undef strdup
SHOWN char *strdup(const char *text)
{
    return BY_COMMAND && strikes() ? NULL : copy(text, strlen(text));
}

#undef strndup
SHOWN char *strndup(const char *text, size_t most)
{
    return BY_COMMAND && strikes() ? NULL : copy(text, strnlen(text, most));
}
