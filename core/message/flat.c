#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "message/entries.h"
#include "message/json.h"
#include "message/skip.h"
#include "message/write.h"

static neap_status refuse_value(const neapi_scan *scan, const neapi_member *member,
                                neap_error *error)
{
    char found[128], problem[192];
    neapi_scan_describe(scan, member->value.data, found, sizeof found);
    snprintf(problem, sizeof problem, "expected string, got %s", found);
    return neapi_scan_refuse(scan, member->value.data, (neap_text){0}, problem, error);
}

/* Counts the members of a checked object, whose values are all to be texts. */
static neap_status count_texts(neap_text json, size_t *count, neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, 1);
    neapi_member member;
    *count = 0;
    while (neapi_scan_next_member(&scan, &member)) {
        if (member.value.data[0] != '"')
            return refuse_value(&scan, &member, error);
        ++*count;
    }
    return NEAP_OK;
}

static neap_text unescaped(neap_text raw, char **room)
{
    neap_text text = {*room, neapi_unescape(raw, *room)};
    *room += text.size;
    return text;
}

/* `room` takes all texts: they are no longer than the JSON. */
static void collect(neap_text json, neapi_entry *entries, char *room)
{
    neapi_scan scan = neapi_scan_of(json, 1);
    neapi_member member;
    for (; neapi_scan_next_member(&scan, &member); entries++) {
        neap_text value = {member.value.data + 1, member.value.size - 2};
        entries->name = unescaped(member.raw, &room);
        entries->value = unescaped(value, &room);
    }
}

static void write_entries(const neapi_entry *entries, size_t count, neapi_buffer *canonical)
{
    neapi_buffer_byte(canonical, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            neapi_buffer_byte(canonical, ',');
        neapi_write_string(canonical, entries[i].name);
        neapi_buffer_byte(canonical, ':');
        neapi_write_string(canonical, entries[i].value);
    }
    neapi_buffer_byte(canonical, '}');
}

neap_status neapi_json_flat(neap_text json, neapi_buffer *canonical, neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, NEAPI_JSON_DEPTH);
    size_t count;
    neap_status status = neapi_json_check(json, NEAPI_JSON_DEPTH, error);
    if (status != NEAP_OK)
        return status;
    if (neapi_scan_peek(&scan) != '{')
        return neapi_scan_refuse(&scan, scan.at, (neap_text){0}, "expected an object of texts",
                                 error);
    status = count_texts(json, &count, error);
    if (status != NEAP_OK)
        return status;
    neapi_entry *entries = neapi_alloc_zero(2 * count, sizeof *entries);
    char *room = neapi_alloc(json.size);
    if (entries == NULL || room == NULL) {
        status = neapi_nomem(error);
        goto cleanup;
    }
    collect(json, entries, room);
    write_entries(neapi_entries_sort(entries, entries + count, count), count, canonical);
    status = canonical->failed ? neapi_nomem(error) : NEAP_OK;
cleanup:
    neapi_free(entries);
    neapi_free(room);
    return status;
}
