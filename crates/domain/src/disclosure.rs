//! Who made a post, in words and in the platforms' own fields. One fact is set when an artifact is made; what each platform
//! is told follows from it here and nowhere else.

use serde_json::{Value, json};

use crate::{Channel, Disclosure};

/// Words that name an AI, in the languages of the personas we have met.
const NAMES: &[&str] = &["ai", "ki", "ia", "artificial", "bot", "chatbot", "robot", "gpt", "llm"];
/// Words that turn it round when they stand up to three words before.
const DENIALS: &[&str] = &["not", "no", "never", "isn", "without", "kein", "keine", "pas", "non"];
/// How far before the name a denial reaches, in words.
const REACH: usize = 3;

/// Whether a disclosure says that it comes from an AI, as whole words and not denied: "I'm Fae, an AI." does, "a totally
/// human woman" and "I am not an AI" don't.
#[must_use]
pub fn says_ai(text: &str) -> bool {
    let lower = text.to_lowercase().replace("a.i", "ai");
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut named = words.iter().enumerate().filter(|(_, word)| NAMES.contains(word)).peekable();
    named.peek().is_some()
        && named.all(|(at, _)| !words.iter().take(at).rev().take(REACH).any(|before| DENIALS.contains(before)))
}

/// Whether a word, in lower case, names an AI.
pub(crate) fn names_ai(word: &str) -> bool {
    NAMES.contains(&word)
}

/// A field of a platform's own interface that says that a machine made the post.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeField {
    /// Its name, with dots where it lies deeper.
    pub name: &'static str,
    /// What it is set to.
    pub value: Value,
}

/// What a platform is told about who made a post.
#[derive(Debug, Clone, PartialEq)]
pub struct Marking {
    /// The words that readers see. They stand in every post, also where the platform has a field: a persona says itself
    /// what it is, and fields do not travel with screenshots.
    pub label: String,
    /// The platform's own field, where it has one. Without one the words are all there is, beside the content credentials of
    /// pictures and videos.
    pub field: Option<NativeField>,
}

/// Why a post is not marked as what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkingError {
    /// The fact is missing.
    #[error("the post is not marked as made by AI; everything that is made here is")]
    NotMarked,
    /// The words are missing or deny it.
    #[error("the label {label:?} does not say that an AI made the post; word it so that it does")]
    LabelSaysOtherwise {
        /// The label.
        label: String,
    },
    /// The words do not stand in the post.
    #[error("the label {label:?} does not stand in the post's text; put it there")]
    LabelNotShown {
        /// The label.
        label: String,
    },
}

impl Channel {
    /// The field of the platform's own interface that says that a machine made a post, and its value then.
    ///
    /// Sources: the X API (`POST /2/tweets`), the Content Posting API of TikTok (**U**), `videos.insert` of the YouTube Data API
    /// (revision of 30 October 2024), the lexicon `com.atproto.label.defs`, and IPTC's vocabulary of digital source types for
    /// a blog. Instagram, Threads and Mastodon have no field for a single post; Meta reads content credentials (**U**).
    #[must_use]
    pub fn ai_field(self) -> Option<NativeField> {
        let (name, value) = match self {
            Self::X => ("made_with_ai", json!(true)),
            Self::TikTok => ("post_info.is_aigc", json!(true)),
            Self::YoutubeShorts => ("status.containsSyntheticMedia", json!(true)),
            Self::Bluesky => {
                ("labels", json!({"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]}))
            }
            Self::Blog => ("digitalSourceType", json!(TRAINED_ALGORITHMIC_MEDIA)),
            Self::Instagram | Self::Threads | Self::Mastodon => return None,
        };
        Some(NativeField { name, value })
    }

    /// The same as the object that the platform takes: `{"status": {"containsSyntheticMedia": true}}`. Empty where there is
    /// no field.
    #[must_use]
    pub fn ai_fields(self) -> Value {
        self.ai_field().map_or_else(
            || json!({}),
            |field| field.name.rsplit('.').fold(field.value, |inner, name| json!({name: inner})),
        )
    }
}

/// IPTC's name for what a trained model made.
pub const TRAINED_ALGORITHMIC_MEDIA: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// What a channel is told about who made a post with this text.
///
/// # Errors
/// [`MarkingError`] when the post does not say what it is; it must not go out.
pub fn marking(channel: Channel, text: &str, disclosure: &Disclosure) -> Result<Marking, MarkingError> {
    let label = disclosure.label.trim();
    if !disclosure.ai_generated {
        return Err(MarkingError::NotMarked);
    }
    if !says_ai(label) {
        return Err(MarkingError::LabelSaysOtherwise { label: label.to_owned() });
    }
    if !text.contains(label) {
        return Err(MarkingError::LabelNotShown { label: label.to_owned() });
    }
    Ok(Marking { label: label.to_owned(), field: channel.ai_field() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disclosed(ai_generated: bool, label: &str) -> Disclosure {
        Disclosure { ai_generated, label: label.to_owned(), models: vec![] }
    }

    #[test]
    fn every_channel_is_told_in_its_own_field_and_in_words() {
        let bot = json!({"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "bot"}]});
        let source = json!("http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia");
        let told = [
            (Channel::X, Some(("made_with_ai", json!(true)))),
            (Channel::Instagram, None),
            (Channel::Threads, None),
            (Channel::TikTok, Some(("post_info.is_aigc", json!(true)))),
            (Channel::YoutubeShorts, Some(("status.containsSyntheticMedia", json!(true)))),
            (Channel::Bluesky, Some(("labels", bot))),
            (Channel::Mastodon, None),
            (Channel::Blog, Some(("digitalSourceType", source))),
        ];
        assert_eq!(told.each_ref().map(|(channel, _)| *channel).as_slice(), Channel::ALL);
        for (channel, field) in told {
            let field = field.map(|(name, value)| NativeField { name, value });
            let marked = marking(channel, "Silk.\n\nMade by an AI.", &disclosed(true, " Made by an AI. "));
            assert_eq!(marked, Ok(Marking { label: "Made by an AI.".to_owned(), field }), "{channel}");
        }
    }

    #[test]
    fn fields_are_nested_as_the_platforms_take_them() {
        assert_eq!(Channel::X.ai_fields(), json!({"made_with_ai": true}));
        assert_eq!(Channel::YoutubeShorts.ai_fields(), json!({"status": {"containsSyntheticMedia": true}}));
        assert_eq!(Channel::Bluesky.ai_fields()["labels"]["values"][0]["val"], "bot");
        assert_eq!(Channel::Threads.ai_fields(), json!({}));
    }

    #[test]
    fn what_does_not_say_what_it_is_has_no_marking() {
        let label = |label: &str| label.to_owned();
        for channel in Channel::ALL {
            let of = |text, disclosure| marking(*channel, text, &disclosure).unwrap_err();
            assert_eq!(of("Made by AI", disclosed(false, "Made by AI")), MarkingError::NotMarked);
            let human = "Made by a human";
            assert_eq!(of(human, disclosed(true, human)), MarkingError::LabelSaysOtherwise { label: label(human) });
            assert_eq!(of("", disclosed(true, " ")), MarkingError::LabelSaysOtherwise { label: label("") });
            let hidden = of("Silk.", disclosed(true, "Made by AI"));
            assert_eq!(hidden, MarkingError::LabelNotShown { label: label("Made by AI") });
        }
    }

    #[test]
    fn only_what_says_so_says_so() {
        for yes in [
            "I'm Fae, an AI. A small team looks over my shoulder.",
            "AI-generated",
            "made by A.I.",
            "Ich bin eine KI",
            "I am a bot",
        ] {
            assert!(says_ai(yes), "{yes}");
        }
        for no in
            ["I am a totally human woman from Leeds.", "", "I am not an AI", "said in Maine", "No bot here, promise"]
        {
            assert!(!says_ai(no), "{no}");
        }
    }
}
