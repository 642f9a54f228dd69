#include "runtime/member.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "message/field.h"
#include "message/json.h"

/* ---- Whereabouts ----------------------------------------------------------------------------- */

/* The file's first bytes, terminated, without a line's end. false: it cannot be read. */
static bool read_file(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t got = read(file, text, size - 1);
    close(file);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return got > 0;
}

/* The 22nd field of its line: the name in the 2nd may have spaces and brackets. 0: unknown. */
static uint64_t born_at(uint64_t pid)
{
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    const char *at = read_file(path, text, sizeof text) ? strrchr(text, ')') : NULL;
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

void neapi_whereabouts_find(neapi_whereabouts *here)
{
    char boot[64], space[32] = "";
    *here = (neapi_whereabouts){.pid = (uint64_t)getpid()};
    if (gethostname(here->host, sizeof here->host - 1) != 0)
        snprintf(here->host, sizeof here->host, "unknown");
    here->born = born_at(here->pid);
    if (readlink("/proc/self/ns/pid", space, sizeof space - 1) > 0 &&
        read_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot))
        snprintf(here->place, sizeof here->place, "%.48s %.31s", boot, space);
}

bool neapi_whereabouts_is_over(const neapi_whereabouts *there, const neapi_whereabouts *here)
{
    if (here->place[0] == '\0' || strcmp(here->place, there->place) != 0)
        return false;
    if (kill((pid_t)there->pid, 0) != 0)
        return errno == ESRCH;
    uint64_t born = born_at(there->pid);
    return born != 0 && born != there->born;
}

/* ---- Documents ------------------------------------------------------------------------------- */

void neapi_member_write(neapi_buffer *json, const neapi_member *member)
{
    neapi_fields fields = {.json = json};
    neapi_fields_number(&fields, "beat", (int64_t)member->beat);
    neapi_fields_number(&fields, "beat_at", (int64_t)member->beat_at);
    neapi_fields_number(&fields, "born", (int64_t)member->at.born);
    neapi_fields_text(&fields, "host", neapi_text_of(member->at.host));
    neapi_fields_number(&fields, "pid", (int64_t)member->at.pid);
    neapi_fields_text(&fields, "place", neapi_text_of(member->at.place));
    neapi_fields_text(&fields, "runs", member->runs);
    neapi_buffer_byte(json, '}');
}

/* What is left out when it is empty. */
static neap_text read_text(neap_text json, const char *name, neapi_buffer *texts)
{
    neap_text text = {"", 0};
    return neapi_field_text(json, name, texts, &text) ? text : (neap_text){"", 0};
}

bool neapi_member_read(neap_text json, neapi_buffer *texts, neapi_member *member)
{
    *member = (neapi_member){0};
    neapi_buffer_clear(texts);
    if (!neapi_buffer_reserve(texts, json.size) ||
        !neapi_field_number(json, "beat", INT64_MAX, &member->beat) ||
        !neapi_field_number(json, "born", INT64_MAX, &member->at.born) ||
        !neapi_field_number(json, "pid", INT32_MAX, &member->at.pid))
        return false;
    if (!neapi_field_number(json, "beat_at", INT64_MAX, &member->beat_at))
        member->beat_at = 0;
    neap_text host = read_text(json, "host", texts), place = read_text(json, "place", texts);
    member->runs = read_text(json, "runs", texts);
    snprintf(member->at.host, sizeof member->at.host, "%.*s", NEAPI_TEXT(host));
    snprintf(member->at.place, sizeof member->at.place, "%.*s", NEAPI_TEXT(place));
    return !texts->failed;
}

bool neapi_member_next(neap_text *runs, neap_text *name, uint64_t *version)
{
    const char *end = runs->size != 0 ? memchr(runs->data, '\n', runs->size) : NULL;
    if (end == NULL)
        return false;
    neap_text line = neapi_text(runs->data, (size_t)(end - runs->data));
    *runs = neapi_text(end + 1, runs->size - line.size - 1);
    *name = line;
    *version = 0;
    for (size_t at = 0; at < line.size; at++) {
        if (line.data[at] != ' ')
            continue;
        name->size = at;
        *version = strtoull(line.data + at + 1, NULL, 10); /* ends at the line's end */
        break;
    }
    return true;
}

void neapi_owner_write(neapi_buffer *json, neap_text member)
{
    neapi_buffer_format(json, "{\"member\":\"%.*s\"}", NEAPI_TEXT(member));
}

bool neapi_owner_read(neap_text json, neapi_buffer *member)
{
    neap_text raw;
    return neapi_json_member(json, NEAPI_LITERAL("member"), &raw) &&
           neapi_json_unquote(raw, member) && neapi_buffer_terminated(member) != NULL;
}
