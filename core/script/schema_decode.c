#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "message/skip.h"
#include "script/schema.h"

typedef struct decoder {
    neapi_decoder plain;
    const neapi_schema *schema;
    int pins;
    neap_error *error;
    bool refused; /* the text is JSON so far, but does not fit; error is filled */
} decoder;

/* Which fields an object has had. */
typedef struct seen {
    uint64_t bits[NEAPI_FIELD_WORDS];
    int fields; /* that are in the table */
} seen;

static bool refuse(decoder *d, const char *at, neap_text name, const char *problem)
{
    neapi_scan_refuse(&d->plain.scan, at, name, problem, d->error);
    d->refused = true;
    return false;
}

/* "<what was expected>, got <what stands there>" */
static bool refuse_value(decoder *d, const char *at, const char *expected)
{
    char found[128], problem[512];
    neapi_scan_describe(&d->plain.scan, at, found, sizeof found);
    snprintf(problem, sizeof problem, "%s, got %s", expected, found);
    return refuse(d, at, (neap_text){0}, problem);
}

__attribute__((noinline)) static bool refuse_type(decoder *d, const char *at,
                                                  const neapi_type *type)
{
    char expected[64];
    snprintf(expected, sizeof expected, "expected %s", neapi_type_name(type));
    return refuse_value(d, at, expected);
}

static bool push_type_lj(decoder *d, const neapi_type *type, unsigned depth);

static bool push_typed_number_lj(decoder *d, const neapi_type *type)
{
    neapi_number number;
    const char *first = d->plain.scan.at;
    if (!neapi_scan_number(&d->plain.scan, &number))
        return false;
    if (!number.is_float) {
        lua_pushinteger(d->plain.L, number.integer);
        return true;
    }
    if (type->kind == NEAPI_TYPE_INTEGER)
        return refuse_type(d, first, type);
    lua_pushnumber(d->plain.L, number.real);
    return true;
}

__attribute__((noinline)) static bool push_checked_lj(decoder *d, const neapi_type *type,
                                                      unsigned depth)
{
    char problem[256];
    const char *first = d->plain.scan.at;
    if (!neapi_push_value_lj(&d->plain, depth))
        return false;
    if (neapi_type_accepts_lj(d->plain.L, d->schema, type, problem, sizeof problem))
        return true;
    return refuse_value(d, first, problem);
}

__attribute__((noinline)) static bool push_list_lj(decoder *d, const neapi_type *element,
                                                   unsigned depth)
{
    neapi_filling filling;
    bool done = false;
    if (depth == 0)
        return neapi_scan_fail_depth(&d->plain.scan);
    if (!lua_checkstack(d->plain.L, NEAPI_LEVEL_SLOTS))
        return neapi_scan_fail_nomem(&d->plain.scan);
    d->plain.scan.at++;
    if (neapi_scan_peek(&d->plain.scan) == ']') {
        d->plain.scan.at++;
        neapi_push_empty_array_lj(d->plain.L);
        return true;
    }
    neapi_filling_begin(&filling, d->plain.L);
    do {
        if (filling.held == NEAPI_HELD)
            neapi_filling_flush_lj(&filling, d->plain.L, false);
        if (!push_type_lj(d, element, depth - 1))
            return false;
        filling.held++;
    } while (neapi_scan_more(&d->plain.scan, ']', &done));
    if (done)
        neapi_filling_flush_lj(&filling, d->plain.L, true);
    return done;
}

/* Whether one of the fields from `expected` on stands at the scanner: the next, or one behind a few
 * optional ones. Canonical text has the fields in the schema's order. */
static const neapi_field *expected_field(const neapi_scan *scan, const neapi_fields *fields,
                                         const neapi_field *expected)
{
    const neapi_field *last = fields->list + fields->count;
    for (int i = 0; i < 4 && expected < last; i++, expected++) {
        if (neapi_name_stands(scan, expected->name.data, expected->name.size, expected->ends))
            return expected->plain ? expected : NULL;
        if (!expected->type.optional)
            break;
    }
    return NULL;
}

/* The field whose name stands at the scanner; moves behind it. Errors: NULL. */
static const neapi_field *scan_field_lj(decoder *d, const neapi_fields *fields,
                                        const neapi_field *expected)
{
    neap_text raw;
    bool escaped;
    const neapi_field *found = expected_field(&d->plain.scan, fields, expected);
    if (found != NULL) {
        d->plain.scan.at += found->name.size + 2;
        return found;
    }
    if (!neapi_scan_name(&d->plain.scan, &raw, &escaped))
        return NULL;
    neap_text name = raw;
    if (escaped) {
        neapi_push_unescaped_lj(d->plain.L, raw);
        name.data = lua_tolstring(d->plain.L, -1, &name.size);
    }
    const neapi_field *field = neapi_field_find(fields, name);
    if (field == NULL) {
        char problem[256];
        neapi_field_unknown(fields, name, problem, sizeof problem);
        refuse(d, raw.data - 1, name, problem);
    }
    if (escaped)
        lua_pop(d->plain.L, 1);
    return field;
}

/* null says of an optional field that it is absent; one of any type keeps it. */
static bool is_absent(const neapi_scan *scan, const neapi_type *type)
{
    return type->optional && type->kind != NEAPI_TYPE_ANY && scan->end - scan->at >= 4 &&
           memcmp(scan->at, "null", 4) == 0;
}

static bool push_member_lj(decoder *d, const neapi_fields *fields, const neapi_field **expected,
                           int table, seen *had, unsigned depth)
{
    const char *first = d->plain.scan.at;
    const neapi_field *field = scan_field_lj(d, fields, *expected);
    if (field == NULL)
        return false;
    *expected = field + 1;
    size_t place = (size_t)(field - fields->list);
    uint64_t bit = (uint64_t)1 << place % 64;
    if ((had->bits[place / 64] & bit) != 0)
        return neapi_scan_fail_member(&d->plain.scan, first, "a member appears twice");
    had->bits[place / 64] |= bit;
    if (!neapi_scan_separator(&d->plain.scan, ':', "expected ':' after a member's name"))
        return false;
    if (is_absent(&d->plain.scan, &field->type)) {
        d->plain.scan.at += 4;
        return true;
    }
    lua_rawgeti(d->plain.L, d->pins, field->pin);
    if (!push_type_lj(d, &field->type, depth))
        return false;
    lua_rawset(d->plain.L, table);
    had->fields++;
    return true;
}

/* A field that a function judges may be absent if the function accepts nil. */
static bool may_be_absent_lj(decoder *d, const char *opening, const neapi_field *field)
{
    char expected[256], problem[300];
    if (field->type.kind == NEAPI_TYPE_CHECK) {
        lua_pushnil(d->plain.L);
        bool accepted =
            neapi_type_accepts_lj(d->plain.L, d->schema, &field->type, expected, sizeof expected);
        lua_pop(d->plain.L, 1);
        if (accepted)
            return true;
    } else {
        snprintf(expected, sizeof expected, "expected %s", neapi_type_name(&field->type));
    }
    snprintf(problem, sizeof problem, "%s, got nothing", expected);
    return refuse(d, opening, field->name, problem);
}

static bool check_absent_lj(decoder *d, const char *opening, const neapi_fields *fields,
                            const seen *had)
{
    for (unsigned word = 0; word * 64 < fields->count; word++) {
        uint64_t absent = fields->required[word] & ~had->bits[word];
        for (; absent != 0; absent &= absent - 1) {
            unsigned place = word * 64 + (unsigned)__builtin_ctzll(absent);
            if (!may_be_absent_lj(d, opening, &fields->list[place]))
                return false;
        }
    }
    return true;
}

static bool push_members_lj(decoder *d, neapi_fields *fields, unsigned depth)
{
    seen had = {{0}, 0};
    const char *opening = d->plain.scan.at;
    const neapi_field *expected = fields->list;
    bool done = false;
    lua_createtable(d->plain.L, 0, fields->usual);
    int table = lua_gettop(d->plain.L);
    d->plain.scan.at++;
    if (neapi_scan_peek(&d->plain.scan) == '}') {
        d->plain.scan.at++;
        done = true;
    } else {
        do {
            if (!push_member_lj(d, fields, &expected, table, &had, depth))
                return false;
        } while (neapi_scan_more(&d->plain.scan, '}', &done));
    }
    fields->usual = (uint8_t)had.fields;
    return done && check_absent_lj(d, opening, fields, &had);
}

__attribute__((noinline)) static bool push_fields_lj(decoder *d, neapi_fields *fields,
                                                     unsigned depth)
{
    if (depth == 0)
        return neapi_scan_fail_depth(&d->plain.scan);
    if (!lua_checkstack(d->plain.L, NEAPI_LEVEL_SLOTS))
        return neapi_scan_fail_nomem(&d->plain.scan);
    return push_members_lj(d, fields, depth - 1);
}

static bool push_type_lj(decoder *d, const neapi_type *type, unsigned depth)
{
    const char *at = d->plain.scan.at;
    char first = at < d->plain.scan.end ? *at : '\0';
    bool number = first == '-' || (first >= '0' && first <= '9');
    switch (type->kind) {
    case NEAPI_TYPE_STRING:
        return first == '"' ? neapi_push_string_lj(&d->plain) : refuse_type(d, at, type);
    case NEAPI_TYPE_INTEGER:
    case NEAPI_TYPE_NUMBER:
        return number ? push_typed_number_lj(d, type) : refuse_type(d, at, type);
    case NEAPI_TYPE_BOOLEAN:
        return first == 't' || first == 'f' ? neapi_push_value_lj(&d->plain, depth)
                                            : refuse_type(d, at, type);
    case NEAPI_TYPE_TABLE:
        return first == '{' || first == '[' ? neapi_push_value_lj(&d->plain, depth)
                                            : refuse_type(d, at, type);
    case NEAPI_TYPE_LIST:
        return first == '[' ? push_list_lj(d, type->element, depth) : refuse_type(d, at, type);
    case NEAPI_TYPE_FIELDS:
        return first == '{' ? push_fields_lj(d, type->fields, depth) : refuse_type(d, at, type);
    case NEAPI_TYPE_CHECK:
        return push_checked_lj(d, type, depth);
    case NEAPI_TYPE_ANY:
        break;
    }
    return neapi_push_value_lj(&d->plain, depth);
}

neap_status neapi_schema_decode_lj(lua_State *L, neapi_schema *schema, neap_text json,
                                   unsigned depth, neap_error *error)
{
    int top = lua_gettop(L);
    decoder d = {.error = error, .schema = schema};
    neapi_type whole = {.kind = NEAPI_TYPE_FIELDS, .fields = schema->fields};
    if (!neapi_decoder_init_lj(&d.plain, L, json, depth, schema->open))
        return neapi_nomem(error);
    lua_rawgeti(L, LUA_REGISTRYINDEX, schema->pins);
    d.pins = lua_gettop(L);
    if (push_type_lj(&d, &whole, d.plain.scan.depth) && neapi_scan_end(&d.plain.scan)) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return NEAP_OK;
    }
    lua_settop(L, top);
    return d.refused ? NEAP_INVALID : neapi_scan_report(&d.plain.scan, error);
}
