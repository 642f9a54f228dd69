#include "runtime/stay.h"

#include "runtime/lane.h"

void neapi_stay_set_way_out(neapi_way_out *out)
{
    if (out != NULL)
        out->depth = 0;
    neapi_thread_marks()->way_out = out;
}

neapi_lane *neapi_stay_lane(void)
{
    return neapi_thread_marks()->way_out->lane;
}

static void enter(neapi_lane *lane, neapi_way_out *way_out)
{
    way_out->lane = lane;
    way_out->entered = atomic_load_explicit(&lane->stay.count, memory_order_relaxed) + 1;
    lane->stay.own = way_out->own;
    atomic_store_explicit(&lane->stay.count, way_out->entered, memory_order_release);
}

/* false: somebody else has it. */
static bool leave(neapi_lane *lane, const neapi_way_out *way_out)
{
    unsigned long long entered = way_out->entered;
    return atomic_compare_exchange_strong(&lane->stay.count, &entered, entered + 1);
}

void neapi_stay_begin(void *lane)
{
    neapi_way_out *way_out = neapi_thread_marks()->way_out;
    if (way_out != NULL && way_out->depth++ == 0)
        enter(lane, way_out);
}

void neapi_stay_end(void *lane)
{
    neapi_way_out *way_out = neapi_thread_marks()->way_out;
    if (way_out != NULL && --way_out->depth == 0 && !leave(lane, way_out))
        longjmp(way_out->jump, 1);
}

bool neapi_stay_pause(neapi_lane *lane)
{
    const neapi_way_out *way_out = neapi_thread_marks()->way_out;
    return way_out == NULL || way_out->depth == 0 || leave(lane, way_out);
}

void neapi_stay_resume(neapi_lane *lane)
{
    neapi_way_out *way_out = neapi_thread_marks()->way_out;
    if (way_out != NULL && way_out->depth != 0)
        enter(lane, way_out);
}

uint64_t neapi_stay_now(const neapi_lane *lane)
{
    return atomic_load(&lane->stay.count);
}

bool neapi_stay_give_up(neapi_lane *lane, uint64_t stay)
{
    unsigned long long entered = stay;
    return atomic_compare_exchange_strong(&lane->stay.count, &entered, UINT64_MAX);
}
