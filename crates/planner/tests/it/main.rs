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
mod serving;
mod world;

chimera_testkit::on_both! {
    world::World;
    planning:
        exactly_what_reaches_the_threshold_becomes_a_dag_with_a_trace_of_its_own
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
        an_agents_day_has_a_cap_too
        own_words_deny_without_asking_and_lift;
    mind:
        what_could_not_be_scored_is_planned_in_the_next_round
        what_was_scored_before_the_failure_is_kept
        one_item_that_the_mind_refuses_holds_back_no_other
        a_mind_out_of_order_blames_no_item
        a_mind_that_answers_too_little_loses_no_item
        a_copy_of_an_unscored_story_does_not_make_it_known;
    serving:
        it_plans_until_cancelled
        a_read_that_hangs_does_not_hold_up_the_end;
}
