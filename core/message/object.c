#include "message/object.h"

#include "message/json.h"

void neapi_write_count(neapi_buffer *json, const char *name, uint64_t count)
{
    neapi_buffer_format(json, "\"%s\":%llu,", name, (unsigned long long)count);
}

void neapi_write_begin(neapi_buffer *json, neap_text name, char open)
{
    neapi_json_quote(json, name);
    neapi_buffer_byte(json, ':');
    neapi_buffer_byte(json, open);
}

void neapi_write_end(neapi_buffer *json, char open)
{
    if (json->size > 0 && json->data[json->size - 1] == ',')
        json->size--;
    neapi_buffer_byte(json, open == '[' ? ']' : '}');
}

void neapi_write_member_end(neapi_buffer *json, char open)
{
    neapi_write_end(json, open);
    neapi_buffer_byte(json, ',');
}
