/* Every rule of the suite, and to which stores it applies. */
#ifndef NEAPI_SPEC_RULES_H
#define NEAPI_SPEC_RULES_H

#include "contract/contract.h"

#define CONTRACT_RULES(RULE)                                                                       \
    RULE(open_for_reading_needs_a_store, fixture->open == NULL)                                    \
    RULE(unknown_option_is_usage, true)                                                            \
    RULE(second_writer_is_busy, fixture->persistent && !fixture->shared)                           \
    RULE(foreign_store_is_corrupt, fixture->make_foreign != NULL)                                  \
    RULE(newer_store_is_corrupt, fixture->make_newer != NULL)                                      \
    RULE(damaged_store_is_corrupt, fixture->damage != NULL)                                        \
    RULE(one_writing_session_at_a_time, true)                                                      \
    RULE(no_writing_session_in_a_store_for_reading, fixture->persistent)                           \
    RULE(reading_changes_nothing, fixture->persistent)                                             \
    RULE(versions_are_dense, true)                                                                 \
    RULE(positions_are_dense, true)                                                                \
    RULE(expected_version_is_judged, true)                                                         \
    RULE(expect_alone_appends_nothing, true)                                                       \
    RULE(any_version_appends, true)                                                                \
    RULE(several_streams_in_one_unit, true)                                                        \
    RULE(several_appends_to_one_stream_in_one_unit, true)                                          \
    RULE(refused_unit_leaves_nothing, true)                                                        \
    RULE(refused_unit_does_not_harm_neighbours, true)                                              \
    RULE(units_see_accepted_ones_before_them, true)                                                \
    RULE(unit_after_a_refused_one_is_refused, true)                                                \
    RULE(unknown_operation_is_usage, true)                                                         \
    RULE(key_is_unique_until_it_expires, true)                                                     \
    RULE(key_keeps_the_receipt, true)                                                              \
    RULE(expired_keys_are_dropped, true)                                                           \
    RULE(command_is_found_from_every_event, true)                                                  \
    RULE(snapshot_newest_wins, true)                                                               \
    RULE(snapshot_keeps_only_so_many, true)                                                        \
    RULE(snapshot_needs_no_stream, true)                                                           \
    RULE(condition_is_judged, true)                                                                \
    RULE(condition_names_many_tags, true)                                                          \
    RULE(condition_tells_the_newest_event, true)                                                   \
    RULE(condition_sees_accepted_units_before_it, true)                                            \
    RULE(condition_does_not_see_its_own_unit, true)                                                \
    RULE(condition_does_not_see_refused_units, true)                                               \
    RULE(condition_alone_appends_nothing, true)                                                    \
    RULE(refused_unit_leaves_no_tags, true)                                                        \
    RULE(data_comes_back_byte_for_byte, true)                                                      \
    RULE(envelope_comes_back, true)                                                                \
    RULE(events_get_position_and_version_at_commit, true)                                          \
    RULE(accepted_units_survive_reopening, fixture->persistent)                                    \
    RULE(empty_batch_is_fine, true)                                                                \
    RULE(large_batch, true)                                                                        \
    RULE(large_event, true)                                                                        \
    RULE(reads_forward, true)                                                                      \
    RULE(reads_backward, true)                                                                     \
    RULE(reads_one_stream, true)                                                                   \
    RULE(reads_a_category, true)                                                                   \
    RULE(category_is_not_a_prefix, true)                                                           \
    RULE(reads_types, true)                                                                        \
    RULE(reads_tags, true)                                                                         \
    RULE(tags_combine_with_types, true)                                                            \
    RULE(tag_is_not_a_prefix, true)                                                                \
    RULE(tags_have_bounds, true)                                                                   \
    RULE(pages_of_tags_join_without_gap_or_repeat, true)                                           \
    RULE(unknown_stream_is_empty, true)                                                            \
    RULE(pages_join_without_gap_or_repeat, true)                                                   \
    RULE(page_keeps_its_bounds, true)                                                              \
    RULE(from_and_to_are_inclusive, true)                                                          \
    RULE(reader_sees_commits_of_the_writer, true)                                                  \
    RULE(reader_in_another_store_sees_commits, fixture->persistent)                                \
    RULE(document_comes_back_byte_for_byte, true)                                                  \
    RULE(document_is_put_and_dropped, true)                                                        \
    RULE(document_is_expected, true)                                                               \
    RULE(document_sees_operations_before_it, true)                                                 \
    RULE(document_sees_accepted_units_before_it, true)                                             \
    RULE(document_conflict_names_the_operation, true)                                              \
    RULE(documents_of_a_refused_unit_are_not_there, true)                                          \
    RULE(documents_are_put_together_with_events, true)                                             \
    RULE(collection_is_cleared_in_pieces, true)                                                    \
    RULE(clearing_sees_what_is_before_it, true)                                                    \
    RULE(documents_survive_reopening, fixture->persistent)                                         \
    RULE(documents_are_listed_in_bytewise_order, true)                                             \
    RULE(documents_of_any_bytes_are_listed, true)                                                  \
    RULE(documents_are_listed_by_prefix, true)                                                     \
    RULE(documents_are_listed_behind_a_key, true)                                                  \
    RULE(pages_of_documents_join_without_gap_or_repeat, true)                                      \
    RULE(page_of_documents_keeps_its_bounds, true)                                                 \
    RULE(collections_are_listed_with_their_counts, true)                                           \
    RULE(random_documents_match_the_model, true)                                                   \
    RULE(readers_see_documents_as_they_were_committed, true)                                       \
    RULE(refused_allocation_in_documents, true)                                                    \
    RULE(kept_is_shown_in_bytewise_order, true)                                                    \
    RULE(expired_keys_are_not_shown, true)                                                         \
    RULE(unwanted_collections_are_passed_over, true)                                               \
    RULE(kept_is_shown_as_of_one_moment, true)                                                     \
    RULE(sink_ends_the_showing, true)                                                              \
    RULE(refused_allocation_in_showing, true)                                                      \
    RULE(store_without_sql_says_so, fixture->sql == NULL)                                          \
    RULE(rows_are_written_and_read, fixture->sql != NULL)                                          \
    RULE(values_are_bound, fixture->sql != NULL)                                                   \
    RULE(sql_sees_what_is_before_it, fixture->sql != NULL)                                         \
    RULE(failing_statement_refuses_its_unit_alone, fixture->sql != NULL)                           \
    RULE(ended_transaction_refuses_its_unit_alone, fixture->sql != NULL)                           \
    RULE(statement_may_touch_its_own_tables_only, fixture->sql != NULL)                            \
    RULE(statement_is_one_that_writes, fixture->sql != NULL)                                       \
    RULE(endless_statement_is_stopped, fixture->sql != NULL)                                       \
    RULE(tables_are_made_as_their_schema_says, fixture->sql != NULL)                               \
    RULE(view_shows_the_live_build, fixture->sql != NULL)                                          \
    RULE(builds_stand_beside_each_other, fixture->sql != NULL)                                     \
    RULE(rows_survive_reopening, fixture->sql != NULL)                                             \
    RULE(refused_allocation_in_sql, fixture->sql != NULL)                                          \
    RULE(verify_counts_what_is_there, true)                                                        \
    RULE(survey_of_an_empty_store, true)                                                           \
    RULE(survey_counts_types, true)                                                                \
    RULE(survey_counts_categories_and_streams, true)                                               \
    RULE(survey_finds_the_longest_streams, true)                                                   \
    RULE(survey_counts_what_is_kept_beside_events, true)                                           \
    RULE(survey_ends_at_its_position, true)                                                        \
    RULE(survey_knows_times, true)                                                                 \
    RULE(random_histories_match_the_model, true)                                                   \
    RULE(readers_see_a_prefix, true)                                                               \
    RULE(refused_allocation_in_commit, true)                                                       \
    RULE(refused_allocation_in_read, true)                                                         \
    RULE(refused_allocation_in_maintain, true)                                                     \
    RULE(refused_allocation_in_open, true)

#define CONTRACT_DECLARE(name, applies) void name(void **state);
CONTRACT_RULES(CONTRACT_DECLARE)
#undef CONTRACT_DECLARE

#endif
