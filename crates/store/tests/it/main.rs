//! The store's conformance suite: every case runs on SQLite and on PostgreSQL, and compares whole values.
//!
//! To add a case, write an `async fn case(world: World)` in the file of its noun and name it in the list below.

#![expect(clippy::cloned_ref_to_slice_refs, reason = "a list of one reads best as a list of one")]

#[cfg(test)]
mod access;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod archives;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod campaigns;
#[cfg(test)]
mod caps;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod drafts;
#[cfg(test)]
mod duties;
#[cfg(test)]
mod entities;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod figures;
#[cfg(test)]
mod held;
#[cfg(test)]
mod histories;
#[cfg(test)]
mod hitl;
#[cfg(test)]
mod media;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod moved;
#[cfg(test)]
mod overview;
#[cfg(test)]
mod pacing;
#[cfg(test)]
mod past;
#[cfg(test)]
mod planning;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod publishing;
#[cfg(test)]
mod races;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod retrying;
#[cfg(test)]
mod spending;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod sweeping;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod tellings;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tiers;
#[cfg(test)]
mod totals;
#[cfg(test)]
mod weaviate;
#[cfg(test)]
mod work;
#[cfg(test)]
mod world;

chimera_testkit::on_both! {
    world::World;
    access:
        a_credential_is_found_by_its_secret_while_it_lives
        no_other_tenant_finds_a_credential
        of_many_who_come_with_one_link_one_signs_in
        what_ended_long_ago_is_forgotten_but_for_tokens;
    accounts:
        money_is_counted_once
        the_governor_sees_spent_and_reserved_money_and_the_last_hour;
    audit:
        decisions_and_answers_are_logged_with_what_they_did
        hostile_text_and_odd_numbers_are_logged_as_they_are_stored
        operators_acts_are_put_down_to_them
        each_step_of_publishing_is_logged
        what_an_ended_campaign_takes_along_is_logged
        a_judges_withdrawal_is_put_down_to_the_judge
        many_at_once_make_one_chain_without_gaps
        the_first_entries_of_a_new_log_may_come_at_once
        what_was_not_committed_leaves_no_gap
        a_log_made_anew_takes_in_what_was_decided_before;
    tampering:
        append_only_tables_refuse_everything_else
        a_trigger_taken_away_is_told_and_put_back
        a_changed_entry_is_named_wherever_it_lies
        a_time_that_was_changed_is_named
        an_entry_that_can_not_be_read_is_named
        missing_entries_are_named_in_the_middle_and_at_the_end
        swapped_entries_are_named_with_their_places
        a_rewritten_chain_is_found_by_a_head_noted_elsewhere
        changed_deleted_and_planted_decisions_are_named
        changed_and_planted_answers_are_named;
    archives:
        members_lie_in_order_and_are_what_they_are_called
        a_cut_off_archive_is_refused
        a_changed_byte_is_noticed_or_changes_nothing
        what_is_no_archive_is_said_to_be_none
        a_missing_repeated_or_moved_member_is_named
        names_that_lead_elsewhere_are_refused
        changed_rows_and_blobs_are_named
        newer_formats_and_schemas_are_told_from_damage
        a_forged_row_leaves_the_database_as_it_was
        an_archive_damaged_after_its_check_is_not_restored;
    backup:
        everything_comes_back_on_either_database
        more_rows_than_a_page_come_back
        a_backup_is_of_one_moment_while_others_write
        lost_media_are_named_and_the_rest_is_kept
        a_file_that_is_there_is_overwritten_only_by_force
        an_older_schema_is_backed_up_and_brought_up_to_date
        plans_on_restored_campaigns_go_on;
    media:
        what_is_kept_comes_back_and_a_change_is_noticed
        media_that_no_post_names_go_and_others_stay
        what_is_named_while_it_goes_comes_back
        a_blob_written_again_is_young_again
        a_link_is_had_where_somebody_answers_it
        a_backup_carries_media_from_any_place_to_any_other;
    tellings:
        of_each_alert_its_events_are_told_once_and_in_order
        a_failed_telling_waits_and_is_given_up
        what_came_and_went_before_anybody_told_of_it_is_passed_over;
    drafts:
        a_draft_waits_until_it_is_started_once
        a_draft_is_edited_at_the_version_that_was_seen
        a_draft_is_dropped_by_its_operator_or_by_time
        a_draft_is_started_or_dropped_as_it_was_seen
        drafts_come_in_pages_whatever_becomes_of_them_meanwhile
        a_draft_of_an_edited_campaign_is_void;
    damage:
        a_result_that_can_not_be_read_is_a_dead_letter_and_holds_no_other_back
        a_task_that_can_not_be_read_holds_no_other_back
        a_publication_that_can_not_be_read_holds_no_look_up_back
        an_approved_post_that_can_not_be_read_is_told_of_once_and_holds_no_other_back
        an_outdated_post_that_can_not_be_read_holds_no_other_back;
    decisions:
        a_ruling_moves_the_task_and_is_recorded_once
        children_start_when_their_last_parent_is_done
        two_judges_finishing_two_parents_at_once_start_the_child
        a_rejection_cancels_what_waits_and_plants_the_replacement
        rulings_that_do_not_add_up_are_refused_whole
        a_task_cancelled_in_review_withdraws_its_question;
    overview:
        an_agent_and_its_campaign_do_what_their_tasks_do
        agents_and_campaigns_come_in_pages
        what_went_out_comes_in_pages_the_latest_first
        a_campaigns_plans_come_in_pages_with_their_tasks
        what_a_campaign_spent_is_counted_from_a_moment_on
        money_is_added_up_by_day
        alerts_come_in_pages;
    duties:
        of_two_contenders_one_holds_a_duty_until_it_lays_it_down
        a_duty_of_one_that_vanished_goes_to_the_next
        of_many_contenders_at_once_one_holds_the_duty;
    campaigns:
        a_campaign_is_created_once
        an_edit_counts_only_at_the_version_that_was_read
        one_alone_says_what_a_campaign_is
        a_quiet_campaign_publishes_nothing_until_its_hours_are_over
        a_campaigns_caps_hold_between_planners
        marks_are_kept_with_their_signals_and_the_last_word_counts
        a_calibration_is_void_with_its_goal
        scored_signals_come_in_pages;
    entities:
        an_agent_comes_back_whole_and_is_written_only_when_it_differs
        a_campaign_comes_back_whole_and_keeps_its_status
        statuses_change_only_at_the_version_that_was_read
        cursors_are_replaced_whole
        signals_come_back_whole_newest_first
        tasks_come_back_whole
        a_trace_holds_the_whole_life_of_a_post
        posts_are_listed_newest_first_with_their_latest
        the_same_alert_is_raised_once_until_acknowledged
        an_alert_ends_with_its_condition_or_at_a_persons_word
        hostile_text_is_kept_but_for_nul
        another_tenant_sees_nothing;
    histories:
        no_history_breaks_a_promise
        no_seeded_flaw_goes_unseen;
    figures:
        live_tasks_and_dead_letters_are_told_with_how_long_they_stand_there
        open_alerts_are_told_by_kind
        the_money_of_all_agents_is_told_together;
    held:
        what_was_held_back_is_decided_once
        what_is_held_back_is_planned_under_the_checks_of_every_plan;
    hitl:
        the_depth_tells_how_many_wait_and_how_long_yet
        tickets_come_in_the_order_in_which_they_fall_due
        pages_neither_hide_nor_repeat_what_waits
        tickets_are_found_by_campaign_and_by_topic
        a_ticket_that_can_not_be_read_hides_no_other;
    memory:
        memories_come_back_whole_nearest_first
        adding_again_changes_nothing
        an_agent_reaches_only_its_own_memories
        another_tenant_finds_nothing
        vectors_of_different_models_are_never_compared
        searches_are_narrowed_by_kind_and_age
        the_last_hour_comes_back_newest_first
        what_is_forgotten_is_gone_for_everyone
        what_another_process_adds_is_found_at_once
        many_that_add_and_forget_at_once_agree_in_the_end
        the_nearest_of_thousands_are_found
        an_agent_with_few_memories_beside_millions_finds_them
        long_vectors_are_kept_and_found
        hostile_words_are_kept_as_they_are
        an_index_without_room_is_slow_and_right
        without_pgvector_memories_say_what_to_do;
    migrations:
        migrating_is_counted_reported_and_undone
        programs_that_start_at_once_migrate_once
        a_database_of_a_newer_program_is_refused
        a_rollback_says_first_what_it_takes;
    moved:
        what_was_planned_on_an_old_brief_is_not_approved
        what_was_planned_under_an_old_persona_is_not_approved
        a_pause_or_another_threshold_voids_nothing
        what_is_void_is_neither_claimed_nor_published
        a_person_can_not_approve_what_is_void
        an_edit_and_an_approval_at_once_publish_nothing_old
        what_an_edited_brief_voids_is_swept_with_its_questions
        posts_of_an_edited_persona_go_to_the_judges_and_their_parts_after_them
        a_persona_edited_back_takes_its_work_up_again
        a_plan_made_under_an_old_persona_is_not_committed;
    past:
        a_restored_fleet_is_paused_and_its_leases_are_over
        what_was_paused_or_over_stays_so
        only_an_empty_database_is_restored_into
        another_tenants_rows_stay_out_and_its_archives_are_refused
        a_restored_fleet_works_on
        what_may_have_gone_out_since_the_backup_is_in_doubt
        a_fleet_that_moves_house_is_in_no_doubt;
    planning:
        a_plan_is_committed_whole_and_gives_the_ready_tasks
        a_paused_or_changed_campaign_plans_nothing
        planning_again_changes_nothing
        one_story_is_planned_once_whatever_the_resource
        a_story_is_planned_once_in_whatever_words
        of_many_planners_one_wins
        the_governors_cap_holds_between_planners
        no_more_agents_than_may_take_up_a_story_whoever_plans
        a_task_that_depends_on_a_dead_end_is_stored_cancelled;
    plans:
        every_statement_finds_its_rows_by_an_index_however_many_there_are;
    pacing:
        two_posts_of_one_agent_keep_their_distance
        an_hour_has_so_many_posts_of_the_whole_fleet_whoever_publishes;
    publishing:
        a_confirmed_post_is_published_once
        a_paused_campaign_publishes_nothing
        an_absent_post_is_tried_again_with_the_same_key
        a_post_rests_as_long_as_the_ledger_says
        what_was_not_called_counts_as_not_begun
        an_unknown_outcome_waits_for_a_person
        a_post_that_may_be_out_is_not_cancelled
        nobody_but_the_asked_says_that_a_post_is_out
        a_refused_post_is_a_dead_letter
        a_dead_publishers_posts_are_looked_up_by_the_next
        of_many_publishers_each_post_has_one;
    spending:
        a_claim_sets_its_cap_aside_and_handing_in_enters_the_cost
        a_task_given_back_frees_what_it_did_not_spend
        a_check_finds_what_the_ledger_and_the_records_say_differently
        a_vanished_workers_money_is_presumed_spent_until_it_hands_in
        a_cancelled_tasks_money_comes_free_when_its_worker_hands_in
        what_goes_beyond_the_reservation_counts_and_is_told_once
        a_call_that_was_cut_off_counts_in_full
        questions_to_the_mind_are_entered_once
        no_history_overdraws_or_loses_a_cent;
    totals:
        they_follow_claims_results_and_time
        they_follow_whatever_is_written
        old_ones_are_forgotten_and_their_entries_stay;
    caps:
        of_many_pools_none_takes_more_than_is_left
        what_comes_back_pays_for_what_waited
        what_a_vanished_worker_had_does_not_come_back
        of_a_thousand_dollars_wished_for_at_once_exactly_fifty_are_granted
        a_task_that_the_day_has_no_money_for_is_a_dead_letter
        a_new_day_brings_new_money
        work_that_the_hour_has_no_money_for_waits
        nothing_is_set_aside_for_free_tools;
    tiers:
        a_tool_that_fails_for_good_takes_a_video_down_tier_by_tier
        a_video_that_the_day_has_no_money_for_is_made_cheaper
        a_video_waits_for_money_that_may_come_back;
    statements:
        a_batch_of_posts_costs_a_few_statements_whatever_its_size
        a_batch_of_parts_costs_a_few_statements_whatever_its_size;
    retention:
        signals_go_unless_their_story_might_be_planned_again
        calls_go_when_they_cost_nothing_and_their_post_is_at_an_end
        alerts_go_once_acknowledged_and_what_goes_is_logged
        two_that_prune_at_once_beside_planners_delete_each_row_once
        media_go_when_no_post_refers_to_them;
    retrying:
        a_dead_letter_is_made_again_and_what_waited_for_it_waits_again
        what_waits_for_another_dead_letter_stays_cancelled
        what_was_cancelled_for_another_reason_stays_so
        a_cancelled_task_is_revived_when_what_it_waited_for_lives
        a_refused_post_is_published_again_under_the_same_key
        a_post_that_may_be_out_is_not_retried
        the_campaign_is_asked
        of_two_operators_one_retries
        a_part_that_is_done_while_its_post_is_revived_starts_it;
    sweeping:
        a_lapsed_lease_puts_the_task_back_and_fences_the_worker
        a_lapsed_task_out_of_attempts_fails_with_its_dependents
        failures_and_vanished_workers_are_counted_apart
        what_waits_too_long_is_delivered_again
        judges_are_not_given_what_their_queue_holds
        an_ended_campaign_takes_its_tasks_along;
    tickets:
        of_two_answers_the_first_counts_and_the_second_is_told
        an_answer_about_something_else_is_refused
        a_rejected_ticket_ends_the_task
        a_ticket_is_in_one_persons_hands;
    work:
        each_task_is_claimed_by_one_of_many_workers
        a_paused_campaigns_tasks_are_not_claimed
        a_late_result_is_fenced_but_its_calls_are_paid_for
        a_lease_is_kept_alive_by_its_holder_only
        a_task_given_back_is_ready_or_a_dead_letter
        a_task_handed_back_keeps_its_attempts
        leases_end_with_whoever_held_them
        work_orders_hold_everything_a_worker_needs
        a_judge_takes_posts_for_itself_and_parts_for_anybody
        what_a_verdict_took_is_recorded_with_it
        review_cases_hold_everything_a_judge_needs
        busy_counts_what_the_fleet_can_still_move;
}
