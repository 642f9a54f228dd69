#include "script/host_log.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "message/json.h"
#include "script/convert.h"
#include "script/trace.h"

#define MOST_KEPT 10000

typedef struct neapi_kept_record {
    struct neapi_kept_record *next;
    char *json;
    size_t size;
} kept_record;

static void log_to_stderr(void *user, neap_log_level level, const char *text)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    (void)user;
    fprintf(stderr, "neap: %s: %s\n", names[level], text);
}

/* ---- Keeping --------------------------------------------------------------------------------- */

/* A kept record of its own; NULL: no memory. */
static kept_record *copy_of(const neap_log_record *record)
{
    kept_record *kept = neapi_alloc_zero(1, sizeof *kept);
    if (kept != NULL && neap_log_record_json(record, &kept->json, &kept->size, NULL) == NEAP_OK)
        return kept;
    neapi_free(kept);
    return NULL;
}

static void keep(void *user, const neap_log_record *record)
{
    neapi_host_log *log = user;
    kept_record *kept = copy_of(record);
    pthread_mutex_lock(&log->mutex);
    if (kept == NULL || log->kept == MOST_KEPT) {
        log->lost++;
    } else {
        *(log->last != NULL ? &log->last->next : &log->first) = kept;
        log->last = kept;
        log->kept++;
        kept = NULL;
    }
    pthread_mutex_unlock(&log->mutex);
    if (kept != NULL)
        neapi_free(kept->json);
    neapi_free(kept);
}

static kept_record *take(neapi_host_log *log, uint64_t *lost)
{
    pthread_mutex_lock(&log->mutex);
    kept_record *taken = log->first;
    log->first = log->last = NULL;
    log->kept = 0;
    *lost = log->lost;
    log->lost = 0;
    pthread_mutex_unlock(&log->mutex);
    return taken;
}

static void free_records(kept_record *record)
{
    while (record != NULL) {
        kept_record *next = record->next;
        neapi_free(record->json);
        neapi_free(record);
        record = next;
    }
}

void neapi_host_log_fini(neapi_host_log *log)
{
    if (!log->wanted)
        return;
    uint64_t lost;
    free_records(take(log, &lost));
    pthread_mutex_destroy(&log->mutex);
    log->wanted = false;
}

/* ---- The options ----------------------------------------------------------------------------- */

static neap_log_level level_lj(lua_State *L, int index)
{
    for (neap_log_level level = NEAP_LOG_DEBUG; level <= NEAP_LOG_ERROR; level++)
        if (lua_type(L, index) == LUA_TSTRING &&
            strcmp(lua_tostring(L, index), neap_log_level_name(level)) == 0)
            return level;
    neapi_misuse_lj(L,
                    "neap.open: 'log_level' must be \"debug\", \"info\", \"warn\" or "
                    "\"error\", but is %s",
                    luaL_tolstring(L, index, NULL));
    return NEAP_LOG_INFO;
}

void neapi_host_log_option_lj(lua_State *L, int options, int host, neapi_host_log *log,
                              neap_options *taken)
{
    if (lua_type(L, options) != LUA_TTABLE)
        return;
    if (lua_getfield(L, options, "log_level") != LUA_TNIL)
        taken->log_level = level_lj(L, -1);
    if (lua_getfield(L, options, "log") == LUA_TNIL)
        return;
    const char *where = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (strcmp(where, "stderr") == 0) {
        taken->log = log_to_stderr;
        return;
    }
    if (lua_type(L, -1) != LUA_TFUNCTION)
        neapi_misuse_lj(L, "neap.open: 'log' must be \"stderr\" or a function, but is a %s",
                        luaL_typename(L, -1));
    lua_setiuservalue(L, host, 2);
    if (pthread_mutex_init(&log->mutex, NULL) != 0)
        luaL_error(L, "neap.open: no mutex for the log");
    log->wanted = true;
    taken->log_record = keep;
    taken->log_user = log;
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* Its places: the function, a light userdata of the list of records. Takes each out of the list
 * before it is told, so that none is told twice. */
static int tell_all(lua_State *L)
{
    kept_record **records = lua_touserdata(L, 2);
    neap_error error;
    while (*records != NULL) {
        kept_record *record = *records;
        lua_settop(L, 2);
        lua_pushvalue(L, 1);
        neap_status status =
            neapi_decode_lj(L, neapi_text(record->json, record->size), NEAPI_JSON_DEPTH, &error);
        *records = record->next;
        record->next = NULL;
        free_records(record);
        if (status != NEAP_OK)
            continue;
        lua_getfield(L, 4, "level");
        lua_getfield(L, 4, "message");
        lua_pushnil(L);
        lua_setfield(L, 4, "level");
        lua_pushnil(L);
        lua_setfield(L, 4, "message");
        lua_pushvalue(L, 4);
        lua_remove(L, 4);
        lua_call(L, 3, 0);
    }
    return 0;
}

static void warn(lua_State *L, const char *text)
{
    lua_warning(L, "neap: the log function of neap.open: ", 1);
    lua_warning(L, text, 0);
}

void neapi_host_log_tell(lua_State *L, int host, neapi_host_log *log)
{
    if (!log->wanted || log->telling)
        return;
    uint64_t lost;
    kept_record *records = take(log, &lost);
    if (records == NULL && lost == 0)
        return;
    if (!lua_checkstack(L, 6)) {
        free_records(records);
        return;
    }
    log->telling = true;
    while (records != NULL) {
        lua_pushcfunction(L, tell_all);
        lua_getiuservalue(L, host, 2);
        lua_pushlightuserdata(L, &records);
        if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
            const char *why = lua_tostring(L, -1);
            warn(L, why != NULL ? why : "it raised what is no text");
            lua_pop(L, 1);
        }
    }
    if (lost != 0)
        warn(L, "records were lost: there was no room for them");
    log->telling = false;
}
