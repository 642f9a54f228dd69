#include "names.h"

static void generation_init(neapi_sqlite_generation *generation)
{
    neapi_map_init(&generation->map);
    generation->arena = NEAPI_ARENA_INIT;
}

static void generation_fini(neapi_sqlite_generation *generation)
{
    neapi_map_fini(&generation->map);
    neapi_arena_fini(&generation->arena);
}

void neapi_sqlite_names_init(neapi_sqlite_names *names, size_t limit)
{
    generation_init(&names->young);
    generation_init(&names->old);
    names->limit = limit;
}

void neapi_sqlite_names_fini(neapi_sqlite_names *names)
{
    generation_fini(&names->young);
    generation_fini(&names->old);
}

void neapi_sqlite_names_clear(neapi_sqlite_names *names)
{
    neapi_sqlite_names_fini(names);
    neapi_sqlite_names_init(names, names->limit);
}

neapi_sqlite_name *neapi_sqlite_names_find(neapi_sqlite_names *names, neap_text text, bool *refused)
{
    *refused = false;
    neapi_sqlite_name *name = neapi_map_get(&names->young.map, text);
    if (name != NULL)
        return name;
    const neapi_sqlite_name *old = neapi_map_get(&names->old.map, text);
    if (old == NULL)
        return NULL;
    name = neapi_sqlite_names_add(names, text);
    if (name == NULL) {
        *refused = true;
        return NULL;
    }
    neap_text kept = name->text;
    *name = *old;
    name->text = kept;
    return name;
}

neapi_sqlite_name *neapi_sqlite_names_add(neapi_sqlite_names *names, neap_text text)
{
    neapi_arena *arena = &names->young.arena;
    neapi_sqlite_name *name = neapi_arena_alloc(arena, sizeof *name);
    if (name == NULL)
        return NULL;
    *name = (neapi_sqlite_name){.text = neapi_arena_text(arena, text)};
    if (name->text.data == NULL || !neapi_map_put(&names->young.map, name->text, name))
        return NULL;
    return name;
}

void neapi_sqlite_names_turn(neapi_sqlite_names *names)
{
    if (names->young.map.count < names->limit)
        return;
    generation_fini(&names->old);
    names->old = names->young;
    generation_init(&names->young);
}
