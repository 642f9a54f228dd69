#include "message/json.h"

#include "base/error.h"
#include "message/skip.h"

neap_status neapi_json_check(neap_text json, unsigned depth, neap_error *error)
{
    neapi_scan scan = neapi_scan_of(json, depth);
    if (neapi_scan_value(&scan, scan.depth) && neapi_scan_end(&scan))
        return NEAP_OK;
    return neapi_scan_report(&scan, error);
}
