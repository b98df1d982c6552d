//! Stand-ins for the vendors' APIs: strict about what they are sent, and playing a script of replies in the vendor's own form.
//! `sdk.rs` lets the vendors' own clients speak to them, so that they are no inventions.

mod anthropic;
mod gemini;
mod openai;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use chimera_domain::{Ambient, Channel, Usd, policy::WriterContext};
use chimera_llm::{
    BackendConfig, Kind, Mind, MindConfig, OpinionAsk, PersonaBrief, PriceEntry, RolesConfig, SeatConfig, WriteAsk,
    choose_untried,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// What must never be seen outside the one header.
pub(crate) const KEY: &str = "sk-fixture-key-0123456789";

/// Every vendor, for tables.
pub(crate) const ALL: [Kind; 4] = [Kind::Gemini, Kind::Anthropic, Kind::Openai, Kind::Compatible];

/// What a stand-in says, whatever the vendor.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    /// These words, after some thought. A thousand tokens read, of these 400 cached; 200 written, of these 80 thought.
    Words(String),
    /// Broken off at the limit of tokens.
    CutShort,
    /// A safety filter stepped in before or after the answer. 1000 tokens read, 12 written.
    Blocked,
    /// Too much was asked; come back after this wait, if one is said.
    Quota(Option<Duration>),
    /// A quota that lasts for hours.
    Exhausted,
    /// Out of order; come back after this wait, if one is said.
    Down(Option<Duration>),
    /// The key is wrong; the message repeats it.
    BadKey,
    /// Anything else.
    Raw(u16, String),
}

impl Say {
    /// It, in a vendor's form.
    pub(crate) fn by(&self, kind: Kind) -> ResponseTemplate {
        (side(kind).say)(self)
    }
}

/// A good draft.
pub(crate) fn draft() -> Say {
    Say::Words(
        json!({
            "text": "A mill that can't keep up with linen. There are worse problems to have. Would you wait for yours?",
            "hashtags": ["#SlowFashion"], "alt_text": "A poster with a line about linen", "kicker": "Slow linen",
            "cover_line": "Worth the wait", "self_score": 0.86
        })
        .to_string(),
    )
}

/// A good opinion.
pub(crate) fn opinion() -> Say {
    let finding = |score: f64, reason: &str| json!({"reason": reason, "score": score});
    Say::Words(
        json!({
            "task_fit": finding(0.93, "names the mill and asks a question"), "persona": finding(0.9, "wry without a victim"),
            "support": finding(0.95, "nothing beyond the headline"), "notes": ["no price is named"]
        })
        .to_string(),
    )
}

/// An answer of another form than was asked for.
pub(crate) fn not_the_form() -> Say {
    Say::Words(r#"{"text": "Only a text"}"#.to_owned())
}

pub(crate) type Checked = Result<(), String>;

/// A vendor's side of the wire.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// Whether a request is one that the vendor would take.
    check: fn(&Request, &Value) -> Checked,
    /// What it says, in the vendor's form.
    say: fn(&Say) -> ResponseTemplate,
    /// How it refuses what it would not take.
    refuse: fn(u16, &str) -> ResponseTemplate,
}

fn side(kind: Kind) -> Side {
    match kind {
        Kind::Gemini => Side { check: gemini::check, say: gemini::say, refuse: gemini::refuse },
        Kind::Anthropic => Side { check: anthropic::check, say: anthropic::say, refuse: anthropic::refuse },
        Kind::Openai => Side { check: openai::check_own, say: openai::say, refuse: openai::refuse },
        Kind::Compatible => Side { check: openai::check_compatible, say: openai::say, refuse: openai::refuse },
    }
}

/// Plays what it is told in order; what comes after the last is a fault of the test.
struct Script {
    side: Side,
    says: Mutex<VecDeque<Say>>,
    /// How many forms of an answer it refuses before it takes one.
    forms_refused: usize,
}

impl Respond for Script {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = match request.body_json() {
            Ok(body) => body,
            Err(error) => return (self.side.refuse)(400, &format!("not JSON: {error}")),
        };
        if let Err(problem) = (self.side.check)(request, &body) {
            return (self.side.refuse)(400, &format!("the stand-in refuses this: {problem}"));
        }
        let form = openai::form(&body);
        if form < self.forms_refused {
            // The first as llama-cpp-python refuses it, the others as most servers do.
            return if form == 0 {
                (self.side.refuse)(500, "1 validation error: {'loc': ('body', 'response_format', 'type')}")
            } else {
                (self.side.refuse)(422, "unsupported")
            };
        }
        match self.says.lock().unwrap().pop_front() {
            Some(say) => (self.side.say)(&say),
            None => ResponseTemplate::new(599),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Still;

impl Ambient for Still {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// The model that each is asked for.
pub(crate) const fn model(kind: Kind) -> &'static str {
    match kind {
        Kind::Gemini => "gemini-3.8-flash",
        Kind::Anthropic => "claude-haiku-5-5",
        Kind::Openai => "gpt-6-luna",
        Kind::Compatible => "smollm2:135m",
    }
}

/// The backend's name: who is asked in the tests below.
pub(crate) const BACKEND: &str = "stand-in";

/// A mind that asks a vendor's API at an address. Every model costs the same here: 0.75 dollars for a million tokens read, a
/// quarter for those cached, 3.75 for those written.
pub(crate) fn mind_at(kind: Kind, base_url: &str, change: impl FnOnce(&mut MindConfig)) -> Arc<dyn Mind> {
    let own = BackendConfig {
        kind,
        base_url: Some(base_url.to_owned()),
        api_key: Some("secret://env/STAND_IN_KEY".to_owned()),
        free: false,
    };
    let seat = || vec![SeatConfig { backend: BACKEND.to_owned(), model: Some(model(kind).to_owned()) }];
    let price =
        PriceEntry { from: None, input: "0.75".to_owned(), cached: Some("0.25".to_owned()), output: "3.75".to_owned() };
    let mut config = MindConfig {
        backends: BTreeMap::from([(BACKEND.to_owned(), own)]),
        roles: Some(RolesConfig { score: seat(), write: seat(), judge: seat() }),
        prices: BTreeMap::from([(model(kind).to_owned(), vec![price])]),
        retries: 2,
        retry_pause_ms_max: 200,
        ..MindConfig::default()
    };
    change(&mut config);
    let choice = choose_untried(&config, &|_| Some(KEY.to_owned()), Arc::new(Still)).unwrap();
    assert!(!choice.line.contains(KEY));
    choice.mind
}

/// A stand-in, and a mind that asks it.
pub(crate) struct Fake {
    pub(crate) mind: Arc<dyn Mind>,
    pub(crate) server: MockServer,
}

impl Fake {
    pub(crate) async fn playing(kind: Kind, says: impl IntoIterator<Item = Say>) -> Self {
        Self::with(kind, 0, says, |_| {}).await
    }

    /// A stand-in that refuses so many forms of an answer, and a mind with other settings.
    pub(crate) async fn with(
        kind: Kind,
        forms_refused: usize,
        says: impl IntoIterator<Item = Say>,
        change: impl FnOnce(&mut MindConfig),
    ) -> Self {
        let says = Mutex::new(says.into_iter().collect());
        Self::answering(kind, Script { side: side(kind), says, forms_refused }, change).await
    }

    pub(crate) async fn answering(
        kind: Kind,
        replies: impl Respond + 'static,
        change: impl FnOnce(&mut MindConfig),
    ) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(replies).mount(&server).await;
        Self { mind: mind_at(kind, &base_url(kind, &server.uri()), change), server }
    }

    /// The bodies of all calls so far.
    pub(crate) async fn calls(&self) -> Vec<Value> {
        self.requests().await.iter().map(|request| request.body_json().unwrap()).collect()
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }
}

/// Where a vendor's API is on a server.
pub(crate) fn base_url(kind: Kind, server: &str) -> String {
    format!("{server}/{}", if kind == Kind::Gemini { "v1beta" } else { "v1" })
}

/// What is said in turns: the role, and the words.
pub(crate) fn turns(kind: Kind, body: &Value) -> Vec<(String, String)> {
    let (list, words) = if kind == Kind::Gemini { ("contents", "/parts/0/text") } else { ("messages", "/content") };
    let text = |turn: &Value| turn.pointer(words).and_then(Value::as_str).unwrap().to_owned();
    let turns = body[list].as_array().unwrap().iter();
    turns
        .map(|turn| (turn["role"].as_str().unwrap().to_owned(), text(turn)))
        .filter(|(role, _)| role != "system")
        .collect()
}

/// What the operator says.
pub(crate) fn system(kind: Kind, body: &Value) -> String {
    let place = match kind {
        Kind::Gemini => "/systemInstruction/parts/0/text",
        Kind::Anthropic => "/system",
        Kind::Openai | Kind::Compatible => "/messages/0/content",
    };
    body.pointer(place).and_then(Value::as_str).unwrap().to_owned()
}

/// Fails unless each object of a schema has only these keywords, and names all its properties and no others.
fn strict_schema(schema: &Value, keywords: &[&str]) -> Checked {
    let Value::Object(map) = schema else { return Err(format!("{schema} is no schema")) };
    for key in map.keys() {
        if !keywords.contains(&key.as_str()) {
            return Err(format!("the schema's keyword `{key}` is not supported"));
        }
    }
    if let Some(properties) = map.get("properties").and_then(Value::as_object) {
        let names: Vec<&String> = properties.keys().collect();
        if map.get("additionalProperties") != Some(&json!(false)) || map.get("required") != Some(&json!(names)) {
            return Err("an object must require all its properties, in order, and allow no others".to_owned());
        }
        properties.values().try_for_each(|property| strict_schema(property, keywords))?;
    }
    map.get("items").map_or(Ok(()), |items| strict_schema(items, keywords))
}

fn header<'a>(request: &'a Request, name: &str) -> Result<&'a str, String> {
    let value = request.headers.get(name).ok_or_else(|| format!("the header `{name}` is missing"))?;
    value.to_str().map_err(|error| error.to_string())
}

fn wants(right: bool, problem: &str) -> Checked {
    if right { Ok(()) } else { Err(problem.to_owned()) }
}

/// Roles take turns, the user first and last.
fn alternating<'a>(roles: impl Iterator<Item = &'a str>, model: &str) -> Checked {
    let roles: Vec<&str> = roles.collect();
    let right = roles.iter().enumerate().all(|(place, role)| *role == if place % 2 == 0 { "user" } else { model });
    wants(right && roles.len() % 2 == 1, "turns must alternate, the user's first and last")
}

pub(crate) fn persona() -> PersonaBrief {
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
        context: WriterContext::default(),
        reply: None,
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
        reply: None,
        budget: None,
    }
}
