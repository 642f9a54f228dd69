#include "runtime/memory.h"

/* Beyond this handlers that run might be stopped for what others hold. */
static size_t limit_of(const neapi_lane *lane)
{
    return lane->options->lane_memory_bytes / 4 * 3;
}

static size_t in_use(const neapi_lane *lane)
{
    size_t of_lua = lane->engine != NULL ? neapi_engine_memory(lane->engine) : 0;
    return of_lua + lane->parked_bytes;
}

/* Collecting takes time by all that Lua holds, and what messages that wait hold cannot go: not
 * before an eighth of the limit was used since does it make sense to collect again. */
static bool is_short(const neapi_lane *lane)
{
    size_t used = in_use(lane), limit = limit_of(lane);
    return used >= limit && used >= lane->memory_left + limit / 8;
}

static void let_go(neapi_lane *lane)
{
    size_t enough = limit_of(lane) / 2;
    neapi_engine_collect(lane->engine);
    for (size_t before = 0; neapi_engine_memory(lane->engine) >= enough && lane->warm.count > 0 &&
                            lane->warm.count != before;) {
        before = lane->warm.count;
        neapi_warm_shrink(&lane->warm, before / 2);
        neapi_engine_collect(lane->engine);
    }
    lane->memory_left = in_use(lane);
    if (lane->memory_left >= limit_of(lane))
        lane->crowd = lane->passages;
}

void neapi_memory_keep(neapi_lane *lane)
{
    size_t used = in_use(lane);
    if (used < lane->memory_left)
        lane->memory_left = used;
    if (is_short(lane))
        let_go(lane);
}

/* Once it was too much, half of those that wait have to end first. */
bool neapi_memory_has_room(neapi_lane *lane)
{
    if (lane->passages > 0 && lane->crowd == 0 && is_short(lane))
        let_go(lane);
    if (lane->crowd != 0 && lane->passages <= lane->crowd / 2) {
        lane->crowd = 0;
        lane->memory_left = 0;
    }
    return lane->crowd == 0;
}
