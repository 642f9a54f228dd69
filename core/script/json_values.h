/* Single JSON values to and from Lua: what plain and checked conversion share. Included by
 * core/script only. */
#ifndef NEAPI_SCRIPT_JSON_VALUES_H
#define NEAPI_SCRIPT_JSON_VALUES_H

#include <lua.h>

#include "base/buffer.h"
#include "message/scan.h"
#include "script/json_known.h"

/* Elements that wait on the stack, so that a small table is made in its final size. */
#define NEAPI_HELD 16
/* Stack slots that one level of nesting needs at most. */
#define NEAPI_LEVEL_SLOTS (2 * NEAPI_HELD + 8)

/* ---- Decoding */

typedef struct neapi_decoder {
    neapi_scan scan;
    lua_State *L;
    neapi_known *known;
    int known_index; /* of the table with the known names */
    uint8_t *first;  /* where it is noted which name the next object begins with */
} neapi_decoder;

/* Makes room on the stack; with `open`, because values of any shape may come, pushes the known
 * names. Errors: false, the stack is full. */
bool neapi_decoder_init_lj(neapi_decoder *decoder, lua_State *L, neap_text json, unsigned depth,
                           bool open);

/* Push the value at the scanner, at its first byte. `depth`: levels left. Errors: false and a noted
 * failure; what was pushed stays for the caller to remove. */
bool neapi_push_value_lj(neapi_decoder *decoder, unsigned depth);
bool neapi_push_string_lj(neapi_decoder *decoder);
/* The text of a checked string. */
void neapi_push_unescaped_lj(lua_State *L, neap_text raw);

/* Elements on their way into a list, whose place on the stack is below them. */
typedef struct neapi_filling {
    int table;       /* its place on the stack; nil until it is made */
    unsigned held;   /* elements above it */
    lua_Integer put; /* elements that it has */
} neapi_filling;

/* Pushes the place of the table. */
static inline void neapi_filling_begin(neapi_filling *filling, lua_State *L)
{
    lua_pushnil(L);
    *filling = (neapi_filling){.table = lua_gettop(L)};
}
/* Puts the waiting elements into the table; `last`: no more come. */
void neapi_filling_flush_lj(neapi_filling *filling, lua_State *L, bool last);
/* Pushes the table of an empty list. */
void neapi_push_empty_array_lj(lua_State *L);

/* ---- Encoding */

/* Bytes of JSON that one value may take. A table that is shared by others is written once for each,
 * so few tables could make more than any memory has. */
#define NEAPI_ENCODED_MOST ((size_t)64 << 20)

typedef struct neapi_encoder neapi_encoder;

struct neapi_encoder {
    lua_State *L;
    neapi_buffer *json;
    neap_error *error;
    const void *array_mark; /* the array metatable; NULL: not looked up yet */
    size_t left;            /* bytes that may still be written */
    unsigned limit;         /* of nesting */
    unsigned level;         /* how many tables are being encoded */
    unsigned hidden;        /* innermost steps that are left out of the error's path */
    /* Asked about each table, on its way in; NULL: nobody is. A status but NEAP_OK, with the error
     * filled, ends it. */
    neap_status (*visit)(neapi_encoder *encoder, int index, void *user);
    void *visitor;
    int tables[NEAPI_SCAN_DEPTH_MOST]; /* where they are on the stack */
};

static inline void neapi_encoder_init(neapi_encoder *encoder, lua_State *L, neapi_buffer *json,
                                      unsigned depth, neap_error *error)
{
    encoder->L = L;
    encoder->json = json;
    encoder->error = error;
    encoder->array_mark = NULL;
    encoder->left = NEAPI_ENCODED_MOST;
    encoder->limit = depth < NEAPI_SCAN_DEPTH_MOST ? depth : NEAPI_SCAN_DEPTH_MOST;
    encoder->level = encoder->hidden = 0;
    encoder->visit = NULL;
    encoder->visitor = NULL;
}

/* Append the value at the absolute index. Errors: error->path is relative to the value, the message
 * still without it. */
neap_status neapi_encode_value_lj(neapi_encoder *encoder, int index);
/* Of a string; of a number. */
neap_status neapi_encode_string_lj(neapi_encoder *encoder, int index);
neap_status neapi_encode_number_lj(neapi_encoder *encoder, int index);

/* Put a step before the error's path, unless it is hidden. Return the status. */
neap_status neapi_encode_within_name(neapi_encoder *encoder, neap_text name, neap_status status);
neap_status neapi_encode_within_place(neapi_encoder *encoder, lua_Integer place,
                                      neap_status status);

/* Appends one element of a list, at the absolute index. */
typedef neap_status neapi_encode_element(neapi_encoder *encoder, int index, const void *context);
/* Appends a list that is not empty; its first key is on top but one, the value above it. */
neap_status neapi_encode_list_lj(neapi_encoder *encoder, int table, neapi_encode_element *element,
                                 const void *context);
/* Says why a key fits neither a list nor an object. other_names: the table has names, too. */
neap_status neapi_encode_refuse_key_lj(neapi_encoder *encoder, int key, bool other_names);

/* No further level is allowed: says whether a table contains itself, or is just too deep. */
neap_status neapi_encode_refuse_depth(neapi_encoder *encoder, int index);

/* No more bytes are allowed. */
neap_status neapi_encode_refuse_size(neapi_encoder *encoder);

/* Counts what is about to be written. */
static inline neap_status neapi_encode_spend(neapi_encoder *encoder, size_t bytes)
{
    if (encoder->left < bytes)
        return neapi_encode_refuse_size(encoder);
    encoder->left -= bytes;
    return NEAP_OK;
}

/* Steps into a table; level-- steps out. Errors: NEAP_LIMIT, NEAP_INVALID (a cycle), NEAP_NOMEM. */
static inline neap_status neapi_encode_enter(neapi_encoder *encoder, int index)
{
    if (encoder->level == encoder->limit || !lua_checkstack(encoder->L, NEAPI_LEVEL_SLOTS))
        return neapi_encode_refuse_depth(encoder, index);
    encoder->tables[encoder->level++] = index;
    if (encoder->visit != NULL) {
        neap_status status = encoder->visit(encoder, index, encoder->visitor);
        if (status != NEAP_OK)
            return status;
    }
    return neapi_encode_spend(encoder, 2);
}

#endif
