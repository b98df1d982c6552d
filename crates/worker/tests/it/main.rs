//! Workers, publisher and sweeper against real databases and queues and a real MCP server that misbehaves on command.
//! Every case runs on both columns: SQLite with queues in process, PostgreSQL with Redis.
//!
//! To add a case, write an `async fn case(world: World)` in the file of its noun and name it in the list below.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]
#![expect(clippy::cloned_ref_to_slice_refs, reason = "a list of one reads best as a list of one")]

mod bookkeeping;
mod fake;
mod faults;
mod memory;
mod money;
mod notifier;
mod pausing;
mod pool;
mod pruner;
mod publisher;
mod sweeper;
mod tiers;
mod vanished;
mod world;

chimera_testkit::on_both! {
    world::World;
    pool:
        words_picture_and_video_become_a_post_and_every_call_is_paid_for
        a_call_without_a_character_is_refused_and_becomes_a_dead_letter
        a_persona_that_changed_is_not_spoken_for
        a_failing_tool_is_tried_again_and_the_attempts_are_counted
        a_tool_that_always_fails_is_given_up_after_its_attempts
        a_tool_may_name_its_fields_as_it_likes
        a_strangers_links_and_mentions_stay_out_of_the_picture
        nothing_is_claimed_that_nobody_can_begin
        work_in_hand_is_finished_at_shutdown_and_nothing_else_is_begun
        what_outlasts_patience_is_handed_back_at_once_and_does_not_count
        a_lapsed_lease_is_taken_over_and_the_late_result_is_fenced
        one_task_that_cannot_be_read_spoils_no_other;
    bookkeeping:
        counters_follow_what_workers_and_minds_spend
        what_nobody_told_is_found_by_comparing
        a_late_result_is_told_like_any_other
        a_flood_of_news_starts_the_counters_afresh
        random_histories_end_with_equal_counters;
    money:
        the_days_money_pays_for_three_of_five
        two_pools_race_for_the_last_dollar
        a_worker_killed_in_the_middle_is_counted_in_full_until_it_is_heard_of
        free_tools_leave_the_ledger_empty;
    faults:
        every_tool_under_every_fault_ends_as_the_table_says;
    tiers:
        a_daily_video_begins_with_the_posts_own_picture
        a_hero_video_is_made_from_words
        tools_that_fail_for_good_leave_the_picture_and_a_balanced_ledger
        a_video_that_is_not_what_was_planned_is_made_otherwise
        a_video_beyond_the_days_money_is_a_cheaper_one_or_the_picture
        where_a_post_needs_its_video_it_is_a_dead_letter_as_ever;
    memory:
        a_post_is_remembered_once_and_told_to_the_next_writer
        hearsay_is_no_post_and_gives_no_orders
        memories_that_can_not_be_had_hold_nothing_up;
    publisher:
        the_intent_is_on_record_before_the_call_and_the_outcome_after
        a_busy_platform_is_tried_again_after_a_rest
        who_fetches_media_is_given_links
        what_is_not_what_was_judged_stays_here
        what_may_not_go_out_stays_here
        a_platform_that_stays_down_is_given_up
        a_call_cut_after_its_effect_is_found_and_not_repeated
        a_call_cut_before_its_effect_is_repeated_with_the_same_key
        a_post_in_doubt_is_not_given_up_but_shown_to_a_person
        not_there_is_not_trusted_where_a_repeat_would_double
        a_platform_that_cannot_be_asked_leaves_it_to_a_person
        where_the_id_is_ours_what_is_unclear_is_repeated_under_it
        an_id_that_is_taken_is_asked_about_where_that_can_be
        taken_is_a_refusal_where_ids_are_not_ours
        an_answer_that_says_nothing_is_no_answer
        a_refusal_is_final
        a_paused_campaign_publishes_nothing_until_resumed
        of_two_publishers_one_calls
        one_post_that_cannot_be_read_holds_back_no_other
        a_publisher_at_work_takes_posts_from_the_queue;
    pausing:
        a_look_up_that_hangs_holds_up_no_post
        a_post_that_waits_for_a_hand_is_not_begun
        a_pause_while_an_earlier_call_is_looked_up_stops_the_next
        a_pause_while_a_call_waits_for_its_server_stops_it
        an_outcome_that_cannot_be_written_yet_holds_up_no_call;
    notifier:
        alerts_that_are_raised_and_closed_are_told_once_each
        a_receiver_that_is_down_is_told_when_it_is_back
        slow_and_broken_answers_are_tried_again_under_the_same_id
        what_cant_be_told_is_given_up_and_complained_of
        a_receiver_that_wants_another_key_or_place_hears_nothing
        of_two_notifiers_one_tells
        what_was_cut_off_is_told_again_by_whoever_comes_next
        a_notifier_at_work_tells_by_itself_and_lays_its_duty_down;
    pruner:
        of_many_pruners_one_prunes_and_not_again_for_hours
        what_nobody_limits_stays_for_ever;
    vanished:
        a_post_that_got_out_is_found
        a_post_that_did_not_get_out_goes_through_the_gate_again
        a_post_of_a_paused_campaign_is_not_sent_by_whoever_finds_it
        a_post_that_nobody_can_ask_about_goes_to_a_person
        what_nobody_can_ask_about_is_repeated_where_the_id_is_ours
        a_platform_that_doubles_is_not_believed;
    sweeper:
        what_a_lossy_queue_dropped_is_delivered_again
        what_waits_in_the_queue_is_not_delivered_again
        a_worker_that_keeps_vanishing_leaves_a_dead_letter
        killed_workers_use_up_no_attempt
        of_two_sweepers_one_sweeps_until_it_ends
        a_queue_that_grows_beyond_people_and_overdue_answers_are_told;
}
