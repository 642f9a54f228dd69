/* Pasts: runtimes of one domain over one store as it was at a position; see neap_history in neap.h.
 */
#ifndef NEAPI_RUNTIME_HISTORY_H
#define NEAPI_RUNTIME_HISTORY_H

#include "runtime/past_edit.h"
#include "runtime/past_keep.h"
#include "runtime/runtime.h"

/* Which streams there are, in the order in which they began; core/runtime/history_streams.c. */
typedef struct neapi_stream_list {
    pthread_mutex_t mutex;
    neapi_arena texts;
    neapi_map known; /* of neapi_begun_stream, by name */
    struct neapi_begun_stream *first, **end;
    uint64_t through; /* the log was looked at up to here */
} neapi_stream_list;

struct neap_history {
    atomic_uint references; /* the host's, and one of each past */
    neap_history_options options;
    neapi_store *log;
    neap_history *of;         /* held: whose log it is; NULL: its own */
    neap_runtime *model;      /* whose sources are those of all; it is never started */
    pthread_mutex_t checking; /* of the model's engine, which checks what edits have */
    neapi_buffer chosen;      /* which subscriptions run in a past */
    neapi_past_keep keep;
    neapi_stream_list streams;
};

void neapi_history_release(neap_history *history); /* NULL is allowed */
neap_history *neapi_history_hold(neap_history *history);

/* The same log with other sources, which it takes, also on failure. Owns: one reference. Errors: as
 * neap_history_open(). */
neap_status neapi_history_with(neap_history *history, neapi_sources *sources,
                               neap_history **variant, neap_error *error);
/* A past at a position, which the log has, with what the edits (NULL: none) have other than the
 * log. Errors: as neap_history_at(). */
neap_status neapi_history_past(neap_history *history, uint64_t position,
                               const neapi_past_edits *edits, neap_runtime **past,
                               neap_error *error);
/* Folds what a past has been given since. Errors: the same. */
neap_status neapi_history_fold(neap_runtime *past, neap_error *error);
/* NEAP_USAGE, if it is no branch, or waiting is not allowed here. */
neap_status neapi_branch_check(const neap_runtime *branch, const char *call, neap_error *error);
/* Loads a past without its store. chosen: which subscriptions are folded there. */
neap_status neapi_history_load(neap_history *history, const char *chosen, neap_clock clock,
                               void *clock_user, neap_runtime **past, neap_error *error);

bool neapi_stream_list_init(neapi_stream_list *list);
void neapi_stream_list_fini(neapi_stream_list *list);
/* The streams of a category that had begun at the position, in that order; they are the history's.
 * Owns: the caller (neapi_free()) of the list, NULL if there are none. */
neap_status neapi_streams_of(neap_history *history, neapi_session *session, neap_text category,
                             uint64_t position, neap_text **names, size_t *count,
                             neap_error *error);

/* NEAP_UNAVAILABLE, if the host wants no more. */
neap_status neapi_history_go_on(const neap_history *history, uint64_t position, uint64_t target,
                                neap_error *error);

/* Where the log begins that was recorded after an id was made, or the command that it follows from:
 * ids have their time in them. */
neap_status neapi_history_near(neapi_session *session, neap_uuid id, uint64_t *position,
                               neap_error *error);

#endif
