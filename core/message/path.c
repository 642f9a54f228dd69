#include "message/path.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

static bool is_identifier(neap_text name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && ((c >= '0' && c <= '9') || c == '-')))
            return false;
    }
    return name.size > 0;
}

static void append(char *path, const char *text, size_t size)
{
    size_t used = strlen(path);
    neapi_text_copy(path + used, NEAPI_PATH_ROOM - used, text, size);
}

void neapi_path_name(char *path, neap_text name)
{
    if (is_identifier(name)) {
        if (path[0] != '\0')
            append(path, ".", 1);
        append(path, name.data, name.size);
    } else {
        append(path, "[\"", 2);
        append(path, name.data, name.size);
        append(path, "\"]", 2);
    }
}

void neapi_path_place(char *path, uint64_t place)
{
    char text[32];
    int size = snprintf(text, sizeof text, "[%llu]", (unsigned long long)place);
    append(path, text, (size_t)size);
}

static void put_before(neap_error *error, char path[NEAPI_PATH_ROOM])
{
    if (error->path[0] != '\0' && error->path[0] != '[')
        append(path, ".", 1);
    append(path, error->path, strlen(error->path));
    memcpy(error->path, path, NEAPI_PATH_ROOM);
}

void neapi_path_within_name(neap_error *error, neap_text name)
{
    char path[NEAPI_PATH_ROOM] = "";
    if (error == NULL)
        return;
    neapi_path_name(path, name);
    put_before(error, path);
}

void neapi_path_within_place(neap_error *error, uint64_t place)
{
    char path[NEAPI_PATH_ROOM] = "";
    if (error == NULL)
        return;
    neapi_path_place(path, place);
    put_before(error, path);
}

neap_status neapi_path_into_message(neap_error *error)
{
    if (error->path[0] != '\0')
        neapi_error_prefix(error, "%s", error->path);
    return error->status;
}
