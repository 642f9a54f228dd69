#include "store/idset.h"

#include "base/alloc.h"
#include "base/platform.h"
#include "base/text.h"
#include "base/uuid.h"

#define FIRST_CAPACITY 1024

void neapi_idset_fini(neapi_idset *set)
{
    neapi_free(set->slots);
    *set = NEAPI_IDSET_INIT;
}

/* Where the id is, or the free slot where it would go. */
static neap_uuid *slot_of(const neapi_idset *set, neap_uuid id)
{
    neap_text bytes = neapi_text((const char *)id.bytes, sizeof id.bytes);
    size_t mask = set->capacity - 1;
    size_t i = (size_t)neapi_text_hash(bytes, neapi_process_seed()) & mask;
    while (!neapi_uuid_is_zero(set->slots[i]) && !neapi_uuid_equal(set->slots[i], id))
        i = (i + 1) & mask;
    return &set->slots[i];
}

static bool grow(neapi_idset *set)
{
    neapi_idset larger = {.capacity = set->capacity != 0 ? set->capacity * 2 : FIRST_CAPACITY};
    larger.slots = neapi_alloc_zero(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < set->capacity; i++)
        if (!neapi_uuid_is_zero(set->slots[i]))
            *slot_of(&larger, set->slots[i]) = set->slots[i];
    larger.count = set->count;
    neapi_free(set->slots);
    *set = larger;
    return true;
}

neap_status neapi_idset_add(neapi_idset *set, neap_uuid id, bool *known)
{
    if ((set->count + 1) * 4 > set->capacity * 3 && !grow(set))
        return NEAP_NOMEM;
    neap_uuid *slot = slot_of(set, id);
    *known = !neapi_uuid_is_zero(*slot);
    if (!*known) {
        *slot = id;
        set->count++;
    }
    return NEAP_OK;
}
