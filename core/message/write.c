#include "message/write.h"

#include "message/scan.h"

static void write_escaped(neapi_buffer *json, char byte)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    static const char hex[] = "0123456789abcdef";
    char letter = letters[(unsigned char)byte];
    if (letter != '\0') {
        char escape[] = {'\\', letter};
        neapi_buffer_append(json, escape, sizeof escape);
    } else {
        char escape[] = {'\\', 'u', '0', '0', hex[byte >> 4 & 15], hex[byte & 15]};
        neapi_buffer_append(json, escape, sizeof escape);
    }
}

void neapi_write_content(neapi_buffer *json, neap_text text)
{
    const char *at = text.data, *end = at + text.size;
    while (at < end) {
        bool high = false;
        const char *stop = neapi_scan_plain(at, end, &high);
        neapi_buffer_append(json, at, (size_t)(stop - at));
        if (stop < end)
            write_escaped(json, *stop++);
        at = stop;
    }
}

bool neapi_write_string(neapi_buffer *json, neap_text text)
{
    if (!neapi_utf8_valid(text.data, text.size))
        return false;
    neapi_buffer_byte(json, '"');
    neapi_write_content(json, text);
    neapi_buffer_byte(json, '"');
    return true;
}
