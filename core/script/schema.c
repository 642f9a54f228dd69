#include "script/schema.h"

#include <lauxlib.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"
#include "message/write.h"
#include "script/json_sort.h"
#include "script/schema_flat.h"

/* Its address is the place in the registry of the table from schema to functions. Its values are
 * weak, for a function may know its schema: a schema's userdata holds its functions. */
static const char checks_key;

static const char *const names[] = {"string", "integer", "number", "boolean", "table", "any"};
enum { NAMED = sizeof names / sizeof *names };

typedef struct compiler {
    lua_State *L;
    int pins, checks;
    bool open, deep;
} compiler;

/* Where in the definition the compiler is. */
typedef struct place {
    const struct place *outer;
    neap_text name; /* data NULL: the element of a list */
} place;

static int raise_lj(lua_State *L, const place *at, const char *problem)
{
    luaL_Buffer text;
    const place *path[NEAPI_SCHEMA_DEPTH_MOST + 2];
    unsigned count = 0;
    for (; at != NULL; at = at->outer)
        path[count++] = at;
    luaL_buffinit(L, &text);
    while (count-- > 0) {
        if (path[count]->name.data == NULL)
            luaL_addstring(&text, "[]");
        else if (path[count]->outer != NULL)
            luaL_addchar(&text, '.');
        luaL_addlstring(&text, path[count]->name.data, path[count]->name.size);
    }
    luaL_addstring(&text, ": ");
    luaL_addstring(&text, problem);
    luaL_pushresult(&text);
    return lua_error(L);
}

/* Pops a value into the table and returns its place there. */
static int keep_lj(lua_State *L, int table)
{
    int last = (int)lua_rawlen(L, table) + 1;
    lua_rawseti(L, table, last);
    return last;
}

static void *pinned_memory_lj(compiler *c, size_t size)
{
    void *memory = lua_newuserdatauv(c->L, size, 0);
    memset(memory, 0, size);
    keep_lj(c->L, c->pins);
    return memory;
}

static neapi_type named_type_lj(compiler *c, int index, const place *at)
{
    lua_State *L = c->L;
    neapi_type type = {0};
    char problem[256];
    neap_text text;
    text.data = lua_tolstring(L, index, &text.size);
    neap_text name = text;
    type.optional = name.size > 0 && name.data[name.size - 1] == '?';
    name.size -= type.optional;
    for (unsigned i = 0; i < NAMED; i++) {
        if (neapi_text_equal(name, neapi_text_of(names[i]))) {
            type.kind = (neapi_type_kind)i;
            c->open |= type.kind == NEAPI_TYPE_ANY || type.kind == NEAPI_TYPE_TABLE;
            c->deep |= c->open;
            return type;
        }
    }
    const char *nearest = neapi_nearest(name, names, NAMED);
    int size = text.size < 64 ? (int)text.size : 64;
    snprintf(problem, sizeof problem, "unknown type \"%.*s\"", size, text.data);
    if (nearest != NULL)
        snprintf(problem + strlen(problem), sizeof problem - strlen(problem),
                 "; did you mean \"%s%s\"?", nearest, type.optional ? "?" : "");
    raise_lj(L, at, problem);
    return type;
}

static neapi_fields *compile_fields_lj(compiler *c, int index, const place *at, unsigned depth);

static neapi_type compile_type_lj(compiler *c, int index, const place *at, unsigned depth)
{
    lua_State *L = c->L;
    neapi_type type = {0};
    luaL_checkstack(L, 16, "a schema is nested too deeply");
    if (depth == 0)
        raise_lj(L, at, "types are nested too deeply");
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        return named_type_lj(c, index, at);
    case LUA_TFUNCTION:
        type.kind = NEAPI_TYPE_CHECK;
        lua_pushvalue(L, index);
        type.check = keep_lj(L, c->checks);
        c->open = c->deep = true;
        return type;
    case LUA_TTABLE:
        break;
    default:
        raise_lj(L, at, "a type is a name, a table or a function");
    }
    c->deep = true;
    if (lua_rawlen(L, index) == 0) {
        type.kind = NEAPI_TYPE_FIELDS;
        type.fields = compile_fields_lj(c, index, at, depth - 1);
        return type;
    }
    neapi_type *element = pinned_memory_lj(c, sizeof *element);
    place within = {at, {NULL, 0}};
    lua_pushnil(L);
    lua_next(L, index);
    lua_pop(L, 1);
    if (lua_next(L, index) != 0)
        raise_lj(L, at, "a list has one type, as in { \"integer\" }");
    lua_rawgeti(L, index, 1);
    *element = compile_type_lj(c, lua_gettop(L), &within, depth - 1);
    lua_pop(L, 1);
    if (element->optional)
        raise_lj(L, &within, "a list's element cannot be optional");
    type.kind = NEAPI_TYPE_LIST;
    type.element = element;
    return type;
}

/* The name as it stands in JSON, with a comma before and a colon behind it. */
static neap_text prefix_lj(compiler *c, const place *at)
{
    size_t most = (6 * at->name.size + 4 + 15) / 16 * 16;
    char *memory = pinned_memory_lj(c, most);
    neapi_buffer json = {.data = memory, .capacity = most};
    if (!neapi_write_name(&json, ',', at->name))
        raise_lj(c->L, at, "a name is not valid UTF-8");
    return neapi_text(memory, json.size);
}

/* The field's name is on top of the stack. */
static void compile_field_lj(compiler *c, neapi_field *field, int table, const place *at,
                             unsigned depth)
{
    lua_State *L = c->L;
    field->name.data = lua_tolstring(L, -1, &field->name.size);
    field->ends = neapi_name_ends_of(field->name.data, field->name.size, field->name.data);
    field->identity = lua_topointer(L, -1);
    lua_pushvalue(L, -1);
    field->pin = keep_lj(L, c->pins);
    field->prefix = prefix_lj(c, at);
    field->plain = field->prefix.size == field->name.size + 4;
    lua_pushvalue(L, -1);
    lua_rawget(L, table);
    field->type = compile_type_lj(c, lua_gettop(L), at, depth);
    lua_pop(L, 1);
}

static neapi_fields *compile_fields_lj(compiler *c, int index, const place *at, unsigned depth)
{
    lua_State *L = c->L;
    size_t count;
    int top = lua_gettop(L);
    const neapi_entry *sorted = neapi_sorted_names_lj(L, index, &count);
    if (sorted == NULL)
        raise_lj(L, at, "a table of fields has a key that is not a name");
    if (count > NEAPI_FIELDS_MOST)
        raise_lj(L, at, "a table has more than 200 fields");
    neapi_fields *fields = pinned_memory_lj(c, sizeof *fields + count * sizeof *fields->list);
    for (size_t i = 0; i < count; i++) {
        place within = {at, sorted[i].name};
        lua_pushlstring(L, sorted[i].name.data, sorted[i].name.size);
        compile_field_lj(c, &fields->list[i], index, &within, depth);
        lua_pop(L, 1);
        if (!fields->list[i].type.optional)
            fields->required[i / 64] |= (uint64_t)1 << i % 64;
    }
    fields->count = (unsigned)count;
    fields->usual = fields->given = (uint8_t)count;
    lua_settop(L, top);
    return fields;
}

/* Pushes the table from schema to functions. */
static void push_all_checks_lj(lua_State *L)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &checks_key) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &checks_key);
}

void neapi_push_checks_lj(lua_State *L, const neapi_schema *schema)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &checks_key);
    lua_rawgetp(L, -1, schema);
    lua_replace(L, -2);
}

static int free_schema(lua_State *L)
{
    neapi_schema *schema = lua_touserdata(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, schema->pins);
    schema->pins = LUA_NOREF;
    return 0;
}

bool neapi_schema_is_gone(const neapi_schema *schema)
{
    return schema->pins == LUA_NOREF;
}

void neapi_push_schema_metatable_lj(lua_State *L)
{
    if (!luaL_newmetatable(L, "neap.Schema"))
        return;
    lua_pushcfunction(L, free_schema);
    lua_setfield(L, -2, "__gc");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
}

/* Pushes a schema without fields. */
static neapi_schema *push_schema_lj(lua_State *L)
{
    neapi_schema *schema = lua_newuserdatauv(L, sizeof *schema, 1);
    *schema = (neapi_schema){.pins = LUA_NOREF};
    neapi_push_schema_metatable_lj(L);
    lua_setmetatable(L, -2);
    return schema;
}

neapi_schema *neapi_schema_new_lj(lua_State *L, int index, const char *name)
{
    place at = {NULL, neapi_text_of(name)};
    index = lua_absindex(L, index);
    luaL_checkstack(L, 16, NULL);
    if (lua_type(L, index) != LUA_TTABLE)
        raise_lj(L, &at, "expected a table of fields");
    neapi_schema *schema = push_schema_lj(L);
    int top = lua_gettop(L);
    compiler c = {.L = L, .pins = top + 1, .checks = top + 2};
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, c.pins);
    schema->pins = luaL_ref(L, LUA_REGISTRYINDEX);
    schema->fields = compile_fields_lj(&c, index, &at, NEAPI_SCHEMA_DEPTH_MOST);
    schema->open = c.open;
    schema->flat = !c.deep && schema->fields->count <= NEAPI_FLAT_MOST;
    push_all_checks_lj(L);
    lua_pushvalue(L, c.checks);
    lua_rawsetp(L, -2, schema);
    lua_pop(L, 1);
    lua_setiuservalue(L, top, 1);
    lua_settop(L, top);
    return schema;
}
