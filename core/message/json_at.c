/* What lies in JSON at a path. */
#include "base/text.h"
#include "message/json.h"
#include "message/number.h"
#include "message/skip.h"

/* The element at that place of a list, from 1. */
static bool element(neap_text json, int64_t place, neap_text *value)
{
    neapi_scan scan = neapi_scan_of(json, NEAPI_SCAN_DEPTH_MOST);
    if (neapi_scan_peek(&scan) != '[' || place < 1)
        return false;
    scan.at++;
    if (neapi_scan_peek(&scan) == ']')
        return false;
    for (bool done = false; !done;) {
        neapi_scan_space(&scan);
        const char *begin = scan.at;
        if (!neapi_scan_value(&scan, NEAPI_SCAN_DEPTH_MOST))
            return false;
        if (--place == 0) {
            *value = neapi_text(begin, (size_t)(scan.at - begin));
            return true;
        }
        if (!neapi_scan_more(&scan, ']', &done))
            return false;
    }
    return false;
}

/* Goes one step of the path, which the scanner stands at. */
static bool step(neapi_scan *path, neap_text *value)
{
    neap_text raw, from = *value;
    bool escaped;
    neapi_number number;
    neapi_scan_space(path);
    if (path->at < path->end && *path->at != '"')
        return neapi_scan_number(path, &number) && !number.is_float &&
               element(from, number.integer, value);
    if (!neapi_scan_string(path, &raw, &escaped))
        return false;
    if (!escaped)
        return neapi_json_member(from, raw, value);
    neapi_buffer name = NEAPI_BUFFER_INIT;
    bool found = neapi_json_unquote(neapi_text(raw.data - 1, raw.size + 2), &name) &&
                 neapi_json_member(from, neapi_text(name.data, name.size), value);
    neapi_buffer_fini(&name);
    return found;
}

bool neapi_json_at(neap_text json, neap_text path, neap_text *value)
{
    neapi_scan scan = neapi_scan_of(path, 1);
    bool done = false;
    *value = json;
    if (neapi_scan_peek(&scan) != '[')
        return false;
    scan.at++;
    if (neapi_scan_peek(&scan) == ']')
        return true;
    while (step(&scan, value))
        if (!neapi_scan_more(&scan, ']', &done))
            return done;
    return false;
}
