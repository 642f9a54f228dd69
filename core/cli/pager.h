/* What is longer than the screen, shown page by page by another program. */
#ifndef NEAP_CLI_PAGER_H
#define NEAP_CLI_PAGER_H

#include <stdbool.h>
#include <stddef.h>

/* Takes $PAGER, else less, else more; nothing if it is empty or cat. Threads: before others. */
void cli_pager_choose(void);
bool cli_pager_chosen(void);

/* Whether text fills more lines than that on a terminal of so many columns. Control sequences of
 * colours take none. */
bool cli_pager_exceeds(const char *text, size_t size, unsigned columns, unsigned lines);

/* Shows the text, until its reader has enough. Signals from the keyboard are for the pager: what
 * this process does with them meanwhile is the caller's to see to. Errors: false, nothing was
 * shown; the pager is chosen no more. */
bool cli_pager_show(const char *text, size_t size);

#endif
