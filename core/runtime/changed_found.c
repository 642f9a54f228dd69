/* What two versions of a domain were found to differ in, and how it is told. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "base/uuid.h"
#include "message/json.h"
#include "message/object.h"
#include "runtime/changed.h"

/* ---- The first of many ----------------------------------------------------------------------- */

static void free_first(neapi_first *first)
{
    for (size_t i = 0; i < first->count; i++)
        neapi_buffer_fini(&first->items[i].json);
    neapi_free(first->items);
    *first = (neapi_first){0};
}

bool neapi_first_wants(const neapi_first *first, uint64_t position, size_t limit)
{
    return first->count < limit || position < first->items[first->count - 1].position;
}

static bool make_room(neapi_first *first)
{
    if (first->count < first->capacity)
        return true;
    size_t capacity = first->capacity != 0 ? 2 * first->capacity : 8;
    struct neapi_first_item *items =
        neapi_realloc(first->items, capacity * sizeof(struct neapi_first_item));
    if (items == NULL)
        return false;
    first->items = items;
    first->capacity = capacity;
    return true;
}

neap_status neapi_first_add(neapi_first *first, uint64_t position, size_t limit, neapi_buffer *json,
                            neap_error *error)
{
    if (json->failed || (first->count < limit && !make_room(first))) {
        neapi_buffer_fini(json);
        return neapi_nomem(error);
    }
    if (first->count == limit)
        neapi_buffer_fini(&first->items[--first->count].json);
    size_t at = first->count++;
    for (; at > 0 && first->items[at - 1].position > position; at--)
        first->items[at] = first->items[at - 1];
    first->items[at].position = position;
    first->items[at].json = *json;
    *json = NEAPI_BUFFER_INIT;
    return NEAP_OK;
}

/* ---- Keeping --------------------------------------------------------------------------------- */

void neapi_changed_fini(neapi_changed *it)
{
    for (neapi_changed_definition *one = it->definitions; one != NULL; one = one->next)
        free_first(&one->first);
    free_first(&it->decided.first);
    free_first(&it->decided.first_as_before);
    neapi_arena_fini(&it->arena);
    neapi_arena_fini(&it->command);
    neapi_unit_release(it->unit);
    for (int i = 0; i < NEAPI_CODES; i++) {
        neapi_buffer_fini(&it->texts[i]);
        neapi_buffer_fini(&it->errors[i]);
        if (it->codes[i].engine != NULL)
            neapi_engine_close(it->codes[i].engine);
    }
    if (it->session != NULL)
        neapi_session_close(it->session);
}

neapi_changed_definition *neapi_changed_define(neapi_changed *it, const char *kind, neap_text name)
{
    neapi_changed_definition *made = neapi_arena_alloc(&it->arena, sizeof *made);
    if (made == NULL)
        return NULL;
    *made = (neapi_changed_definition){.kind = kind, .name = name};
    *it->end = made;
    it->end = &made->next;
    return made;
}

neap_status neapi_changed_pass_over(neapi_changed *it, const char *kind, neap_text name,
                                    const char *why, neap_error *error)
{
    neapi_changed_definition *made = neapi_changed_define(it, kind, name);
    if (made == NULL)
        return neapi_nomem(error);
    made->passed_over = why;
    return NEAP_OK;
}

static bool is_that(const neapi_undecided *it, neap_text command, const char *why)
{
    return neapi_text_equal(it->command, command) && neapi_text_equal(it->why, neapi_text_of(why));
}

neap_status neapi_changed_undecided(neapi_changed *it, neap_text command, const char *why,
                                    uint64_t position, neap_error *error)
{
    neapi_decided *decided = &it->decided;
    decided->undecided_count++;
    size_t reasons = 0;
    neapi_undecided **at = &decided->undecided;
    for (; *at != NULL && !is_that(*at, command, why); at = &(*at)->next)
        reasons++;
    if (*at != NULL) {
        (*at)->count++;
        if (position < (*at)->first)
            (*at)->first = position;
        return NEAP_OK;
    }
    if (reasons >= it->limit)
        return NEAP_OK;
    neapi_undecided *made = neapi_arena_alloc(&it->arena, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    *made = (neapi_undecided){.command = neapi_arena_text(&it->arena, command),
                              .why = neapi_arena_text(&it->arena, neapi_text_of(why)),
                              .count = 1,
                              .first = position};
    if (made->command.data == NULL || made->why.data == NULL)
        return neapi_nomem(error);
    *at = made;
    return NEAP_OK;
}

neap_status neapi_changed_go_on(neapi_changed *it, size_t events, neap_error *error)
{
    it->done += events;
    if (it->done < it->asked)
        return NEAP_OK;
    it->asked = it->done + 1000;
    uint64_t done = it->done < it->target ? it->done : it->target;
    return neapi_history_go_on(it->history, done, it->target, error);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void write_text(neapi_buffer *json, const char *name, neap_text text)
{
    if (text.size == 0)
        return;
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_json_quote(json, text);
    neapi_buffer_byte(json, ',');
}

static void write_raw(neapi_buffer *json, const char *name, neap_text raw)
{
    if (raw.size == 0)
        return;
    neapi_buffer_format(json, "\"%s\":", name);
    neapi_buffer_text(json, raw);
    neapi_buffer_byte(json, ',');
}

static void write_difference(neapi_buffer *json, const neapi_difference *it)
{
    neapi_buffer_byte(json, '{');
    write_text(json, "key", it->key);
    neapi_write_count(json, "position", it->event->position);
    neapi_write_count(json, "version", it->event->version);
    write_text(json, "stream", it->event->stream);
    write_text(json, "type", it->event->type);
    if (it->equal_at != 0)
        neapi_write_count(json, "equal_at", it->equal_at);
    if (it->initial)
        NEAPI_BUFFER_LITERAL(json, "\"initial\":true,");
    write_raw(json, "before", it->values[NEAPI_BEFORE]);
    write_raw(json, "after", it->values[NEAPI_AFTER]);
    write_text(json, "error_before", it->errors[NEAPI_BEFORE]);
    write_text(json, "error_after", it->errors[NEAPI_AFTER]);
    write_text(json, "handler_before", it->places[NEAPI_BEFORE]);
    write_text(json, "handler", it->places[NEAPI_AFTER]);
    neapi_write_end(json, '{');
}

neap_status neapi_changed_differs(neapi_changed *it, neapi_changed_definition *definition,
                                  const neapi_difference *difference, neap_error *error)
{
    definition->differing++;
    if (!neapi_first_wants(&definition->first, difference->event->position, it->limit))
        return NEAP_OK;
    neapi_buffer json = NEAPI_BUFFER_INIT;
    write_difference(&json, difference);
    return neapi_first_add(&definition->first, difference->event->position, it->limit, &json,
                           error);
}

static void write_first(neapi_buffer *json, const neapi_first *first)
{
    neapi_write_begin(json, NEAPI_LITERAL("first"), '[');
    for (size_t i = 0; i < first->count; i++) {
        neapi_buffer_append(json, first->items[i].json.data, first->items[i].json.size);
        neapi_buffer_byte(json, ',');
    }
    neapi_write_member_end(json, '[');
}

static void write_definition(neapi_buffer *json, const neapi_changed_definition *it)
{
    neapi_buffer_byte(json, '{');
    write_text(json, "kind", neapi_text_of(it->kind));
    write_text(json, "name", it->name);
    write_text(json, "passed_over", neapi_text_of(it->passed_over));
    neapi_write_count(json, "compared", it->compared);
    neapi_write_count(json, "differing", it->differing);
    write_first(json, &it->first);
    neapi_write_member_end(json, '{');
}

static void write_undecided(neapi_buffer *json, const neapi_undecided *it)
{
    neapi_buffer_byte(json, '{');
    write_text(json, "command", it->command);
    write_text(json, "why", it->why);
    neapi_write_count(json, "count", it->count);
    neapi_write_count(json, "position", it->first);
    neapi_write_member_end(json, '{');
}

static void write_decided(neapi_buffer *json, const neapi_decided *it)
{
    neapi_write_begin(json, NEAPI_LITERAL("decisions"), '{');
    neapi_write_count(json, "compared", it->compared);
    neapi_write_count(json, "differing", it->differing);
    write_first(json, &it->first);
    neapi_write_member_end(json, '{');
    neapi_write_begin(json, NEAPI_LITERAL("as_before"), '{');
    neapi_write_count(json, "differing", it->as_before);
    write_first(json, &it->first_as_before);
    neapi_write_member_end(json, '{');
    neapi_write_begin(json, NEAPI_LITERAL("undecided"), '{');
    neapi_write_count(json, "count", it->undecided_count);
    neapi_write_begin(json, NEAPI_LITERAL("reasons"), '[');
    for (const neapi_undecided *one = it->undecided; one != NULL; one = one->next)
        write_undecided(json, one);
    neapi_write_member_end(json, '[');
    neapi_write_member_end(json, '{');
}

void neapi_changed_write(neapi_buffer *json, const neapi_changed *it)
{
    neapi_buffer_byte(json, '{');
    neapi_write_count(json, "from", it->from);
    neapi_write_count(json, "to", it->to);
    neapi_write_begin(json, NEAPI_LITERAL("states"), '[');
    for (const neapi_changed_definition *one = it->definitions; one != NULL; one = one->next)
        write_definition(json, one);
    neapi_write_member_end(json, '[');
    write_decided(json, &it->decided);
    neapi_write_end(json, '{');
}
