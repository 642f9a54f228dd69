#include "console_support.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_US 50000

static const char domain[] =
    "local neap = require 'neap'\n"
    "local shop = neap.domain 'shop'\n"
    "local Placed = shop:event 'Placed' { order = 'string', total = 'integer' }\n"
    "local Shipped = shop:event 'Shipped' { order = 'string' }\n"
    "shop:command 'Place' { order = 'string', total = 'integer' }\n"
    "shop:command 'Ship' { order = 'string' }\n"
    "shop:aggregate 'Order' {\n"
    "  key = 'order',\n"
    "  initial = { status = 'new' },\n"
    "  commands = {\n"
    "    Place = function(_, command) return Placed(command) end,\n"
    "    Ship = function(_, command) return Shipped(command) end,\n"
    "  },\n"
    "  events = {\n"
    "    Placed = function(order, event) order.status, order.total = 'placed', event.total end,\n"
    "    Shipped = function(order) order.status = 'shipped' end,\n"
    "  },\n"
    "}\n"
    "shop:projection 'totals' {\n"
    "  key = 'order',\n"
    "  events = { Placed = function(doc, event) doc.total = event.total end },\n"
    "}\n"
    "return shop\n";

/* What would reach beyond the session. */
static const char harmless[] = "os = { time = os.time, date = os.date } io = nil package = nil "
                               "require = nil debug = nil dofile = nil loadfile = nil load = nil";

static char folder[] = "/tmp/neap-console-XXXXXX";
static char printed[256];
static size_t printed_size;
static bool steered;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "console: %s: %s\n", what, why);
    exit(1);
}

/* ---- What is printed ------------------------------------------------------------------------- */

/* Control characters, but for the ends of lines and what separates the texts of print(). */
static bool steers(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool second = byte == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0;
        if (second || byte == 0x7F || (byte < ' ' && byte != '\n' && byte != '\t'))
            return true;
    }
    return false;
}

static void on_print(void *user, const char *text, size_t size)
{
    (void)user;
    steered = steered || steers(text, size);
    printed_size = size < sizeof printed ? size : sizeof printed;
    memcpy(printed, text, printed_size);
}

static void on_word(void *user, size_t from, const char *word)
{
    const size_t *size = user;
    steered = steered || from > *size || steers(word, strlen(word));
}

/* ---- The session ----------------------------------------------------------------------------- */

/* Ends what takes long: a thread, since sanitizers hold signals back. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static neap_console *running; /* NULL: nothing runs */
static bool closing;
static pthread_t watcher;

/* From now on. Again and again: an interruption may come before what takes long. */
static void wait_and_interrupt(void)
{
    struct timespec due;
    clock_gettime(CLOCK_REALTIME, &due);
    due.tv_nsec += LONGEST_US * 1000;
    due.tv_sec += due.tv_nsec / 1000000000;
    due.tv_nsec %= 1000000000;
    if (pthread_cond_timedwait(&changed, &lock, &due) == ETIMEDOUT && running != NULL)
        neap_console_interrupt(running);
}

static void *watch(void *unused)
{
    pthread_mutex_lock(&lock);
    while (!closing) {
        if (running != NULL)
            wait_and_interrupt();
        else
            pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    return unused;
}

static void set_running(neap_console *console)
{
    pthread_mutex_lock(&lock);
    running = console;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void fill(const char *path, const char *store)
{
    static const char *const commands[][2] = {
        {"Place", "{\"order\":\"o-1\",\"total\":4200}"},
        {"Place", "{\"order\":\"o-2\",\"total\":990}"},
        {"Ship", "{\"order\":\"o-1\"}"},
    };
    neap_options options;
    neap_options_init(&options);
    options.store = store;
    neap_runtime *runtime;
    neap_error error;
    if (neap_open(path, &options, &runtime, &error) != NEAP_OK)
        fail("opening", error.message);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        neap_reply *reply;
        if (neap_dispatch(runtime, commands[i][0], commands[i][1], strlen(commands[i][1]), NULL,
                          &reply, &error) != NEAP_OK)
            fail("a command", error.message);
        neap_reply_free(reply);
    }
    neap_close(runtime);
}

neap_console *console_begin(void)
{
    char path[64], store[64];
    if (mkdtemp(folder) == NULL)
        fail("mkdtemp", folder);
    snprintf(path, sizeof path, "%s/shop.lua", folder);
    snprintf(store, sizeof store, "sqlite:%s/shop.db", folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(domain, file) < 0 || fclose(file) != 0)
        fail("writing", path);
    fill(path, store);
    if (pthread_create(&watcher, NULL, watch, NULL) != 0)
        fail("starting", "a thread");
    neap_console_options options;
    neap_console_options_init(&options);
    options.store = store;
    options.width = 60;
    options.height = 20;
    options.print = on_print;
    neap_console *console;
    neap_error error;
    if (neap_console_open(path, &options, &console, &error) != NEAP_OK)
        fail("opening the console", error.message);
    if (neap_console_enter(console, harmless, sizeof harmless - 1, &error) != NEAP_CONSOLE_DONE)
        fail("making it harmless", error.message);
    return console;
}

void console_end(neap_console *console)
{
    char command[128];
    pthread_mutex_lock(&lock);
    closing = true;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(watcher, NULL);
    neap_console_close(console);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fail("removing", folder);
}

static bool complain(const char *what, const char *line, size_t size)
{
    fprintf(stderr, "console: %s behind: %.*s\n", what, (int)size, line);
    return false;
}

/* Gives up what was begun, and counts. */
static bool goes_on(neap_console *console)
{
    static const char sum[] = "1 + 1";
    neap_error error;
    neap_console_forget(console);
    printed_size = 0;
    return neap_console_enter(console, sum, sizeof sum - 1, &error) == NEAP_CONSOLE_DONE &&
           printed_size == 2 && memcmp(printed, "2\n", 2) == 0 &&
           strncmp(neap_console_prompt(console), "shop@", 5) == 0;
}

bool console_survives(neap_console *console, const char *line, size_t size)
{
    neap_error error;
    steered = false;
    neap_console_complete(console, line, size, on_word, &size);
    set_running(console);
    neap_console_outcome outcome = neap_console_enter(console, line, size, &error);
    if (outcome == NEAP_CONSOLE_MORE)
        outcome = neap_console_finish(console, &error);
    set_running(NULL);
    if (outcome == NEAP_CONSOLE_FAILED && steers(error.message, strlen(error.message)))
        return complain("an error that steers the terminal", line, size);
    if (steered)
        return complain("output that steers the terminal", line, size);
    if (!goes_on(console))
        return complain("the session does not go on", line, size);
    return true;
}
