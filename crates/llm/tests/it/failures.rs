//! Every way of getting no answer, from every vendor: typed, bounded, paid for to the cent, and silent about the key.

use std::{error::Error as _, time::Duration};

use chimera_domain::Usd;
use chimera_llm::{BlockedStage, Kind, MindError, Retry, Trouble};
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use crate::{
    faults::{Fault, Faulty},
    stand_in::{ALL, Fake, KEY, Say, draft, mind_at, not_the_form, write_ask},
};

/// One answer, whether it is of use or not: see `answers.rs`.
const ANSWER: Usd = Usd::from_micros(1_300);
const BLOCKED: Usd = Usd::from_micros(595);

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

/// What must come of a fault: the error's name, how many calls were made, and what they cost.
type Fate = (&'static str, usize, Usd);

fn name(error: &MindError) -> &'static str {
    match (error, error.retry()) {
        (MindError::RateLimited { .. }, Retry::After(_)) => "rate limited, later",
        (MindError::Unavailable { trouble: Trouble::Connect, .. }, Retry::After(_)) => "no connection, later",
        (MindError::Unavailable { trouble: Trouble::Timeout(_), .. }, Retry::After(_)) => "timeout, later",
        (MindError::Unavailable { trouble: Trouble::Interrupted, .. }, Retry::After(_)) => "interrupted, later",
        (MindError::Unavailable { trouble: Trouble::TooLarge(_), .. }, Retry::After(_)) => "too large, later",
        (MindError::Unavailable { .. }, Retry::After(_)) => "down, later",
        (MindError::Malformed { .. }, Retry::Now) => "malformed, at once",
        (MindError::Blocked { stage: BlockedStage::Answer, .. }, Retry::Never) => "blocked, never",
        (MindError::Truncated { .. }, Retry::Never) => "cut short, never",
        (MindError::Refused { .. }, Retry::Never) => "refused, never",
        _ => "another",
    }
}

#[tokio::test]
async fn every_reply_that_is_no_answer_has_its_error_from_every_vendor() {
    let thrice = |say: Say| vec![say.clone(), say.clone(), say];
    let twice = |say: Say| vec![say.clone(), say];
    let long = Some(Duration::from_secs(30));
    let garbage = "<html>portal</html>";
    let rows: Vec<(&str, Vec<Say>, Fate)> = vec![
        ("429", thrice(Say::Quota(None)), ("rate limited, later", 3, Usd::ZERO)),
        ("429 that asks for patience", vec![Say::Quota(long)], ("rate limited, later", 1, Usd::ZERO)),
        ("a quota of the day", vec![Say::Exhausted], ("rate limited, later", 1, Usd::ZERO)),
        ("overloaded", thrice(Say::Down(None)), ("down, later", 3, Usd::ZERO)),
        ("overloaded, asks for patience", vec![Say::Down(long)], ("down, later", 1, Usd::ZERO)),
        ("500", thrice(Say::Raw(500, garbage.to_owned())), ("down, later", 3, Usd::ZERO)),
        ("garbage", vec![Say::Raw(200, garbage.to_owned())], ("malformed, at once", 1, Usd::ZERO)),
        ("JSON of something else", vec![Say::Raw(200, "[7]".to_owned())], ("malformed, at once", 1, Usd::ZERO)),
        ("another envelope", vec![Say::Raw(200, "{\"ok\": 1}".to_owned())], ("malformed, at once", 1, Usd::ZERO)),
        ("wrong schema", twice(not_the_form()), ("malformed, at once", 2, Usd::from_micros(2_600))),
        (
            "no JSON",
            twice(Say::Words("Sure! Here it is".to_owned())),
            ("malformed, at once", 2, Usd::from_micros(2_600)),
        ),
        ("empty", vec![Say::Words(String::new())], ("malformed, at once", 1, ANSWER)),
        ("huge answer", twice(Say::Words("x".repeat(70_000))), ("malformed, at once", 2, Usd::from_micros(2_600))),
        ("deep answer", twice(Say::Words("[".repeat(9_000))), ("malformed, at once", 2, Usd::from_micros(2_600))),
        ("cut short", vec![Say::CutShort], ("cut short, never", 1, ANSWER)),
        ("blocked", vec![Say::Blocked], ("blocked, never", 1, BLOCKED)),
        ("a wrong key", vec![Say::BadKey], ("refused, never", 1, Usd::ZERO)),
        ("moved", vec![Say::Raw(307, String::new())], ("refused, never", 1, Usd::ZERO)),
    ];
    for kind in ALL {
        for (fault, says, fate) in &rows {
            // Where nothing in the envelope must be there, it is a reply without an answer: counted, by the highest estimate.
            let estimated = kind != Kind::Anthropic && *fault == "another envelope";
            let fake = Fake::playing(kind, says.clone()).await;
            let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
            silent(&error);
            let found = (name(&error), fake.calls().await.len(), error.spent());
            if estimated {
                assert!(
                    found.2 > Usd::from_micros(15_360) && (found.0, found.1) == (fate.0, fate.1),
                    "{kind:?} {fault}"
                );
            } else {
                assert_eq!(&found, fate, "{kind:?} {fault}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn every_fault_of_a_connection_has_its_error_from_every_vendor() {
    for kind in ALL {
        for (fault, wanted) in [
            (Fault::Silence, "timeout, later"),
            (Fault::Drip, "timeout, later"),
            (Fault::HangUp, "interrupted, later"),
            (Fault::CutBody, "interrupted, later"),
            (Fault::Flood, "too large, later"),
        ] {
            let faulty = Faulty::start(fault).await;
            // A flood must have time to be one, on a slow machine too.
            let timeout_ms = if fault == Fault::Flood { 60_000 } else { 400 };
            let mind = mind_at(kind, &faulty.address(), |config| config.timeout_ms = timeout_ms);
            let error = mind.write(&write_ask(None)).await.unwrap_err();
            silent(&error);
            assert_eq!((name(&error), error.spent()), (wanted, Usd::ZERO), "{kind:?} {fault:?}: {error:?}");
            assert_eq!(faulty.calls(), 3, "{kind:?} {fault:?}");
        }
        let closed = mind_at(kind, "http://127.0.0.1:9/v1", |_| {});
        let error = closed.write(&write_ask(None)).await.unwrap_err();
        assert_eq!(name(&error), "no connection, later", "{error:?}");
    }
}

#[tokio::test]
async fn a_short_wait_is_waited_for() {
    let wait = Duration::from_millis(150);
    for kind in ALL {
        for say in [Say::Quota(Some(wait)), Say::Down(Some(wait))] {
            let fake = Fake::playing(kind, [say, draft()]).await;
            let begun = Instant::now();
            fake.mind.write(&write_ask(None)).await.unwrap();
            assert!(begun.elapsed() >= wait, "{kind:?}");
            assert_eq!(fake.calls().await.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_long_wait_is_told_to_the_caller() {
    let wait = Duration::from_millis(12_500);
    for kind in ALL {
        for (say, told) in [
            (Say::Quota(Some(wait)), wait),
            (Say::Down(Some(wait)), wait),
            (Say::Exhausted, Duration::from_secs(3_600)),
        ] {
            let fake = Fake::playing(kind, [say]).await;
            let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
            assert_eq!(error.retry(), Retry::After(told), "{kind:?} {error}");
        }
    }
}

#[tokio::test]
async fn what_might_cost_too_much_is_never_sent() {
    for kind in ALL {
        let fake = Fake::playing(kind, [draft()]).await;
        // 4096 tokens out at 3.75 dollars per million are 1.536 cents, the prompt not counted.
        let error = fake.mind.write(&write_ask(Some(Usd::cents(1)))).await.unwrap_err();
        let MindError::OverBudget { estimate, left, spent } = &error else { panic!("{error:?}") };
        assert!(*estimate > Usd::from_micros(15_360), "{estimate:?}");
        assert_eq!((*left, *spent, error.retry()), (Usd::cents(1), Usd::ZERO, Retry::Never));
        assert!(fake.calls().await.is_empty(), "{kind:?}");
        fake.mind.write(&write_ask(Some(Usd::cents(3)))).await.unwrap();
    }
}

#[tokio::test]
async fn a_repair_must_fit_the_budget_too() {
    for kind in ALL {
        let fake = Fake::playing(kind, [not_the_form(), draft()]).await;
        let probe = fake.mind.write(&write_ask(Some(Usd::ZERO))).await.unwrap_err();
        let MindError::OverBudget { estimate, .. } = probe else { panic!("{probe:?}") };
        let error = fake.mind.write(&write_ask(Some(estimate))).await.unwrap_err();
        assert!(matches!(error, MindError::OverBudget { .. }), "{error:?}");
        assert_eq!((fake.calls().await.len(), error.spent()), (1, ANSWER));
    }
}

#[tokio::test]
async fn a_refused_key_is_explained_and_not_repeated() {
    for kind in ALL {
        let fake = Fake::playing(kind, [Say::BadKey]).await;
        let shown = fake.mind.write(&write_ask(None)).await.unwrap_err().to_string();
        assert!(shown.contains("[key]") && shown.contains("check the key"), "{shown}");
    }
}

#[tokio::test]
async fn a_blocked_prompt_is_told_from_a_blocked_answer() {
    let gemini =
        r#"{"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 1000}}"#;
    let openai = r#"{"error": {"message": "no", "code": "content_filter"}}"#;
    for (kind, say, cost) in
        [(Kind::Gemini, Say::Raw(200, gemini.to_owned()), 750), (Kind::Openai, Say::Raw(403, openai.to_owned()), 0)]
    {
        let fake = Fake::playing(kind, [say]).await;
        let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
        assert!(matches!(error, MindError::Blocked { stage: BlockedStage::Prompt, .. }), "{error:?}");
        assert_eq!((error.spent(), error.retry()), (Usd::from_micros(cost), Retry::Never));
    }
}

#[tokio::test]
async fn the_key_is_not_carried_to_another_address() {
    for kind in ALL {
        let elsewhere = wiremock::MockServer::start().await;
        let moved =
            ResponseTemplate::new(307).insert_header("location", format!("{}/v1beta/x", elsewhere.uri()).as_str());
        let fake = Fake::answering(kind, moved, |_| {}).await;
        let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
        assert!(matches!(error, MindError::Refused { status: 307, .. }), "{error:?}");
        assert!(elsewhere.received_requests().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_mind_itself_does_not_show_the_key() {
    for kind in ALL {
        let fake = Fake::playing(kind, []).await;
        let shown = format!("{:?} {:?}", fake.mind, fake.mind.about());
        assert!(shown.contains(crate::stand_in::model(kind)) && !shown.contains(KEY));
    }
}
