/* Where the command's output goes: data to stdout, words to stderr. */
#ifndef NEAP_CLI_OUTPUT_H
#define NEAP_CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "command.h"
#include "neap.h"

/* Makes sure that descriptors 0 to 2 are taken, so that no store's file becomes stdout; lets a
 * closed pipe be a write error. Called first. */
void cli_output_prepare(void);

/* Data. A failed write sticks: later ones do nothing. Threads: owner. Errors: false. */
bool cli_out(const char *data, size_t size);
bool cli_out_text(const char *text);
bool cli_out_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool cli_out_flush(void);

/* Whether data still reaches somebody: false after a failed write, and when the reader of the pipe
 * has gone. */
bool cli_out_alive(void);

/* Writes what is left, and says why if that was not possible, quietly where the reader has simply
 * gone. Returns the exit status: `status`, or CLI_FAILED if it was CLI_DONE and data was lost. */
int cli_out_finish(int status);

/* An option of commands that print in colours. */
#define CLI_COLOUR_OPTION(target)                                                                  \
    {                                                                                              \
        "color", CLI_TEXT, (target), "WHEN",                                                       \
            "auto (on a terminal), always or never; else as NO_COLOR and TERM say"                 \
    }
/* Takes what was given for it; NULL: nothing. Returns CLI_GO_ON, or CLI_USAGE after a complaint.
 * Threads: before others. */
int cli_colours_take(const cli_command *command, const char *given);
/* Whether colours belong into what is written there. */
bool cli_coloured(int descriptor);
/* Whether it is a terminal that knows control sequences. */
bool cli_steerable(int descriptor);

/* Puts '?' in place of what could steer a terminal: text that came from outside must not move its
 * cursor or change its colours. */
void cli_make_printable(char *text, const char *allowed);

/* Words: one line, with the command's name before it. Control characters are shown as '?'. As JSON
 * if that was asked for (log.h).
 * Threads: any. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Complains with the error's message, details and traceback. */
void cli_complain_error(const neap_error *error);

#endif
