//! Every way of getting no answer: typed, bounded, paid for to the cent, and silent about the key.

use std::{error::Error as _, time::Duration};

use chimera_domain::Usd;
use chimera_llm::{BlockedStage, MindConfig, MindError, Retry, Trouble};
use serde_json::json;
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use crate::fake::{Fake, KEY, fixture, ok, quota, write_ask};

fn bare_quota() -> ResponseTemplate {
    ResponseTemplate::new(429).set_body_json(fixture("quota_bare"))
}

async fn failing(replies: Vec<ResponseTemplate>) -> (MindError, usize) {
    let fake = Fake::playing(replies).await;
    let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
    silent(&error);
    (error, fake.calls().await.len())
}

/// Neither an error nor what lies beneath it shows the key.
fn silent(error: &MindError) {
    let mut shown = format!("{error} {error:?}");
    let mut below = error.source();
    while let Some(source) = below {
        shown.push_str(&format!(" {source} {source:?}"));
        below = source.source();
    }
    assert!(!shown.contains(KEY), "{shown}");
}

#[tokio::test]
async fn a_short_retry_info_is_waited_for() {
    let fake = Fake::playing([quota("0.150s"), ok("draft")]).await;
    let begun = Instant::now();
    fake.mind.write(&write_ask(None)).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(150));
    assert_eq!(fake.calls().await.len(), 2);
}

#[tokio::test]
async fn a_long_retry_info_goes_to_the_caller_without_another_call() {
    let (error, calls) = failing(vec![quota("12.5s")]).await;
    assert_eq!(error.retry(), Retry::After(Duration::from_millis(12_500)));
    assert_eq!((calls, error.spent()), (1, Usd::ZERO));
}

#[tokio::test]
async fn a_quota_without_retry_info_is_tried_again_and_then_given_up() {
    let (error, calls) = failing(vec![bare_quota(), bare_quota(), bare_quota()]).await;
    assert!(matches!(error, MindError::RateLimited { retry_after: None, .. }), "{error:?}");
    assert!(matches!(error.retry(), Retry::After(_)));
    assert_eq!(calls, 3);
    let fake = Fake::playing([bare_quota(), ok("draft")]).await;
    fake.mind.write(&write_ask(None)).await.unwrap();
}

#[tokio::test]
async fn blocked_prompts_and_answers_are_told_apart_and_paid_for() {
    let (error, calls) = failing(vec![ok("prompt_blocked")]).await;
    assert!(
        matches!(&error, MindError::Blocked { reason, stage: BlockedStage::Prompt, .. } if reason == "PROHIBITED_CONTENT"),
        "{error:?}"
    );
    assert_eq!((calls, error.spent(), error.retry()), (1, Usd::from_micros(750), Retry::Never));
    let (error, calls) = failing(vec![ok("answer_blocked")]).await;
    assert!(matches!(&error, MindError::Blocked { reason, stage: BlockedStage::Answer, .. } if reason == "SAFETY"));
    assert_eq!((calls, error.spent()), (1, Usd::from_micros(795)));
}

#[tokio::test]
async fn a_second_wrong_form_is_the_end() {
    let (error, calls) = failing(vec![ok("not_the_form"), ok("not_the_form")]).await;
    assert!(matches!(error, MindError::Malformed { .. }), "{error:?}");
    assert_eq!((calls, error.spent(), error.retry()), (2, Usd::from_micros(1_725), Retry::Now));
}

#[tokio::test]
async fn an_answer_cut_at_the_limit_names_the_limit() {
    let (error, calls) = failing(vec![ok("cut_short")]).await;
    assert!(matches!(error, MindError::Truncated { output_tokens_max: 4_096, .. }), "{error:?}");
    assert_eq!((calls, error.spent()), (1, Usd::from_micros(16_110)));
}

#[tokio::test]
async fn what_might_cost_too_much_is_never_sent() {
    let fake = Fake::playing([ok("draft")]).await;
    // 4096 tokens out at 3.75 dollars per million are 1.536 cents, the prompt not counted.
    let error = fake.mind.write(&write_ask(Some(Usd::cents(1)))).await.unwrap_err();
    let MindError::OverBudget { estimate, left, spent } = &error else { panic!("{error:?}") };
    assert!(*estimate > Usd::from_micros(15_360), "{estimate:?}");
    assert_eq!((*left, *spent, error.retry()), (Usd::cents(1), Usd::ZERO, Retry::Never));
    assert!(fake.calls().await.is_empty());
    fake.mind.write(&write_ask(Some(Usd::cents(3)))).await.unwrap();
}

#[tokio::test]
async fn a_repair_must_fit_the_budget_too() {
    let fake = Fake::playing([ok("not_the_form"), ok("draft")]).await;
    let probe = fake.mind.write(&write_ask(Some(Usd::ZERO))).await.unwrap_err();
    let MindError::OverBudget { estimate, .. } = probe else { panic!("{probe:?}") };
    let error = fake.mind.write(&write_ask(Some(estimate))).await.unwrap_err();
    assert!(matches!(error, MindError::OverBudget { .. }), "{error:?}");
    assert_eq!(fake.calls().await.len(), 1);
    assert!(error.spent() > Usd::ZERO);
}

#[tokio::test]
async fn an_outage_is_tried_again_and_then_reported() {
    let down = || ResponseTemplate::new(503).set_body_string("<html>upstream</html>");
    let (error, calls) = failing(vec![down(), down(), down()]).await;
    assert!(matches!(error, MindError::Unavailable { trouble: Trouble::Status(503), .. }), "{error:?}");
    assert_eq!(calls, 3);
    let fake = Fake::playing([down(), ok("draft")]).await;
    fake.mind.write(&write_ask(None)).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_times_out() {
    let config = MindConfig { timeout_ms: 150, ..MindConfig::default() };
    let fake = Fake::with(config, ok("draft").set_delay(Duration::from_secs(30))).await;
    let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
    silent(&error);
    assert!(matches!(error, MindError::Unavailable { trouble: Trouble::Timeout(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_key_is_explained_and_not_repeated() {
    let said =
        json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": format!("API key not valid: {KEY}")}});
    let (error, calls) = failing(vec![ResponseTemplate::new(400).set_body_json(said)]).await;
    let shown = error.to_string();
    assert!(shown.contains("[key]") && shown.contains("check the key"), "{shown}");
    assert_eq!((calls, error.retry()), (1, Retry::Never));
}

#[tokio::test]
async fn the_key_is_not_carried_to_another_address() {
    let elsewhere = wiremock::MockServer::start().await;
    let moved = ResponseTemplate::new(307).insert_header("location", format!("{}/v1beta/x", elsewhere.uri()).as_str());
    let (error, _) = failing(vec![moved]).await;
    assert!(matches!(error, MindError::Refused { status: 307, .. }), "{error:?}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_mind_itself_does_not_show_the_key() {
    let fake = Fake::playing([]).await;
    let shown = format!("{:?} {:?}", fake.mind, fake.mind.about());
    assert!(shown.contains("gemini-3.8-flash") && !shown.contains(KEY));
}

#[tokio::test]
async fn what_is_not_the_apis_envelope_is_malformed() {
    let (error, _) = failing(vec![ResponseTemplate::new(200).set_body_string("<html>portal</html>")]).await;
    assert!(matches!(error, MindError::Malformed { .. }), "{error:?}");
}
