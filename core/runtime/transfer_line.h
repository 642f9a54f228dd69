/* The lines of an export: each is a JSON object of one member, whose name says what kind of line it
 * is.
 *
 * What was stored as JSON stands in its line as the very bytes that were stored. What cannot stand
 * there, because it is no JSON or would end the line, is a text in `<name>_text`, and what is no
 * text either is hexadecimal in `<name>_hex`. */
#ifndef NEAPI_RUNTIME_TRANSFER_LINE_H
#define NEAPI_RUNTIME_TRANSFER_LINE_H

#include "base/buffer.h"
#include "store/unit.h"

#define NEAPI_TRANSFER_FORMAT 1

typedef enum neapi_transfer_kind {
    NEAPI_TRANSFER_HEADER,  /* the first line, and no other */
    NEAPI_TRANSFER_COMMAND, /* before the events that it decided */
    NEAPI_TRANSFER_EVENT,
    NEAPI_TRANSFER_KEY,
    NEAPI_TRANSFER_DOCUMENT,
    NEAPI_TRANSFER_CHECK, /* that the lines before it are as they were: now and then */
    NEAPI_TRANSFER_END,   /* the last line */
    NEAPI_TRANSFER_KINDS
} neapi_transfer_kind;

typedef struct neapi_transfer_header {
    uint64_t format;
    neap_text neap, store; /* the version of Neap, the store's URL */
    int64_t exported_at;
    uint64_t head; /* the store's last position then */
    bool part;     /* not the whole log: there are no keys and no documents */
} neapi_transfer_header;

typedef struct neapi_transfer_document {
    neap_text collection, key, data;
} neapi_transfer_document;

typedef struct neapi_transfer_end {
    uint64_t events, commands, keys, documents;
    uint64_t hash; /* of all lines between the first and it; 0: not said */
} neapi_transfer_end;

typedef struct neapi_transfer_check {
    uint64_t hash; /* the same */
} neapi_transfer_check;

typedef struct neapi_transfer_line {
    neapi_transfer_kind kind;
    union {
        neapi_transfer_header header;
        neapi_command command;
        neap_event event;
        neapi_key key;
        neapi_transfer_document document;
        neapi_transfer_check check;
        neapi_transfer_end end;
    };
} neapi_transfer_line;

/* "event", "key" … Lifetime: static. */
const char *neapi_transfer_kind_name(neapi_transfer_kind kind);

/* Appends the line, without what is empty in it, and without a newline. Errors: NEAP_CORRUPT (a
 * name that is not UTF-8), NEAP_NOMEM. */
neap_status neapi_transfer_write(neapi_buffer *json, const neapi_transfer_line *line,
                                 neap_error *error);

/* Reads a line. What it points to is in the text or in the arena. Errors: NEAP_INVALID with column
 * and path, NEAP_LIMIT (depth), NEAP_NOMEM. */
neap_status neapi_transfer_read(neap_text text, neapi_arena *arena, neapi_transfer_line *line,
                                neap_error *error);

/* Whether the lines, of one kind, say the same. If not, `difference` is what differs: `data is
 * {"a":1} here and {"a":2} there`. placed: of events, the position and the version count, too. */
bool neapi_transfer_same(const neapi_transfer_line *here, const neapi_transfer_line *there,
                         bool placed, neapi_buffer *difference);

/* Appends which line it is, in words: "event 12 (version 3 of Order-1)". */
void neapi_transfer_describe(neapi_buffer *words, const neapi_transfer_line *line);

#endif
