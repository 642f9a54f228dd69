#include "base/error.h"
#include "script/convert.h"
#include "script/json_values.h"

void neapi_push_unescaped_lj(lua_State *L, neap_text raw)
{
    char small[512];
    if (raw.size <= sizeof small) {
        lua_pushlstring(L, small, neapi_unescape(raw, small));
        return;
    }
    char *text = lua_newuserdatauv(L, raw.size, 0);
    lua_pushlstring(L, text, neapi_unescape(raw, text));
    lua_remove(L, -2);
}

bool neapi_push_string_lj(neapi_decoder *decoder)
{
    neap_text raw;
    bool escaped;
    if (!neapi_scan_string(&decoder->scan, &raw, &escaped))
        return false;
    if (escaped)
        neapi_push_unescaped_lj(decoder->L, raw);
    else
        lua_pushlstring(decoder->L, raw.data, raw.size);
    return true;
}

/* An object on its way into a table. */
typedef struct members {
    int table;
    unsigned count;
    uint64_t seen;           /* a bit for a few slots each: only a name whose bit is set can be a
                                duplicate */
    uint8_t *next;           /* where it is noted which name comes next */
    neapi_known_name *first; /* where it is noted how many members there are */
} members;

/* The table is made once the first name is known: objects that begin alike are of one size. */
static void make_table_lj(neapi_decoder *d, members *m, unsigned slot)
{
    m->first = &d->known->slots[slot];
    lua_createtable(d->L, 0, m->first->count);
    m->table = lua_gettop(d->L);
}

/* Pushes a name that is not the expected one, and returns its slot. Errors: -1. */
static int push_other_name_lj(neapi_decoder *d, members *m)
{
    neap_text name;
    bool escaped;
    if (!neapi_scan_name(&d->scan, &name, &escaped))
        return -1;
    neapi_name_ends ends = {0, 0};
    if (!escaped)
        ends = neapi_name_ends_of(name.data, name.size, d->scan.end);
    unsigned slot = neapi_known_find(d->known, name, ends);
    if (m->count == 0)
        make_table_lj(d, m, slot);
    if (escaped) {
        neapi_push_unescaped_lj(d->L, name);
        name.data = lua_tolstring(d->L, -1, &name.size);
        ends = neapi_name_ends_of(name.data, name.size, name.data);
        return (int)neapi_known_find(d->known, name, ends);
    }
    neapi_known_push_lj(d->known, d->known_index, d->L, name, ends, slot);
    *m->next = (uint8_t)slot;
    return (int)slot;
}

/* Whether the table has the name that is on top of the stack. */
static bool has_name_lj(lua_State *L, int table)
{
    lua_pushvalue(L, -1);
    bool there = lua_rawget(L, table) != LUA_TNIL;
    lua_pop(L, 1);
    return there;
}

/* Pushes a member's name that the object has not had yet, and moves to its value. */
static bool push_name_lj(neapi_decoder *d, members *m)
{
    const char *first = d->scan.at;
    int slot = *m->next;
    if (neapi_known_is_next(&d->known->slots[slot], &d->scan)) {
        if (m->count == 0)
            make_table_lj(d, m, (unsigned)slot);
        lua_rawgeti(d->L, d->known_index, slot + 1);
        d->scan.at += d->known->slots[slot].size + 2;
    } else {
        slot = push_other_name_lj(d, m);
        if (slot < 0)
            return false;
    }
    uint64_t bit = (uint64_t)1 << (slot >> (NEAPI_KNOWN_BITS - 6));
    if ((m->seen & bit) != 0 && has_name_lj(d->L, m->table))
        return neapi_scan_fail_member(&d->scan, first, "a member appears twice");
    m->seen |= bit;
    m->count++;
    m->next = &d->known->slots[slot].next;
    d->first = &d->known->slots[slot].first;
    return neapi_scan_separator(&d->scan, ':', "expected ':' after a member's name");
}

static bool push_members_lj(neapi_decoder *d, unsigned depth)
{
    members m = {.next = d->first};
    bool done = false;
    if (!lua_checkstack(d->L, NEAPI_LEVEL_SLOTS))
        return neapi_scan_fail_nomem(&d->scan);
    do {
        if (!push_name_lj(d, &m) || !neapi_push_value_lj(d, depth))
            return false;
        lua_rawset(d->L, m.table);
    } while (neapi_scan_more(&d->scan, '}', &done));
    m.first->count = (uint8_t)(m.count < NEAPI_KNOWN_COUNT ? m.count : NEAPI_KNOWN_COUNT);
    return done;
}

static bool push_elements_lj(neapi_decoder *d, unsigned depth)
{
    neapi_filling filling;
    uint8_t *first = d->first;
    bool done = false;
    if (!lua_checkstack(d->L, NEAPI_LEVEL_SLOTS))
        return neapi_scan_fail_nomem(&d->scan);
    neapi_filling_begin(&filling, d->L);
    do {
        d->first = first;
        if (filling.held == NEAPI_HELD)
            neapi_filling_flush_lj(&filling, d->L, false);
        if (!neapi_push_value_lj(d, depth))
            return false;
        filling.held++;
    } while (neapi_scan_more(&d->scan, ']', &done));
    if (done)
        neapi_filling_flush_lj(&filling, d->L, true);
    return done;
}

static bool push_empty_lj(neapi_decoder *d, bool list)
{
    if (!lua_checkstack(d->L, NEAPI_LEVEL_SLOTS))
        return neapi_scan_fail_nomem(&d->scan);
    d->scan.at++;
    if (list)
        neapi_push_empty_array_lj(d->L);
    else
        lua_newtable(d->L);
    return true;
}

__attribute__((noinline)) static bool push_table_lj(neapi_decoder *d, bool list, unsigned depth)
{
    if (depth == 0)
        return neapi_scan_fail_depth(&d->scan);
    d->scan.at++;
    if (neapi_scan_peek(&d->scan) == (list ? ']' : '}'))
        return push_empty_lj(d, list);
    return list ? push_elements_lj(d, depth - 1) : push_members_lj(d, depth - 1);
}

static bool push_number_lj(neapi_decoder *d)
{
    neapi_number number;
    if (!neapi_scan_number(&d->scan, &number))
        return false;
    if (number.is_float)
        lua_pushnumber(d->L, number.real);
    else
        lua_pushinteger(d->L, number.integer);
    return true;
}

static bool push_boolean_lj(neapi_decoder *d, bool value)
{
    if (!neapi_scan_word(&d->scan, value ? "true" : "false", value ? 4 : 5))
        return false;
    lua_pushboolean(d->L, value);
    return true;
}

bool neapi_push_value_lj(neapi_decoder *d, unsigned depth)
{
    switch (d->scan.at < d->scan.end ? *d->scan.at : '\0') {
    case '"':
        return neapi_push_string_lj(d);
    case '{':
        return push_table_lj(d, false, depth);
    case '[':
        return push_table_lj(d, true, depth);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return push_number_lj(d);
    case 't':
        return push_boolean_lj(d, true);
    case 'f':
        return push_boolean_lj(d, false);
    case 'n':
        if (!neapi_scan_word(&d->scan, "null", 4))
            return false;
        neapi_push_null(d->L);
        return true;
    default:
        return neapi_scan_fail(&d->scan, d->scan.at, "expected a value");
    }
}

bool neapi_decoder_init_lj(neapi_decoder *decoder, lua_State *L, neap_text json, unsigned depth,
                           bool open)
{
    if (!lua_checkstack(L, NEAPI_LEVEL_SLOTS))
        return false;
    decoder->scan = neapi_scan_of(json, depth);
    decoder->L = L;
    if (open) {
        decoder->known = neapi_known_open_lj(L);
        decoder->known_index = lua_gettop(L);
        decoder->first = &decoder->known->first;
    }
    neapi_scan_space(&decoder->scan);
    return true;
}

neap_status neapi_decode_lj(lua_State *L, neap_text json, unsigned depth, neap_error *error)
{
    int top = lua_gettop(L);
    neapi_decoder d;
    if (!neapi_decoder_init_lj(&d, L, json, depth, true))
        return neapi_nomem(error);
    if (neapi_push_value_lj(&d, d.scan.depth) && neapi_scan_end(&d.scan)) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return NEAP_OK;
    }
    lua_settop(L, top);
    return neapi_scan_report(&d.scan, error);
}
