//! What the model is asked to answer: schemas, and the checks that a schema can't say.

use chimera_domain::{Channel, Score, is_hashtag, shown};
use jsonschema::Validator;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    COVER_LINE_CHARS_MAX, ConfigProblem, Draft, Finding, KICKER_WORDS_MAX, MindError, Opinion, Relevance,
    text::{cut, plain, tags_that_fit},
};

/// The largest answer that is parsed, in bytes; twenty ratings take some five thousand.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The deepest nesting that is parsed; what is asked for has three levels.
const DEPTH_MAX: usize = 16;
const PROBLEM_CHARS_MAX: usize = 400;
const WHY_CHARS_MAX: usize = 200;
const NOTES_MAX: usize = 5;
const ALT_CHARS_MAX: usize = 400;
const TAG_CHARS_MAX: usize = 40;

/// A form that an answer must have. Plain JSON Schema: each vendor's wire format leaves out or adds
/// what is the vendor's own.
#[derive(Debug)]
pub(super) struct Form {
    /// What it is called: letters and underscores.
    pub(super) name: &'static str,
    pub(super) schema: Value,
    validator: Validator,
}

impl Form {
    fn new(name: &'static str, schema: Value) -> Result<Self, MindError> {
        let validator = jsonschema::validator_for(&schema).map_err(|error| MindError::Config {
            problem: ConfigProblem::BuiltIn("the schema of an answer"),
            source: Some(Box::new(error.to_owned())),
        })?;
        Ok(Self { name, schema, validator })
    }

    /// The answer, or what is wrong with it in words that the model can act on.
    pub(super) fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, String> {
        if text.len() > ANSWER_BYTES_MAX {
            return Err(format!("it has {} bytes; at most {ANSWER_BYTES_MAX} are read", text.len()));
        }
        if depth(text) > DEPTH_MAX {
            return Err(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        let value: Value = serde_json::from_str(unfenced(text))
            .map_err(|error| cut(&format!("not JSON: {error}"), PROBLEM_CHARS_MAX))?;
        if let Some(error) = self.validator.iter_errors(&value).next() {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { "the answer".to_owned() } else { format!("`{place}`") };
            return Err(cut(&format!("{place}: {error}"), PROBLEM_CHARS_MAX));
        }
        serde_json::from_value(value).map_err(|error| cut(&error.to_string(), PROBLEM_CHARS_MAX))
    }
}

/// Models fence their JSON now and then, even when told the type.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner =
        text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|rest| rest.strip_suffix("```"));
    inner.unwrap_or(text).trim()
}

/// How deep brackets are nested, at the most: those within strings count too, which errs on the safe side for text that no
/// honest answer holds.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// One rated item, as the model gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RatedItem {
    id: usize,
    score: f64,
    why: String,
}

/// Ratings of a batch.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Ratings {
    items: Vec<RatedItem>,
}

pub(super) fn ratings_form(count: usize) -> Result<Form, MindError> {
    Form::new(
        "ratings",
        json!({
            "type": "object",
            "properties": {"items": {
                "type": "array", "minItems": count, "maxItems": count,
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer", "minimum": 0, "maximum": count.saturating_sub(1)},
                        "why": {"type": "string"},
                        "score": {"type": "number", "minimum": 0, "maximum": 1}
                    },
                    "required": ["id", "why", "score"],
                    "additionalProperties": false
                }
            }},
            "required": ["items"],
            "additionalProperties": false
        }),
    )
}

impl Ratings {
    /// The ratings in the order of the items.
    pub(super) fn in_order(mut self) -> Result<Vec<Relevance>, String> {
        self.items.sort_by_key(|item| item.id);
        if let Some((expected, _)) = self.items.iter().enumerate().find(|(at, item)| item.id != *at) {
            return Err(format!("id {expected} is missing or given twice; rate every id exactly once"));
        }
        let rated = |item: RatedItem| Relevance {
            score: Score::clamped(item.score),
            why: cut(&plain(&item.why), WHY_CHARS_MAX),
        };
        Ok(self.items.into_iter().map(rated).collect())
    }
}

/// A draft, as the model gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RawDraft {
    text: String,
    hashtags: Vec<String>,
    alt_text: String,
    kicker: String,
    cover_line: String,
    self_score: f64,
}

pub(super) fn draft_form(hashtags_max: usize) -> Result<Form, MindError> {
    Form::new(
        "draft",
        json!({
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "hashtags": {"type": "array", "maxItems": hashtags_max, "items": {"type": "string"}},
                "alt_text": {"type": "string"},
                "kicker": {"type": "string"},
                "cover_line": {"type": "string"},
                "self_score": {"type": "number", "minimum": 0, "maximum": 1}
            },
            "required": ["text", "hashtags", "alt_text", "kicker", "cover_line", "self_score"],
            "additionalProperties": false
        }),
    )
}

impl RawDraft {
    /// The draft within its limits. Small slips are mended; a text that is too long is the model's to shorten.
    pub(super) fn within(self, channel: Channel, text_chars_max: usize, hashtags_max: usize) -> Result<Draft, String> {
        let text = text_within(&self.text, channel, text_chars_max)?;
        let tag = |tag: String| {
            tag.chars().filter(|c| c.is_alphanumeric() || *c == '_').take(TAG_CHARS_MAX).collect::<String>()
        };
        let kicker: Vec<String> =
            plain(&self.kicker).split_whitespace().take(KICKER_WORDS_MAX).map(str::to_owned).collect();
        let cover_line = cut(&plain(&self.cover_line), COVER_LINE_CHARS_MAX);
        if kicker.is_empty() || cover_line.is_empty() {
            return Err("`kicker` and `cover_line` may not be empty".to_owned());
        }
        let tags = self.hashtags.into_iter().map(tag).filter(|tag| is_hashtag(tag)).take(hashtags_max).collect();
        Ok(Draft {
            hashtags: tags_that_fit(channel, &text, tags, text_chars_max),
            text,
            alt_text: cut(&plain(&self.alt_text), ALT_CHARS_MAX),
            kicker: kicker.join(" "),
            cover_line,
            self_score: Some(Score::clamped(self.self_score)),
        })
    }
}

/// A reply, as the model gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RawReply {
    text: String,
    self_score: f64,
}

pub(super) fn reply_form() -> Result<Form, MindError> {
    Form::new(
        "reply",
        json!({
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "self_score": {"type": "number", "minimum": 0, "maximum": 1}
            },
            "required": ["text", "self_score"],
            "additionalProperties": false
        }),
    )
}

impl RawReply {
    /// The reply within its limits, as a draft of which nothing is drawn.
    pub(super) fn within(self, channel: Channel, text_chars_max: usize) -> Result<Draft, String> {
        Ok(Draft {
            text: text_within(&self.text, channel, text_chars_max)?,
            self_score: Some(Score::clamped(self.self_score)),
            ..Draft::default()
        })
    }
}

/// A text made visible, if it is one and not too long.
fn text_within(text: &str, channel: Channel, text_chars_max: usize) -> Result<String, String> {
    let text = shown(text).trim().to_owned();
    let chars = channel.length(&text);
    if text.is_empty() {
        return Err("`text` is empty".to_owned());
    }
    if chars > text_chars_max {
        let counting = channel.rules().counting.in_words();
        return Err(format!("`text` has {chars} characters ({counting}); at most {text_chars_max} are allowed"));
    }
    Ok(text)
}

/// An opinion, as the model gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct RawOpinion {
    task_fit: RawFinding,
    persona: RawFinding,
    support: RawFinding,
    notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct RawFinding {
    score: f64,
    reason: String,
}

pub(super) fn opinion_form() -> Result<Form, MindError> {
    // The reason first: a number given before its reason is a guess.
    let finding = json!({
        "type": "object",
        "properties": {"reason": {"type": "string"}, "score": {"type": "number", "minimum": 0, "maximum": 1}},
        "required": ["reason", "score"],
        "additionalProperties": false
    });
    Form::new(
        "opinion",
        json!({
            "type": "object",
            "properties": {
                "task_fit": finding, "persona": finding, "support": finding,
                "notes": {"type": "array", "maxItems": NOTES_MAX, "items": {"type": "string"}}
            },
            "required": ["task_fit", "persona", "support", "notes"],
            "additionalProperties": false
        }),
    )
}

impl From<RawOpinion> for Opinion {
    fn from(raw: RawOpinion) -> Self {
        let finding = |raw: RawFinding| Finding {
            score: Score::clamped(raw.score),
            reason: cut(&plain(&raw.reason), WHY_CHARS_MAX * 2),
        };
        Self {
            task_fit: finding(raw.task_fit),
            persona: finding(raw.persona),
            support: finding(raw.support),
            notes: raw
                .notes
                .iter()
                .map(|note| cut(&plain(note), WHY_CHARS_MAX))
                .filter(|note| !note.is_empty())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratings_must_cover_every_item_once() {
        let form = ratings_form(2).unwrap();
        let read = |text: &str| form.read::<Ratings>(text).and_then(Ratings::in_order);
        let good = read(r#"{"items":[{"id":1,"score":0.2,"why":"b"},{"id":0,"score":0.9,"why":"a"}]}"#).unwrap();
        assert_eq!(good.iter().map(|r| r.why.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        for (text, part) in [
            (r#"{"items":[{"id":0,"score":0.2,"why":"b"},{"id":0,"score":0.9,"why":"a"}]}"#, "id 1 is missing"),
            (r#"{"items":[{"id":0,"score":0.2,"why":"b"}]}"#, "/items"),
            (r#"{"items":[{"id":0,"score":2,"why":"b"},{"id":1,"score":0,"why":""}]}"#, "/items/0/score"),
            ("Sure! Here it is", "not JSON"),
        ] {
            assert!(read(text).unwrap_err().contains(part), "{text}: {:?}", read(text));
        }
        assert!(
            read("```json\n{\"items\":[{\"id\":1,\"score\":1,\"why\":\"\"},{\"id\":0,\"score\":0,\"why\":\"\"}]}\n```")
                .is_ok()
        );
    }

    #[test]
    fn what_is_too_large_or_too_deep_is_not_parsed() {
        let form = opinion_form().unwrap();
        let read = |text: &str| form.read::<RawOpinion>(text).unwrap_err();
        assert!(read(&"[".repeat(60_000)).contains("nested more than 16 deep"));
        assert!(read(&"x".repeat(70_000)).contains("70000 bytes"));
    }

    #[test]
    fn drafts_are_brought_within_their_limits() {
        let raw = |text: &str| RawDraft {
            text: text.to_owned(),
            hashtags: vec![
                "#Slow-Fashion".to_owned(),
                "##".to_owned(),
                "2026".to_owned(),
                "Two".to_owned(),
                "Three".to_owned(),
            ],
            alt_text: "A <b>poster</b>".to_owned(),
            kicker: "one two three four".to_owned(),
            cover_line: "word ".repeat(40),
            self_score: 0.8,
        };
        let draft = raw("fine\u{200b}").within(Channel::X, 30, 2).unwrap();
        assert_eq!((draft.text.as_str(), draft.hashtags), ("fine", vec!["SlowFashion".to_owned(), "Two".to_owned()]));
        assert_eq!(draft.kicker, "one two three");
        assert!(crate::text::length(&draft.cover_line) <= COVER_LINE_CHARS_MAX);
        assert!(raw("far too long").within(Channel::X, 10, 2).unwrap_err().contains("at most 10"));
        assert!(raw(" ").within(Channel::X, 10, 2).is_err());
    }
}
