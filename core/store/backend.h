/* What a store implements: one table of functions. Every rule here has a test of the same name in
 * the contract suite (spec/contract), which every store passes.
 *
 * A store has no threads, no callbacks into the core, no Lua and no clock: every time comes as an
 * argument. A session is used by one thread at a time; sessions of one store are used by many
 * threads at once. One writing session exists per store at a time; any number of reading ones.
 *
 * Errors: a function that fails fills `error` (never NULL here) with a message that names the
 * store's own reason; the front prefixes it. NEAP_STORE: will not go away by itself.
 * NEAP_UNAVAILABLE: worth another try. NEAP_CORRUPT: damaged, foreign or newer. NEAP_NOMEM. After a
 * failed read the session can be used again. */
#ifndef NEAPI_STORE_BACKEND_H
#define NEAPI_STORE_BACKEND_H

#include "store/document.h"
#include "store/page.h"
#include "store/survey.h"
#include "store/unit.h"

typedef struct neapi_backend neapi_backend;

typedef enum neapi_mode {
    NEAPI_MODE_READ,  /* the store must exist; nothing in it is changed */
    NEAPI_MODE_WRITE, /* made if it does not exist; excludes other writers if the backend is not
                         `shared` */
} neapi_mode;

/* A URL in its parts: scheme:path[?name=value&…]; options are looked up with neapi_url_option. */
typedef struct neapi_url {
    neap_text whole; /* as given, without what may be secret */
    neap_text given; /* with it: for a library that reads URLs itself. Never in a message */
    neap_text scheme;
    neap_text path;  /* between the scheme's ':' and '?', percent-decoded */
    neap_text query; /* behind '?', not decoded */
} neapi_url;

/* Both are the first member of what a backend allocates itself. The front fills them; a backend
 * only has to leave room. */
typedef struct neapi_store {
    const neapi_backend *backend;
    neapi_mode mode;
    char *name;          /* the URL without what may be secret; the front's own memory */
    atomic_bool writing; /* a writing session is open */
    atomic_bool alone;   /* nobody has to be told what is committed (neapi_store_alone) */
} neapi_store;

typedef struct neapi_session {
    neapi_store *store;
    neapi_mode mode;
    struct neapi_store_calls *calls; /* where its calls are counted; NULL: nowhere */
} neapi_session;

/* What other processes have committed. */
typedef struct neapi_told {
    uint64_t position; /* events up to here; 0: none */
    bool queue;        /* a unit with due_us, or it is not known what */
    bool more;         /* a unit that tells, or it is not known what */
} neapi_told;

/* What became of a whole batch when commit fails. */
typedef enum neapi_outcome {
    NEAPI_OUTCOME_NONE,    /* nothing of it is durable, or ever will be */
    NEAPI_OUTCOME_UNKNOWN, /* it may be; resolve tells */
} neapi_outcome;

/* Who is shown what a store keeps beside its events. It is called inside of the store, and must not
 * use it. What it returns other than NEAP_OK ends the showing. */
typedef struct neapi_kept_sink {
    void *user;
    bool (*wants)(void *user, neap_text collection);
    neap_status (*key)(void *user, const neapi_key *key, neap_error *error);
    neap_status (*document)(void *user, neap_text collection, neap_text key, neap_text data,
                            neap_error *error);
} neapi_kept_sink;

typedef struct neapi_verify_sink {
    void *user;
    void (*finding)(void *user, const char *text);
} neapi_verify_sink;

struct neapi_backend {
    const char *scheme; /* "sqlite" */
    bool shared;        /* other processes may write at the same time */
    bool waits;         /* a commit waits, for a disk or a network */

    /* Opens the store. Owns: the caller owns *store.
     * Rules: open_for_reading_needs_a_store (NEAP_UNKNOWN) · second_writer_is_busy (NEAP_BUSY names
     * the holder; not if shared or private to the process) · foreign_store_is_corrupt ·
     * newer_store_is_corrupt · damaged_store_is_corrupt · unknown_option_is_usage ·
     * refused_allocation_in_open. */
    neap_status (*open)(const neapi_url *url, neapi_mode mode, neapi_store **store,
                        neap_error *error);
    /* All sessions are closed. */
    void (*close)(neapi_store *store);

    /* A writing session only in a store opened for writing, one at a time (else NEAP_USAGE): the
     * front sees to it. Rules: one_writing_session_at_a_time ·
     * no_writing_session_in_a_store_for_reading · reading_changes_nothing. */
    neap_status (*session_open)(neapi_store *store, neapi_mode mode, neapi_session **session,
                                neap_error *error);
    void (*session_close)(neapi_session *session);

    /* Commits the units as one transaction, judging each in order against what the accepted ones
     * before it left. now_us: wall clock, for the expiry of keys. On NEAP_OK every unit is ACCEPTED
     * or REFUSED with its verdict, and what was accepted is durable. On failure no unit has been
     * judged, and *outcome says what became of the batch. Rules: versions_are_dense ·
     * positions_are_dense · expected_version_is_judged · expect_alone_appends_nothing ·
     * any_version_appends · several_streams_in_one_unit · several_appends_to_one_stream_in_one_unit
     * · refused_unit_leaves_nothing · refused_unit_does_not_harm_neighbours ·
     * units_see_accepted_ones_before_them · unit_after_a_refused_one_is_refused ·
     * unknown_operation_is_usage · key_is_unique_until_it_expires · key_keeps_the_receipt ·
     * command_is_found_from_every_event · snapshot_newest_wins · snapshot_keeps_only_so_many ·
     * snapshot_needs_no_stream · condition_is_judged · condition_names_many_tags ·
     * condition_tells_the_newest_event · condition_sees_accepted_units_before_it ·
     * condition_does_not_see_its_own_unit · condition_does_not_see_refused_units ·
     * condition_alone_appends_nothing · refused_unit_leaves_no_tags ·
     * document_comes_back_byte_for_byte · document_is_put_and_dropped · document_is_expected ·
     * document_sees_operations_before_it · document_sees_accepted_units_before_it ·
     * document_conflict_names_the_operation · documents_of_a_refused_unit_are_not_there ·
     * documents_are_put_together_with_events · collection_is_cleared_in_pieces ·
     * clearing_sees_what_is_before_it · documents_survive_reopening ·
     * random_documents_match_the_model · refused_allocation_in_documents ·
     * data_comes_back_byte_for_byte · envelope_comes_back ·
     * events_get_position_and_version_at_commit · accepted_units_survive_reopening ·
     * empty_batch_is_fine · large_batch · large_event · random_histories_match_the_model ·
     * refused_allocation_in_commit. Blocks: yes (disk, network). Called by: the writer. */
    neap_status (*commit)(neapi_session *session, neapi_unit *const *units, size_t count,
                          int64_t now_us, neapi_outcome *outcome, neap_error *error);

    /* After commit failed with NEAPI_OUTCOME_UNKNOWN: finds out whether that batch, the last of
     * this store, is durable, and makes sure that it can become so no more if it is not. On NEAP_OK
     * *durable is the answer, and if it is true the units have been judged as commit would have.
     * Else: ask again. May reconnect. NULL: commit never leaves it unknown. */
    neap_status (*resolve)(neapi_session *session, neapi_unit *const *units, size_t count,
                           bool *durable, neap_error *error);

    /* Fills the (cleared) page. Sees what is committed. Holds nothing open afterwards.
     * Rules: reads_forward · reads_backward · reads_one_stream · reads_a_category ·
     * category_is_not_a_prefix · reads_types · reads_tags · tags_combine_with_types ·
     * tag_is_not_a_prefix · tags_have_bounds · pages_of_tags_join_without_gap_or_repeat ·
     * unknown_stream_is_empty · pages_join_without_gap_or_repeat · page_keeps_its_bounds ·
     * from_and_to_are_inclusive · reader_sees_commits_of_the_writer ·
     * reader_in_another_store_sees_commits · readers_see_a_prefix · refused_allocation_in_read. */
    neap_status (*read)(neapi_session *session, const neapi_range *range, neapi_page *page,
                        neap_error *error);

    /* The stream's version (0: it does not exist) and its last event's position. */
    neap_status (*stream_head)(neapi_session *session, neap_text stream, uint64_t *version,
                               uint64_t *position, neap_error *error);
    /* The last position, 0 in an empty store. Cheap: it is polled. */
    neap_status (*head)(neapi_session *session, uint64_t *position, neap_error *error);
    /* Waits until another process has committed something since the call before that it is worth
     * to tell (events; units with due_us or tells), the file descriptor `wake` can be read, or the
     * time is over, and says what. The first call, and the first after the connection was lost, do
     * not wait, as nobody knows what was missed. What the store's own writing session commits need
     * not be told, nor events and due_us of one that is alone. Holds nothing open but what tells
     * it. NULL: the store is not `shared`. */
    neap_status (*listen)(neapi_session *session, int wake, int timeout_ms, neapi_told *told,
                          neap_error *error);

    /* The following copy what they find into the arena; *found is false, and that no error, if
     * there is nothing. find_key: only a key that has not expired at now_us. find_snapshot: the
     * newest of the name at or below max_version with an equal fingerprint. find_command: the
     * command of the unit that appended the event at `position`. */
    neap_status (*find_key)(neapi_session *session, neap_text key, int64_t now_us,
                            neapi_arena *arena, neapi_key *result, bool *found, neap_error *error);
    neap_status (*find_snapshot)(neapi_session *session, neap_text name, uint64_t max_version,
                                 neap_text fingerprint, neapi_arena *arena, neapi_snapshot *result,
                                 bool *found, neap_error *error);
    neap_status (*find_command)(neapi_session *session, uint64_t position, neapi_arena *arena,
                                neapi_command *result, bool *found, neap_error *error);

    /* find_document copies the data into the arena. list_documents fills the (cleared) page with
     * the first documents of the range, as far as they fit. list_collections fills the (empty)
     * list, in any order, with those that have documents. All see what is committed, and hold
     * nothing open afterwards.
     * Rules: documents_are_listed_in_bytewise_order · documents_of_any_bytes_are_listed ·
     * documents_are_listed_by_prefix · documents_are_listed_behind_a_key ·
     * pages_of_documents_join_without_gap_or_repeat ·
     * page_of_documents_keeps_its_bounds · collections_are_listed_with_their_counts ·
     * readers_see_documents_as_they_were_committed. */
    neap_status (*find_document)(neapi_session *session, neap_text collection, neap_text key,
                                 neapi_arena *arena, neap_text *data, bool *found,
                                 neap_error *error);
    neap_status (*list_documents)(neapi_session *session, const neapi_document_range *range,
                                  neapi_document_page *page, neap_error *error);
    neap_status (*list_collections)(neapi_session *session, neapi_collection_list *list,
                                    neap_error *error);

    /* Shows the sink what is there at one moment, and sets *head to the last position then: first
     * the keys that have not expired at now_us, in their bytewise order; then the documents of each
     * collection that it wants, by collection and key in their bytewise order. Holds nothing open
     * afterwards.
     * Rules: kept_is_shown_in_bytewise_order · expired_keys_are_not_shown ·
     * unwanted_collections_are_passed_over · kept_is_shown_as_of_one_moment ·
     * sink_ends_the_showing · refused_allocation_in_showing. */
    neap_status (*show_kept)(neapi_session *session, int64_t now_us, const neapi_kept_sink *sink,
                             uint64_t *head, neap_error *error);

    /* Runs a SELECT of a projection that keeps rows, as far as the limits of the (cleared) result
     * allow. NULL: the store has no SQL, and refuses NEAPI_OP_SQL and NEAPI_OP_TABLES.
     * Rules: store_without_sql_says_so · rows_are_written_and_read · values_are_bound ·
     * sql_sees_what_is_before_it · failing_statement_refuses_its_unit_alone ·
     * ended_transaction_refuses_its_unit_alone · statement_may_touch_its_own_tables_only ·
     * statement_is_one_that_writes · endless_statement_is_stopped ·
     * tables_are_made_as_their_schema_says · view_shows_the_live_build ·
     * builds_stand_beside_each_other · rows_survive_reopening · refused_allocation_in_sql. */
    neap_status (*select)(neapi_session *session, const neapi_statement *statement, size_t limit,
                          neapi_result *result, neap_error *error);

    /* Housekeeping between commits, in small pieces: drops keys expired at now_us, moves the WAL
     * into the file. *more: there is more to do. Called by: the writer when it is idle, and now and
     * then when it is not. Rules: expired_keys_are_dropped · refused_allocation_in_maintain. */
    neap_status (*maintain)(neapi_session *session, int64_t now_us, bool *more, neap_error *error);

    /* Reports what only the backend can see (its own integrity check, dangling references, counts
     * that do not agree) and fills the counts of *result other than findings; the front checks the
     * log itself. Rules: verify_counts_what_is_there. */
    neap_status (*verify)(neapi_session *session, const neapi_verify_sink *sink,
                          neap_verification *result, neap_error *error);

    /* Shows every event up to survey->result.events to neapi_survey_see, in order of position,
     * names what that noted by number, and fills the counts of what is kept beside events, and the
     * bytes that the store takes. Others may commit meanwhile. Rules: survey_counts_types ·
     * survey_counts_categories_and_streams · survey_finds_the_longest_streams ·
     * survey_counts_what_is_kept_beside_events · survey_ends_at_its_position ·
     * survey_knows_times · survey_of_an_empty_store. */
    neap_status (*survey)(neapi_session *session, neapi_survey *survey, neap_error *error);
};

/* The value of ?name=… in the URL, or empty with *given false. */
neap_text neapi_url_option(const neapi_url *url, const char *name, bool *given);
/* NEAP_USAGE naming the first option that is not among the (NULL-terminated) known ones, or is
 * given twice. */
neap_status neapi_url_check_options(const neapi_url *url, const char *const *known,
                                    neap_error *error);

/* The backends. Each is the one exported symbol of stores/<name>. */
extern const neapi_backend neapi_backend_memory;
extern const neapi_backend neapi_backend_sqlite;
extern const neapi_backend neapi_backend_postgresql;

#endif
