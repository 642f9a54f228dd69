/* JSON without Lua and without a tree: what routing, receipts, verification and the border need of
 * it. The conversion between bytes and Lua values is core/script's; both share the scanner
 * (message/scan.h) and the writer (message/write.h). */
#ifndef NEAPI_MESSAGE_JSON_H
#define NEAPI_MESSAGE_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "neap.h"

#define NEAPI_JSON_DEPTH 100

/* Whether `json` is one well-formed value (RFC 8259, and: valid UTF-8, no duplicate keys, integers
 * within 64 bits, nesting at most `depth`). Errors: NEAP_INVALID with line, column and path;
 * NEAP_LIMIT (depth). */
neap_status neapi_json_check(neap_text json, unsigned depth, neap_error *error);

/* The raw text of a top-level member's value, within the input. Does not check what it passes over
 * more than it must. false: no such member, or not an object. */
bool neapi_json_member(neap_text json, neap_text name, neap_text *value);

/* The raw text of what lies at a path, a JSON list of names and of places from 1, as in
 * ["lines",2,"sku"]; of a list without elements all of it. false: there is nothing. */
bool neapi_json_at(neap_text json, neap_text path, neap_text *value);

/* Checks a flat object of texts, and rewrites it canonically (keys sorted bytewise). Errors:
 * NEAP_INVALID. */
neap_status neapi_json_flat(neap_text json, neapi_buffer *canonical, neap_error *error);

/* Decodes a raw string (with quotes) and appends its text. Errors: false, it is not a well-formed
 * string. */
bool neapi_json_unquote(neap_text raw, neapi_buffer *text);

/* The same as text of the arena. *refused is set if an allocation was. Errors: false, that, or it
 * is not a well-formed string. */
bool neapi_json_take_text(neap_text raw, neapi_arena *arena, neap_text *text, bool *refused);

/* Appends text as a JSON string; what is not UTF-8 becomes U+FFFD. */
void neapi_json_quote(neapi_buffer *json, neap_text text);

/* Appends a time (µs since 1970) as RFC 3339 text, in UTC, with its quotes. */
void neapi_json_time(neapi_buffer *json, int64_t us);

/* Appends figures as one JSON object, as `neap stats --json` prints it. */
void neapi_json_statistics(neapi_buffer *json, const neap_statistics *statistics);

/* Appends the event with its envelope as one JSON object, as `neap events` prints it: keys in a
 * fixed order, ids as text, recorded_at as RFC 3339 text with µs, data as recorded; without what is
 * empty. */
void neapi_json_event(neapi_buffer *json, const neap_event *event);

#endif
