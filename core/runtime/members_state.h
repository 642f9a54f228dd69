/* What the files of a member share; nobody else uses it. */
#ifndef NEAPI_RUNTIME_MEMBERS_STATE_H
#define NEAPI_RUNTIME_MEMBERS_STATE_H

#include "runtime/member.h"
#include "runtime/members.h"
#include "runtime/runtime.h"

#define NEAPI_BEAT_US 1000000
/* So long nobody must have seen another's beat rise. A look counts for little, however long ago the
 * one before was: who stood still himself, or could not read the store, has seen nothing. */
#define NEAPI_PATIENCE_US 5000000
#define NEAPI_LOOK_US     (NEAPI_BEAT_US + NEAPI_BEAT_US / 2)

/* A member as it was seen. */
typedef struct neapi_seen_member {
    char id[37];
    neapi_buffer json, texts;
    neapi_member is; /* texts: in `texts` */
    int64_t silent_us;
    bool there, alive; /* in the look that is under way */
    struct neapi_seen_member *next;
} neapi_seen_member;

/* Something that is owned, and that some member may run. */
typedef struct neapi_owned {
    neap_text name;               /* behind the struct */
    uint64_t version;             /* the highest that a member runs it in */
    neapi_subscribed *subscribed; /* here; NULL: it does not run here, or is the queue */
    bool here;                    /* it may run here */
    bool held;                    /* it does, or did until it is at rest */
    neapi_buffer json;            /* of the document, as it was seen; empty: there is none */
    neapi_seen_member *owner;     /* NULL: nobody who lives */
    uint64_t record;              /* the hash of the subscription's record */
    struct neapi_owned *next;     /* by name */
} neapi_owned;

struct neapi_members {
    neap_runtime *runtime;
    neapi_session *session;
    neapi_mailbox *mailbox;
    neapi_uuid_source ids;
    char id[37];
    neapi_member self;
    neapi_buffer runs; /* self.runs */
    neapi_buffer mark; /* the own document as it is stored; empty: there is none */
    neapi_seen_member *seen;
    neapi_owned *owned;
    struct neapi_asked *asked; /* what others ask, and is under way */
    atomic_bool queue;         /* the queue is this member's */
    int64_t patience_us;
    int64_t beat_us, look_us; /* monotonic: when that is due */
    int64_t queue_us;         /* and when the queue is to be told */
    int64_t looked_us;
    bool deaf;         /* what others commit is not told */
    atomic_bool woken; /* to look before it is due */
    atomic_bool closing, stopping;
    int bell[2]; /* a pipe */
    pthread_t thread;
    bool running;
    neap_error error;
};

/* Units: core/runtime/members_unit.c. All wait until they are judged. true: accepted. */
bool neapi_members_beat(neapi_members *members);
bool neapi_members_take(neapi_members *members, neapi_owned *it);
bool neapi_members_give_back(neapi_members *members, neapi_owned *it);
/* Its document goes, unless it lives after all. */
void neapi_members_bury(neapi_members *members, const neapi_seen_member *dead);
/* Gives back what is held, and the own document goes. */
void neapi_members_end(neapi_members *members);

/* A unit of that document alone. */
bool neapi_members_put(neapi_members *members, const neapi_document *document);
/* The same for a thread of the host's, which does not give the unit away. Errors: the unit's. */
neap_status neapi_members_submit(neap_runtime *runtime, neapi_unit *unit, neap_error *error);

/* Looking: core/runtime/members_look.c. */
neap_status neapi_members_look(neapi_members *members, neap_error *error);
/* The subscription of that name that runs in this runtime, whoever owns it; NULL: there is none. */
neapi_subscribed *neapi_members_running(const neapi_members *members, neap_text name);
void neapi_members_forget(neapi_members *members);

#endif
