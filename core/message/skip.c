#include "message/skip.h"

#include "message/members.h"

static bool pass_array(neapi_scan *scan, unsigned depth)
{
    if (depth == 0)
        return neapi_scan_fail_depth(scan);
    scan->at++;
    if (neapi_scan_peek(scan) == ']') {
        scan->at++;
        return true;
    }
    bool done = false;
    do {
        if (!neapi_scan_value(scan, depth - 1))
            return false;
    } while (neapi_scan_more(scan, ']', &done));
    return done;
}

static bool pass_members(neapi_scan *scan, unsigned depth, neapi_members *members)
{
    bool done = false;
    do {
        neap_text raw;
        bool escaped;
        if (!neapi_scan_name(scan, &raw, &escaped) ||
            !neapi_members_add(members, scan, raw, escaped, NULL) ||
            !neapi_scan_separator(scan, ':', "expected ':' after a member's name") ||
            !neapi_scan_value(scan, depth - 1))
            return false;
    } while (neapi_scan_more(scan, '}', &done));
    return done;
}

static bool pass_object(neapi_scan *scan, unsigned depth)
{
    if (depth == 0)
        return neapi_scan_fail_depth(scan);
    scan->at++;
    if (neapi_scan_peek(scan) == '}') {
        scan->at++;
        return true;
    }
    neapi_members members;
    neapi_members_init(&members);
    bool passed = pass_members(scan, depth, &members);
    neapi_members_fini(&members);
    return passed;
}

bool neapi_scan_value(neapi_scan *scan, unsigned depth)
{
    neap_text raw;
    bool escaped;
    neapi_number number;
    switch (neapi_scan_peek(scan)) {
    case '{':
        return pass_object(scan, depth);
    case '[':
        return pass_array(scan, depth);
    case '"':
        return neapi_scan_string(scan, &raw, &escaped);
    case 't':
        return neapi_scan_word(scan, "true", 4);
    case 'f':
        return neapi_scan_word(scan, "false", 5);
    case 'n':
        return neapi_scan_word(scan, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return neapi_scan_number(scan, &number);
    default:
        return neapi_scan_fail(scan, scan->at, "expected a value");
    }
}
