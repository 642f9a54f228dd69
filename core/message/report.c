#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "message/path.h"
#include "message/scan.h"

/* Lines end with \n; columns count bytes. */
static void find_line(const char *begin, const char *at, neap_error *error)
{
    error->line = 1;
    const char *line = begin, *newline;
    while (line < at && (newline = memchr(line, '\n', (size_t)(at - line))) != NULL) {
        line = newline + 1;
        error->line++;
    }
    error->column = (uint32_t)(at - line) + 1;
}

/* Where in the nesting the walk is: per level the length of the path that leads to it. */
typedef struct walk {
    char path[NEAPI_PATH_ROOM];
    unsigned level;
    bool expects_name;
    struct {
        size_t path_size;
        uint64_t place; /* 0: an object */
    } levels[NEAPI_SCAN_DEPTH_MOST + 1];
} walk;

static void enter(walk *w, bool list)
{
    if (w->level < NEAPI_SCAN_DEPTH_MOST)
        w->level++;
    w->levels[w->level].path_size = strlen(w->path);
    w->levels[w->level].place = list;
    w->expects_name = !list;
    if (list)
        neapi_path_place(w->path, 1);
}

static void leave(walk *w)
{
    w->path[w->levels[w->level].path_size] = '\0';
    w->level -= w->level > 0;
    w->expects_name = false;
}

static void next_element(walk *w)
{
    if (w->level == 0)
        return;
    w->path[w->levels[w->level].path_size] = '\0';
    w->expects_name = w->levels[w->level].place == 0;
    if (!w->expects_name)
        neapi_path_place(w->path, ++w->levels[w->level].place);
}

/* Appends the name that begins at the scanner, and moves behind it. */
static bool add_name(neapi_scan *scan, char *path)
{
    neap_text name;
    bool escaped;
    char text[4 * NEAPI_PATH_ROOM];
    if (scan->at >= scan->end || !neapi_scan_string(scan, &name, &escaped))
        return false;
    if (escaped && name.size <= sizeof text)
        name = (neap_text){text, neapi_unescape(name, text)};
    neapi_path_name(path, name);
    return true;
}

static void pass_string(walk *w, neapi_scan *scan)
{
    neap_text raw;
    bool escaped;
    if (w->expects_name ? !add_name(scan, w->path) : !neapi_scan_string(scan, &raw, &escaped))
        scan->at = scan->end;
    w->expects_name = false;
}

/* Goes from the beginning to `at` once more: only who fails pays for knowing the path. The text up
 * to there is well-formed. */
static void find_path(const neapi_scan *whole, const char *at, char *path)
{
    neapi_scan scan = *whole;
    scan.at = scan.begin;
    walk w;
    w.path[0] = '\0';
    w.level = 0;
    w.levels[0].path_size = 0;
    w.levels[0].place = 0;
    w.expects_name = false;
    while (scan.at < at) {
        switch (*scan.at) {
        case '"':
            pass_string(&w, &scan);
            continue;
        case '{':
        case '[':
            enter(&w, *scan.at == '[');
            break;
        case '}':
        case ']':
            leave(&w);
            break;
        case ',':
            next_element(&w);
            break;
        default:
            break;
        }
        scan.at++;
    }
    memcpy(path, w.path, NEAPI_PATH_ROOM);
}

static void describe_found(const neapi_scan *scan, char *text, size_t room)
{
    if (scan->failed >= scan->end)
        snprintf(text, room, ", found the end");
    else if (*scan->failed > ' ' && *scan->failed < 0x7F)
        snprintf(text, room, ", found '%c'", *scan->failed);
    else
        snprintf(text, room, ", found byte 0x%02X", (unsigned char)*scan->failed);
}

/* Everything but the message's path, which the caller completes. */
static void place_error(const neapi_scan *scan, const char *at, const char *problem,
                        neap_error *error)
{
    neapi_fail(error, NEAP_INVALID, "%s", problem);
    find_line(scan->begin, at, error);
    find_path(scan, at, error->path);
}

neap_status neapi_scan_refuse(const neapi_scan *scan, const char *at, neap_text name,
                              const char *problem, neap_error *error)
{
    if (error == NULL)
        return NEAP_INVALID;
    place_error(scan, at, problem, error);
    if (name.data != NULL)
        neapi_path_name(error->path, name);
    return neapi_path_into_message(error);
}

neap_status neapi_scan_refuse_member(const neapi_scan *scan, const char *at, const char *problem,
                                     neap_error *error)
{
    neapi_scan name = *scan;
    if (error == NULL)
        return NEAP_INVALID;
    place_error(scan, at, problem, error);
    name.at = at;
    add_name(&name, error->path);
    return neapi_path_into_message(error);
}

neap_status neapi_scan_report(const neapi_scan *scan, neap_error *error)
{
    if (error == NULL)
        return scan->status;
    if (scan->status == NEAP_NOMEM)
        return neapi_nomem(error);
    char found[32] = "", problem[256];
    if (strncmp(scan->problem, "expected", 8) == 0)
        describe_found(scan, found, sizeof found);
    else if (scan->status == NEAP_LIMIT)
        snprintf(found, sizeof found, ", deeper than %u", scan->depth);
    find_line(scan->begin, scan->failed, error);
    snprintf(problem, sizeof problem, "%s%s (line %u, column %u)", scan->problem, found,
             error->line, error->column);
    if (scan->member)
        return neapi_scan_refuse_member(scan, scan->failed, problem, error);
    neapi_scan_refuse(scan, scan->failed, (neap_text){0}, problem, error);
    if (scan->status != NEAP_INVALID) {
        error->status = scan->status;
        NEAPI_ERROR_SET(error, code, neap_status_name(scan->status),
                        strlen(neap_status_name(scan->status)));
    }
    return error->status;
}
