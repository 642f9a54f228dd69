/* What a new project has in it: files of core/cli/new, with places for names. */
#ifndef NEAP_CLI_PROJECT_H
#define NEAP_CLI_PROJECT_H

/* PROJECT_NAME, in names and text, is the project's name; DOMAIN_NAME the same without '-', which
 * no domain's name has; LUA_LIBRARY the folder of Neap's Lua files, in quotes, or nothing. */
typedef struct cli_project_file {
    const char *name; /* in the project */
    const char *begin, *end;
} cli_project_file;

/* Ends with one whose name is NULL. Made by embed.cmake. */
extern const cli_project_file cli_project_files[];

#endif
