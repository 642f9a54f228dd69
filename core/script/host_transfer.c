/* Stores as lines, and made of lines: runtime:export, and neap.export, import and compare, which
 * need no runtime. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "script/host.h"
#include "script/lua_error.h"
#include "script/trace.h"

#define EXPORTER   "neap.Exporter"
#define DIFFERENCE 2048

/* A userdata. Of a runtime it is in the runtime's list as long as it is open. */
struct neapi_host_exporter {
    neap_exporter *exporter; /* NULL: closed */
    neap_store *store;       /* its own; NULL: it is a runtime's */
    neapi_host_exporter *next, **link;
    bool ended;
};

static void close_exporter(neapi_host_exporter *held)
{
    if (held->exporter != NULL && held->link != NULL) {
        *held->link = held->next;
        if (held->next != NULL)
            held->next->link = held->link;
    }
    neap_exporter_close(held->exporter);
    neap_store_close(held->store);
    held->exporter = NULL;
    held->store = NULL;
}

void neapi_host_close_exporters(neapi_host *host)
{
    while (host->exporters != NULL)
        close_exporter(host->exporters);
}

static int exporter_close(lua_State *L)
{
    close_exporter(luaL_checkudata(L, 1, EXPORTER));
    return 0;
}

static int raise_lj(lua_State *L, const neap_error *error)
{
    neapi_push_error_lj(L, error);
    return lua_error(L);
}

/* What the loop calls: the next line, or nil. */
static int next_line(lua_State *L)
{
    neapi_host_exporter *held = lua_touserdata(L, lua_upvalueindex(1));
    const char *line = NULL;
    size_t size;
    neap_error error;
    if (held->exporter == NULL && !held->ended)
        return neapi_misuse_lj(L, "export: it was closed meanwhile");
    if (!held->ended && neap_exporter_next(held->exporter, &line, &size, &error) != NEAP_OK)
        return raise_lj(L, &error);
    if (line != NULL) {
        lua_pushlstring(L, line, size);
        return 1;
    }
    held->ended = true;
    close_exporter(held);
    lua_pushnil(L);
    return 1;
}

static neapi_host_exporter *push_exporter_lj(lua_State *L)
{
    neapi_host_exporter *held = lua_newuserdatauv(L, sizeof *held, 1);
    *held = (neapi_host_exporter){0};
    neapi_host_closes_lj(L, EXPORTER, exporter_close);
    return held;
}

static void filter_lj(lua_State *L, const char *method, const char **types, neap_filter *filter)
{
    static const neapi_host_option known[] = {
        {"stream", NEAPI_HOST_TEXT, offsetof(neap_filter, stream)},
        {"category", NEAPI_HOST_TEXT, offsetof(neap_filter, category)},
        {"types", NEAPI_HOST_OTHER, 0},
        {"from", NEAPI_HOST_UINT64, offsetof(neap_filter, from)},
        {"to", NEAPI_HOST_UINT64, offsetof(neap_filter, to)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    lua_settop(L, 2);
    neap_filter_init(filter);
    neapi_host_options_lj(L, 2, method, known, filter);
    filter->type_count = neapi_host_types_lj(L, method, types);
    filter->types = types;
}

/* The iterator, and what closes it, of the exporter at the place. */
static int return_iterator_lj(lua_State *L, int place)
{
    lua_pushvalue(L, place);
    lua_pushcclosure(L, next_line, 1);
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, place);
    return 4;
}

int neapi_host_export(lua_State *L)
{
    neap_filter filter;
    neap_error error;
    const char *types[NEAPI_HOST_TYPES];
    neapi_host *host = neapi_host_check_lj(L, "export");
    filter_lj(L, "runtime:export", types, &filter);
    neapi_host_exporter *held = push_exporter_lj(L);
    int place = lua_gettop(L);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, place, 1);
    if (neap_export(host->runtime, &filter, &held->exporter, &error) != NEAP_OK)
        return raise_lj(L, &error);
    held->next = host->exporters;
    held->link = &host->exporters;
    if (held->next != NULL)
        held->next->link = &held->next;
    host->exporters = held;
    return return_iterator_lj(L, place);
}

static const char *url_lj(lua_State *L, int place, const char *method)
{
    if (lua_type(L, place) != LUA_TSTRING)
        neapi_misuse_lj(L, "%s needs the URL of a store, but got a %s", method,
                        luaL_typename(L, place));
    return lua_tostring(L, place);
}

static int store_export(lua_State *L)
{
    neap_filter filter;
    neap_error error;
    const char *types[NEAPI_HOST_TYPES];
    const char *url = url_lj(L, 1, "neap.export");
    filter_lj(L, "neap.export", types, &filter);
    neapi_host_exporter *held = push_exporter_lj(L);
    int place = lua_gettop(L);
    neap_status status = neap_store_open(url, &held->store, &error);
    if (status == NEAP_OK)
        status = neap_store_export(held->store, &filter, &held->exporter, &error);
    return status == NEAP_OK ? return_iterator_lj(L, place) : raise_lj(L, &error);
}

/* ---- Imports --------------------------------------------------------------------------------- */

static int free_importer(lua_State *L)
{
    neap_importer **importer = lua_touserdata(L, 1);
    neap_importer_close(*importer);
    *importer = NULL;
    return 0;
}

static neap_status write_text(neap_importer *importer, const char *text, size_t size,
                              neap_error *error)
{
    neap_status status = neap_importer_write(importer, text, size, error);
    if (status == NEAP_OK && (size == 0 || text[size - 1] != '\n'))
        status = neap_importer_write(importer, "\n", 1, error);
    return status;
}

/* Calls the function at place 2 for one line after another. */
static neap_status write_lines_lj(lua_State *L, neap_importer *importer, neap_error *error)
{
    neap_status status = NEAP_OK;
    while (status == NEAP_OK) {
        size_t size;
        lua_pushvalue(L, 2);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1))
            break;
        if (lua_type(L, -1) != LUA_TSTRING)
            neapi_misuse_lj(L, "neap.import: the function must give lines, but gave a %s",
                            luaL_typename(L, -1));
        const char *line = lua_tolstring(L, -1, &size);
        status = write_text(importer, line, size, error);
        lua_pop(L, 1);
    }
    return status;
}

static int store_import(lua_State *L)
{
    static const neapi_host_option known[] = {
        {"renumber", NEAPI_HOST_FLAG, offsetof(neap_import_options, renumber)},
        {NULL, NEAPI_HOST_OTHER, 0},
    };
    neap_error error;
    neap_import_options options;
    const char *url = url_lj(L, 1, "neap.import");
    int type = lua_type(L, 2);
    if (type != LUA_TSTRING && type != LUA_TFUNCTION)
        neapi_misuse_lj(L,
                        "neap.import needs lines, a text or a function that gives them, but got "
                        "a %s",
                        luaL_typename(L, 2));
    lua_settop(L, 3);
    neap_import_options_init(&options);
    neapi_host_options_lj(L, 3, "neap.import", known, &options);
    neap_importer **importer = neapi_host_place_lj(L, "neap.Importer", free_importer);
    neap_status status = neap_import(url, &options, importer, &error);
    if (status == NEAP_OK && type == LUA_TSTRING) {
        size_t size;
        const char *text = lua_tolstring(L, 2, &size);
        status = neap_importer_write(*importer, text, size, &error);
    } else if (status == NEAP_OK) {
        status = write_lines_lj(L, *importer, &error);
    }
    if (status == NEAP_OK)
        status = neap_importer_finish(*importer, &error);
    if (status != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    neap_progress progress;
    neap_progress_init(&progress);
    neap_importer_progress(*importer, &progress);
    neap_importer_close(*importer);
    *importer = NULL;
    lua_createtable(L, 0, 2);
    neapi_host_set_count_lj(L, "appended", progress.handled);
    neapi_host_set_count_lj(L, "there", progress.since);
    return 1;
}

/* ---- Comparisons ----------------------------------------------------------------------------- */

static void keep_difference(void *user, const char *text)
{
    neapi_text_copy(user, DIFFERENCE, text, strlen(text));
}

static int store_compare(lua_State *L)
{
    neap_error error;
    neap_store *store = NULL, *other = NULL;
    neap_comparison result;
    char difference[DIFFERENCE] = "";
    const char *url = url_lj(L, 1, "neap.compare"), *against = url_lj(L, 2, "neap.compare");
    neap_status status = neap_store_open(url, &store, &error);
    if (status == NEAP_OK)
        status = neap_store_open(against, &other, &error);
    if (status == NEAP_OK)
        status = neap_store_compare(store, other, keep_difference, difference, &result, &error);
    neap_store_close(other);
    neap_store_close(store);
    if (status != NEAP_OK)
        return neapi_host_fail_lj(L, &error);
    lua_pushboolean(L, result.same);
    if (result.same)
        return 1;
    lua_pushstring(L, difference);
    return 2;
}

void neapi_host_transfer_lj(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"export", store_export},
        {"import", store_import},
        {"compare", store_compare},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
