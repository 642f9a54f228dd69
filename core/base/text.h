/* Borrowed bytes: making, comparing, hashing. */
#ifndef NEAPI_BASE_TEXT_H
#define NEAPI_BASE_TEXT_H

#include <string.h>

#include "neap.h"

#define NEAPI_LITERAL(literal) ((neap_text){"" literal, sizeof(literal) - 1})

static inline neap_text neapi_text(const char *data, size_t size)
{
    return (neap_text){data, size};
}

/* Of terminated text; NULL gives the empty text. */
static inline neap_text neapi_text_of(const char *terminated)
{
    return (neap_text){terminated, terminated != NULL ? strlen(terminated) : 0};
}

static inline bool neapi_text_equal(neap_text a, neap_text b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool neapi_text_begins(neap_text text, neap_text with)
{
    return text.size >= with.size && neapi_text_equal(neapi_text(text.data, with.size), with);
}

/* Bytewise order: below, equal to or above zero. */
static inline int neapi_text_compare(neap_text a, neap_text b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter != 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* 64 well mixed bits. The same seed gives the same value in every process and on every machine, so
 * it may be stored. */
uint64_t neapi_text_hash(neap_text text, uint64_t seed);

/* The part before the first '-', which names a stream's category; the whole where there is none. */
neap_text neapi_stream_category(neap_text stream);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, at most
 * U+10FFFF). */
bool neapi_utf8_valid(const char *data, size_t size);

/* The name among `count` that is most like `wanted` (edit distance at most a third of its length),
 * or NULL. */
const char *neapi_nearest(neap_text wanted, const char *const *names, size_t count);

#endif
