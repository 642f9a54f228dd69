#include "message/scan.h"

#include "base/text.h"

bool neapi_scan_fail(neapi_scan *scan, const char *at, const char *problem)
{
    scan->status = NEAP_INVALID;
    scan->failed = at;
    scan->problem = problem;
    scan->member = false;
    return false;
}

bool neapi_scan_fail_member(neapi_scan *scan, const char *at, const char *problem)
{
    neapi_scan_fail(scan, at, problem);
    scan->member = true;
    return false;
}

bool neapi_scan_fail_depth(neapi_scan *scan)
{
    neapi_scan_fail(scan, scan->at, "arrays and objects are nested too deeply");
    scan->status = NEAP_LIMIT;
    return false;
}

bool neapi_scan_fail_nomem(neapi_scan *scan)
{
    neapi_scan_fail(scan, scan->at, "an allocation was refused");
    scan->status = NEAP_NOMEM;
    return false;
}

bool neapi_scan_end(neapi_scan *scan)
{
    if (neapi_scan_peek(scan) >= 0)
        return neapi_scan_fail(scan, scan->at, "expected the end after the value");
    return true;
}

/* ---- Strings */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at `at`, or -1. */
static int code_unit(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Checks the escape at `at` (a backslash) and returns where it ends, or NULL. */
static const char *escape_end(neapi_scan *scan, const char *at)
{
    const char *end = scan->end;
    if (end - at < 2 || strchr("\"\\/bfnrtu", at[1]) == NULL || at[1] == '\0') {
        neapi_scan_fail(scan, at, "a backslash is followed by none of \" \\ / b f n r t u");
        return NULL;
    }
    if (at[1] != 'u')
        return at + 2;
    int unit = code_unit(at + 2, end);
    if (unit < 0) {
        neapi_scan_fail(scan, at, "\\u is not followed by four hex digits");
        return NULL;
    }
    if (is_high_surrogate(unit) && end - at >= 8 && at[6] == '\\' && at[7] == 'u' &&
        is_low_surrogate(code_unit(at + 8, end)))
        return at + 12;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        neapi_scan_fail(scan, at, "a surrogate stands alone");
        return NULL;
    }
    return at + 6;
}

bool neapi_scan_string_slowly(neapi_scan *scan, const char *stop, neap_text *raw, bool *escaped)
{
    const char *first = scan->at + 1;
    bool high = false;
    *escaped = false;
    while (stop < scan->end && *stop == '\\') {
        *escaped = true;
        stop = escape_end(scan, stop);
        if (stop == NULL)
            return false;
        stop = neapi_scan_plain(stop, scan->end, &high);
    }
    if (stop == scan->end)
        return neapi_scan_fail(scan, scan->at, "a string is not closed");
    if (*stop != '"')
        return neapi_scan_fail(scan, stop, "a control character in a string is not escaped");
    if (!neapi_utf8_valid(first, (size_t)(stop - first)))
        return neapi_scan_fail(scan, scan->at, "a string is not valid UTF-8");
    *raw = (neap_text){first, (size_t)(stop - first)};
    scan->at = stop + 1;
    return true;
}

static size_t put_utf8(int code, char *text)
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        text[0] = (char)(0xC0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        text[0] = (char)(0xE0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3F));
        text[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    text[0] = (char)(0xF0 | code >> 18);
    text[1] = (char)(0x80 | (code >> 12 & 0x3F));
    text[2] = (char)(0x80 | (code >> 6 & 0x3F));
    text[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

static char unescaped(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

size_t neapi_unescape_one(const char **at, const char *end, char text[4])
{
    const char *slash = *at;
    if (slash[1] != 'u') {
        *at = slash + 2;
        text[0] = unescaped(slash[1]);
        return 1;
    }
    int code = code_unit(slash + 2, end);
    *at = slash + 6;
    if (is_high_surrogate(code)) {
        code = 0x10000 + ((code - 0xD800) << 10) + (code_unit(slash + 8, end) - 0xDC00);
        *at = slash + 12;
    }
    return put_utf8(code, text);
}

size_t neapi_unescape(neap_text raw, char *text)
{
    const char *at = raw.data, *end = at + raw.size;
    char *out = text;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash != NULL ? slash : end) - at);
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (slash != NULL)
            out += neapi_unescape_one(&at, end, out);
    }
    return (size_t)(out - text);
}

bool neapi_raw_equal(neap_text raw, neap_text text)
{
    const char *at = raw.data, *end = at + raw.size;
    size_t used = 0;
    while (at < end && used < text.size) {
        char piece[4] = {*at};
        size_t size = 1;
        if (*at == '\\')
            size = neapi_unescape_one(&at, end, piece);
        else
            at++;
        if (text.size - used < size || memcmp(piece, text.data + used, size) != 0)
            return false;
        used += size;
    }
    return at == end && used == text.size;
}

/* ---- Numbers */

static bool is_digit(const char *at, const char *end)
{
    return at < end && (unsigned char)(*at - '0') < 10;
}

/* The first 19 significant digits of a number, and the power of ten that they count. */
typedef struct significant {
    uint64_t digits;
    int64_t exponent;
    int count;
    bool cut;
} significant;

static const char *gather(significant *s, const char *at, const char *end, bool fraction)
{
    for (; is_digit(at, end); at++) {
        if (s->count < 19) {
            s->digits = s->digits * 10 + (uint64_t)(*at - '0');
            s->count += s->digits != 0;
            s->exponent -= fraction;
        } else {
            s->cut |= *at != '0';
            s->exponent += !fraction;
        }
    }
    return at;
}

/* At 'e' or 'E'; returns where the exponent ends, or NULL. */
static const char *gather_exponent(significant *s, const char *at, const char *end)
{
    at++;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, end))
        return NULL;
    int64_t power = 0;
    for (; is_digit(at, end); at++)
        if (power < 1000000000)
            power = power * 10 + (*at - '0');
    s->exponent += negative ? -power : power;
    return at;
}

static bool finish_integer(neapi_scan *scan, const significant *s, bool negative,
                           neapi_number *number)
{
    uint64_t most = (uint64_t)INT64_MAX + negative;
    if (s->exponent != 0 || s->cut || s->digits > most)
        return neapi_scan_fail(scan, scan->at, "an integer is beyond 64 bits");
    number->is_float = false;
    number->integer = (int64_t)(negative ? 0 - s->digits : s->digits);
    return true;
}

/* A fraction of a few digits and no exponent, which is most of them; false: it is more than that.
 */
static bool scan_short_decimal(neapi_scan *scan, neapi_number *number)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = scan->at, *end = scan->end, *point;
    bool negative = *at == '-';
    uint64_t digits = 0;
    at += negative;
    const char *first = at;
    for (; is_digit(at, end); at++)
        digits = digits * 10 + (uint64_t)(*at - '0');
    point = at;
    if (at == first || (*first == '0' && at - first > 1) || at == end || *at != '.')
        return false;
    for (at++; is_digit(at, end); at++)
        digits = digits * 10 + (uint64_t)(*at - '0');
    if (at == point + 1 || at - first > 16 || (at < end && (*at == 'e' || *at == 'E')))
        return false;
    /* Both are exact, so that the quotient is the nearest double. */
    double value = (double)digits / powers[at - point - 1];
    number->is_float = true;
    number->real = negative ? -value : value;
    scan->at = at;
    return true;
}

bool neapi_scan_number_slowly(neapi_scan *scan, neapi_number *number)
{
    const char *at = scan->at, *end = scan->end;
    significant s = {0};
    bool negative = *at == '-';
    if (scan_short_decimal(scan, number))
        return true;
    at += negative;
    if (!is_digit(at, end))
        return neapi_scan_fail(scan, at, "expected a digit");
    if (*at == '0' && is_digit(at + 1, end))
        return neapi_scan_fail(scan, at, "a number begins with a superfluous 0");
    at = gather(&s, at, end, false);
    bool is_float = at < end && (*at == '.' || *at == 'e' || *at == 'E');
    if (is_float && *at == '.') {
        if (!is_digit(at + 1, end))
            return neapi_scan_fail(scan, at + 1, "expected a digit after the point");
        at = gather(&s, at + 1, end, true);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *behind = gather_exponent(&s, at, end);
        if (behind == NULL)
            return neapi_scan_fail(scan, at, "an exponent has no digits");
        at = behind;
    }
    if (!is_float) {
        if (!finish_integer(scan, &s, negative, number))
            return false;
    } else {
        int exponent = s.exponent < -9999 ? -9999 : s.exponent > 9999 ? 9999 : (int)s.exponent;
        neap_text text = {scan->at, (size_t)(at - scan->at)};
        number->is_float = true;
        if (!neapi_float_read(text, s.digits, exponent, s.cut, &number->real))
            return neapi_scan_fail(scan, scan->at, "a number is beyond what a double can hold");
    }
    scan->at = at;
    return true;
}
