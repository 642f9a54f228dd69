/* A look at who is there and what each runs, and what follows from it. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/asked.h"
#include "runtime/assign.h"
#include "runtime/change.h"
#include "runtime/members_state.h"
#include "runtime/queue.h"
#include "store/walk.h"

/* ---- Members --------------------------------------------------------------------------------- */

static void free_seen(neapi_seen_member *it)
{
    neapi_buffer_fini(&it->json);
    neapi_buffer_fini(&it->texts);
    neapi_free(it);
}

/* The place of that id in the list, which is in the order of ids. */
static neapi_seen_member **place_of(neapi_members *members, neap_text id)
{
    neapi_seen_member **link = &members->seen;
    while (*link != NULL && neapi_text_compare(neapi_text_of((*link)->id), id) < 0)
        link = &(*link)->next;
    return link;
}

static neapi_seen_member *find_seen(neapi_members *members, neap_text id)
{
    neapi_seen_member *found = *place_of(members, id);
    return found != NULL && neapi_text_equal(neapi_text_of(found->id), id) ? found : NULL;
}

static neapi_seen_member *get_seen(neapi_members *members, neap_text id)
{
    neapi_seen_member *found = find_seen(members, id);
    if (found != NULL || id.size >= sizeof found->id)
        return found;
    neapi_seen_member *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return NULL;
    memcpy(made->id, id.data, id.size);
    neapi_seen_member **link = place_of(members, id);
    made->next = *link;
    *link = made;
    return made;
}

static bool is_self(const neapi_members *members, const neapi_seen_member *it)
{
    return strcmp(it->id, members->id) == 0;
}

/* How long nothing of it was seen, as far as anything could be seen. */
static void judge(neapi_members *members, neapi_seen_member *it, neap_text json, int64_t now_us)
{
    int64_t passed_us = now_us - members->looked_us;
    it->there = true;
    if (neapi_text_equal(json, neapi_text(it->json.data, it->json.size))) {
        it->silent_us += passed_us < NEAPI_LOOK_US ? passed_us : NEAPI_LOOK_US;
    } else {
        it->silent_us = 0;
        neapi_buffer_clear(&it->json);
        neapi_buffer_text(&it->json, json);
        if (!neapi_member_read(json, &it->texts, &it->is))
            it->is = (neapi_member){0};
    }
    it->alive = is_self(members, it) || (it->silent_us < members->patience_us &&
                                         !neapi_whereabouts_is_over(&it->is.at, &members->self.at));
}

static neap_status see_member(void *user, const neapi_kept_document *document, bool *enough,
                              neap_error *error)
{
    neapi_members *members = user;
    neapi_seen_member *it = get_seen(members, document->key);
    (void)enough;
    if (it == NULL)
        return document->key.size >= sizeof it->id ? NEAP_OK : neapi_nomem(error);
    judge(members, it, document->data, neapi_monotonic_us(members->runtime->platform));
    if (it->json.failed || it->texts.failed)
        return neapi_nomem(error);
    if (is_self(members, it)) { /* also of a commit whose outcome was not known */
        neapi_buffer_clear(&members->mark);
        neapi_buffer_text(&members->mark, document->data);
        return members->mark.failed ? neapi_nomem(error) : NEAP_OK;
    }
    return NEAP_OK;
}

/* Who comes tells it. Until that is seen here, he finds by polling what nobody tells him. */
static bool is_alone(neapi_members *members)
{
    const neapi_seen_member *self = find_seen(members, neapi_text_of(members->id));
    bool alone = self != NULL && self->there;
    for (const neapi_seen_member *it = members->seen; it != NULL; it = it->next)
        alone = alone && (!it->there || it == self);
    return alone;
}

static neap_status see_members(neapi_members *members, neap_error *error)
{
    const neapi_document_range range = {.collection = NEAPI_MEMBERS};
    for (neapi_seen_member *it = members->seen; it != NULL; it = it->next)
        it->there = it->alive = false;
    neap_status status = neapi_documents_walk(members->session, &range, see_member, members, error);
    if (status != NEAP_OK)
        return status;
    members->looked_us = neapi_monotonic_us(members->runtime->platform);
    const neapi_seen_member *self = find_seen(members, neapi_text_of(members->id));
    if (self == NULL || !self->there)
        neapi_buffer_clear(&members->mark); /* it was held for dead */
    neapi_store_alone(members->runtime->store, is_alone(members));
    return NEAP_OK;
}

/* Those that are gone, and those that are dead. Nothing points to them. */
static void forget_the_dead(neapi_members *members)
{
    for (neapi_seen_member **link = &members->seen; *link != NULL;) {
        neapi_seen_member *it = *link;
        if (it->there && !it->alive)
            neapi_members_bury(members, it);
        if (it->there) {
            link = &it->next;
        } else {
            *link = it->next;
            free_seen(it);
        }
    }
}

/* ---- What is owned --------------------------------------------------------------------------- */

neapi_subscribed *neapi_members_running(const neapi_members *members, neap_text name)
{
    const neap_runtime *runtime = members->runtime;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        neapi_subscribed *it = &runtime->subscribed[i];
        if (it->runs && neapi_text_equal(it->definition->name, name))
            return it;
    }
    return NULL;
}

static neapi_owned *find_owned(neapi_members *members, neap_text name)
{
    neapi_owned *it = members->owned;
    while (it != NULL && !neapi_text_equal(it->name, name))
        it = it->next;
    return it;
}

static neapi_owned *get_owned(neapi_members *members, neap_text name)
{
    neapi_owned *found = find_owned(members, name);
    if (found != NULL)
        return found;
    neapi_owned *made = neapi_alloc_zero(1, sizeof *made + name.size);
    if (made == NULL)
        return NULL;
    memcpy(made + 1, name.data, name.size);
    made->name = neapi_text((const char *)(made + 1), name.size);
    made->subscribed = neapi_members_running(members, name);
    neapi_owned **link = &members->owned;
    while (*link != NULL && neapi_text_compare((*link)->name, name) < 0)
        link = &(*link)->next;
    made->next = *link;
    *link = made;
    return made;
}

/* Whether the member runs the item, in which version. */
static bool runs(const neapi_seen_member *member, neap_text wanted, uint64_t *version)
{
    neap_text left = member->is.runs, name;
    while (neapi_member_next(&left, &name, version))
        if (neapi_text_equal(name, wanted))
            return true;
    return false;
}

static neap_status list_owned(neapi_members *members, neap_error *error)
{
    for (neapi_owned *it = members->owned; it != NULL; it = it->next) {
        it->version = 0;
        it->owner = NULL;
        neapi_buffer_clear(&it->json);
    }
    for (const neapi_seen_member *member = members->seen; member != NULL; member = member->next) {
        neap_text left = member->is.runs, name;
        uint64_t version;
        while (member->alive && neapi_member_next(&left, &name, &version)) {
            neapi_owned *it = get_owned(members, name);
            if (it == NULL)
                return neapi_nomem(error);
            it->version = version > it->version ? version : it->version;
        }
    }
    return NEAP_OK;
}

static neap_status see_owner(void *user, const neapi_kept_document *document, bool *enough,
                             neap_error *error)
{
    neapi_members *members = user;
    neapi_buffer id = NEAPI_BUFFER_INIT;
    neapi_owned *it = find_owned(members, document->key);
    (void)enough;
    if (it == NULL)
        return NEAP_OK;
    neapi_buffer_text(&it->json, document->data);
    if (neapi_owner_read(document->data, &id))
        it->owner = find_seen(members, neapi_text(id.data, id.size));
    if (it->owner != NULL && !it->owner->alive)
        it->owner = NULL;
    bool failed = it->json.failed || id.failed;
    neapi_buffer_fini(&id);
    return failed ? neapi_nomem(error) : NEAP_OK;
}

/* What was changed by somebody else, or here: the subscription's home lane compares. */
static neap_status see_record(void *user, const neapi_kept_document *document, bool *enough,
                              neap_error *error)
{
    neapi_members *members = user;
    neapi_owned *it = find_owned(members, document->key);
    uint64_t hash = neapi_text_hash(document->data, 0);
    (void)enough;
    (void)error;
    if (it == NULL || it->subscribed == NULL || it->record == hash)
        return NEAP_OK;
    it->record = hash;
    neapi_change_look(members->runtime, it->subscribed);
    return NEAP_OK;
}

static neap_status see_all(neapi_members *members, neap_error *error)
{
    const neapi_document_range owners = {.collection = NEAPI_OWNERS};
    const neapi_document_range records = {.collection = NEAPI_SUBSCRIPTIONS};
    neap_status status = see_members(members, error);
    if (status == NEAP_OK)
        status = list_owned(members, error);
    if (status == NEAP_OK)
        status = neapi_documents_walk(members->session, &owners, see_owner, members, error);
    if (status == NEAP_OK)
        status = neapi_documents_walk(members->session, &records, see_record, members, error);
    return status;
}

/* ---- What follows ---------------------------------------------------------------------------- */

static void grant(neapi_members *members, neapi_owned *it, bool granted)
{
    neap_runtime *runtime = members->runtime;
    if (it->subscribed != NULL) {
        if (atomic_exchange(&it->subscribed->granted, granted) != granted)
            neapi_change_look(runtime, it->subscribed);
    } else if (atomic_exchange(&members->queue, granted) != granted && runtime->queue != NULL) {
        neapi_queue_tell(runtime->queue, 0);
    }
}

static bool is_at_rest(const neapi_owned *it)
{
    return it->subscribed == NULL || neapi_subscribed_rests(it->subscribed);
}

/* owner: who is to run it; NULL: nobody may. */
static void follow(neapi_members *members, neapi_owned *it, const neapi_seen_member *owner)
{
    bool mine = owner != NULL && is_self(members, owner);
    bool has = it->owner != NULL && is_self(members, it->owner);
    if (it->held && !has) { /* somebody has taken it over */
        grant(members, it, false);
        it->held = false;
    }
    it->held = it->held || has;
    if (!it->held && mine && it->owner == NULL && !atomic_load(&members->closing))
        it->held = neapi_members_take(members, it);
    if (!it->held)
        return;
    grant(members, it, mine);
    if (!mine && is_at_rest(it) && neapi_members_give_back(members, it))
        it->held = false;
}

static neap_status assign(neapi_members *members, neap_error *error)
{
    size_t member_count = 0, item_count = 0, at = 0;
    for (const neapi_seen_member *it = members->seen; it != NULL; it = it->next)
        member_count += it->alive;
    for (const neapi_owned *it = members->owned; it != NULL; it = it->next)
        item_count++;
    if (member_count == 0 || item_count == 0)
        return NEAP_OK;
    neapi_seen_member **list = neapi_alloc(member_count * sizeof *list);
    size_t *numbers = neapi_alloc((item_count + member_count) * sizeof *numbers);
    bool *may = neapi_alloc_zero(item_count * member_count, sizeof *may);
    if (list != NULL && numbers != NULL && may != NULL) {
        for (neapi_seen_member *it = members->seen; it != NULL; it = it->next)
            if (it->alive)
                list[at++] = it;
        at = 0;
        for (const neapi_owned *it = members->owned; it != NULL; it = it->next, at++) {
            numbers[at] = NEAPI_NOBODY;
            for (size_t m = 0; m < member_count; m++) {
                uint64_t version;
                may[at * member_count + m] =
                    runs(list[m], it->name, &version) && version == it->version;
                if (list[m] == it->owner)
                    numbers[at] = m;
            }
        }
        neapi_assign(member_count, item_count, may, numbers, numbers + item_count);
        at = 0;
        for (neapi_owned *it = members->owned; it != NULL; it = it->next, at++)
            follow(members, it, numbers[at] != NEAPI_NOBODY ? list[numbers[at]] : NULL);
    }
    bool failed = list == NULL || numbers == NULL || may == NULL;
    neapi_free(list);
    neapi_free(numbers);
    neapi_free(may);
    return failed ? neapi_nomem(error) : NEAP_OK;
}

neap_status neapi_members_look(neapi_members *members, neap_error *error)
{
    neap_status status = see_all(members, error);
    if (status == NEAP_OK && members->mark.size != 0)
        status = assign(members, error);
    if (status == NEAP_OK)
        forget_the_dead(members);
    return status == NEAP_OK ? neapi_asked_look(members, error) : status;
}

void neapi_members_forget(neapi_members *members)
{
    neapi_asked_forget(members);
    for (neapi_seen_member *it; (it = members->seen) != NULL;) {
        members->seen = it->next;
        free_seen(it);
    }
    for (neapi_owned *it; (it = members->owned) != NULL;) {
        members->owned = it->next;
        neapi_buffer_fini(&it->json);
        neapi_free(it);
    }
}
