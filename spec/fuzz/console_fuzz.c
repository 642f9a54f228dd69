/* Feeds lines to the REPL: it neither breaks nor ends. */
#include <stdlib.h>
#include <string.h>

#include "console_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static neap_console *console;

static void end(void)
{
    console_end(console);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (console == NULL) {
        console = console_begin();
        atexit(end);
    }
    const char *at = (const char *)data, *end = at + size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        if (!console_survives(console, at, (size_t)(line_end - at)))
            abort();
        at = line_end + (line_end < end);
    }
    return 0;
}
