//! A fake of the API that plays fixtures in order, and the asks put to it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use chimera_domain::{Ambient, Channel, Usd};
use chimera_llm::{Mind, MindConfig, OpinionAsk, PersonaBrief, Provider, WriteAsk, choose};
use chrono::{DateTime, Utc};
use serde_json::Value;
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path_regex},
};

/// What must never be seen outside the one header.
pub(crate) const KEY: &str = "AIzaSy-fixture-key-0123456789";

pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/it/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn ok(name: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(fixture(name))
}

/// A 429 that asks for a wait.
pub(crate) fn quota(delay: &str) -> ResponseTemplate {
    let body = fixture("quota").to_string().replace("RETRY_DELAY", delay);
    ResponseTemplate::new(429).set_body_raw(body, "application/json")
}

/// Plays its templates in order; what comes after the last is a fault of the test.
struct Script(Mutex<VecDeque<ResponseTemplate>>);

impl Respond for Script {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().pop_front().unwrap_or_else(|| ResponseTemplate::new(599))
    }
}

#[derive(Debug)]
struct Still;

impl Ambient for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// A mind and the fake behind it.
pub(crate) struct Fake {
    pub(crate) mind: Arc<dyn Mind>,
    server: MockServer,
}

impl Fake {
    pub(crate) async fn playing(replies: impl IntoIterator<Item = ResponseTemplate>) -> Self {
        Self::with(MindConfig::default(), Script(Mutex::new(replies.into_iter().collect()))).await
    }

    /// A fake with other settings; provider, address and patience are set here.
    pub(crate) async fn with(config: MindConfig, replies: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        let route = Mock::given(method("POST")).and(path_regex("^/v1beta/models/[^/]+:generateContent$"));
        route.respond_with(replies).mount(&server).await;
        let config = MindConfig {
            provider: Provider::Gemini,
            base_url: format!("{}/v1beta", server.uri()),
            retries: 2,
            retry_pause_ms_max: 200,
            ..config
        };
        let env = |name: &str| (name == "GEMINI_API_KEY").then(|| KEY.to_owned());
        let (mind, line) = choose(&config, &env, Arc::new(Still)).await.unwrap();
        assert!(!line.contains(KEY));
        Self { mind, server }
    }

    /// The bodies of all calls so far.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.requests().await.iter().map(|request| request.body_json().unwrap()).collect()
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }
}

fn persona() -> PersonaBrief {
    PersonaBrief {
        name: "Fae".to_owned(),
        voice_traits: vec!["warm".to_owned(), "wry".to_owned()],
        core_beliefs: vec!["Clothes should outlive trends.".to_owned()],
        directives: vec!["Never shame a body.".to_owned()],
        banned_topics: vec!["fur".to_owned()],
        disclosure: "I'm an AI.".to_owned(),
        backstory: "A repair counter.".to_owned(),
    }
}

pub(crate) fn write_ask(budget: Option<Usd>) -> WriteAsk {
    WriteAsk {
        persona: persona(),
        goal: "Sustainable fashion".to_owned(),
        headline: "Linen mills in Normandy struggle to meet demand".to_owned(),
        summary: "Orders doubled within a year.".to_owned(),
        channel: Channel::Threads,
        text_chars_max: 400,
        hashtags_max: 1,
        correction: None,
        seed: 1,
        budget,
    }
}

pub(crate) fn opinion_ask() -> OpinionAsk {
    let ask = write_ask(None);
    OpinionAsk {
        persona: ask.persona,
        goal: ask.goal,
        headline: ask.headline,
        summary: ask.summary,
        channel: ask.channel,
        text: "A mill that can't keep up. Would you wait?".to_owned(),
        hashtags: vec!["SlowFashion".to_owned()],
        budget: None,
    }
}
