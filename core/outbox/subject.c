#include "outbox/subject.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

static const char *const fields[] = {"type", "category", "stream", "id"};
#define FIELDS (sizeof fields / sizeof *fields)

enum field { TYPE, CATEGORY, STREAM, ID, NO_FIELD };

static enum field field_of(neap_text name)
{
    unsigned i = 0;
    while (i < FIELDS && !neapi_text_equal(name, neapi_text_of(fields[i])))
        i++;
    return (enum field)i;
}

/* At an opening brace: the name in it, and moves behind the closing one. */
static bool take_name(const char **at, const char *end, neap_text *name)
{
    const char *first = *at + 1;
    const char *close = memchr(first, '}', (size_t)(end - first));
    if (close == NULL)
        return false;
    *name = neapi_text(first, (size_t)(close - first));
    *at = close + 1;
    return true;
}

static bool fits_token(char byte)
{
    return (unsigned char)byte > ' ' && byte != 0x7F && byte != '.' && byte != '*' && byte != '>';
}

static neap_status refuse_field(neap_text name, neap_error *error)
{
    const char *meant = neapi_nearest(name, fields, FIELDS);
    return neapi_fail(error, NEAP_USAGE,
                      "the subject has {%.*s}; expected {type}, {category}, {stream} or {id}%s%s%s",
                      NEAPI_TEXT(name), meant != NULL ? "; did you mean {" : "",
                      meant != NULL ? meant : "", meant != NULL ? "}?" : "");
}

neap_status neapi_subject_check(neap_text subject, neap_error *error)
{
    const char *at = subject.data, *end = at + subject.size;
    bool empty = true; /* the token so far */
    while (at < end) {
        neap_text name;
        if (*at == '{') {
            if (!take_name(&at, end, &name))
                return neapi_fail(error, NEAP_USAGE, "the subject \"%.*s\" has a '{' without a '}'",
                                  NEAPI_TEXT(subject));
            if (field_of(name) == NO_FIELD)
                return refuse_field(name, error);
            empty = false;
        } else if (*at == '.' && !empty) {
            empty = true;
            at++;
        } else if (fits_token(*at)) {
            empty = false;
            at++;
        } else {
            break;
        }
    }
    if (at < end || empty)
        return neapi_fail(error, NEAP_USAGE,
                          "the subject \"%.*s\" is no subject; expected words without spaces, '*' "
                          "or '>', and one dot between them, as in shop.{type}",
                          NEAPI_TEXT(subject));
    return NEAP_OK;
}

static neap_text word_of(enum field field, const neap_event *event)
{
    neap_text stream = event->stream, category = neapi_stream_category(stream);
    if (field == TYPE)
        return event->type;
    if (field == CATEGORY)
        return category;
    if (field == STREAM || category.size == stream.size)
        return stream;
    return neapi_text(stream.data + category.size + 1, stream.size - category.size - 1);
}

static void write_token(neapi_buffer *text, neap_text word)
{
    static const char hex[] = "0123456789ABCDEF";
    if (word.size == 0)
        neapi_buffer_byte(text, '%');
    for (size_t i = 0; i < word.size; i++) {
        char byte = word.data[i];
        if (fits_token(byte) && byte != '%') {
            neapi_buffer_byte(text, byte);
        } else {
            neapi_buffer_byte(text, '%');
            neapi_buffer_byte(text, hex[byte >> 4 & 15]);
            neapi_buffer_byte(text, hex[byte & 15]);
        }
    }
}

void neapi_subject_write(neapi_buffer *text, neap_text subject, const neap_event *event)
{
    const char *at = subject.data, *end = at + subject.size;
    while (at < end) {
        neap_text name;
        if (*at == '{' && take_name(&at, end, &name))
            write_token(text, word_of(field_of(name), event));
        else
            neapi_buffer_byte(text, *at++);
    }
}

void neapi_subject_pattern(neapi_buffer *text, neap_text subject)
{
    const char *at = subject.data, *end = at + subject.size;
    while (at < end) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        const char *stop = dot != NULL ? dot : end;
        if (memchr(at, '{', (size_t)(stop - at)) != NULL)
            neapi_buffer_byte(text, '*');
        else
            neapi_buffer_append(text, at, (size_t)(stop - at));
        if (dot != NULL)
            neapi_buffer_byte(text, '.');
        at = dot != NULL ? dot + 1 : end;
    }
}
