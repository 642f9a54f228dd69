/* Who writes to a store, as figures of it. */
#include "base/error.h"
#include "base/text.h"
#include "runtime/member.h"
#include "runtime/members.h"
#include "store/walk.h"

typedef struct surveying {
    neapi_survey *survey;
    const neap_member_statistics **end; /* of the list */
    neapi_buffer texts;
} surveying;

/* One that is damaged is shown all the same: it is there. */
static neap_status add_member(void *user, const neapi_kept_document *document, bool *enough,
                              neap_error *error)
{
    surveying *it = user;
    neapi_arena *arena = &it->survey->arena;
    neapi_member member;
    (void)enough;
    neap_member_statistics *one = neapi_arena_alloc(arena, sizeof *one);
    if (!neapi_member_read(document->data, &it->texts, &member))
        member = (neapi_member){0};
    if (one == NULL || it->texts.failed)
        return neapi_nomem(error);
    *one = (neap_member_statistics){.member = neapi_arena_text(arena, document->key),
                                    .host = neapi_arena_text(arena, neapi_text_of(member.at.host)),
                                    .pid = member.at.pid,
                                    .seen_at = (int64_t)member.beat_at};
    if (one->member.data == NULL || one->host.data == NULL)
        return neapi_nomem(error);
    *it->end = one;
    it->end = &one->next;
    return NEAP_OK;
}

static neap_member_statistics *find_member(const neapi_survey *survey, neap_text id)
{
    const neap_member_statistics *one = survey->result.members;
    while (one != NULL && !neapi_text_equal(one->member, id))
        one = one->next;
    return (neap_member_statistics *)(uintptr_t)one;
}

static neap_subscription_statistics *find_subscription(const neapi_survey *survey, neap_text name)
{
    const neap_subscription_statistics *one = survey->result.subscriptions;
    while (one != NULL && !neapi_text_equal(one->name, name))
        one = one->next;
    return (neap_subscription_statistics *)(uintptr_t)one;
}

/* An owner that is no member any more runs nothing. */
static neap_status add_owner(void *user, const neapi_kept_document *document, bool *enough,
                             neap_error *error)
{
    surveying *it = user;
    (void)enough;
    neapi_buffer_clear(&it->texts);
    bool read = neapi_owner_read(document->data, &it->texts);
    if (it->texts.failed)
        return neapi_nomem(error);
    neap_member_statistics *member =
        read ? find_member(it->survey, neapi_text(it->texts.data, it->texts.size)) : NULL;
    neap_subscription_statistics *owned = find_subscription(it->survey, document->key);
    if (member == NULL)
        return NEAP_OK;
    if (neapi_text_equal(document->key, NEAPI_OWNED_QUEUE))
        member->queue = true;
    else
        member->owned++;
    if (owned != NULL)
        owned->owner = member;
    return NEAP_OK;
}

neap_status neapi_members_survey(neapi_session *session, neapi_survey *survey, neap_error *error)
{
    surveying it = {.survey = survey, .end = &survey->result.members, .texts = NEAPI_BUFFER_INIT};
    const neapi_document_range members = {.collection = NEAPI_MEMBERS};
    const neapi_document_range owners = {.collection = NEAPI_OWNERS};
    survey->result.shared = session->store->backend->shared;
    if (!survey->result.shared)
        return NEAP_OK;
    neap_status status = neapi_documents_walk(session, &members, add_member, &it, error);
    if (status == NEAP_OK)
        status = neapi_documents_walk(session, &owners, add_owner, &it, error);
    neapi_buffer_fini(&it.texts);
    return status;
}
