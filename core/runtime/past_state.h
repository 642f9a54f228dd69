/* The inside of a past's store, shared by the files that make it up. */
#ifndef NEAPI_RUNTIME_PAST_STATE_H
#define NEAPI_RUNTIME_PAST_STATE_H

#include "runtime/past_kept.h"
#include "runtime/past_store.h"

#define NEAPI_PAST_NO_ROWS "a past has no rows of projections: their tables are as they are now"

typedef struct neapi_past_store {
    neapi_store base;
    neapi_store *log;
    neapi_past_kept kept;
    neapi_past_edits edits;
    bool is_branch;
    atomic_uint_fast64_t position; /* of the log */
    atomic_uint_fast64_t added;    /* events behind it */
    pthread_mutex_t mutex;         /* of what follows */
    neapi_map begun;               /* which versions streams had in the log, by their names, as far
                                      as the branch has events of them */
    neapi_arena names;
    neapi_buffer issued; /* what was queued on the branch: JSON objects, a comma behind each */
} neapi_past_store;

/* A past's session on the log, and on what is kept. */
neapi_session *neapi_past_log(const neapi_session *session);
neapi_kept_session *neapi_past_kept_of(neapi_session *session);

/* Appends one object, and a comma. */
void neapi_past_write_issued(neapi_buffer *json, neap_text key, neap_text entry);

/* The last version that the log has at the position, and where it is. */
neap_status neapi_past_log_head(neapi_session *session, neap_text stream, uint64_t *version,
                                uint64_t *position, neap_error *error);

/* As neapi_backend's. */
neap_status neapi_past_read(neapi_session *session, const neapi_range *range, neapi_page *page,
                            neap_error *error);
neap_status neapi_past_stream_head(neapi_session *session, neap_text stream, uint64_t *version,
                                   uint64_t *position, neap_error *error);

/* core/runtime/past_judge.c: events, versions and positions of a branch are kept as if there were
 * nothing before them. These make what was read there what it is; */
neap_status neapi_past_number(neapi_session *session, neapi_page *page, neap_error *error);
neap_status neapi_past_key_shown(neapi_session *session, neapi_key *key, neap_error *error);
/* and this judges a unit, as neapi_backend.commit does with each. */
void neapi_past_judge(neapi_session *session, neapi_unit *unit, int64_t now_us);

/* As neapi_backend's; core/runtime/past_survey.c. */
neap_status neapi_past_survey(neapi_session *session, neapi_survey *survey, neap_error *error);
neap_status neapi_past_verify(neapi_session *session, const neapi_verify_sink *sink,
                              neap_verification *result, neap_error *error);

#endif
