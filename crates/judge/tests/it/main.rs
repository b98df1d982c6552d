//! The judge and the review desk against real databases and queues and a scripted mind. Every case runs on both columns:
//! SQLite with queues in process, PostgreSQL with Redis.
//!
//! To add a case, write an `async fn case(world: World)` in the file of its noun and name it in the list below.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in what only tests call, a panic is the report"
)]

mod calibration;
mod desk;
mod fake;
mod hitl;
mod mind;
mod moved;
mod repeats;
mod replanning;
mod routes;
mod together;
mod world;

chimera_testkit::on_both! {
    world::World;
    routes:
        the_thresholds_decide_what_nothing_else_does
        a_sensitive_topic_goes_to_a_person_whatever_the_confidence
        a_topic_in_a_hashtag_or_an_alt_text_counts
        a_tainted_source_goes_to_a_person
        orders_in_the_words_go_to_a_person
        a_post_that_cost_too_much_goes_to_a_person
        what_breaks_a_hard_rule_is_rejected_for_good
        a_part_is_accepted_without_the_mind_and_unlocks_the_post
        a_part_that_does_not_fit_takes_its_post_along;
    calibration:
        what_people_decide_becomes_what_the_confidence_means
        an_edited_post_was_not_fit_as_it_was;
    replanning:
        a_weak_post_is_written_again_once_with_the_reason;
    repeats:
        what_was_posted_before_is_written_anew
        of_two_alike_at_once_one_goes_out
        posts_that_went_nowhere_are_not_repeated;
    mind:
        without_an_opinion_a_person_decides
        a_mind_that_asks_for_a_rest_gets_it
        a_mind_that_garbles_is_asked_so_often_and_no_more
        a_slow_opinion_holds_back_no_other_post
        every_opinion_is_paid_for_once;
    moved:
        a_post_of_an_edited_campaign_is_withdrawn_unjudged
        a_post_of_an_edited_persona_is_planned_anew
        a_part_that_no_longer_fits_the_face_is_made_anew
        a_persona_edited_while_the_mind_thinks_counts
        a_post_that_waits_for_a_person_is_planned_anew_too
        a_post_is_planned_anew_so_often_and_no_more;
    together:
        of_two_judges_one_verdict_counts
        of_two_judges_one_asks_the_mind
        what_a_vanished_judge_weighed_is_weighed_by_another
        what_is_left_for_later_is_anybodys
        a_verdict_on_what_has_moved_on_is_dropped
        one_result_that_cannot_be_read_spoils_no_other
        a_judge_at_work_takes_results_from_the_queue;
    desk:
        an_approved_post_may_be_published_and_a_rejected_one_ends
        of_two_answers_at_once_one_counts_and_the_other_is_told
        of_two_reviewers_at_once_one_wins_a_thousand_times
        an_answer_that_does_not_fit_the_question_is_refused
        an_answer_about_something_else_is_refused
        edited_words_are_what_goes_out_under_a_hash_of_their_own
        edited_words_that_break_a_rule_are_refused
        a_rejected_post_is_written_anew_as_often_as_may_be
        a_person_who_found_the_post_out_says_so;
    hitl:
        whoever_watches_is_told_of_questions_and_answers
        verdicts_that_ask_nobody_wake_nobody;
}
