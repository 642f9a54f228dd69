/* A compiled schema: the types of a message's fields, in bytewise order of their names. Included by
 * core/script only. */
#ifndef NEAPI_SCRIPT_SCHEMA_H
#define NEAPI_SCRIPT_SCHEMA_H

#include "script/convert.h"
#include "script/json_values.h"

#define NEAPI_FIELDS_MOST       200
#define NEAPI_FIELD_WORDS       ((NEAPI_FIELDS_MOST + 63) / 64)
#define NEAPI_SCHEMA_DEPTH_MOST 50

typedef enum neapi_type_kind {
    NEAPI_TYPE_STRING,
    NEAPI_TYPE_INTEGER,
    NEAPI_TYPE_NUMBER,
    NEAPI_TYPE_BOOLEAN,
    NEAPI_TYPE_TABLE,
    NEAPI_TYPE_ANY,
    NEAPI_TYPE_LIST,   /* of elements of one type */
    NEAPI_TYPE_FIELDS, /* a nested table */
    NEAPI_TYPE_CHECK,  /* a function says */
} neapi_type_kind;

typedef struct neapi_fields neapi_fields;

typedef struct neapi_type {
    neapi_type_kind kind;
    bool optional;
    int check; /* the function's place among the schema's functions */
    const struct neapi_type *element;
    neapi_fields *fields;
} neapi_type;

typedef struct neapi_field {
    neap_text name;
    neapi_name_ends ends;
    neap_text prefix;     /* ,"name": as it stands in JSON; its memory is a multiple of 16 bytes */
    bool plain;           /* the name stands for itself in JSON */
    const void *identity; /* of the name's Lua string */
    int pin;              /* the name's place among the pins */
    neapi_type type;
} neapi_field;

struct neapi_fields {
    unsigned count;
    /* What the last table was like: tables made by the same code have the same fields, and give
     * their keys in the same order, so that the next key's field is found at once. */
    uint8_t usual, given; /* how many fields: decoded; given to the constructor */
    uint8_t order[NEAPI_FIELDS_MOST], given_order[NEAPI_FIELDS_MOST];
    uint8_t decoded_order[NEAPI_FIELDS_MOST];
    uint64_t required[NEAPI_FIELD_WORDS]; /* a bit for each that is not optional */
    neapi_field list[];
};

struct neapi_schema {
    neapi_fields *fields;
    bool open; /* some field takes values of any shape */
    bool flat; /* few fields, and each a text, a number or a boolean */
    int pins;  /* the registry's reference to the table that keeps names and memory alive */
};

/* Pushes the table of the functions that judge fields. */
void neapi_push_checks_lj(lua_State *L, const neapi_schema *schema);

/* The field of that name, or NULL. */
const neapi_field *neapi_field_find(const neapi_fields *fields, neap_text name);

/* Appends the field's name as it stands in JSON, behind a comma or, if it is the *first, a brace.
 */
static inline void neapi_field_write_name(neapi_buffer *json, const neapi_field *field, bool *first)
{
    size_t size = field->prefix.size;
    if (!neapi_buffer_reserve(json, size + 16))
        return;
    char *to = json->data + json->size; /* in blocks of 16 bytes, some of it behind the prefix */
    for (size_t i = 0; i < size; i += 16)
        memcpy(to + i, field->prefix.data + i, 16);
    if (*first)
        to[0] = '{';
    *first = false;
    json->size += size;
}

/* Text for errors. "an unknown field; did you mean …?" */
void neapi_field_unknown(const neapi_fields *fields, neap_text name, char *text, size_t room);
/* "integer", "list", … */
const char *neapi_type_name(const neapi_type *type);
/* A Lua value, for "got …": string "12", integer 12, nothing … */
void neapi_value_describe(lua_State *L, int index, char *text, size_t room);

/* Calls the type's function with the value on top of the stack, which stays. false: it refused, and
 * *problem says why, without what was found. Raises what the function raises. */
bool neapi_type_accepts_lj(lua_State *L, const neapi_schema *schema, const neapi_type *type,
                           char *problem, size_t room);

#endif
