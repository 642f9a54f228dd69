#include "outbox/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/text.h"

/* Copies the servers, with "***" for what stands between "//" and '@' in each. */
static const char *without_secrets(neap_text servers, neapi_arena *arena)
{
    char *shown = neapi_arena_alloc(arena, 2 * servers.size + 1), *to = shown;
    const char *at = servers.data, *end = at + servers.size;
    if (shown == NULL)
        return NULL;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        const char *slashes = memmem(at, (size_t)(stop - at), "//", 2);
        const char *host = slashes != NULL ? slashes + 2 : at;
        const char *secret = memrchr(host, '@', (size_t)(stop - host));
        to = mempcpy(to, at, (size_t)(host - at));
        if (secret != NULL)
            to = mempcpy(to, "***", 3);
        const char *rest = secret != NULL ? secret : host;
        to = mempcpy(to, rest, (size_t)(stop - rest));
        if (comma != NULL)
            *to++ = ',';
        at = comma != NULL ? comma + 1 : end;
    }
    *to = '\0';
    return shown;
}

neap_status neapi_address_read(neap_text url, neapi_arena *arena, neapi_address *address,
                               neap_error *error)
{
    const char *mark = url.size != 0 ? memchr(url.data, '?', url.size) : NULL;
    size_t size = mark != NULL ? (size_t)(mark - url.data) : url.size;
    neapi_address read;
    neap_text servers = neapi_arena_text(arena, neapi_text(url.data, size));
    read.query = neapi_arena_text(arena, mark != NULL ? neapi_text(mark + 1, url.size - size - 1)
                                                      : (neap_text){"", 0});
    read.servers = servers.data;
    read.shown = servers.data != NULL ? without_secrets(servers, arena) : NULL;
    if (read.shown == NULL || read.query.data == NULL)
        return neapi_nomem(error);
    *address = read;
    return NEAP_OK;
}

static int hex_digit(char c)
{
    char lower = (char)(c | 32);
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static neap_status decode(neap_text text, neapi_arena *arena, const char **decoded,
                          neap_error *error)
{
    char *out = neapi_arena_alloc(arena, text.size + 1), *to = out;
    if (out == NULL)
        return neapi_nomem(error);
    for (size_t i = 0; i < text.size; i++) {
        int high = text.data[i] == '%' && i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
        if (text.data[i] == '%' && (low < 0 || (high == 0 && low == 0)))
            return neapi_fail(error, NEAP_USAGE,
                              "the broker's URL has a '%%' without two hexadecimal digits behind "
                              "it (write %%25 for '%%')");
        *to++ = (char)(low >= 0 ? high << 4 | low : text.data[i]);
        i += low >= 0 ? 2 : 0;
    }
    *to = '\0';
    *decoded = out;
    return NEAP_OK;
}

static neap_status refuse_option(neap_text name, const neapi_address_option *known, size_t count,
                                 neap_error *error)
{
    neapi_buffer list = NEAPI_BUFFER_INIT;
    for (size_t i = 0; i < count; i++)
        neapi_buffer_format(&list, "%s%s", i > 0 ? ", " : "", known[i].name);
    const char *names = neapi_buffer_terminated(&list);
    neap_status status =
        neapi_fail(error, NEAP_USAGE, "unknown option \"%.*s\" in the broker's URL; known are %s",
                   NEAPI_TEXT(name), names != NULL ? names : "others");
    neapi_buffer_fini(&list);
    return status;
}

static neap_status take_option(neap_text option, neapi_arena *arena, neapi_address_option *known,
                               size_t count, neap_error *error)
{
    const char *equals = memchr(option.data, '=', option.size);
    neap_text name = {option.data, equals != NULL ? (size_t)(equals - option.data) : option.size};
    neap_text value =
        equals != NULL ? neapi_text(equals + 1, option.size - name.size - 1) : (neap_text){"", 0};
    size_t i = 0;
    while (i < count && !neapi_text_equal(name, neapi_text_of(known[i].name)))
        i++;
    if (i == count)
        return refuse_option(name, known, count, error);
    if (known[i].value != NULL)
        return neapi_fail(error, NEAP_USAGE, "the option \"%s\" is given twice in the broker's URL",
                          known[i].name);
    return decode(value, arena, &known[i].value, error);
}

neap_status neapi_address_options(const neapi_address *address, neapi_arena *arena,
                                  neapi_address_option *known, size_t count, neap_error *error)
{
    neap_text rest = address->query;
    neap_status status = NEAP_OK;
    for (size_t i = 0; i < count; i++)
        known[i].value = NULL;
    while (rest.size != 0 && status == NEAP_OK) {
        const char *end = memchr(rest.data, '&', rest.size);
        neap_text option = {rest.data, end != NULL ? (size_t)(end - rest.data) : rest.size};
        size_t used = option.size + (end != NULL);
        rest = neapi_text(rest.data + used, rest.size - used);
        if (option.size != 0)
            status = take_option(option, arena, known, count, error);
    }
    return status;
}

neap_status neapi_address_number(const neapi_address_option *option, uint32_t most,
                                 uint32_t *number, neap_error *error)
{
    char *end;
    const char *text = option->value;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value == 0 || value > most)
        return neapi_fail(error, NEAP_USAGE,
                          "the option \"%s\" in the broker's URL is \"%.40s\"; from 1 to %u is "
                          "allowed",
                          option->name, text, most);
    *number = (uint32_t)value;
    return NEAP_OK;
}
