//! What is sent, what is understood, what it costs.

use chimera_domain::{Score, Usd};
use chimera_llm::{ItemText, MindConfig, RelevanceAsk, TokenUsage};
use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use crate::fake::{Fake, KEY, ok, opinion_ask, write_ask};

#[tokio::test]
async fn a_draft_is_asked_for_in_the_wire_format_and_read() {
    let fake = Fake::playing([ok("draft")]).await;
    let answer = fake.mind.write(&write_ask(None)).await.unwrap();
    assert!(answer.value.text.starts_with("A mill that can't keep up with linen."));
    assert_eq!((answer.value.hashtags, answer.value.kicker), (vec!["SlowFashion".to_owned()], "Slow linen".to_owned()));
    assert_eq!(answer.value.self_score, Some(Score::percent(86)));
    // Thinking is billed as output: 1000 in at 0.75, 200 out at 3.75 dollars per million.
    assert_eq!(answer.usage, TokenUsage { input: 1000, output: 200 });
    assert_eq!(answer.cost, Usd::from_micros(1_500));
    assert_eq!(answer.model, "gemini-3.8-flash");

    let request = fake.requests().await.remove(0);
    assert_eq!(request.url.path(), "/v1beta/models/gemini-3.8-flash:generateContent");
    assert_eq!(request.headers["x-goog-api-key"], KEY);
    assert!(!request.url.as_str().contains(KEY));
    let body: Value = request.body_json().unwrap();
    let config = &body["generationConfig"];
    assert_eq!(config["responseMimeType"], "application/json");
    assert_eq!(config["responseJsonSchema"]["required"][0], "text");
    assert_eq!(config["thinkingConfig"], json!({"thinkingLevel": "LOW"}));
    for deprecated in ["temperature", "topP", "topK", "candidateCount", "responseSchema"] {
        assert!(config.get(deprecated).is_none(), "{deprecated}");
    }
    assert_eq!(body["safetySettings"].as_array().unwrap().len(), 4);
    assert_eq!(body["contents"].as_array().unwrap().len(), 1);
    assert_eq!(body["contents"][0]["role"], "user");
    let (system, user) = (text(&body["systemInstruction"]), text(&body["contents"][0]));
    assert!(system.contains("Never shame a body.") && !system.contains("Normandy"));
    assert!(user.contains("Normandy") && user.starts_with("DATA-"));
}

fn text(content: &Value) -> &str {
    content["parts"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn an_opinion_comes_from_the_strong_model() {
    let config = MindConfig { strong_model: "gemini-3.5-flash".to_owned(), ..MindConfig::default() };
    let fake = Fake::with(config, ok("opinion")).await;
    let answer = fake.mind.opine(&opinion_ask()).await.unwrap();
    assert_eq!(answer.value.task_fit.score, Score::percent(93));
    assert_eq!(answer.value.notes, ["no price is named"]);
    // 1400 in at 1.50, 300 out at 9.00.
    assert_eq!((answer.model.as_str(), answer.cost), ("gemini-3.5-flash", Usd::from_micros(4_800)));
    assert!(fake.requests().await[0].url.path().contains("gemini-3.5-flash:"));
}

#[tokio::test]
async fn an_unlisted_model_is_priced_as_the_dearest() {
    let config = MindConfig { strong_model: "gemini-9-ultra".to_owned(), ..MindConfig::default() };
    let fake = Fake::with(config, ok("opinion")).await;
    let answer = fake.mind.opine(&opinion_ask()).await.unwrap();
    assert_eq!((answer.model.as_str(), answer.cost), ("gemini-9-ultra", Usd::from_micros(4_800)));
    assert!(fake.calls().await[0]["generationConfig"].get("thinkingConfig").is_none());
}

/// Rates whatever it is sent, last item first, by the number in the item's title.
struct Rater;

impl Respond for Rater {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = request.body_json().unwrap();
        let prompt = text(&body["contents"][0]);
        let mut items: Vec<Value> = prompt
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("] item "))
            .map(|(id, number)| {
                let number: u32 = number.parse().unwrap();
                json!({"id": id.parse::<u32>().unwrap(), "score": f64::from(number) / 100.0, "why": format!("number {number}")})
            })
            .collect();
        items.reverse();
        ResponseTemplate::new(200).set_body_json(json!({
            "candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": json!({"items": items}).to_string()}]}}],
            "usageMetadata": {"promptTokenCount": 400, "candidatesTokenCount": 100}
        }))
    }
}

fn items(count: u32) -> RelevanceAsk {
    let item = |number: u32| ItemText { title: format!("item {number}"), summary: String::new() };
    RelevanceAsk { goal: "Numbers".to_owned(), persona: None, items: (0..count).map(item).collect(), budget: None }
}

#[tokio::test]
async fn relevance_goes_in_batches_and_comes_back_in_order() {
    let fake = Fake::with(MindConfig::default(), Rater).await;
    let answer = fake.mind.relevance(&items(45)).await.unwrap();
    let whys: Vec<String> = answer.value.iter().map(|relevance| relevance.why.clone()).collect();
    assert_eq!(whys, (0..45).map(|n| format!("number {n}")).collect::<Vec<_>>());
    assert_eq!(answer.value[44].score, Score::percent(44));
    assert_eq!(fake.calls().await.len(), 3);
    assert_eq!(answer.usage, TokenUsage { input: 1_200, output: 300 });
    assert_eq!(answer.cost, Usd::from_micros(2_025));
}

#[tokio::test]
async fn nothing_to_rate_costs_nothing() {
    let fake = Fake::playing([]).await;
    let answer = fake.mind.relevance(&items(0)).await.unwrap();
    assert!(answer.value.is_empty() && answer.cost == Usd::ZERO && fake.calls().await.is_empty());
}

#[tokio::test]
async fn an_answer_of_the_wrong_form_is_sent_back_once() {
    let fake = Fake::playing([ok("not_the_form"), ok("draft")]).await;
    let answer = fake.mind.write(&write_ask(None)).await.unwrap();
    assert_eq!(answer.usage, TokenUsage { input: 2_000, output: 230 }, "both calls are counted");
    let calls = fake.calls().await;
    let roles: Vec<&str> =
        calls[1]["contents"].as_array().unwrap().iter().map(|c| c["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "model", "user"]);
    assert!(text(&calls[1]["contents"][2]).contains("alt_text") || text(&calls[1]["contents"][2]).contains("hashtags"));
    assert_eq!(calls[0]["systemInstruction"], calls[1]["systemInstruction"]);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_sent_back_with_its_length() {
    let fake = Fake::playing([ok("draft"), ok("draft")]).await;
    let mut ask = write_ask(None);
    ask.text_chars_max = 40;
    let error = fake.mind.write(&ask).await.unwrap_err();
    assert!(error.to_string().contains("at most 40 are allowed"), "{error}");
    let calls = fake.calls().await;
    assert_eq!(calls.len(), 2);
    assert!(text(&calls[1]["contents"][2]).contains("at most 40 are allowed"));
}
