#include "base/text.h"

static uint64_t mixed(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Eight bytes, the first as the lowest. */
static uint64_t loaded(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The same of fewer; with `more` in front of them, those may be read too. */
static uint64_t loaded_end(const unsigned char *bytes, size_t count, bool more)
{
    if (more)
        return loaded(bytes + count - 8) >> (64 - 8 * count);
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t neapi_text_hash(neap_text text, uint64_t seed)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    size_t left = text.size;
    uint64_t hash = seed ^ 0x9E3779B97F4A7C15u;
    for (; left >= 8; bytes += 8, left -= 8)
        hash = mixed(hash ^ loaded(bytes), 0xD6E8FEB86659FD93u);
    if (left > 0)
        hash = mixed(hash ^ loaded_end(bytes, left, text.size > 8), 0xA0761D6478BD642Fu);
    return mixed(hash ^ text.size, 0xE7037ED1A0B428DBu);
}

neap_text neapi_stream_category(neap_text stream)
{
    const char *dash = stream.size != 0 ? memchr(stream.data, '-', stream.size) : NULL;
    return dash != NULL ? neapi_text(stream.data, (size_t)(dash - stream.data)) : stream;
}

/* Bytes in the sequence that starts at `s`, or 0 if it is not well-formed. */
static size_t sequence(const unsigned char *s, size_t left)
{
    unsigned char first = s[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (left < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((first == 0xE0 && s[1] < 0xA0) || (first == 0xED && s[1] > 0x9F))
        return 0;
    if ((first == 0xF0 && s[1] < 0x90) || (first == 0xF4 && s[1] > 0x8F))
        return 0;
    return length;
}

bool neapi_utf8_valid(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    while (size > 0) {
        uint64_t word;
        if (size >= 8 && (memcpy(&word, bytes, 8), (word & 0x8080808080808080u) == 0)) {
            bytes += 8;
            size -= 8;
            continue;
        }
        size_t length = sequence(bytes, size);
        if (length == 0)
            return false;
        bytes += length;
        size -= length;
    }
    return true;
}

/* Edit distance with transpositions of neighbours, over at most 64 bytes of each. */
static size_t distance(neap_text a, neap_text b)
{
    size_t rows[3][65];
    size_t m = a.size < 64 ? a.size : 64, n = b.size < 64 ? b.size : 64;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            bool same = (a.data[i - 1] | 32) == (b.data[j - 1] | 32);
            size_t best = above[j - 1] + (same ? 0 : 1);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[m % 3][n];
}

const char *neapi_nearest(neap_text wanted, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t least = wanted.size / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(wanted, neapi_text_of(names[i]));
        if (d <= least && (nearest == NULL || d < least)) {
            nearest = names[i];
            least = d;
        }
    }
    return nearest;
}
