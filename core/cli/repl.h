/* Lines of input for `neap repl`: edited on a terminal, or as they come. */
#ifndef NEAP_CLI_REPL_H
#define NEAP_CLI_REPL_H

#include <stdbool.h>
#include <stddef.h>

#include "neap.h"

typedef enum cli_typed {
    CLI_TYPED_LINE,
    CLI_TYPED_END,
    CLI_TYPED_INTERRUPTED, /* Ctrl-C: what was typed is given up */
} cli_typed;

/* Begins: with the history of earlier sessions, and what words can become. */
void cli_typing_begin(neap_console *console);
/* Ends: the history is kept. */
void cli_typing_end(void);
/* Edits a line. Owns: the caller owns *line (free()). */
cli_typed cli_typing_line(const char *prompt, char **line, size_t *size);

/* Whether Ctrl-C was pressed since this was asked last. */
bool cli_repl_interrupted(void);
bool cli_repl_is_interrupted(void); /* the same, and it stays so */

#endif
