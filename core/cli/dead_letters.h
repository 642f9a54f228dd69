/* What the actions of `neap dead-letters` share. */
#ifndef NEAP_CLI_DEAD_LETTERS_H
#define NEAP_CLI_DEAD_LETTERS_H

#include "command.h"
#include "neap.h"

/* Of one of both; subscription NULL: of all. */
typedef struct cli_letters_source {
    neap_store *store;
    neap_runtime *runtime;
    const char *subscription;
} cli_letters_source;

typedef neap_status cli_letter_seen(void *user, const neap_dead_letter *letter, neap_error *error);

/* Calls it for each, in order. */
neap_status cli_letters_walk(const cli_letters_source *from, cli_letter_seen *seen, void *user,
                             neap_error *error);

/* What LETTER is for it: its event's position, or the command's id. */
void cli_letter_name(const neap_dead_letter *letter, char text[40]);

/* Returns the exit status. subscription NULL: of all; letter NULL: all of it. */
int cli_letters_retry(const char *domain, const char *store, const char *subscription,
                      const char *letter);

#endif
