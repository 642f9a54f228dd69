/* Lines as the terminal itself edits them, where there is no libedit. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "repl.h"

void cli_typing_begin(neap_console *console)
{
    (void)console;
}

void cli_typing_end(void)
{
}

cli_typed cli_typing_line(const char *prompt, char **line, size_t *size)
{
    char *typed = NULL;
    size_t capacity = 0;
    fputs(prompt, stdout);
    fflush(stdout);
    ssize_t length = getline(&typed, &capacity, stdin);
    if (length < 0) {
        free(typed);
        clearerr(stdin);
        fputc('\n', stdout);
        return cli_repl_interrupted() ? CLI_TYPED_INTERRUPTED : CLI_TYPED_END;
    }
    if (length > 0 && typed[length - 1] == '\n')
        typed[--length] = '\0';
    *line = typed;
    *size = (size_t)length;
    return CLI_TYPED_LINE;
}
