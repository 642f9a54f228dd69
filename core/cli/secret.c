#include "secret.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static char **copies; /* ended by NULL */

static void overwrite(char *from, const char *end)
{
    while (from < end)
        *from++ = 'x';
}

/* scheme://user:password@host */
static void hide_in_authority(char *authority, char *end)
{
    char *at = end;
    while (at > authority && at[-1] != '@') /* a password may have an '@', and a '/', too */
        at--;
    char *colon = at > authority ? memchr(authority, ':', (size_t)(at - authority)) : NULL;
    if (colon != NULL)
        overwrite(colon + 1, at - 1);
}

/* …&password=…&sslpassword=… */
static void hide_in_query(char *query)
{
    static const char name[] = "password=";
    for (char *at = query; (at = strstr(at, name)) != NULL;) {
        at += sizeof name - 1;
        overwrite(at, at + strcspn(at, "&"));
    }
}

static void hide(char *argument)
{
    char *authority = strstr(argument, "://") + 3;
    char *end = authority + strcspn(authority, "?");
    hide_in_authority(authority, end);
    if (*end == '?')
        hide_in_query(end + 1);
}

bool cli_secrets_hide(char **arguments)
{
    size_t count = 0, copied = 0;
    while (arguments[count] != NULL)
        count++;
    for (size_t i = 0; i < count; i++) {
        if (strstr(arguments[i], "://") == NULL)
            continue;
        if (copies == NULL)
            copies = calloc(count + 1, sizeof *copies);
        char *copy = copies != NULL ? strdup(arguments[i]) : NULL;
        if (copy == NULL)
            return false;
        copies[copied++] = copy;
        hide(arguments[i]);
        arguments[i] = copy;
    }
    return true;
}

void cli_secrets_forget(void)
{
    for (size_t i = 0; copies != NULL && copies[i] != NULL; i++)
        free(copies[i]);
    free(copies);
    copies = NULL;
}
