//! What is sent, what is understood, what it costs: the same for every vendor.

use chimera_domain::{Score, Usd};
use chimera_llm::{ItemText, Kind, RelevanceAsk, TokenUsage};
use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use crate::stand_in::{
    ALL, BACKEND, Fake, KEY, Say, draft, model, not_the_form, opinion, opinion_ask, system, turns, write_ask,
};

const USAGE: TokenUsage = TokenUsage { input: 1_000, cached: 400, output: 200 };
/// 600 at 0.75, 400 at 0.25 and 200, thoughts among them, at 3.75 dollars per million.
const COST: Usd = Usd::from_micros(1_300);

#[tokio::test]
async fn a_draft_is_asked_for_in_the_vendors_form_and_read() {
    for kind in ALL {
        let fake = Fake::playing(kind, [draft()]).await;
        let answer = fake.mind.write(&write_ask(None)).await.unwrap();
        assert!(answer.value.text.starts_with("A mill that can't keep up with linen."), "{kind:?}");
        assert_eq!(
            (answer.value.hashtags, answer.value.kicker),
            (vec!["SlowFashion".to_owned()], "Slow linen".to_owned())
        );
        assert_eq!(answer.value.self_score, Some(Score::percent(86)));
        assert_eq!((answer.usage, answer.cost), (USAGE, COST), "{kind:?}");
        let source = answer.source;
        assert_eq!((source.backend.as_str(), source.model.as_str(), source.passed_over), (BACKEND, model(kind), 0));
        assert!(source.prompt.starts_with("write.v2@") && source.credit().ends_with(')'), "{source:?}");

        let request = fake.requests().await.remove(0);
        let (name, key) = match kind {
            Kind::Gemini => ("x-goog-api-key", KEY.to_owned()),
            Kind::Anthropic => ("x-api-key", KEY.to_owned()),
            Kind::Openai | Kind::Compatible => ("authorization", format!("Bearer {KEY}")),
        };
        assert_eq!(request.headers[name], key, "{kind:?}");
        assert!(!request.url.as_str().contains(KEY) && !String::from_utf8_lossy(&request.body).contains(KEY));
        let body: Value = request.body_json().unwrap();
        for deprecated in ["temperature", "top_p", "top_k", "topP", "topK", "candidateCount", "tools", "tool_choice"] {
            assert!(!body.to_string().contains(&format!("\"{deprecated}\"")), "{kind:?} {deprecated}");
        }
        let (system, turns) = (system(kind, &body), turns(kind, &body));
        assert!(system.contains("Never shame a body.") && !system.contains("Normandy"));
        assert!(turns[0].1.contains("Normandy") && turns[0].1.starts_with("DATA-") && turns.len() == 1);
    }
}

#[tokio::test]
async fn an_opinion_is_read_and_deserves_more_thought() {
    for (kind, place, low, medium) in [
        (Kind::Gemini, "/generationConfig/thinkingConfig/thinkingLevel", "LOW", "MEDIUM"),
        (Kind::Anthropic, "/output_config/effort", "low", "medium"),
        (Kind::Openai, "/reasoning_effort", "low", "medium"),
        (Kind::Compatible, "/reasoning_effort", "", ""),
    ] {
        let fake = Fake::playing(kind, [draft(), opinion()]).await;
        fake.mind.write(&write_ask(None)).await.unwrap();
        let answer = fake.mind.opine(&opinion_ask()).await.unwrap();
        assert_eq!((answer.value.task_fit.score, answer.cost), (Score::percent(93), COST), "{kind:?}");
        assert_eq!(answer.value.notes, ["no price is named"]);
        assert!(answer.source.prompt.starts_with("opinion.v1@"));
        let told: Vec<String> = fake
            .calls()
            .await
            .iter()
            .map(|body| body.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned())
            .collect();
        assert_eq!(told, [low, medium], "{kind:?}");
    }
}

#[tokio::test]
async fn an_older_model_is_not_told_how_hard_to_think() {
    for (kind, older) in
        [(Kind::Gemini, "gemini-2.5-flash"), (Kind::Anthropic, "claude-haiku-4-5"), (Kind::Openai, "gpt-4.1-mini")]
    {
        let fake = Fake::with(kind, 0, [draft()], |config| {
            for seats in
                config.roles.iter_mut().flat_map(|roles| [&mut roles.score, &mut roles.write, &mut roles.judge])
            {
                seats[0].model = Some(older.to_owned());
            }
            config.backends.get_mut(BACKEND).unwrap().free = true;
        })
        .await;
        let answer = fake.mind.write(&write_ask(None)).await.unwrap();
        assert_eq!(answer.cost, Usd::ZERO, "it was said to be free");
        let body = fake.calls().await.remove(0).to_string();
        assert!(!body.contains("thinkingConfig") && !body.contains("effort"), "{body}");
    }
}

/// Rates whatever it is sent, last item first, by the number in the item's title.
struct Rater(Kind);

impl Respond for Rater {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = request.body_json().unwrap();
        let mut items: Vec<Value> = turns(self.0, &body)[0]
            .1
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("] item "))
            .map(|(id, number)| {
                let number: u32 = number.parse().unwrap();
                json!({"id": id.parse::<u32>().unwrap(), "why": format!("number {number}"), "score": f64::from(number) / 100.0})
            })
            .collect();
        items.reverse();
        Say::Words(json!({"items": items}).to_string()).by(self.0)
    }
}

fn items(count: u32) -> RelevanceAsk {
    let item = |number: u32| ItemText { title: format!("item {number}"), summary: String::new() };
    RelevanceAsk { goal: "Numbers".to_owned(), persona: None, items: (0..count).map(item).collect(), budget: None }
}

#[tokio::test]
async fn relevance_goes_in_batches_and_comes_back_in_order() {
    for kind in ALL {
        let fake = Fake::answering(kind, Rater(kind), |_| {}).await;
        let answer = fake.mind.relevance(&items(45)).await.unwrap();
        let whys: Vec<String> = answer.value.iter().map(|relevance| relevance.why.clone()).collect();
        assert_eq!(whys, (0..45).map(|n| format!("number {n}")).collect::<Vec<_>>());
        assert_eq!(answer.value[44].score, Score::percent(44));
        assert_eq!(fake.calls().await.len(), 3);
        assert_eq!(answer.usage, USAGE + USAGE + USAGE);
        assert_eq!(answer.cost, Usd::from_micros(3_900));
    }
}

#[tokio::test]
async fn nothing_to_rate_costs_nothing() {
    let fake = Fake::playing(Kind::Gemini, []).await;
    let answer = fake.mind.relevance(&items(0)).await.unwrap();
    assert!(answer.value.is_empty() && answer.cost == Usd::ZERO && fake.calls().await.is_empty());
}

#[tokio::test]
async fn an_answer_of_the_wrong_form_is_sent_back_once() {
    for kind in ALL {
        let fake = Fake::playing(kind, [not_the_form(), draft()]).await;
        let answer = fake.mind.write(&write_ask(None)).await.unwrap();
        assert_eq!((answer.usage, answer.cost), (USAGE + USAGE, COST.saturating_add(COST)), "both calls are counted");
        let calls = fake.calls().await;
        let (first, second) = (turns(kind, &calls[0]), turns(kind, &calls[1]));
        assert_eq!((first.len(), second.len()), (1, 3));
        assert!(second[1].1.contains("Only a text") && second[2].1.contains("hashtags"), "{second:?}");
        assert_eq!(system(kind, &calls[0]), system(kind, &calls[1]));
    }
}

#[tokio::test]
async fn a_text_that_is_too_long_is_sent_back_with_its_length() {
    let fake = Fake::playing(Kind::Gemini, [draft(), draft()]).await;
    let mut ask = write_ask(None);
    ask.text_chars_max = 40;
    let error = fake.mind.write(&ask).await.unwrap_err();
    assert!(error.to_string().contains("at most 40 are allowed"), "{error}");
    let calls = fake.calls().await;
    assert_eq!(calls.len(), 2);
    assert!(turns(Kind::Gemini, &calls[1])[2].1.contains("at most 40 are allowed"));
}

#[tokio::test]
async fn a_server_that_refuses_a_format_is_asked_for_less_and_remembered() {
    for refused in 0..4 {
        let fake = Fake::with(Kind::Compatible, refused, [draft(), opinion()], |_| {}).await;
        fake.mind.write(&write_ask(None)).await.unwrap();
        assert_eq!(fake.calls().await.len(), refused + 1);
        fake.mind.opine(&opinion_ask()).await.unwrap();
        assert_eq!(fake.calls().await.len(), refused + 2, "what it took is remembered");
    }
    let fake = Fake::with(Kind::Compatible, 9, [], |_| {}).await;
    let error = fake.mind.write(&write_ask(None)).await.unwrap_err();
    assert!(error.to_string().contains("status 422"), "{error}");
    assert_eq!(fake.calls().await.len(), 4);
}
