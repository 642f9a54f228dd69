#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "log.h"
#include "options.h"

static atomic_int out_errno; /* why writing to stdout failed; 0: it did not */

void cli_output_prepare(void)
{
    /* The other direction than the descriptor's own, so that using it is still an error. */
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", modes[fd]) < 0)
            exit(CLI_FAILED);
    signal(SIGPIPE, SIG_IGN);
}

static bool out_check(bool written)
{
    if (!written && out_errno == 0)
        out_errno = errno != 0 ? errno : EIO;
    return out_errno == 0;
}

bool cli_out(const char *data, size_t size)
{
    if (out_errno != 0)
        return false;
    errno = 0;
    return out_check(fwrite(data, 1, size, stdout) == size);
}

bool cli_out_text(const char *text)
{
    return cli_out(text, strlen(text));
}

bool cli_out_format(const char *format, ...)
{
    if (out_errno != 0)
        return false;
    va_list arguments;
    va_start(arguments, format);
    errno = 0;
    int written = vprintf(format, arguments);
    va_end(arguments);
    return out_check(written >= 0);
}

bool cli_out_flush(void)
{
    if (out_errno != 0)
        return false;
    errno = 0;
    return out_check(fflush(stdout) == 0);
}

bool cli_out_alive(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    if (out_errno == 0 && poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0)
        out_errno = EPIPE;
    return out_errno == 0;
}

int cli_out_finish(int status)
{
    cli_out_flush();
    errno = 0;
    out_check(fclose(stdout) == 0);
    if (out_errno == 0)
        return status;
    if (out_errno != EPIPE)
        cli_complain("cannot write to stdout: %s", strerror(out_errno));
    return status == CLI_DONE ? CLI_FAILED : status;
}

/* ---- Colours --------------------------------------------------------------------------------- */

static enum { COLOURS_IF_SEEN, COLOURS_ALWAYS, COLOURS_NEVER } colours;

int cli_colours_take(const cli_command *command, const char *given)
{
    if (given == NULL || strcmp(given, "auto") == 0)
        colours = COLOURS_IF_SEEN;
    else if (strcmp(given, "always") == 0)
        colours = COLOURS_ALWAYS;
    else if (strcmp(given, "never") == 0)
        colours = COLOURS_NEVER;
    else
        return cli_usage(command, "--color takes auto, always or never, not '%s'", given);
    return CLI_GO_ON;
}

bool cli_steerable(int descriptor)
{
    const char *terminal = getenv("TERM");
    return terminal != NULL && *terminal != '\0' && strcmp(terminal, "dumb") != 0 &&
           isatty(descriptor) == 1;
}

bool cli_coloured(int descriptor)
{
    const char *refusal = getenv("NO_COLOR"); /* https://no-color.org */
    if (colours != COLOURS_IF_SEEN)
        return colours == COLOURS_ALWAYS;
    return (refusal == NULL || *refusal == '\0') && cli_steerable(descriptor);
}

/* How many bytes the character that begins there has; 0: none begins there, or it is a control of
 * the second set. */
static size_t character_size(const unsigned char *at)
{
    size_t size = at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return at[0] == 0xC2 && at[1] < 0xA0 ? 0 : size;
}

void cli_make_printable(char *text, const char *allowed)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0';) {
        size_t size = *at < 0x80 ? 1 : character_size(at);
        bool steers = *at == 0x7F || (*at < ' ' && strchr(allowed, *at) == NULL);
        if (size == 0 || steers)
            *at = '?';
        at += size != 0 ? size : 1;
    }
}

/* ---- Words ----------------------------------------------------------------------------------- */

static void say(neap_log_level level, const char *colour, const char *kind, const char *format,
                va_list arguments)
{
    char text[4096];
    vsnprintf(text, sizeof text, format, arguments);
    if (cli_log_words(level, text))
        return;
    cli_make_printable(text, "\n\t");
    if (*colour != '\0' && cli_coloured(STDERR_FILENO))
        fprintf(stderr, "\033[%smneap:\033[0m %s%s\n", colour, kind, text);
    else
        fprintf(stderr, "neap: %s%s\n", kind, text);
}

void cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(NEAP_LOG_INFO, "", "", format, arguments);
    va_end(arguments);
}

void cli_warn(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(NEAP_LOG_WARN, "33", "warning: ", format, arguments);
    va_end(arguments);
}

void cli_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(NEAP_LOG_ERROR, "31", "", format, arguments);
    va_end(arguments);
}

void cli_complain_error(const neap_error *error)
{
    cli_complain("%s", error->message[0] != '\0' ? error->message : error->code);
    if (error->details[0] != '\0')
        cli_say("details: %s", error->details);
    if (error->traceback[0] != '\0')
        cli_say("%s", error->traceback);
}
