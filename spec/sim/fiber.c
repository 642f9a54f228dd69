#include "sim/fiber.h"

#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define TELLS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TELLS_SANITIZER
#endif
#endif
#ifdef TELLS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

/* As the runtime's own threads have, and one page below that must not be touched. */
#define STACK_BYTES ((size_t)2 << 20)
#define GUARD_BYTES ((size_t)4096)

struct sim_fiber {
    ucontext_t context;
    void (*run)(void *argument);
    void *argument;
    char *stack;
    void *fake_stack; /* the sanitizer's */
    char *locals;     /* the program's thread-local variables, as this fiber left them */
    bool ended;
    sim_fiber *next; /* among those that are kept */
};

static ucontext_t outside;
static const void *outside_stack;
static size_t outside_bytes;
static void *outside_fake_stack;
static sim_fiber *running;
static sim_fiber *kept;

/* ---- What the address sanitizer has to know of a change of stacks ---------------------------- */

static void before_switch(void **save, const void *stack, size_t bytes)
{
#ifdef TELLS_SANITIZER
    __sanitizer_start_switch_fiber(save, stack, bytes);
#else
    (void)save;
    (void)stack;
    (void)bytes;
#endif
}

static void after_switch(void *saved, const void **stack, size_t *bytes)
{
#ifdef TELLS_SANITIZER
    __sanitizer_finish_switch_fiber(saved, stack, bytes);
#else
    (void)saved;
    (void)stack;
    (void)bytes;
#endif
}

/* ---- Thread-local variables ------------------------------------------------------------------ */

static char *locals; /* the program's, of the one thread that there is */
static size_t locals_bytes;
static char *outside_locals;

static int find_locals(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_TLS) {
            locals = info->dlpi_tls_data;
            locals_bytes = info->dlpi_phdr[i].p_memsz;
        }
    return 1; /* the first is the program itself */
}

/* Each fiber begins with those that the program began with. */
static char *new_locals(void)
{
    if (outside_locals == NULL) {
        dl_iterate_phdr(find_locals, NULL);
        outside_locals = calloc(1, locals_bytes + 1);
        if (outside_locals == NULL)
            return NULL;
        memcpy(outside_locals, locals, locals_bytes);
    }
    return calloc(1, locals_bytes + 1);
}

static void exchange_locals(char *keep, const char *take)
{
    memcpy(keep, locals, locals_bytes);
    memcpy(locals, take, locals_bytes);
}

/* ---- Fibers ---------------------------------------------------------------------------------- */

static void die(const char *why)
{
    fprintf(stderr, "sim: %s\n", why);
    abort();
}

static void begin(void)
{
    after_switch(NULL, &outside_stack, &outside_bytes);
    running->run(running->argument);
    running->ended = true;
    before_switch(NULL, outside_stack, outside_bytes);
    swapcontext(&running->context, &outside);
}

static sim_fiber *take(void)
{
    sim_fiber *taken = kept;
    if (taken != NULL) {
        kept = taken->next;
        return taken;
    }
    taken = calloc(1, sizeof *taken);
    if (taken == NULL)
        die("no memory for a fiber");
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD_BYTES, PROT_NONE) != 0)
        die("no memory for a fiber's stack");
    taken->stack = stack;
    taken->locals = new_locals();
    if (taken->locals == NULL)
        die("no memory for a fiber");
    return taken;
}

/* Apart from what calls it: getcontext() may return twice, as far as a compiler knows. */
static __attribute__((noinline)) void prepare(ucontext_t *context, char *stack)
{
    if (getcontext(context) != 0)
        die("getcontext failed");
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = NULL;
    makecontext(context, begin, 0);
}

sim_fiber *fiber_new(void (*run)(void *argument), void *argument)
{
    sim_fiber *made = take();
    made->run = run;
    made->argument = argument;
    made->fake_stack = NULL;
    made->ended = false;
    memcpy(made->locals, outside_locals, locals_bytes);
    prepare(&made->context, made->stack);
    return made;
}

void fiber_enter(sim_fiber *fiber)
{
    running = fiber;
    exchange_locals(outside_locals, fiber->locals);
    before_switch(&outside_fake_stack, fiber->stack, STACK_BYTES);
    swapcontext(&outside, &fiber->context);
    after_switch(outside_fake_stack, NULL, NULL);
    exchange_locals(fiber->locals, outside_locals);
    running = NULL;
}

void fiber_leave(void)
{
    sim_fiber *leaving = running;
    before_switch(&leaving->fake_stack, outside_stack, outside_bytes);
    swapcontext(&leaving->context, &outside);
    after_switch(leaving->fake_stack, &outside_stack, &outside_bytes);
}

bool fiber_has_ended(const sim_fiber *fiber)
{
    return fiber->ended;
}

void fiber_free(sim_fiber *fiber)
{
    fiber->next = kept;
    kept = fiber;
}
