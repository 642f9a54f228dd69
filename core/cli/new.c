/* neap new: a project that runs, and has a spec. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "neap.h"
#include "options.h"
#include "output.h"
#include "project.h"

#define NAME_BYTES 64

/* It is made under another name and gets its own when it is complete. */
typedef struct project {
    const char *name;
    char domain[NAME_BYTES + 1];
    char library[PATH_MAX + 16]; /* JSON text, or empty */
    char folder[NAME_BYTES + 16];
} project;

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int check_name(const cli_command *self, const char *name)
{
    for (const char *at = name; *at != '\0'; at++)
        if (!is_letter_or_digit(*at) && (at == name || (*at != '_' && *at != '-')))
            return cli_usage(self,
                             "'%s' cannot name a project: letters, digits, '_' and '-' can, and a "
                             "letter or digit comes first",
                             name);
    if (*name == '\0' || strlen(name) > NAME_BYTES)
        return cli_usage(self, "a project's name has 1 to %d characters", NAME_BYTES);
    struct stat state;
    if (lstat(name, &state) != 0)
        return CLI_DONE;
    cli_complain("%s is there already; nothing was made", name);
    return CLI_FAILED;
}

/* ---- Where Neap's own Lua files are, for editors ----------------------------------------------
 */

static bool find_library(char *path, size_t size)
{
    static const char *const places[] = {"../share/lua/5.4", "../../../lua"};
    char program[PATH_MAX], joined[PATH_MAX + 64], real[PATH_MAX];
    ssize_t got = readlink("/proc/self/exe", program, sizeof program - 1);
    if (got <= 0)
        return false;
    program[got] = '\0';
    *strrchr(program, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(joined, sizeof joined, "%s/%s/neap/init.lua", program, places[i]);
        if (access(joined, R_OK) != 0)
            continue;
        snprintf(joined, sizeof joined, "%s/%s", program, places[i]);
        return realpath(joined, real) != NULL && (size_t)snprintf(path, size, "%s", real) < size;
    }
    return false;
}

static void describe(project *made, const char *name)
{
    char path[PATH_MAX], *json;
    *made = (project){.name = name};
    snprintf(made->domain, sizeof made->domain, "%s", name);
    for (char *at = made->domain; *at != '\0'; at++)
        if (*at == '-')
            *at = '_';
    if (!find_library(path, sizeof path) ||
        neap_json_quote(path, strlen(path), &json, NULL, NULL) != NEAP_OK)
        return;
    snprintf(made->library, sizeof made->library, "%s", json);
    neap_free(json);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Copies text to the file with the project's names in their places. */
static void write_text(const project *made, FILE *file, const char *text, size_t size)
{
    const struct {
        const char *mark, *text;
    } names[] = {{"PROJECT_NAME", made->name},
                 {"DOMAIN_NAME", made->domain},
                 {"LUA_LIBRARY", made->library}};
    for (size_t i = 0; i < size;) {
        size_t mark_size = 0;
        for (size_t n = 0; n < sizeof names / sizeof *names && mark_size == 0; n++) {
            size_t length = strlen(names[n].mark);
            if (size - i < length || memcmp(text + i, names[n].mark, length) != 0)
                continue;
            fputs(names[n].text, file);
            mark_size = length;
        }
        if (mark_size == 0)
            fputc(text[i++], file);
        i += mark_size;
    }
}

/* The file's path, with the project's name in it. Owns: the caller. Errors: NULL. */
static char *path_of(const project *made, const cli_project_file *file)
{
    char *path = NULL;
    size_t size;
    FILE *text = open_memstream(&path, &size);
    if (text == NULL)
        return NULL;
    fprintf(text, "%s/", made->folder);
    write_text(made, text, file->name, strlen(file->name));
    if (fclose(text) == 0)
        return path;
    free(path);
    return NULL;
}

/* Makes the folder that the path's file is in. */
static bool make_parent(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    bool there = mkdir(path, 0777) == 0 || errno == EEXIST;
    *slash = '/';
    return there;
}

static bool write_file(const project *made, const cli_project_file *file)
{
    char *path = path_of(made, file);
    if (path == NULL)
        return false;
    FILE *out = make_parent(path) ? fopen(path, "wxe") : NULL;
    free(path);
    if (out == NULL)
        return false;
    write_text(made, out, file->begin, (size_t)(file->end - file->begin));
    bool written = ferror(out) == 0;
    return fclose(out) == 0 && written;
}

static void remove_all(const project *made)
{
    for (const cli_project_file *file = cli_project_files; file->name != NULL; file++) {
        char *path = path_of(made, file);
        if (path == NULL)
            continue;
        unlink(path);
        *strrchr(path, '/') = '\0';
        rmdir(path); /* as soon as it is empty */
        free(path);
    }
    rmdir(made->folder);
}

static bool write_all(project *made)
{
    snprintf(made->folder, sizeof made->folder, ".%s-XXXXXX", made->name);
    if (mkdtemp(made->folder) == NULL)
        return false;
    mode_t mask = umask(0);
    umask(mask);
    bool written = chmod(made->folder, 0777 & ~mask) == 0;
    for (const cli_project_file *file = cli_project_files; written && file->name != NULL; file++)
        written = write_file(made, file);
    if (written && renameat2(AT_FDCWD, made->folder, AT_FDCWD, made->name, RENAME_NOREPLACE) == 0)
        return true;
    /* Not every file system can refuse to replace; an empty folder is all that could be. */
    if (written && errno == EINVAL && rename(made->folder, made->name) == 0)
        return true;
    int why = errno;
    remove_all(made);
    errno = why;
    return false;
}

static int run(const cli_command *self, char **arguments)
{
    const char *name;
    project made;
    int status = cli_parse(self, NULL, 0, &name, arguments);
    if (status != CLI_GO_ON)
        return status;
    status = check_name(self, name);
    if (status != CLI_DONE)
        return status;
    describe(&made, name);
    if (!write_all(&made)) {
        cli_complain("%s could not be made: %s; nothing is left of it", name, strerror(errno));
        return CLI_FAILED;
    }
    cli_say("made %s; its README.md says more. What to do next:\n"
            "  cd %s\n"
            "  neap run %s.lua <commands.jsonl\n"
            "  neap query %s.lua FindBook '{\"book\":\"emma\"}'\n"
            "  neap spec",
            name, name, name, name);
    return CLI_DONE;
}

static const char *const operands_of_new[] = {"NAME", NULL};

const cli_command cli_new_command = {
    .name = "new",
    .summary = "makes a project that runs, with a spec",
    .operands = operands_of_new,
    .about =
        "Makes a folder NAME, with a domain, sample commands, a spec, and a README.md that says\n"
        "how to run them. What is there already is left alone.",
    .example = "  $ neap new library\n"
               "  $ cd library\n"
               "  $ neap run library.lua <commands.jsonl",
    .run = run,
};
