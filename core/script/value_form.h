/* The bytes of a saved state: one byte for the version of the form, then one value.
 *
 * A value is a tag and what it says: integers are zigzag varints, floats eight bytes with the
 * lowest first, texts a varint length and bytes, tables a varint count of elements 1 … n, a varint
 * count of other pairs, the elements and the pairs. A table that came before, or that this one is
 * within, is its number only, a varint: tables count from 1 in the order in which they begin. */
#ifndef NEAPI_SCRIPT_VALUE_FORM_H
#define NEAPI_SCRIPT_VALUE_FORM_H

#define NEAPI_FORM_VERSION 1

typedef enum neapi_form {
    NEAPI_FORM_FALSE = 1,
    NEAPI_FORM_TRUE,
    NEAPI_FORM_NULL,
    NEAPI_FORM_INTEGER,
    NEAPI_FORM_FLOAT,
    NEAPI_FORM_TEXT,
    NEAPI_FORM_TABLE,
    NEAPI_FORM_ARRAY, /* a table with the mark of neap.array */
    NEAPI_FORM_SAME,  /* a table that is there already */
} neapi_form;

#endif
