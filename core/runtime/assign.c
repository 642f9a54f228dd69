#include "runtime/assign.h"

/* The first of those with the least. */
static size_t least_loaded(size_t members, const bool *may, const size_t *loads)
{
    size_t found = NEAPI_NOBODY;
    for (size_t m = 0; m < members; m++)
        if (may[m] && (found == NEAPI_NOBODY || loads[m] < loads[found]))
            found = m;
    return found;
}

static void give_what_nobody_has(size_t members, size_t items, const bool *may, size_t *owners,
                                 size_t *loads)
{
    for (size_t i = 0; i < items; i++) {
        if (owners[i] != NEAPI_NOBODY)
            continue;
        owners[i] = least_loaded(members, may + i * members, loads);
        if (owners[i] != NEAPI_NOBODY)
            loads[owners[i]]++;
    }
}

/* Each move makes the sum of the squares of all loads smaller, so it comes to an end. false: there
 * was nothing to move. */
static bool level(size_t members, size_t items, const bool *may, size_t *owners, size_t *loads)
{
    bool moved = false;
    for (size_t i = 0; i < items; i++) {
        size_t to = least_loaded(members, may + i * members, loads);
        if (to == NEAPI_NOBODY || owners[i] == to || loads[to] + 1 >= loads[owners[i]])
            continue;
        loads[owners[i]]--;
        loads[to]++;
        owners[i] = to;
        moved = true;
    }
    return moved;
}

void neapi_assign(size_t members, size_t items, const bool *may, size_t *owners, size_t *loads)
{
    for (size_t m = 0; m < members; m++)
        loads[m] = 0;
    for (size_t i = 0; i < items; i++) {
        if (owners[i] != NEAPI_NOBODY && !may[i * members + owners[i]])
            owners[i] = NEAPI_NOBODY;
        if (owners[i] != NEAPI_NOBODY)
            loads[owners[i]]++;
    }
    give_what_nobody_has(members, items, may, owners, loads);
    while (level(members, items, may, owners, loads))
        continue;
}
