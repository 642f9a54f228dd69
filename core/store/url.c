#include "store/url.h"

#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

#define HIDDEN "***"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 32);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static neap_status decode(neap_text text, neapi_arena *arena, neap_text *decoded, neap_error *error)
{
    char *out = neapi_arena_alloc(arena, text.size + 1);
    if (out == NULL)
        return neapi_nomem(error);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            out[size++] = text.data[i];
            continue;
        }
        int high = i + 1 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return neapi_fail(error, NEAP_USAGE,
                              "the store's URL has a '%%' that is not followed by the two "
                              "hexadecimal digits of a byte other than 00 (write %%25 for '%%')");
        out[size++] = (char)(high << 4 | low);
        i += 2;
    }
    out[size] = '\0';
    *decoded = neapi_text(out, size);
    return NEAP_OK;
}

static bool is_scheme(neap_text scheme)
{
    for (size_t i = 0; i < scheme.size; i++) {
        char c = scheme.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && !(i > 0 && other))
            return false;
    }
    return scheme.size > 0;
}

/* The password in //user:password@host; empty if there is none. One with a slash in it, which is
 * not allowed there, is one all the same. */
static neap_text secret_of_path(neap_text path)
{
    if (path.size <= 2 || memcmp(path.data, "//", 2) != 0)
        return (neap_text){"", 0};
    const char *start = path.data + 2;
    size_t left = path.size - 2;
    const char *slash = memchr(start, '/', left);
    const char *at = slash != NULL ? memrchr(start, '@', (size_t)(slash - start)) : NULL;
    if (at == NULL)
        at = memrchr(start, '@', left);
    const char *colon = at != NULL ? memchr(start, ':', (size_t)(at - start)) : NULL;
    return colon != NULL ? neapi_text(colon + 1, (size_t)(at - colon - 1)) : (neap_text){"", 0};
}

static neap_text secret_option(neap_text query, const char *name)
{
    neapi_url url = {.query = query};
    bool given;
    return neapi_url_option(&url, name, &given);
}

/* The text up to where the secret begins; *from: where what follows it does. */
static void show_up_to(neapi_buffer *shown, neap_text secret, const char **from)
{
    if (secret.size == 0)
        return;
    neapi_buffer_append(shown, *from, (size_t)(secret.data - *from));
    NEAPI_BUFFER_LITERAL(shown, HIDDEN);
    *from = secret.data + secret.size;
}

static neap_status hide_secrets(neap_text whole, neap_text path, neap_text query,
                                neapi_arena *arena, neap_text *result, neap_error *error)
{
    neap_text options[2] = {secret_option(query, "password"), secret_option(query, "sslpassword")};
    bool in_order =
        options[0].size == 0 || options[1].size == 0 || options[0].data < options[1].data;
    const char *from = whole.data;
    neapi_buffer shown = NEAPI_BUFFER_INIT;
    show_up_to(&shown, secret_of_path(path), &from);
    show_up_to(&shown, options[in_order ? 0 : 1], &from);
    show_up_to(&shown, options[in_order ? 1 : 0], &from);
    neapi_buffer_append(&shown, from, (size_t)(whole.data + whole.size - from));
    *result = neapi_arena_text(arena, neapi_text(shown.data, shown.size));
    bool refused = shown.failed || result->data == NULL;
    neapi_buffer_fini(&shown);
    return refused ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_url_parse(const char *text, neapi_arena *arena, neapi_url *url, neap_error *error)
{
    neap_text whole = neapi_text_of(text);
    if (whole.size == 0)
        return neapi_fail(error, NEAP_USAGE,
                          "the store's URL is empty; expected SCHEME:PATH, as in sqlite:shop.db");
    const char *colon = memchr(whole.data, ':', whole.size);
    neap_text scheme = {whole.data, colon != NULL ? (size_t)(colon - whole.data) : 0};
    if (!is_scheme(scheme))
        return neapi_fail(error, NEAP_USAGE,
                          "the store's URL \"%.200s\" has no scheme; expected SCHEME:PATH, as in "
                          "sqlite:shop.db",
                          text);

    neap_text path = {colon + 1, whole.size - scheme.size - 1};
    const char *mark = path.size != 0 ? memchr(path.data, '?', path.size) : NULL;
    neap_text query = {NULL, 0};
    if (mark != NULL) {
        query = neapi_text(mark + 1, (size_t)(path.data + path.size - mark - 1));
        path.size = (size_t)(mark - path.data);
    }

    neapi_url parsed;
    neap_status status = hide_secrets(whole, path, query, arena, &parsed.whole, error);
    if (status == NEAP_OK)
        status = decode(path, arena, &parsed.path, error);
    if (status != NEAP_OK)
        return status;
    parsed.given = neapi_arena_text(arena, whole);
    parsed.scheme = neapi_arena_text(arena, scheme);
    parsed.query = neapi_arena_text(arena, query);
    if (parsed.given.data == NULL || parsed.scheme.data == NULL || parsed.query.data == NULL)
        return neapi_nomem(error);
    *url = parsed;
    return NEAP_OK;
}

/* The next name=value of the query; false at its end. */
static bool next_option(neap_text *rest, neap_text *name, neap_text *value)
{
    while (rest->size != 0) {
        const char *end = memchr(rest->data, '&', rest->size);
        neap_text option = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
        size_t used = option.size + (end != NULL ? 1 : 0);
        *rest = neapi_text(rest->data + used, rest->size - used);
        if (option.size == 0)
            continue;
        const char *equals = memchr(option.data, '=', option.size);
        size_t size = equals != NULL ? (size_t)(equals - option.data) : option.size;
        *name = neapi_text(option.data, size);
        *value = equals != NULL ? neapi_text(equals + 1, option.size - size - 1)
                                : neapi_text(option.data + size, 0);
        return true;
    }
    return false;
}

neap_text neapi_url_option(const neapi_url *url, const char *name, bool *given)
{
    neap_text rest = url->query, wanted = neapi_text_of(name), option, value;
    while (next_option(&rest, &option, &value)) {
        if (neapi_text_equal(option, wanted)) {
            *given = true;
            return value;
        }
    }
    *given = false;
    return (neap_text){"", 0};
}

static neap_status unknown_option(neap_text name, const char *const *known, size_t count,
                                  neap_error *error)
{
    const char *meant = neapi_nearest(name, known, count);
    return neapi_fail(error, NEAP_USAGE, "unknown option \"%.*s\" in the store's URL%s%s%s",
                      NEAPI_TEXT(name), meant != NULL ? "; did you mean \"" : "",
                      meant != NULL ? meant : "", meant != NULL ? "\"?" : "");
}

neap_status neapi_url_check_options(const neapi_url *url, const char *const *known,
                                    neap_error *error)
{
    size_t count = 0;
    while (known[count] != NULL)
        count++;
    neap_text rest = url->query, name, value;
    while (next_option(&rest, &name, &value)) {
        size_t i = 0;
        while (i < count && !neapi_text_equal(name, neapi_text_of(known[i])))
            i++;
        if (i == count)
            return unknown_option(name, known, count, error);
        neap_text later = rest, other;
        while (next_option(&later, &other, &value))
            if (neapi_text_equal(other, name))
                return neapi_fail(error, NEAP_USAGE,
                                  "the option \"%.*s\" is given twice in the store's URL",
                                  NEAPI_TEXT(name));
    }
    return NEAP_OK;
}
