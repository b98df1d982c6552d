//! The binary, used as a person or a program would use it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod alerts;
mod audit;
mod backup;
mod bad_input;
mod bench;
mod browser;
mod calibrate;
mod campaign;
mod cfo;
mod chaos;
mod chimera;
mod collector;
mod commands;
mod console;
mod contract;
mod credentials;
mod demo;
mod dice;
mod foreign;
mod hitl;
mod infra;
mod injections;
mod kill;
mod media;
mod migrating;
mod monitoring;
mod openapi;
mod pauses;
mod plan;
mod process;
mod prometheus;
mod promql;
mod pruning;
mod real_headlines;
mod replies;
mod restoring;
mod retry;
mod review;
mod roles;
mod traces;
mod webhook;
mod wire;

chimera_testkit::on_both! {
    blocking chimera::Chimera;
    alerts:
        an_operator_closes_alerts_by_name;
    bad_input:
        a_broken_soul_names_file_line_and_key
        a_feed_that_is_no_feed_is_named
        an_unreachable_feed_is_named
        an_unwritable_data_folder_is_named
        a_taken_port_is_named
        commands_that_read_say_where_nothing_is;
    bench:
        posts_pass_every_stage_and_stand_beside_a_bare_client
        a_start_is_timed_from_nothing_to_ready
        an_idle_fleet_has_seen_all_and_does_next_to_nothing
        signals_are_planned_or_let_go_and_written_bare
        a_rate_is_held_and_exactly_what_is_relevant_is_planned
        money_is_set_aside_once_by_ledger_and_counters
        a_page_of_the_queue_is_timed_at_three_lengths;
    browser:
        a_reviewer_decides_by_keyboard_and_posts_go_out
        of_two_browsers_the_second_is_told_and_whoever_signed_out_is_out
        every_page_is_sound_in_either_theme_and_on_a_phone;
    cfo:
        the_days_money_is_the_same_wherever_one_looks;
    commands:
        the_schema_goes_up_and_down;
    console:
        links_and_tokens_are_made_listed_and_revoked;
    demo:
        it_ends_with_posts_published_awaiting_review_and_rejected;
    hitl:
        the_queue_is_counted_paged_filtered_and_watched;
    kill:
        ten_kills_lose_nothing_and_double_nothing;
    migrating:
        of_eight_processes_that_start_at_once_each_succeeds
        a_process_killed_in_the_middle_leaves_nothing_half_done;
    openapi:
        the_api_is_what_its_document_says;
    pauses:
        a_hundred_pauses_under_load_hold_everything_still;
    plan:
        plans_wait_are_edited_started_and_dropped;
    pruning:
        a_look_deletes_nothing_and_a_prune_leaves_the_posts;
    real_headlines:
        real_headlines_are_sorted_as_people_sorted_them;
    replies:
        whoever_asks_an_agent_is_answered_and_told_the_truth_when_asking_who_speaks;
    restoring:
        what_went_out_after_the_backup_does_not_go_out_again;
    webhook:
        an_alert_is_told_again_by_whoever_comes_after_a_kill;
}
