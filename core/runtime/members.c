#include "runtime/members.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "message/field.h"
#include "message/object.h"
#include "runtime/members_state.h"
#include "runtime/queue.h"

#define AGAIN_US 50000 /* after what did not go well, or was somebody else's first */
#define OFTEN_US 10000 /* what others tell is looked at so often at most */

/* ---- Life ------------------------------------------------------------------------------------ */

static void list_runs(neapi_members *members)
{
    const neap_runtime *runtime = members->runtime;
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        const neapi_subscription *definition = runtime->subscribed[i].definition;
        if (runtime->subscribed[i].runs)
            neapi_buffer_format(&members->runs, "%.*s %u\n", NEAPI_TEXT(definition->name),
                                definition->version);
    }
    if (runtime->options.subscriptions == NULL)
        neapi_buffer_format(&members->runs, "%.*s 0\n", NEAPI_TEXT(NEAPI_OWNED_QUEUE));
    members->self.runs = neapi_text(members->runs.data, members->runs.size);
}

static bool make_bell(neapi_members *members)
{
    if (pipe(members->bell) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fcntl(members->bell[i], F_SETFD, FD_CLOEXEC);
        fcntl(members->bell[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

static neap_status make(neap_runtime *runtime, neap_error *error)
{
    neapi_members *made = neapi_alloc_zero(1, sizeof *made);
    if (made == NULL)
        return neapi_nomem(error);
    runtime->members = made;
    made->runtime = runtime;
    made->bell[0] = made->bell[1] = -1;
    made->patience_us =
        runtime->patience_us != 0 ? runtime->patience_us : (int64_t)NEAPI_PATIENCE_US;
    neapi_uuid_source_init(&made->ids, runtime->platform);
    neap_uuid_format(neapi_uuid_new(&made->ids, neapi_wall_us(runtime->platform)), made->id);
    neapi_whereabouts_find(&made->self.at);
    list_runs(made);
    made->queue_us = NEAPI_NO_DEADLINE;
    made->looked_us = neapi_monotonic_us(runtime->platform);
    made->mailbox = neapi_mailbox_new(runtime->platform, 1);
    if (made->runs.failed || made->mailbox == NULL)
        return neapi_nomem(error);
    if (!make_bell(made))
        return neapi_fail(error, NEAP_UNAVAILABLE, "the system gives no pipe");
    return neapi_session_open(runtime->store, NEAPI_MODE_READ, &made->session, error);
}

/* The lanes do not run: nobody else looks at it. */
static void settle(const neap_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->subscribed_count; i++) {
        neapi_subscribed *it = &runtime->subscribed[i];
        atomic_store(&it->owned, atomic_load(&it->granted));
    }
}

neap_status neapi_members_open(neap_runtime *runtime, neap_error *error)
{
    neap_status status = make(runtime, error);
    neapi_members *members = runtime->members;
    if (status != NEAP_OK)
        return status;
    if (!neapi_members_beat(members)) {
        *error = members->error;
        return error->status;
    }
    status = neapi_members_look(members, error);
    settle(runtime);
    members->beat_us = neapi_monotonic_us(runtime->platform) + NEAPI_BEAT_US;
    return status;
}

void neapi_members_hold(neap_runtime *runtime)
{
    if (runtime->members != NULL)
        atomic_store(&runtime->members->closing, true);
}

void neapi_members_leave(neap_runtime *runtime)
{
    neapi_members *members = runtime->members;
    if (members == NULL || members->mailbox == NULL)
        return;
    if (members->running) {
        atomic_store(&members->stopping, true);
        neapi_members_wake(members);
        pthread_join(members->thread, NULL);
        members->running = false;
    }
    neapi_members_end(members);
}

void neapi_members_close(neap_runtime *runtime)
{
    neapi_members *members = runtime->members;
    if (members == NULL)
        return;
    neapi_members_forget(members);
    if (members->session != NULL)
        neapi_session_close(members->session);
    if (members->mailbox != NULL)
        neapi_mailbox_free(members->mailbox);
    for (int i = 0; i < 2; i++)
        if (members->bell[i] >= 0)
            close(members->bell[i]);
    neapi_buffer_fini(&members->runs);
    neapi_buffer_fini(&members->mark);
    neapi_free(members);
    runtime->members = NULL;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

void neapi_members_wake(neapi_members *members)
{
    if (members == NULL || atomic_exchange(&members->woken, true))
        return;
    neapi_inbox_nudge(&members->mailbox->inbox);
    ssize_t ignored = write(members->bell[1], "", 1); /* full: it rings already */
    (void)ignored;
}

/* What others have committed is found in the store. */
static void pass_on(neapi_members *members, const neapi_told *told)
{
    neap_runtime *runtime = members->runtime;
    if (told->position != 0)
        neapi_hub_missed(runtime->hub, told->position);
    int64_t soon_us = neapi_monotonic_us(runtime->platform) + OFTEN_US;
    if (told->more && members->look_us > soon_us)
        members->look_us = soon_us;
    if (told->queue && members->queue_us > soon_us)
        members->queue_us = soon_us;
}

/* Something of the queue's may be where it was not before. */
static void tell_queue(neapi_members *members, int64_t now_us)
{
    if (now_us < members->queue_us)
        return;
    members->queue_us = NEAPI_NO_DEADLINE; /* it looks by itself once a second */
    if (members->runtime->queue != NULL)
        neapi_queue_tell(members->runtime->queue, 0);
}

static void poll_head(neapi_members *members)
{
    uint64_t head;
    if (neapi_head(members->session, &head, &members->error) == NEAP_OK)
        neapi_hub_missed(members->runtime->hub, head);
}

bool neapi_members_step(neapi_members *members)
{
    int64_t now_us = neapi_monotonic_us(members->runtime->platform);
    bool woken = atomic_exchange(&members->woken, false);
    tell_queue(members, now_us);
    if (!woken && now_us < members->look_us)
        return false;
    members->look_us = now_us + NEAPI_BEAT_US;
    if (now_us >= members->beat_us || members->mark.size == 0) {
        members->beat_us = now_us + NEAPI_BEAT_US;
        if (!neapi_members_beat(members))
            members->look_us = now_us + AGAIN_US;
    }
    if (neapi_members_look(members, &members->error) != NEAP_OK)
        members->look_us = now_us + NEAPI_BEAT_US / 4;
    poll_head(members);
    return true;
}

int64_t neapi_members_wake_us(const neapi_members *members)
{
    int64_t at_us = members->queue_us < members->look_us ? members->queue_us : members->look_us;
    return atomic_load(&members->woken) ? 0 : at_us;
}

/* ---- The thread ------------------------------------------------------------------------------ */

static void silence(neapi_members *members)
{
    char bytes[16];
    while (read(members->bell[0], bytes, sizeof bytes) > 0)
        continue;
}

/* Until it is time, somebody rings, or others have committed something. */
static void wait(neapi_members *members)
{
    const neapi_platform *platform = members->runtime->platform;
    unsigned seen = neapi_inbox_seen(&members->mailbox->inbox);
    int64_t left_us = neapi_members_wake_us(members) - neapi_monotonic_us(platform);
    neapi_told told;
    if (left_us <= 0 || atomic_load(&members->stopping))
        return;
    neap_status status = neapi_listen(members->session, members->bell[0], (int)(left_us / 1000) + 1,
                                      &told, &members->error);
    silence(members);
    if (status == NEAP_OK) {
        members->deaf = false;
        pass_on(members, &told);
        return;
    }
    if (!members->deaf)
        neapi_report_text(&members->runtime->report, NEAP_LOG_WARN,
                          "what other processes commit is seen once a second only: %s",
                          members->error.message);
    members->deaf = true;
    neapi_inbox_wait(&members->mailbox->inbox, seen, members->look_us);
}

static void *run(void *argument)
{
    neapi_members *members = argument;
    neapi_thread_is_runtimes();
    while (!atomic_load(&members->stopping)) {
        neapi_members_step(members);
        wait(members);
    }
    return NULL;
}

neap_status neapi_members_start(neap_runtime *runtime, neap_error *error)
{
    neapi_members *members = runtime->members;
    neap_status status = neapi_thread_start(&members->thread, run, members, error);
    members->running = status == NEAP_OK;
    return status;
}

/* ---- What others ask ------------------------------------------------------------------------- */

bool neapi_members_run_queued(const neap_runtime *runtime, neap_text saga)
{
    if (runtime->members == NULL)
        return true;
    for (uint32_t i = 0; i < runtime->subscribed_count && saga.size != 0; i++)
        if (neapi_text_equal(runtime->subscribed[i].definition->name, saga))
            return atomic_load(&runtime->subscribed[i].owned);
    return atomic_load(&runtime->members->queue);
}

neap_status neapi_members_own(const neap_runtime *runtime, neapi_session *session,
                              neap_text subscription, bool *own, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer id = NEAPI_BUFFER_INIT;
    neap_text data;
    bool found;
    neap_status status =
        neapi_find_document(session, NEAPI_OWNERS, subscription, &arena, &data, &found, error);
    *own = status == NEAP_OK && found && neapi_owner_read(data, &id) &&
           neapi_text_equal(neapi_text(id.data, id.size), neapi_text_of(runtime->members->id));
    neapi_buffer_fini(&id);
    neapi_arena_fini(&arena);
    return status;
}

neap_status neapi_members_write_owner(neapi_buffer *json, neapi_session *session,
                                      neap_text subscription, neap_error *error)
{
    neapi_arena arena = NEAPI_ARENA_INIT;
    neapi_buffer id = NEAPI_BUFFER_INIT, texts = NEAPI_BUFFER_INIT;
    neapi_member member;
    neap_text data;
    bool found;
    neap_status status =
        neapi_find_document(session, NEAPI_OWNERS, subscription, &arena, &data, &found, error);
    if (status == NEAP_OK && found && neapi_owner_read(data, &id)) {
        status = neapi_find_document(session, NEAPI_MEMBERS, neapi_text(id.data, id.size), &arena,
                                     &data, &found, error);
        if (status == NEAP_OK && found && neapi_member_read(data, &texts, &member)) {
            neapi_write_begin(json, NEAPI_LITERAL("owner"), '{');
            neapi_field_write_text(json, "member", neapi_text(id.data, id.size));
            neapi_field_write_text(json, "host", neapi_text_of(member.at.host));
            neapi_write_count(json, "pid", member.at.pid);
            neapi_write_member_end(json, '{');
        }
    }
    neapi_buffer_fini(&id);
    neapi_buffer_fini(&texts);
    neapi_arena_fini(&arena);
    return status;
}
