/* Goes through JSON text token by token: what the check in C and the conversion to Lua values
 * share.
 *
 * A scanner stands at `at`. A function that reads something moves behind it and returns true; one
 * that cannot, notes what is wrong and where, and returns false: neapi_scan_report makes the error
 * of it. Threads: owner. */
#ifndef NEAPI_MESSAGE_SCAN_H
#define NEAPI_MESSAGE_SCAN_H

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "message/number.h"
#include "neap.h"

/* The most that any caller may ask for, because each level takes some of the thread's stack. */
#define NEAPI_SCAN_DEPTH_MOST 500

typedef struct neapi_scan {
    const char *begin, *at, *end;
    unsigned depth;      /* how many arrays and objects may lie in one another */
    neap_status status;  /* of the failure: NEAP_INVALID, NEAP_LIMIT, NEAP_NOMEM */
    const char *failed;  /* where in the text */
    const char *problem; /* a literal; with "expected …" what was found is added */
    bool member;         /* the failure is about the member whose name begins there */
} neapi_scan;

static inline neapi_scan neapi_scan_of(neap_text json, unsigned depth)
{
    if (depth > NEAPI_SCAN_DEPTH_MOST)
        depth = NEAPI_SCAN_DEPTH_MOST;
    return (neapi_scan){
        .begin = json.data, .at = json.data, .end = json.data + json.size, .depth = depth};
}

/* Note a failure and return false. */
bool neapi_scan_fail(neapi_scan *scan, const char *at, const char *problem);
bool neapi_scan_fail_member(neapi_scan *scan, const char *at, const char *problem);
bool neapi_scan_fail_depth(neapi_scan *scan);
bool neapi_scan_fail_nomem(neapi_scan *scan);

/* Makes the error of the noted failure: message, path, line and column. Returns its status. */
neap_status neapi_scan_report(const neapi_scan *scan, neap_error *error);

/* As neapi_scan_report, for something that was found wrong at `at` in well-formed text: `problem`
 * is the whole message but for the path. name: appended to the path unless its data is NULL. */
neap_status neapi_scan_refuse(const neapi_scan *scan, const char *at, neap_text name,
                              const char *problem, neap_error *error);

/* The same of the member whose name begins at `at`. */
neap_status neapi_scan_refuse_member(const neapi_scan *scan, const char *at, const char *problem,
                                     neap_error *error);

static inline void neapi_scan_space(neapi_scan *scan)
{
    while (scan->at < scan->end && (unsigned char)*scan->at <= ' ' &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* The next byte after white space; -1 at the end. */
static inline int neapi_scan_peek(neapi_scan *scan)
{
    neapi_scan_space(scan);
    return scan->at < scan->end ? (unsigned char)*scan->at : -1;
}

/* Skips to the value's first byte. Errors: there is none. */
static inline bool neapi_scan_separator(neapi_scan *scan, char separator, const char *problem)
{
    if (scan->at >= scan->end || *scan->at != separator) {
        if (neapi_scan_peek(scan) != (unsigned char)separator)
            return neapi_scan_fail(scan, scan->at, problem);
    }
    scan->at++;
    neapi_scan_space(scan);
    return true;
}

/* After an element: true if a comma follows (moved behind it and white space), false with *done at
 * `close`. Errors: false without *done. */
static inline bool neapi_scan_more(neapi_scan *scan, char close, bool *done)
{
    int next = scan->at < scan->end ? (unsigned char)*scan->at : -1;
    if (next <= ' ')
        next = neapi_scan_peek(scan);
    if (next == ',') {
        scan->at++;
        neapi_scan_space(scan);
        return true;
    }
    if (next == (unsigned char)close) {
        scan->at++;
        *done = true;
        return false;
    }
    return neapi_scan_fail(scan, scan->at,
                           close == '}' ? "expected ',' or '}' after a member"
                                        : "expected ',' or ']' after an element");
}

/* The first byte that a string cannot hold as it is (quote, backslash, control), or `end`. Sets
 * *high if a byte above 0x7F was passed; may set it for one that lies behind, too. */
static inline const char *neapi_scan_plain(const char *at, const char *end, bool *high)
{
#if defined(__SSE2__)
    while (end - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                       _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        special =
            _mm_or_si128(special, _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes));
        unsigned stops = (unsigned)_mm_movemask_epi8(special);
        unsigned highs = (unsigned)_mm_movemask_epi8(bytes);
        if (stops != 0) {
            unsigned before = (unsigned)__builtin_ctz(stops);
            *high |= (highs & ((1u << before) - 1)) != 0;
            return at + before;
        }
        *high |= highs != 0;
        at += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
        uint64_t stops = (quote - ones) & ~quote;
        stops |= (slash - ones) & ~slash;
        stops |= (word - ones * 0x20) & ~word;
        if ((stops & tops) != 0)
            break;
        *high |= (word & tops) != 0;
        at += 8;
    }
#endif
    for (; at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20; at++)
        *high |= (*at & 0x80) != 0;
    return at;
}

/* At a quote: the string's raw text between its quotes, checked. Not escaped: it is its own text.
 */
bool neapi_scan_string_slowly(neapi_scan *scan, const char *stop, neap_text *raw, bool *escaped);

static inline bool neapi_scan_string(neapi_scan *scan, neap_text *raw, bool *escaped)
{
    const char *first = scan->at + 1;
    bool high = false;
    const char *stop = neapi_scan_plain(first, scan->end, &high);
    if (__builtin_expect(high || stop == scan->end || *stop != '"', 0))
        return neapi_scan_string_slowly(scan, stop, raw, escaped);
    *raw = (neap_text){first, (size_t)(stop - first)};
    *escaped = false;
    scan->at = stop + 1;
    return true;
}

/* As neapi_scan_string, where a member's name has to stand; fails if there is no quote. */
static inline bool neapi_scan_name(neapi_scan *scan, neap_text *raw, bool *escaped)
{
    if (scan->at >= scan->end || *scan->at != '"')
        return neapi_scan_fail(scan, scan->at, "expected a member's name in double quotes");
    return neapi_scan_string(scan, raw, escaped);
}

/* Writes the text of a string that neapi_scan_string has checked; returns its size, at most the raw
 * text's. */
size_t neapi_unescape(neap_text raw, char *text);
/* Of one escape: *at is its backslash, and moves behind it. At most 4 bytes, never more than it
 * had. */
size_t neapi_unescape_one(const char **at, const char *end, char text[4]);
/* Whether a checked string's raw text says `text`. */
bool neapi_raw_equal(neap_text raw, neap_text text);

/* At a digit or a minus. */
bool neapi_scan_number_slowly(neapi_scan *scan, neapi_number *number);

static inline bool neapi_scan_number(neapi_scan *scan, neapi_number *number)
{
    const char *at = scan->at, *end = scan->end;
    bool negative = *at == '-';
    at += negative;
    const char *first = at;
    uint64_t value = 0;
    for (; at < end && (unsigned char)(*at - '0') < 10; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    size_t count = (size_t)(at - first);
    bool more = at < end && (*at == '.' || *at == 'e' || *at == 'E');
    if (more || count == 0 || count > 18 || (count > 1 && *first == '0'))
        return neapi_scan_number_slowly(scan, number);
    number->is_float = false;
    number->integer = negative ? -(int64_t)value : (int64_t)value;
    scan->at = at;
    return true;
}

/* At the first letter of true, false or null. */
static inline bool neapi_scan_word(neapi_scan *scan, const char *word, size_t size)
{
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return neapi_scan_fail(scan, scan->at, "expected a value");
    scan->at += size;
    return true;
}

/* Nothing but white space may follow. */
bool neapi_scan_end(neapi_scan *scan);

#endif
