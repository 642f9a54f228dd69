/* Commands that were sent and not yet answered, and the thread that prints their outcomes in the
 * order of the input. Room is bounded: who sends waits for it. */
#ifndef NEAP_CLI_WINDOW_H
#define NEAP_CLI_WINDOW_H

#include "neap.h"

typedef struct cli_window cli_window;
typedef struct cli_slot cli_slot;

typedef struct cli_counts {
    uint64_t done, repeated; /* repeated: among those done, the key was known */
    uint64_t refused;        /* the command itself was at fault */
    uint64_t failed;         /* something else was */
    uint64_t store_failed;   /* among those failed: the store */
} cli_counts;

/* Errors: NULL. */
cli_window *cli_window_open(void);

/* Waits until everything was answered and printed, and frees the window. */
cli_counts cli_window_close(cli_window *window);

/* The place of the next line's outcome; waits while too many lines, or too many bytes, are under
 * way. Threads: owner. */
cli_slot *cli_window_take(cli_window *window, uint64_t line, size_t bytes);

/* Notes the command's name, for its outcome to show, and where in the line its data begins, for
 * errors to point into the line. Before the command is sent. */
void cli_slot_name(cli_slot *slot, const char *command, size_t data_column);

/* Notes the outcome, once: a neap_callback whose user is the slot. */
void cli_slot_answer(void *slot, neap_status status, neap_reply *reply, const neap_error *error);

#endif
