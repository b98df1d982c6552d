//! What the tools take and give, and the checks before any work is done.

use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};

use super::error::StudioError;
use super::layout::{Format, Post};
use super::palette::Mood;
use super::scene::Words;
use super::text::{clean, shorten};

/// The most bytes of one field that are looked at; no network takes posts this long.
const FIELD_BYTES_MAX: usize = 16_384;

/// Longest headline, in characters as readers count them; what is longer is cut at a word.
const HEADLINE_MAX: usize = 220;

/// Longest kicker.
const KICKER_MAX: usize = 48;

/// Longest caption inside a picture; what goes under a post may be longer, but that is not drawn.
const CAPTION_MAX: usize = 400;

/// Shortest and longest video in seconds.
pub(super) const SECONDS: (f64, f64) = (2.0, 15.0);

/// The shape of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Aspect {
    /// 1080 x 1080 pixels.
    #[serde(rename = "1:1")]
    Square,
    /// 1080 x 1350 pixels.
    #[default]
    #[serde(rename = "4:5")]
    Portrait,
    /// 1080 x 1920 pixels, with the strips that apps cover kept free of text.
    #[serde(rename = "9:16")]
    Story,
}

/// The format of a picture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum PictureFormat {
    /// Exact, and larger.
    #[default]
    #[serde(rename = "image/png")]
    Png,
    /// What Instagram and TikTok want.
    #[serde(rename = "image/jpeg")]
    Jpeg,
}

impl PictureFormat {
    /// Its type.
    pub(super) const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// Arguments of `generate_image`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct ImageRequest {
    /// Whose picture it is: the `character_reference_id` of the agent. Palette, type, mark and layouts follow from it.
    #[schemars(required, length(min = 1))]
    pub character_reference_id: Option<String>,
    /// The words set large; best between 10 and 80 characters, cut at 220.
    #[schemars(required, length(min = 1))]
    pub headline: Option<String>,
    /// One to four words above the headline.
    pub kicker: Option<String>,
    /// A sentence or two below the headline.
    pub caption: Option<String>,
    /// Shape of the picture; "4:5" if not given.
    #[serde(default)]
    pub aspect: Aspect,
    /// Format of the file; "image/png" if not given.
    #[serde(default)]
    pub format: PictureFormat,
    /// Another number gives another composition of the same agent; 0 if not given.
    pub seed: Option<u64>,
    /// Which of the agent's colour schemes: "light", "dark" or "bold".
    pub palette_hint: Option<String>,
}

/// Arguments of `generate_video`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct VideoRequest {
    /// Whose video it is: the `character_reference_id` of the agent. Palette, type, mark and layouts follow from it.
    #[schemars(required, length(min = 1))]
    pub character_reference_id: Option<String>,
    /// The words set large; best between 10 and 80 characters, cut at 220.
    #[schemars(required, length(min = 1))]
    pub headline: Option<String>,
    /// One to four words above the headline.
    pub kicker: Option<String>,
    /// A sentence or two below the headline.
    pub caption: Option<String>,
    /// Length in seconds, 2 to 15.
    #[schemars(required, range(min = 2, max = 15))]
    pub duration_seconds: Option<f64>,
    /// Another number gives another composition of the same agent; 0 if not given.
    pub seed: Option<u64>,
}

/// Structured result of `generate_image`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageMade {
    /// `image/png` or `image/jpeg`.
    pub mime: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// A description for people who can't see the picture.
    pub alt_text: String,
    /// What made it.
    pub model: String,
    /// What it cost, in US dollars.
    pub cost_usd: String,
    /// What could not be done as asked, in plain words; empty when all could.
    pub notes: Vec<String>,
}

/// Structured result of `generate_video`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VideoMade {
    /// `video/mp4`.
    pub mime: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Seconds.
    pub duration_seconds: f64,
    /// Number of frames.
    pub frames: u32,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// The words on screen as WebVTT captions.
    pub captions_vtt: String,
    /// A description for people who can't see the video.
    pub alt_text: String,
    /// What made it.
    pub model: String,
    /// What it cost, in US dollars.
    pub cost_usd: String,
    /// What could not be done as asked, in plain words; empty when all could.
    pub notes: Vec<String>,
}

/// A checked request: whose post, what it says, and what was changed on the way.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) character: String,
    pub(super) post: Post,
    pub(super) format: Format,
    pub(super) notes: Vec<String>,
}

impl ImageRequest {
    pub(super) fn check(&self) -> Result<Order, StudioError> {
        let mut notes = Vec::new();
        let character = character(self.character_reference_id.as_deref())?;
        let words = words(self.headline.as_deref(), self.kicker.as_deref(), self.caption.as_deref(), &mut notes)?;
        let mood = self.palette_hint.as_deref().and_then(|hint| mood(hint, &mut notes));
        let format = match self.aspect {
            Aspect::Square => Format::SQUARE,
            Aspect::Portrait => Format::PORTRAIT,
            Aspect::Story => Format::STORY,
        };
        Ok(Order { character, post: Post { words, mood, seed: self.seed.unwrap_or(0) }, format, notes })
    }
}

impl VideoRequest {
    /// The order, and the number of seconds.
    pub(super) fn check(&self) -> Result<(Order, f64), StudioError> {
        let mut notes = Vec::new();
        let character = character(self.character_reference_id.as_deref())?;
        let words = words(self.headline.as_deref(), self.kicker.as_deref(), self.caption.as_deref(), &mut notes)?;
        let (min, max) = SECONDS;
        let seconds = self.duration_seconds.ok_or(StudioError::NoDuration { min, max })?;
        if !(min..=max).contains(&seconds) {
            return Err(StudioError::Duration { seconds, min, max });
        }
        let post = Post { words, mood: None, seed: self.seed.unwrap_or(0) };
        Ok((Order { character, post, format: Format::STORY, notes }, seconds))
    }
}

/// The reference, or the refusal: nothing is made for nobody.
pub(super) fn character(id: Option<&str>) -> Result<String, StudioError> {
    let id = id.map(str::trim).filter(|id| !id.is_empty()).ok_or(StudioError::NoCharacter)?;
    within("character_reference_id", id)?;
    Ok(id.to_owned())
}

fn within(field: &'static str, text: &str) -> Result<(), StudioError> {
    if text.len() > FIELD_BYTES_MAX {
        return Err(StudioError::TooLong { field, bytes: text.len(), bytes_max: FIELD_BYTES_MAX });
    }
    Ok(())
}

fn words(
    headline: Option<&str>,
    kicker: Option<&str>,
    caption: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Words, StudioError> {
    let mut read = |field: &'static str, text: Option<&str>, count_max: usize| {
        let text = text.unwrap_or_default();
        within(field, text)?;
        let text = clean(text);
        Ok::<_, StudioError>(match shorten(&text, count_max) {
            None => text,
            Some(short) => {
                notes.push(format!("{field} was cut to {count_max} characters"));
                short
            }
        })
    };
    let headline = read("headline", headline, HEADLINE_MAX)?;
    if headline.is_empty() {
        return Err(StudioError::Empty { field: "headline" });
    }
    let kicker = Some(read("kicker", kicker, KICKER_MAX)?).filter(|text| !text.is_empty());
    let caption = Some(read("caption", caption, CAPTION_MAX)?).filter(|text| !text.is_empty());
    Ok(Words { headline, kicker, caption })
}

/// A hint that names no scheme is not an error: the agent's colours are its own, and the note says so.
fn mood(hint: &str, notes: &mut Vec<String>) -> Option<Mood> {
    match hint.trim().to_lowercase().as_str() {
        "" => None,
        "light" => Some(Mood::Light),
        "dark" => Some(Mood::Dark),
        "bold" => Some(Mood::Bold),
        _ => {
            notes.push("palette_hint was ignored: it knows \"light\", \"dark\" and \"bold\"".to_owned());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: Option<&str>, headline: &str) -> ImageRequest {
        ImageRequest {
            character_reference_id: id.map(str::to_owned),
            headline: Some(headline.to_owned()),
            kicker: None,
            caption: None,
            aspect: Aspect::default(),
            format: PictureFormat::default(),
            seed: None,
            palette_hint: Some("teal and gold".to_owned()),
        }
    }

    #[test]
    fn nothing_is_made_for_nobody() {
        for id in [None, Some(""), Some(" \n")] {
            assert!(matches!(request(id, "Linen").check(), Err(StudioError::NoCharacter)));
        }
    }

    #[test]
    fn words_are_cleaned_cut_and_the_cut_is_told() {
        let order = request(Some("fae"), &"very \u{202E}long ".repeat(60)).check().unwrap();
        assert!(order.post.words.headline.starts_with("very long very") && order.post.words.headline.ends_with('…'));
        assert_eq!(order.notes.len(), 2, "{:?}", order.notes);
        assert!(matches!(request(Some("fae"), "\u{0}\t ").check(), Err(StudioError::Empty { field: "headline" })));
        let huge = "x".repeat(FIELD_BYTES_MAX + 1);
        assert!(matches!(request(Some("fae"), &huge).check(), Err(StudioError::TooLong { .. })));
    }
}
