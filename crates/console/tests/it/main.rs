//! The console over real databases and a real socket. Every case runs on both columns.
//!
//! To add a case, write an `async fn case(world: World)` in the file of its noun and name it in the list below.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod access;
mod browser;
mod client;
mod desk;
mod door;
mod events;
mod fleet;
mod links;
mod lists;
mod pages;
mod plans;
mod signals;
mod world;

chimera_testkit::on_both! {
    world::World;
    access:
        every_route_refuses_whoever_is_not_signed_in
        a_link_signs_in_once_and_only_by_its_button
        a_link_that_waited_too_long_lets_nobody_in
        a_session_ends_by_itself_or_when_its_person_says_so
        what_only_a_cookie_vouches_for_must_come_from_a_page_of_ours
        a_token_lets_in_until_it_is_revoked_or_too_old
        whoever_asks_without_end_is_asked_to_wait;
    desk:
        an_answer_is_taken_once_and_told_again
        an_answer_about_something_else_than_was_seen_is_refused
        edited_words_are_checked_and_go_out
        a_rejection_with_a_reason_is_planned_anew
        the_queue_comes_in_pages
        each_role_may_do_its_own_and_no_more
        a_ticket_is_claimed_and_handed_on
        campaigns_are_held_still_at_the_version_that_was_seen
        alerts_are_seen_and_closed
        every_route_of_the_api_is_described
        the_desk_works_without_a_script;
    events:
        whoever_listens_hears_of_the_queue_and_holds_up_no_end
        whoever_listens_hears_of_plans_alerts_and_posts;
    fleet:
        agents_are_shown_with_what_they_do
        agents_and_campaigns_come_in_pages
        a_fleet_of_nobody_says_how_to_begin_and_shows_nothing_of_others
        a_campaign_is_shown_with_what_it_plans
        a_campaign_is_paused_resumed_and_ended_at_the_version_that_was_seen
        only_operators_act_on_campaigns
        hostile_names_and_goals_are_text_and_nothing_else;
    links:
        following_every_link_changes_nothing;
    lists:
        pages_of_nothing_say_what_would_be_there
        signals_tell_why_and_where_else_their_story_was_told
        a_wrong_score_is_marked_and_the_last_word_counts
        signals_come_in_pages
        published_posts_stand_with_their_words_and_disclosure
        money_is_told_by_day_agent_and_campaign
        alerts_are_acknowledged_one_by_one_or_together
        alerts_say_whether_the_webhook_was_told
        the_audit_log_is_read_back_to_its_beginning_and_filtered
        health_tells_of_parts_queues_and_tasks
        hostile_text_is_shown_and_never_run;
    pages:
        every_route_answers_in_its_own_type
        an_empty_fleet_says_how_to_begin
        hostile_headlines_are_text_and_nothing_else
        counts_and_lines_say_what_became_of_posts
        a_trace_tells_the_whole_life_of_a_post
        media_come_by_the_hash_of_their_content;
    plans:
        plans_that_wait_are_told_with_their_cost_and_reasons
        a_plan_is_changed_and_started_at_the_version_that_was_seen
        a_start_that_is_sent_twice_at_once_is_done_once
        a_plan_is_started_and_dropped_channel_by_channel
        a_plan_whose_campaign_was_edited_is_not_started
        the_page_of_plans_starts_changes_and_drops_them
        only_operators_act_on_plans
        plans_come_in_pages
        no_route_leads_to_another_tenant;
    signals:
        signals_come_in_pages_with_their_reasons
        a_signal_is_marked_by_an_operator_and_the_last_word_counts
        trends_are_told;
    door:
        every_answer_keeps_to_itself
        only_loopback_names_are_answered
        what_is_not_there_is_said_so
        nothing_is_read_beyond_the_media
        a_link_shows_one_medium_until_it_ends
        nothing_can_be_written
        a_database_that_is_gone_is_no_page_of_errors
        a_client_that_says_half_a_request_does_not_hold_up_the_end;
}

#[tokio::test]
async fn no_address_but_loopback_is_taken() {
    for address in ["0.0.0.0:0", "192.0.2.7:80", "[::]:0"] {
        let told = chimera_console::bind(address.parse().unwrap()).await.unwrap_err();
        assert!(told.to_string().contains("use 127.0.0.1 or [::1]"), "{told}");
    }
    let listener = chimera_console::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let taken = listener.local_addr().unwrap();
    let told = chimera_console::bind(taken).await.unwrap_err();
    assert!(told.to_string().contains("--bind 127.0.0.1:PORT"), "{told}");
}
