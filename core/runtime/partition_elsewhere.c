/* Partitions that another process runs: this one knows of them what the store has. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/members.h"
#include "runtime/partition_state.h"
#include "runtime/runtime.h"
#include "runtime/saga.h"
#include "runtime/subscribed.h"

/* While somebody waits; longer the longer it takes. */
#define LOOK_FIRST_US   2000
#define LOOK_LONGEST_US 100000
#define LOOK_EVENTS     256
#define LOOK_BYTES      ((size_t)256 << 10)

neap_status neapi_partition_check_owner(neapi_lane *lane, neapi_partition *partition, bool *own,
                                        neap_error *error)
{
    neapi_subscribed *it = partition->build->subscribed;
    neap_status status =
        neapi_members_own(lane->runtime, lane->session, it->definition->name, own, error);
    if (status == NEAP_OK && !*own) {
        atomic_store(&it->owned, false);
        neapi_members_wake(lane->runtime->members);
    }
    return status;
}

void neapi_partition_see_head(neapi_lane *lane, const neapi_partition *partition)
{
    uint64_t head;
    neap_error unwanted;
    if (lane->runtime->members != NULL &&
        neapi_partition_state_of(partition) == NEAPI_PARTITION_RUNNING &&
        neapi_head(lane->session, &head, &unwanted) == NEAP_OK)
        neapi_hub_missed(lane->runtime->hub, head);
}

/* Up to where nothing stands behind the checkpoint that the partition is still to handle: its
 * checkpoint moves lazily past what it does not want. */
static neap_status find_reached(neapi_lane *lane, neapi_partition *partition, uint64_t *reached,
                                neap_error *error)
{
    const neapi_subscription *definition = partition->definition;
    neapi_page page = NEAPI_PAGE_INIT;
    uint64_t head;
    neap_status status = neapi_head(lane->session, &head, error);
    neapi_range range = {.types = definition->types,
                         .type_count = definition->type_count,
                         .from = *reached + 1,
                         .to = head,
                         .max_events = LOOK_EVENTS,
                         .max_bytes = LOOK_BYTES};
    if (definition->category_count == 1)
        range.category = definition->categories[0];
    bool over = definition->only_transient;
    while (status == NEAP_OK && !over && range.from <= head) {
        status = neapi_read(lane->session, &range, &page, error);
        size_t at = 0;
        while (status == NEAP_OK && at < page.count &&
               !neapi_partition_wants(definition, &page.events[at]))
            at++;
        over = page.last || page.count == 0 || at < page.count;
        if (status == NEAP_OK && at < page.count)
            head = page.events[at].position - 1;
        else if (status == NEAP_OK && !over)
            range.from = page.events[page.count - 1].position + 1;
    }
    neapi_page_fini(&page);
    if (status == NEAP_OK && head > *reached)
        *reached = head;
    return status;
}

static neap_status look(neapi_lane *lane, neapi_partition *partition, neap_error *error)
{
    neapi_checkpoint checkpoint = {0};
    bool found = false;
    unsigned resets = atomic_load(&partition->build->subscribed->resets);
    neap_status status =
        neapi_partition_load_checkpoint(lane->session, partition, &checkpoint, &found, error);
    uint64_t reached = checkpoint.position;
    if (status == NEAP_OK && found)
        status = find_reached(lane, partition, &reached, error);
    if (status != NEAP_OK || !found) /* a build that is replaced has none: the record tells */
        return status;
    partition->resets = resets;
    partition->resumes = atomic_load(&partition->build->subscribed->resumed);
    neapi_count_set(&partition->stored, checkpoint.position);
    neapi_count_set(&partition->reached, reached);
    return NEAP_OK;
}

bool neapi_partition_look_elsewhere(neapi_lane *lane, neapi_partition *partition)
{
    if (partition->waiting.first == NULL) {
        partition->failures = 0;
        return false;
    }
    look(lane, partition, &lane->error);
    neapi_partition_answer(lane, partition);
    if (partition->waiting.first == NULL)
        return true;
    int64_t pause_us = LOOK_FIRST_US << (partition->failures < 6 ? partition->failures : 6);
    partition->failures++;
    partition->again_us = neapi_monotonic_us(lane->platform) +
                          (pause_us < LOOK_LONGEST_US ? pause_us : LOOK_LONGEST_US);
    return false;
}
