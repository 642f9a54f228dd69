#include "script/ink.h"

#include <lauxlib.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define MARK    ((unsigned char)0xFF)
#define LOCALE  "neap.Ink.locale"
#define INVALID UINT32_MAX

/* What each mark becomes. Sixteen colours, which a terminal's owner can choose; none that needs a
 * dark or a light background. */
static const struct {
    char mark;
    const char *sequence;
} inks[] = {
    {'.', "\033[0m"},    /* the end of all others */
    {'k', "\033[34;1m"}, /* a key of a table */
    {'s', "\033[32m"},   /* a text */
    {'n', "\033[36m"},   /* a number */
    {'c', "\033[35m"},   /* null, nothing, true and false */
    {'h', "\033[1m"},    /* the head of a table, or what a line is about */
    {'o', "\033[31m"},   /* an old value */
    {'w', "\033[32m"},   /* a new one */
    {'d', "\033[2m"},    /* hints, and what is seldom looked at */
    {'x', "\033[0;2m"},  /* in place of what was left out */
};

static const char *sequence_of(unsigned char mark)
{
    for (size_t i = 0; i < sizeof inks / sizeof *inks; i++)
        if ((unsigned char)inks[i].mark == mark)
            return inks[i].sequence;
    return NULL;
}

/* ---- Pieces ---------------------------------------------------------------------------------- */

/* A character, a mark, or a byte that is neither. */
typedef struct piece {
    const char *bytes;
    size_t size;
    uint32_t code;      /* INVALID: it is no character */
    const char *colour; /* of a mark; NULL: it is none */
    unsigned columns;
    char escaped[16]; /* what stands for it; empty: it is printed as it is */
} piece;

/* The character that begins there (RFC 3629). */
static uint32_t decode(const unsigned char *at, size_t rest, size_t *size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7FU >> length);
    *size = 1;
    if (length == 0 || at[0] > 0xF4 || length > rest)
        return INVALID;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return INVALID;
        code = code << 6 | (at[i] & 0x3F);
    }
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return INVALID;
    *size = length;
    return code;
}

/* Controls of both sets, and what turns the direction of a text, or ends its line. */
static bool steers(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C || code == 0x200E ||
           code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF ||
           (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE007F);
}

/* The system's table may be older than the character. */
static unsigned columns_of(uint32_t code)
{
    int width = wcwidth((wchar_t)code);
    if (width >= 0)
        return (unsigned)width;
    return code >= 0x1F000 && code < 0x20000 ? 2 : 1;
}

static void escape(piece *it)
{
    static const char plain[] = "\n\r\t", letters[] = "nrt";
    const char *known = it->size == 1 && *it->bytes != '\0' ? strchr(plain, *it->bytes) : NULL;
    if (known != NULL)
        snprintf(it->escaped, sizeof it->escaped, "\\%c", letters[known - plain]);
    else if (it->code == INVALID || it->code < 0x80)
        snprintf(it->escaped, sizeof it->escaped, "\\%03u", (unsigned char)*it->bytes);
    else
        snprintf(it->escaped, sizeof it->escaped, "\\u{%X}", (unsigned)it->code);
    it->columns = (unsigned)strlen(it->escaped);
}

/* Takes the next piece; false: that was all. */
static bool take(const char **at, const char *end, bool with_marks, piece *it)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    size_t rest = (size_t)(end - *at);
    if (rest == 0)
        return false;
    *it = (piece){.bytes = *at, .size = 1};
    if (with_marks && *bytes == MARK && rest > 1 && (it->colour = sequence_of(bytes[1])) != NULL) {
        it->size = 2;
    } else {
        it->code = decode(bytes, rest, &it->size);
        if (it->code == INVALID || steers(it->code))
            escape(it);
        else
            it->columns = it->code < 0x7F ? 1 : columns_of(it->code);
    }
    *at += it->size;
    return true;
}

static void add(luaL_Buffer *made, const piece *it)
{
    if (it->escaped[0] != '\0')
        luaL_addstring(made, it->escaped);
    else
        luaL_addlstring(made, it->bytes, it->size);
}

/* ---- Columns --------------------------------------------------------------------------------- */

static unsigned count(const char *text, const char *end)
{
    piece it;
    unsigned columns = 0;
    while (take(&text, end, true, &it))
        columns += it.columns;
    return columns;
}

/* How much of the text fits, in bytes; marks behind it are not among them. */
static size_t fitting(const char *text, const char *end, unsigned most)
{
    piece it;
    const char *at = text;
    unsigned columns = 0;
    size_t bytes = 0;
    while (take(&at, end, true, &it) && columns + it.columns <= most) {
        columns += it.columns;
        bytes = (size_t)(at - text);
    }
    return bytes;
}

/* wcwidth() asks the thread's locale, and the host's may know no characters. */
static locale_t begin_counting(lua_State *L)
{
    const locale_t *ours = lua_touserdata(L, lua_upvalueindex(1));
    return *ours != (locale_t)0 ? uselocale(*ours) : (locale_t)0;
}

static void end_counting(locale_t before)
{
    if (before != (locale_t)0)
        uselocale(before);
}

/* columns(text) */
static int columns(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    locale_t before = begin_counting(L);
    unsigned counted = count(text, text + size);
    end_counting(before);
    lua_pushinteger(L, (lua_Integer)counted);
    return 1;
}

/* cut(text, columns) */
static int cut(lua_State *L)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    lua_Integer wanted = luaL_checkinteger(L, 2);
    unsigned most = wanted < 1 ? 1 : wanted > INT32_MAX ? INT32_MAX : (unsigned)wanted;
    locale_t before = begin_counting(L);
    size_t fits = fitting(text, text + size, most);
    if (fits < size && count(text + fits, text + size) == 0)
        fits = size;
    if (fits < size)
        fits = fitting(text, text + size, most - 1);
    end_counting(before);
    lua_pushlstring(L, text, fits);
    if (fits < size) {
        lua_pushliteral(L, "\xFFx…\xFF.");
        lua_concat(L, 2);
    }
    return 1;
}

/* ---- Text ------------------------------------------------------------------------------------ */

/* escape(text, quoted) */
static int escape_text(lua_State *L)
{
    size_t size;
    const char *at = luaL_checklstring(L, 1, &size), *end = at + size;
    bool quoted = lua_toboolean(L, 2);
    luaL_Buffer made;
    luaL_buffinit(L, &made);
    for (piece it; take(&at, end, false, &it); add(&made, &it))
        if (quoted && (*it.bytes == '"' || *it.bytes == '\\'))
            luaL_addchar(&made, '\\');
    luaL_pushresult(&made);
    return 1;
}

/* paint(text, coloured) */
static int paint(lua_State *L)
{
    size_t size;
    const char *at = luaL_checklstring(L, 1, &size), *end = at + size;
    bool coloured = lua_toboolean(L, 2);
    luaL_Buffer made;
    luaL_buffinit(L, &made);
    for (piece it; take(&at, end, true, &it);) {
        if (it.colour == NULL)
            add(&made, &it);
        else if (coloured)
            luaL_addstring(&made, it.colour);
    }
    luaL_pushresult(&made);
    return 1;
}

static int free_locale(lua_State *L)
{
    locale_t *ours = lua_touserdata(L, 1);
    if (*ours != (locale_t)0)
        freelocale(*ours);
    *ours = (locale_t)0;
    return 0;
}

static void push_locale_lj(lua_State *L)
{
    locale_t *ours = lua_newuserdatauv(L, sizeof(locale_t), 0);
    *ours = (locale_t)0;
    if (luaL_newmetatable(L, LOCALE)) {
        lua_pushcfunction(L, free_locale);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    *ours = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

void neapi_ink_open_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"escape", escape_text}, {"columns", columns}, {"cut", cut}, {"paint", paint}, {NULL, NULL},
    };
    luaL_newlibtable(L, functions);
    push_locale_lj(L);
    luaL_setfuncs(L, functions, 1);
    lua_setfield(L, -2, "ink");
}
