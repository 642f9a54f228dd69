/* Appends JSON's scalars to a buffer, canonically. Threads: owner. */
#ifndef NEAPI_MESSAGE_WRITE_H
#define NEAPI_MESSAGE_WRITE_H

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/buffer.h"
#include "base/text.h"
#include "message/number.h"

/* The text as a string with its quotes and the fewest escapes. Errors: false, it is not UTF-8;
 * nothing is appended. */
bool neapi_write_string(neapi_buffer *json, neap_text text);
/* What stands between the quotes; the text is UTF-8. */
void neapi_write_content(neapi_buffer *json, neap_text text);

/* Whether no byte is a quote, a backslash, a control or above 0x7F. */
static inline bool neapi_plain_word(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    uint64_t stops = (quote - ones) | (slash - ones) | (word - ones * 0x20) | word;
    return (stops & tops) == 0;
}

/* Copies text, and says whether all of it stands for itself in JSON; may say no of any text with
 * bytes above 0x7F. */
static inline bool neapi_copy_plain(char *to, const char *from, size_t size)
{
    uint64_t first, last;
    if (size < 8) {
        uint32_t low, high;
        if (size >= 4) {
            memcpy(&low, from, 4);
            memcpy(&high, from + size - 4, 4);
            memcpy(to, &low, 4);
            memcpy(to + size - 4, &high, 4);
            return neapi_plain_word(low | (uint64_t)high << 32);
        }
        first = 0x2020202020202020u;
        for (size_t i = 0; i < size; i++) {
            to[i] = from[i];
            first = first << 8 | (unsigned char)from[i];
        }
        return neapi_plain_word(first);
    }
#if defined(__SSE2__)
    if (size >= 16) {
        __m128i stops = _mm_setzero_si128();
        for (size_t i = 0;; i = i + 32 <= size ? i + 16 : size - 16) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + i));
            _mm_storeu_si128((__m128i *)(void *)(to + i), bytes);
            __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                           _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
            special = _mm_or_si128(special, _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
            stops = _mm_or_si128(stops, special);
            if (i + 16 == size)
                return _mm_movemask_epi8(stops) == 0;
        }
    }
#endif
    bool plain = true;
    size_t i = 0;
    for (; i + 8 < size; i += 8) {
        memcpy(&first, from + i, 8);
        memcpy(to + i, &first, 8);
        plain &= neapi_plain_word(first);
    }
    memcpy(&last, from + size - 8, 8);
    memcpy(to + size - 8, &last, 8);
    return plain & neapi_plain_word(last);
}

/* As neapi_write_string, fast for what is plain. */
static inline bool neapi_write_text(neapi_buffer *json, neap_text text)
{
    if (!neapi_buffer_reserve(json, text.size + 2))
        return neapi_utf8_valid(text.data, text.size);
    char *to = json->data + json->size;
    if (!neapi_copy_plain(to + 1, text.data, text.size))
        return neapi_write_string(json, text);
    to[0] = '"';
    to[text.size + 1] = '"';
    json->size += text.size + 2;
    return true;
}

/* A member's name with what stands before it, a comma or a brace, and the colon behind it. */
static inline bool neapi_write_name(neapi_buffer *json, char before, neap_text name)
{
    if (!neapi_buffer_reserve(json, name.size + 4))
        return neapi_utf8_valid(name.data, name.size);
    char *to = json->data + json->size;
    to[0] = before;
    if (!neapi_copy_plain(to + 2, name.data, name.size)) {
        json->size++;
        bool written = neapi_write_string(json, name);
        neapi_buffer_byte(json, ':');
        return written;
    }
    to[1] = '"';
    to[name.size + 2] = '"';
    to[name.size + 3] = ':';
    json->size += name.size + 4;
    return true;
}

static inline void neapi_write_integer(neapi_buffer *json, int64_t value)
{
    if (neapi_buffer_reserve(json, NEAPI_NUMBER_ROOM))
        json->size += neapi_integer_write(value, json->data + json->size);
}

/* value: finite. */
static inline void neapi_write_float(neapi_buffer *json, double value)
{
    if (neapi_buffer_reserve(json, NEAPI_NUMBER_ROOM))
        json->size += neapi_float_write(value, json->data + json->size);
}

#endif
