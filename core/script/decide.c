/* A command decided in its aggregate. */
#include <lauxlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "script/engine_state.h"
#include "script/failure.h"
#include "script/value.h"

/* Whether a handler leaves its state alone is looked at in its first decisions and then now and
 * then. */
#define SAMPLED_FIRST 8
#define SAMPLED_EVERY 256

typedef struct deciding {
    const neapi_message *command;
    neapi_state state;
    const neapi_instance *instance;
    neap_text json;
    uint64_t expected;
    neapi_call *call;
    neapi_unit *unit;
    size_t first; /* of the unit's events that is decided here */
    bool spoilt;
    bool again; /* what is decided is not folded */
} deciding;

/* Places on the stack while a decision is made. */
enum { STATE = 1, COPY, RESULTS };

/* What stands in the engine's buffer in front of each event's JSON. */
typedef struct header {
    uint32_t message;
    int index;  /* on the stack */
    int fields; /* there too, what the fold gets; 0: it is decoded */
    size_t size;
} header;

static bool is_sampled(neapi_planned_message *planned)
{
    unsigned number = planned->decisions++;
    return number < SAMPLED_FIRST || number % SAMPLED_EVERY == 0;
}

/* Pushes the state, and a copy of it if this decision is sampled, else nil. */
static void push_state_lj(lua_State *L, neapi_engine *engine, const deciding *job)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->state);
    bool compared = is_sampled(&engine->plan.messages[job->command->index]) || engine->vm.guest;
    if (!compared || neapi_value_copy_lj(L, STATE, engine->vm.depth, NULL) != NEAP_OK)
        lua_pushnil(L);
}

static void push_handler(lua_State *L, const neapi_engine *engine, const deciding *job)
{
    lua_rawgeti(L, lua_upvalueindex(NEAPI_UPVALUE_FUNCTIONS),
                engine->plan.messages[job->command->index].handler);
}

/* Calls the handler; its results are on the stack from RESULTS on. */
static neap_status call_handler_lj(lua_State *L, neapi_engine *engine, deciding *job,
                                   neap_error *error)
{
    engine->vm.pure = NEAPI_PURE_AGGREGATE;
    push_handler(L, engine, job);
    lua_pushvalue(L, STATE);
    neap_status status = neapi_message_decode_lj(L, engine, job->command->index, job->json,
                                                 job->call->canonical, error);
    if (status != NEAP_OK)
        return status;
    lua_pushvalue(L, lua_upvalueindex(NEAPI_UPVALUE_CONTEXT));
    engine->scope =
        (neapi_scope){.handling = NEAPI_HANDLING_DECISION, .call = job->call, .unit = job->unit};
    job->spoilt = true; /* unless it comes back */
    lua_call(L, 3, LUA_MULTRET);
    job->spoilt = false;
    engine->scope.handling = NEAPI_HANDLING_NOTHING;
    return NEAP_OK;
}

static neap_status check_unchanged_lj(lua_State *L, neapi_engine *engine, deciding *job,
                                      neap_error *error)
{
    neap_error changed;
    if (lua_isnil(L, COPY) || neapi_value_same_lj(L, COPY, STATE, &changed))
        return NEAP_OK;
    job->spoilt = true;
    push_handler(L, engine, job);
    neapi_fail_at(L, -1, error,
                  "the handler of '%.*s' changed its state at '%s'; a state is read-only in "
                  "commands: return an event, and change it in the event's fold",
                  NEAPI_TEXT(job->command->name), changed.path);
    NEAPI_ERROR_SET(error, path, changed.path, strlen(changed.path));
    return NEAP_HANDLER;
}

static neap_status refuse_result(lua_State *L, neapi_engine *engine, const deciding *job, int index,
                                 uint32_t message, neap_error *error)
{
    neap_text command = job->command->name;
    push_handler(L, engine, job);
    if (message != NEAPI_NONE && engine->catalog.messages[message]->kind != NEAP_KIND_EVENT)
        return neapi_fail_at(
            L, -1, error, "the handler of '%.*s' returned '%.*s', which is no event",
            NEAPI_TEXT(command), NEAPI_TEXT(engine->catalog.messages[message]->name));
    if (message != NEAPI_NONE)
        return neapi_fail_at(
            L, -1, error,
            "the handler of '%.*s' decided '%.*s', which aggregate '%.*s' does not fold: it is "
            "missing in 'events'",
            NEAPI_TEXT(command), NEAPI_TEXT(engine->catalog.messages[message]->name),
            NEAPI_TEXT(engine->catalog.aggregates[job->command->aggregate]->name));
    if (lua_type(L, index) == LUA_TTABLE)
        return neapi_fail_at(L, -1, error,
                             "the handler of '%.*s' returned a table that is no event: call the "
                             "event, and return several events as several results",
                             NEAPI_TEXT(command));
    return neapi_fail_at(L, -1, error,
                         "the handler of '%.*s' returned a %s; it returns events, "
                         "neap.reject(…), or nothing",
                         NEAPI_TEXT(command), luaL_typename(L, index));
}

/* Checks and encodes one event behind a header in the engine's buffer. */
static neap_status encode_result_lj(lua_State *L, neapi_engine *engine, const deciding *job,
                                    int index, neap_error *error)
{
    uint32_t message = neapi_message_of(L, engine, index);
    const neapi_planned_aggregate *aggregate = &engine->plan.aggregates[job->command->aggregate];
    bool transient = message != NEAPI_NONE && engine->catalog.messages[message]->transient;
    if (message == NEAPI_NONE || (aggregate->folds[message] == 0 && !transient))
        return refuse_result(L, engine, job, index, message, error);
    neapi_buffer *scratch = &engine->scratch;
    size_t start = scratch->size;
    header head = {.message = message, .index = index};
    bool copied = false;
    neapi_buffer_append(scratch, &head, sizeof head);
    neap_status status = neapi_event_encode_lj(L, engine, message, index, scratch,
                                               aggregate->seen[message], &copied, error);
    if (status != NEAP_OK) {
        push_handler(L, engine, job);
        neapi_failure_place(L, -1, error);
        return status;
    }
    head.fields = copied ? lua_gettop(L) : 0;
    head.size = scratch->size - start - sizeof head;
    memcpy(scratch->data + start, &head, sizeof head);
    return NEAP_OK;
}

static neap_status encode_results_lj(lua_State *L, neapi_engine *engine, const deciding *job,
                                     neap_error *error)
{
    int last = lua_gettop(L);
    luaL_checkstack(L, 20, "a handler's results");
    neap_status status;
    for (int i = RESULTS; i <= last; i++)
        if (neapi_rejection_lj(L, engine, i, &status, error))
            return status;
    neapi_buffer_clear(&engine->scratch);
    for (int i = RESULTS; i <= last; i++) {
        if (lua_isnil(L, i))
            continue;
        luaL_checkstack(L, 20, "a handler's results"); /* each may leave a table there */
        status = encode_result_lj(L, engine, job, i, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

/* Goes through the events in the engine's buffer. */
static bool next_event(const neapi_buffer *scratch, size_t *at, header *head, neap_text *data)
{
    if (*at == scratch->size)
        return false;
    memcpy(head, scratch->data + *at, sizeof *head);
    *data = neapi_text(scratch->data + *at + sizeof *head, head->size);
    *at += sizeof *head + head->size;
    return true;
}

/* What has none of the instance's tags would be recorded, and then never be seen by it again. */
static neap_status check_tags(lua_State *L, neapi_engine *engine, const deciding *job,
                              neap_error *error)
{
    const neap_event *event = &job->unit->events[job->unit->event_count - 1];
    if (neapi_instance_wants(job->instance, event))
        return NEAP_OK;
    push_handler(L, engine, job);
    return neapi_fail_at(L, -1, error,
                         "the handler of '%.*s' decided '%.*s', which has none of the tags that it "
                         "was decided by: %.*s",
                         NEAPI_TEXT(job->command->name), NEAPI_TEXT(event->type),
                         NEAPI_TEXT(job->instance->id));
}

static neap_status append_results_lj(lua_State *L, neapi_engine *engine, const deciding *job,
                                     neap_error *error)
{
    header head;
    neap_text data;
    for (size_t at = 0; next_event(&engine->scratch, &at, &head, &data);) {
        bool transient = engine->catalog.messages[head.message]->transient;
        neap_status status = neapi_event_append_lj(
            L, engine, head.message, head.index, job->instance->stream,
            transient ? NEAP_ANY_VERSION : job->expected, data, job->call, job->unit, error);
        if (status == NEAP_OK && !transient)
            status = check_tags(L, engine, job, error);
        if (status != NEAP_OK)
            return status;
    }
    return NEAP_OK;
}

static neap_status fold_results_lj(lua_State *L, neapi_engine *engine, const deciding *job,
                                   neap_error *error)
{
    const int *folds = engine->plan.aggregates[job->command->aggregate].folds;
    const void *before = lua_topointer(L, STATE);
    header head;
    neap_text data;
    const neap_event *event = &job->unit->events[job->first];
    for (size_t at = 0; next_event(&engine->scratch, &at, &head, &data);) {
        if (engine->catalog.messages[head.message]->transient)
            continue;
        neap_status status = neapi_fold_lj(L, engine, folds[head.message], job->instance, STATE,
                                           event++, head.fields, error);
        if (status != NEAP_OK)
            return status;
    }
    if (lua_topointer(L, STATE) == before)
        return NEAP_OK;
    lua_pushvalue(L, STATE);
    lua_rawseti(L, lua_upvalueindex(NEAPI_UPVALUE_STATES), job->state);
    return NEAP_OK;
}

static neap_status decide(lua_State *L, neapi_engine *engine, void *arguments, neap_error *error)
{
    deciding *job = arguments;
    push_state_lj(L, engine, job);
    neap_status status = call_handler_lj(L, engine, job, error);
    if (status == NEAP_OK)
        status = check_unchanged_lj(L, engine, job, error);
    if (status == NEAP_OK)
        status = encode_results_lj(L, engine, job, error);
    if (status != NEAP_OK)
        return status;
    job->spoilt = true; /* until all of it is done */
    job->first = job->unit->event_count;
    status = append_results_lj(L, engine, job, error);
    if (status == NEAP_OK && !job->again)
        status = fold_results_lj(L, engine, job, error);
    job->spoilt = status != NEAP_OK;
    return status;
}

neap_status neapi_engine_decide(neapi_engine *engine, const neapi_message *command,
                                neapi_state state, const neapi_instance *instance,
                                uint64_t expected, neap_text json, neapi_call *call,
                                neapi_unit *unit, bool *spoilt, neap_error *error)
{
    neap_error own;
    deciding job = {command, state, instance, json, expected, call, unit, 0, false, false};
    neap_status status = neapi_engine_enter(engine, decide, &job, error != NULL ? error : &own);
    *spoilt = status != NEAP_OK && job.spoilt;
    return status;
}

neap_status neapi_engine_decide_again(neapi_engine *engine, const neapi_message *command,
                                      neapi_state state, const neapi_instance *instance,
                                      neap_text json, neapi_call *call, neapi_unit *unit,
                                      bool *spoilt, neap_error *error)
{
    neap_error own;
    deciding job = {command, state, instance, json, NEAP_ANY_VERSION, call, unit, 0, false, true};
    neap_status status = neapi_engine_enter(engine, decide, &job, error != NULL ? error : &own);
    *spoilt = status != NEAP_OK && job.spoilt;
    return status;
}
