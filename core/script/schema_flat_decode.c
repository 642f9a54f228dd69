#include "message/scan.h"
#include "script/schema_flat.h"

typedef struct decoding {
    neapi_scan scan;
    lua_State *L;
    neapi_fields *fields;
    int pins, table;
    neapi_flat_set wanted, seen;
    neapi_flat_set beside; /* the field whose value is put behind the pins; 0: none is */
    unsigned nth, count;   /* of the object's members; of the table's */
    bool keeps_null;       /* a null is a value, which is out of the ordinary */
    /* Whether the text is canonical: its fields in order, and as many bytes as those take. */
    bool asked, canonical;
    unsigned next; /* the first field that may follow then */
    size_t bytes;
} decoding;

/* size: at least 4. */
static bool same_bytes(const char *a, const char *b, size_t size)
{
    uint64_t first[2], last[2];
    if (size > 16)
        return memcmp(a, b, size) == 0;
    if (size < 8) {
        uint32_t start[2], end[2];
        memcpy(&start[0], a, 4);
        memcpy(&start[1], b, 4);
        memcpy(&end[0], a + size - 4, 4);
        memcpy(&end[1], b + size - 4, 4);
        return start[0] == start[1] && end[0] == end[1];
    }
    memcpy(&first[0], a, 8);
    memcpy(&first[1], b, 8);
    memcpy(&last[0], a + size - 8, 8);
    memcpy(&last[1], b + size - 8, 8);
    return first[0] == first[1] && last[0] == last[1];
}

/* Whether the field's name stands at the scanner, with the colon right behind it; moves to what
 * follows then. */
static inline bool pass_name(decoding *d, const neapi_field *field)
{
    size_t size = field->prefix.size - 1; /* without the comma */
    if ((size_t)(d->scan.end - d->scan.at) < size || size < 4 ||
        !same_bytes(d->scan.at, field->prefix.data + 1, size))
        return false;
    d->scan.at += size;
    neapi_scan_space(&d->scan);
    return true;
}

/* The same, whatever white space there is. */
static bool pass_name_slowly(decoding *d, const neapi_field *field)
{
    if (!field->plain ||
        !neapi_name_stands(&d->scan, field->name.data, field->name.size, field->ends))
        return false;
    d->scan.at += field->name.size + 2;
    return neapi_scan_separator(&d->scan, ':', "");
}

/* Passes over the name of the next field: first the one that stood in its place last time is looked
 * for. Errors: NULL. */
static inline const neapi_field *pass_field(decoding *d)
{
    neapi_fields *fields = d->fields;
    if (d->nth >= fields->count)
        return NULL;
    uint8_t *likely = &fields->decoded_order[d->nth++];
    const neapi_field *field = &fields->list[*likely];
    if (pass_name(d, field))
        return field;
    for (unsigned i = 0; i < fields->count; i++) {
        field = &fields->list[i];
        if (pass_name_slowly(d, field)) {
            *likely = (uint8_t)i;
            return field;
        }
    }
    return NULL;
}

/* Whether this text is how the number is written. */
static bool is_as_written(const neapi_number *number, const char *text, size_t size)
{
    char written[NEAPI_NUMBER_ROOM];
    if (number->is_float)
        return size <= sizeof written && neapi_float_write(number->real, written) == size &&
               memcmp(written, text, size) == 0;
    return number->integer != 0 || size == 1;
}

static bool push_number_lj(decoding *d, bool must_be_whole, bool wanted)
{
    neapi_number number;
    const char *first = d->scan.at;
    char digit = first < d->scan.end ? *first : '\0';
    if ((digit != '-' && (digit < '0' || digit > '9')) || !neapi_scan_number(&d->scan, &number) ||
        (must_be_whole && number.is_float))
        return false;
    if (d->asked && d->canonical)
        d->canonical = is_as_written(&number, first, (size_t)(d->scan.at - first));
    if (!wanted)
        return true;
    if (number.is_float)
        lua_pushnumber(d->L, number.real);
    else
        lua_pushinteger(d->L, number.integer);
    return true;
}

static bool push_text_lj(decoding *d, bool wanted)
{
    neap_text raw;
    bool escaped;
    if (d->scan.at == d->scan.end || *d->scan.at != '"' ||
        !neapi_scan_string(&d->scan, &raw, &escaped))
        return false;
    d->canonical &= !escaped;
    if (wanted && escaped)
        neapi_push_unescaped_lj(d->L, raw);
    else if (wanted)
        lua_pushlstring(d->L, raw.data, raw.size);
    return true;
}

static bool push_boolean_lj(decoding *d, bool wanted)
{
    size_t left = (size_t)(d->scan.end - d->scan.at);
    bool value = left != 0 && *d->scan.at == 't';
    size_t size = value ? 4 : 5;
    if (left < size || memcmp(d->scan.at, value ? "true" : "false", size) != 0)
        return false;
    d->scan.at += size;
    if (wanted)
        lua_pushboolean(d->L, value);
    return true;
}

/* What is not wanted is only checked. */
static bool push_value_lj(decoding *d, neapi_type_kind kind, bool wanted)
{
    switch (kind) {
    case NEAPI_TYPE_STRING:
        return push_text_lj(d, wanted);
    case NEAPI_TYPE_INTEGER:
        return push_number_lj(d, true, wanted);
    case NEAPI_TYPE_NUMBER:
        return push_number_lj(d, false, wanted);
    default:
        return push_boolean_lj(d, wanted);
    }
}

/* null says of an optional field that it is absent. */
static bool pass_null(decoding *d, const neapi_field *field)
{
    if (d->keeps_null || !field->type.optional || d->scan.end - d->scan.at < 4 ||
        memcmp(d->scan.at, "null", 4) != 0)
        return false;
    d->scan.at += 4;
    d->canonical = false;
    return true;
}

static bool push_member_lj(decoding *d)
{
    const neapi_field *field = pass_field(d);
    if (field == NULL)
        return false;
    unsigned place = (unsigned)(field - d->fields->list);
    uint32_t bit = (uint32_t)1 << place;
    if ((d->seen & bit) != 0)
        return false;
    d->seen |= bit;
    d->canonical &= place >= d->next;
    d->next = place + 1;
    if (pass_null(d, field))
        return true;
    const char *first = d->scan.at;
    bool wanted = (d->wanted & bit) != 0, beside = (d->beside & bit) != 0;
    if (wanted)
        lua_rawgeti(d->L, d->pins, field->pin);
    if (!push_value_lj(d, field->type.kind, wanted || beside))
        return false;
    if (beside)
        lua_copy(d->L, -1, d->pins + 1);
    if (beside && !wanted)
        lua_pop(d->L, 1);
    d->bytes += field->prefix.size + (size_t)(d->scan.at - first);
    if (wanted) {
        lua_rawset(d->L, d->table);
        d->count++;
    }
    return true;
}

static bool push_members_lj(decoding *d)
{
    bool done = false;
    if (d->scan.at == d->scan.end || *d->scan.at != '{')
        return false;
    d->scan.at++;
    d->bytes = 1;
    if (neapi_scan_peek(&d->scan) == '}') {
        d->scan.at++;
        d->bytes = 2;
        done = true;
    } else {
        do {
            if (!push_member_lj(d))
                return false;
        } while (neapi_scan_more(&d->scan, '}', &done));
    }
    return done && (d->fields->required[0] & ~(uint64_t)d->seen) == 0 && neapi_scan_end(&d->scan);
}

static bool decode_lj(lua_State *L, neapi_schema *schema, neap_text json, decoding *d)
{
    int top = lua_gettop(L);
    if (!schema->flat || !lua_checkstack(L, NEAPI_LEVEL_SLOTS))
        return false;
    d->scan = neapi_scan_of(json, 1);
    d->L = L;
    d->fields = schema->fields;
    d->table = top + 1;
    d->pins = top + 2;
    lua_createtable(L, 0, schema->fields->usual);
    lua_rawgeti(L, LUA_REGISTRYINDEX, schema->pins);
    if (d->beside != 0)
        lua_pushnil(L);
    if (!push_members_lj(d)) {
        lua_settop(L, top);
        return false;
    }
    schema->fields->usual = (uint8_t)d->count;
    if (d->beside != 0)
        lua_replace(L, d->pins);
    else
        lua_settop(L, top + 1);
    return true;
}

bool neapi_flat_decode_lj(lua_State *L, neapi_schema *schema, neap_text json, bool *canonical)
{
    decoding d = {.wanted = NEAPI_FLAT_ALL, .asked = canonical != NULL, .canonical = true};
    if (!decode_lj(L, schema, json, &d))
        return false;
    if (canonical != NULL)
        *canonical = d.canonical && d.bytes == json.size;
    return true;
}

bool neapi_flat_recall_lj(lua_State *L, neapi_schema *schema, neap_text json, neapi_flat_set wanted)
{
    decoding d = {.wanted = wanted, .keeps_null = true};
    return decode_lj(L, schema, json, &d);
}

bool neapi_flat_recall_with_lj(lua_State *L, neapi_schema *schema, neap_text json,
                               neapi_flat_set wanted, unsigned field)
{
    decoding d = {.wanted = wanted, .beside = (neapi_flat_set)1 << field, .keeps_null = true};
    return decode_lj(L, schema, json, &d);
}
