#include "base/uuid.h"

#include <string.h>

#include "base/text.h"

#define COUNTER_BITS 26

void neapi_uuid_source_init(neapi_uuid_source *source, const neapi_platform *platform)
{
    *source = (neapi_uuid_source){.platform = platform, .last_ms = -1};
}

static void draw(neapi_uuid_source *source, void *bytes, size_t size)
{
    if (source->entropy_left < size) {
        neapi_random(source->platform, source->entropy, sizeof source->entropy);
        source->entropy_left = sizeof source->entropy;
    }
    source->entropy_left -= size;
    memcpy(bytes, source->entropy + source->entropy_left, size);
}

static void set_time(neap_uuid *uuid, int64_t ms)
{
    for (int i = 0; i < 6; i++)
        uuid->bytes[i] = (uint8_t)((uint64_t)ms >> (8 * (5 - i)));
}

neap_uuid neapi_uuid_new(neapi_uuid_source *source, int64_t wall_us)
{
    neap_uuid uuid;
    int64_t ms = wall_us / 1000;
    if (ms > source->last_ms) {
        source->last_ms = ms;
        draw(source, &source->counter, sizeof source->counter);
        source->counter &= (1u << (COUNTER_BITS - 1)) - 1;
    } else if (++source->counter >> COUNTER_BITS != 0) {
        source->last_ms++;
        source->counter = 0;
    }
    set_time(&uuid, source->last_ms);
    uint32_t high = source->counter >> 14, low = source->counter & 0x3FFF;
    uuid.bytes[6] = (uint8_t)(0x70 | high >> 8);
    uuid.bytes[7] = (uint8_t)high;
    uuid.bytes[8] = (uint8_t)(0x80 | low >> 8);
    uuid.bytes[9] = (uint8_t)low;
    draw(source, uuid.bytes + 10, 6);
    return uuid;
}

neap_uuid neapi_uuid_derive(neap_uuid from, uint64_t n)
{
    neap_text bytes = neapi_text((const char *)from.bytes, sizeof from.bytes);
    uint64_t first = neapi_text_hash(bytes, n), second = neapi_text_hash(bytes, ~n);
    neap_uuid uuid = from;
    memcpy(uuid.bytes + 6, &first, 5);
    memcpy(uuid.bytes + 11, &second, 5);
    uuid.bytes[6] = (uint8_t)(0x70 | (uuid.bytes[6] & 0x0F));
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3F));
    return uuid;
}

bool neapi_uuid_is_zero(neap_uuid uuid)
{
    static const neap_uuid zero;
    return memcmp(&uuid, &zero, sizeof uuid) == 0;
}

bool neapi_uuid_equal(neap_uuid a, neap_uuid b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

void neap_uuid_format(neap_uuid uuid, char text[37])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[uuid.bytes[i] >> 4];
        *at++ = digits[uuid.bytes[i] & 15];
    }
    *at = '\0';
}

static int nibble(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char lower = (char)(digit | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool neapi_uuid_parse(neap_text text, neap_uuid *uuid)
{
    if (text.size != 36)
        return false;
    neap_uuid parsed;
    const char *at = text.data;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
            return false;
        int high = nibble(at[0]), low = nibble(at[1]);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *uuid = parsed;
    return true;
}
