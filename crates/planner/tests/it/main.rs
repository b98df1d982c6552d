//! The planner against real databases and queues, a real MCP server of resources and a scripted mind. Every case runs
//! on both columns: SQLite with queues in process, PostgreSQL with Redis.
//!
//! To add a case, write an `async fn case(world: World)` in the file of its noun and name it in the list below.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod campaigns;
mod fake;
mod feeds;
mod held;
mod limits;
mod mind;
mod planning;
mod replies;
mod same_story;
mod serving;
mod stories;
mod trends;
mod world;

chimera_testkit::on_both! {
    world::World;
    planning:
        exactly_what_reaches_the_threshold_becomes_a_dag_with_a_trace_of_its_own
        hero_videos_are_for_what_is_hot_while_there_is_money
        a_second_round_plans_nothing
        an_edited_item_is_a_new_event
        a_story_told_twice_is_planned_once
        a_headline_that_gives_orders_taints_its_tasks
        the_hourly_cap_defers_the_rest_with_one_alert
        money_for_all_channels_is_asked_for_at_once
        planned_tasks_are_safe_when_the_queue_is_not;
    campaigns:
        a_paused_campaign_plans_nothing_until_resumed
        a_pause_between_reading_and_planning_wins_and_nothing_is_lost
        one_resource_is_read_once_for_all_its_watchers
        a_campaign_that_comes_late_sees_what_others_have_seen
        a_campaign_without_an_agent_plans_when_it_gets_one;
    feeds:
        failures_are_counted_alerted_and_forgotten
        a_resource_that_keeps_failing_is_left_alone_for_a_while
        what_nobody_watches_is_down_no_more
        a_resource_that_falls_silent_is_told_once_until_it_speaks_again
        what_is_not_there_is_asked_for_at_each_poll
        what_is_no_feed_or_no_resource_is_said_so;
    held:
        when_the_window_turns_the_hottest_are_planned_first
        what_waited_too_long_is_dropped_and_says_why
        a_paused_campaign_holds_on_to_what_it_held_back
        two_planners_release_each_signal_once;
    limits:
        quiet_hours_hold_back_and_lose_nothing
        a_campaigns_cap_holds_for_all_its_news_and_turns_at_midnight
        a_campaigns_budget_covers_whole_posts
        plans_wait_for_their_operator_and_not_for_ever
        what_is_far_from_the_goal_is_let_go_unasked
        an_agents_day_has_a_cap_too
        own_words_deny_without_asking_and_lift
        a_calibration_changes_what_is_planned_and_a_replay_tells_it_before;
    mind:
        what_could_not_be_scored_is_planned_in_the_next_round
        what_was_scored_before_the_failure_is_kept
        one_item_that_the_mind_refuses_holds_back_no_other
        a_mind_out_of_order_blames_no_item
        a_mind_that_answers_too_little_loses_no_item
        a_copy_of_an_unscored_story_does_not_make_it_known;
    replies:
        a_remark_becomes_one_task_that_says_what_it_answers
        a_flood_of_remarks_takes_half_and_the_rest_waits_where_it_was_said
        a_remark_edited_long_after_it_was_answered_holds_nothing_up
        a_remark_is_answered_once_whichever_campaign_runs;
    same_story:
        the_most_relevant_campaigns_take_up_a_story
        each_channel_has_places_of_its_own
        what_was_held_back_finds_the_places_taken
        without_a_limit_all_take_it_up;
    stories:
        the_same_story_from_ten_feeds_is_one_signal_with_ten_sources
        two_wordings_in_one_document_are_planned_once
        a_restart_forgets_no_story
        planners_learn_of_each_others_stories
        what_was_not_relevant_in_other_words_is_scored_in_these
        a_wording_that_may_be_an_attack_keeps_no_honest_one_out
        each_campaign_plans_a_story_for_itself
        what_is_held_back_needs_no_second_telling
        only_copies_are_known_where_stories_are_off;
    trends:
        a_trend_is_told_once_and_ends_by_itself
        a_restart_or_another_planner_goes_on_with_the_same_trend
        what_is_as_usual_or_old_is_no_trend
        a_signal_says_which_trend_it_is_part_of;
    serving:
        it_plans_until_cancelled
        a_read_that_hangs_does_not_hold_up_the_end
        servers_of_every_evil_hold_up_no_other_and_are_told_once
        a_resource_has_an_interval_of_its_own
        a_server_that_offers_it_says_when_to_read;
}
