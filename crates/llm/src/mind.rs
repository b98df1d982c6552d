//! What a mind can be asked, and what it answers.
//!
//! Everything a caller puts into an ask but the persona is untrusted: a headline is something to talk *about*, never
//! an order. Everything a mind answers is data: no caller may let it decide which tool runs next.

use async_trait::async_trait;
use chimera_domain::{Channel, ReplyTo, Score, Soul, Usd, policy::WriterContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::MindError;

/// Relevance, writing and judging in character.
#[async_trait]
pub trait Mind: std::fmt::Debug + Send + Sync {
    /// What this mind is.
    fn about(&self) -> MindInfo;

    /// How much each item matters to a goal: one result per item, in the same order.
    ///
    /// # Errors
    /// [`MindError`]; its `retry` says whether asking again can help.
    async fn relevance(&self, ask: &RelevanceAsk) -> Result<Answer<Vec<Relevance>>, MindError>;

    /// A post in character about a headline, or a reply to a remark, within the limits of the ask.
    ///
    /// # Errors
    /// [`MindError`]; its `retry` says whether asking again can help.
    async fn write(&self, ask: &WriteAsk) -> Result<Answer<Draft>, MindError>;

    /// A judge's own view of a finished text. The writer's opinion of itself plays no part.
    ///
    /// # Errors
    /// [`MindError`]; its `retry` says whether asking again can help.
    async fn opine(&self, ask: &OpinionAsk) -> Result<Answer<Opinion>, MindError>;
}

/// What a mind is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MindInfo {
    /// The names of its backends, such as `gemini` or `local+anthropic`.
    pub name: String,
    /// Who scores; each next one is asked when those before can't answer.
    pub score: Vec<Seat>,
    /// Who writes.
    pub write: Vec<Seat>,
    /// Who judges.
    pub judge: Vec<Seat>,
    /// Whether it works without a network and without cost.
    pub offline: bool,
    /// One line that says plainly what it is.
    pub note: String,
}

/// A model behind a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Seat {
    /// The backend's name in the configuration.
    pub backend: String,
    /// Who provides the model, by OpenTelemetry's conventions for generative AI.
    pub provider: String,
    /// The model.
    pub model: String,
}

impl MindInfo {
    /// A mind that is one model in every role.
    #[must_use]
    pub fn of_one(backend: &str, provider: &str, model: &str) -> Self {
        let seat = Seat { backend: backend.to_owned(), provider: provider.to_owned(), model: model.to_owned() };
        Self {
            name: backend.to_owned(),
            score: vec![seat.clone()],
            write: vec![seat.clone()],
            judge: vec![seat],
            offline: false,
            note: String::new(),
        }
    }

    /// The same, without a network and without cost, for this reason.
    #[must_use]
    pub fn offline(mut self, note: &str) -> Self {
        (self.offline, self.note) = (true, note.to_owned());
        self
    }
}

/// An answer with what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer<T> {
    /// The answer itself.
    pub value: T,
    /// Tokens of every call it took, repairs included.
    pub usage: TokenUsage,
    /// What it cost, rounded up to the micro-dollar; with what was paid to those who were asked before and failed.
    pub cost: Usd,
    /// Where it comes from.
    pub source: Source,
}

/// Where an answer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The backend's name in the configuration.
    pub backend: String,
    /// Who provides the model, by OpenTelemetry's conventions for generative AI.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// The version of the prompt, such as `write.v1@1f00ab3c`; empty where there was none.
    pub prompt: String,
    /// How many were to be asked before it and could not answer.
    pub passed_over: u32,
}

impl Source {
    /// Model and prompt in one: `gemini-3.8-flash (write.v1@1f00ab3c)`.
    #[must_use]
    pub fn credit(&self) -> String {
        if self.prompt.is_empty() { self.model.clone() } else { format!("{} ({})", self.model, self.prompt) }
    }
}

impl<T> Answer<T> {
    /// An answer of a mind without tokens and prompts.
    #[must_use]
    pub fn of(value: T, cost: Usd, seat: &Seat) -> Self {
        let source = Source {
            backend: seat.backend.clone(),
            provider: seat.provider.clone(),
            model: seat.model.clone(),
            ..Source::default()
        };
        Self { value, usage: TokenUsage::default(), cost, source }
    }
}

/// Tokens read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct TokenUsage {
    /// Tokens of the prompt.
    pub input: u64,
    /// How many of these came from the vendor's cache, which costs less.
    pub cached: u64,
    /// Tokens of the answer, silent thinking included, as both are billed alike.
    pub output: u64,
}

impl std::ops::Add for TokenUsage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
        }
    }
}

/// A persona as a mind needs it: SOUL.md without ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonaBrief {
    /// The persona's name.
    pub name: String,
    /// How it sounds.
    pub voice_traits: Vec<String>,
    /// What it holds true.
    pub core_beliefs: Vec<String>,
    /// Hard rules, which win over voice and goal.
    pub directives: Vec<String>,
    /// What it never speaks about.
    pub banned_topics: Vec<String>,
    /// How it says that it is an AI.
    pub disclosure: String,
    /// Who it is, at length.
    pub backstory: String,
}

impl From<&Soul> for PersonaBrief {
    fn from(soul: &Soul) -> Self {
        Self {
            name: soul.name.clone(),
            voice_traits: soul.voice_traits.clone(),
            core_beliefs: soul.core_beliefs.clone(),
            directives: soul.directives.clone(),
            banned_topics: soul.banned_topics.clone(),
            disclosure: soul.disclosure.clone(),
            backstory: soul.backstory.clone(),
        }
    }
}

/// A headline and what follows it. Untrusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemText {
    /// The headline.
    pub title: String,
    /// The description below it; may be empty.
    #[serde(default)]
    pub summary: String,
}

/// How much do these items matter to this goal?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelevanceAsk {
    /// The campaign's goal, in the operator's words.
    pub goal: String,
    /// For whom, if that is known.
    pub persona: Option<PersonaBrief>,
    /// What to score.
    pub items: Vec<ItemText>,
    /// The most this may cost, all calls together.
    pub budget: Option<Usd>,
}

/// How much one item matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Relevance {
    /// 0 is beside the point, 1 is made for the goal; a campaign acts from 0.75.
    pub score: Score,
    /// Why, in one line.
    pub why: String,
}

/// Write a post, or a reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WriteAsk {
    /// Who writes.
    pub persona: PersonaBrief,
    /// The campaign's goal, in the operator's words.
    pub goal: String,
    /// The headline. Untrusted.
    pub headline: String,
    /// The description below it; may be empty. Untrusted.
    pub summary: String,
    /// Where the post goes.
    pub channel: Channel,
    /// The longest text with its hashtags, as the channel counts ([`Channel::post_length`]): each hashtag with its `#` and a
    /// space. Hashtags that don't fit beside the text are left out.
    pub text_chars_max: usize,
    /// The most hashtags.
    pub hashtags_max: usize,
    /// What a judge or a reviewer found wrong with the draft before this one.
    pub correction: Option<String>,
    /// What its agent published lately, and what it remembers. Untrusted: own posts tell of headlines, too.
    #[serde(default)]
    pub context: WriterContext,
    /// The remark to be answered, in place of a post about the headline. Untrusted.
    #[serde(default)]
    pub reply: Option<ReplyTo>,
    /// Where variety comes from: the same ask with the same seed may give the same draft.
    pub seed: u64,
    /// The most this may cost, all calls together.
    pub budget: Option<Usd>,
}

/// A post in words; of a reply, the text and the score alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Draft {
    /// The text, without hashtags and without the AI disclosure, which the assembly adds.
    pub text: String,
    /// Hashtags without `#`, the weightiest first.
    pub hashtags: Vec<String>,
    /// What a picture to this post shows, for those who can't see it.
    pub alt_text: String,
    /// One to three words for the picture.
    pub kicker: String,
    /// A short line set in the picture, at most [`COVER_LINE_CHARS_MAX`] characters.
    pub cover_line: String,
    /// What the writer thinks of it, 0 to 1. Evidence, never a verdict.
    pub self_score: Option<Score>,
}

/// The longest cover line, in Unicode scalar values.
pub const COVER_LINE_CHARS_MAX: usize = 90;
/// The most words of a kicker.
pub const KICKER_WORDS_MAX: usize = 3;

/// Judge a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpinionAsk {
    /// Who is meant to have written it.
    pub persona: PersonaBrief,
    /// The campaign's goal, in the operator's words.
    pub goal: String,
    /// The headline it is about. Untrusted.
    pub headline: String,
    /// The description below the headline; may be empty. Untrusted.
    pub summary: String,
    /// Where the post is to go.
    pub channel: Channel,
    /// The text to judge. Untrusted.
    pub text: String,
    /// Its hashtags, with or without `#`.
    pub hashtags: Vec<String>,
    /// The remark that it answers, where it is a reply. Untrusted.
    #[serde(default)]
    pub reply: Option<ReplyTo>,
    /// The most this may cost, all calls together.
    pub budget: Option<Usd>,
}

/// A judge's view of a text, each part 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Opinion {
    /// Whether it does what the goal and the channel ask.
    pub task_fit: Finding,
    /// Whether the persona could have said it: voice, directives, banned topics.
    pub persona: Finding,
    /// Whether the source carries what it states as fact.
    pub support: Finding,
    /// What else a reviewer should know.
    pub notes: Vec<String>,
}

/// One part of an opinion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// 0 is hopeless, 1 is without fault.
    pub score: Score,
    /// Why, in one line.
    pub reason: String,
}
