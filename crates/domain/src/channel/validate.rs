//! Whether a post is one that its channel takes, and that we let out.

use super::{Channel, ChannelRules, Links, Modality, PictureRules, VideoRules, count};
use crate::{Disclosure, MarkingError, MediaRef, marking};

/// The longest hashtag, in characters, its sign left out. No platform's rule: a longer one is no word.
const HASHTAG_CHARS_MAX: usize = 100;

/// What would be posted.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    /// Where.
    pub channel: Channel,
    /// The words, the label that says who made it included.
    pub text: &'a str,
    /// Hashtags, without the sign.
    pub hashtags: &'a [String],
    /// Pictures and videos. A size or length of 0 is one that nobody knows, and is not looked at.
    pub media: &'a [MediaRef],
    /// Who made it.
    pub disclosure: &'a Disclosure,
    /// Whether it answers another post: answers need no picture anywhere.
    pub is_reply: bool,
}

/// What of a post is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its words: other words mend it.
    Words,
    /// Its pictures and videos.
    Media,
    /// The marks that say who made it.
    Marking,
}

/// What is wrong with a post, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Neither words nor media.
    #[error("there is neither text nor media; give at least one of them")]
    Empty,
    /// The text with its hashtags is too long.
    #[error("the text with its hashtags has {length} characters, {channel} takes {max} ({}); shorten it by {}",
        channel.rules().counting.in_words(), length.saturating_sub(*max))]
    TextTooLong {
        /// Where.
        channel: Channel,
        /// Its length, as the channel counts.
        length: usize,
        /// The most.
        max: usize,
    },
    /// A character that the channel does not take.
    #[error("the text has {character:?}, which {channel} does not take; leave it out")]
    ForbiddenCharacter {
        /// Where.
        channel: Channel,
        /// Which.
        character: char,
    },
    /// More hashtags than the channel takes.
    #[error("there are {count} hashtags, {channel} takes {max}; leave some out")]
    TooManyHashtags {
        /// Where.
        channel: Channel,
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// More hashtags than do any good. Advice.
    #[error("there are {count} hashtags, {max} read well on {channel}; leave some out")]
    CrowdedHashtags {
        /// Where.
        channel: Channel,
        /// How many.
        count: usize,
        /// How many do.
        max: usize,
    },
    /// No hashtag.
    #[error("{tag:?} is no hashtag; give 1 to 100 letters, digits and _, of which one is no digit, without the sign")]
    Hashtag {
        /// What was given.
        tag: String,
    },
    /// More links than the channel takes.
    #[error("there are {count} links, {channel} takes {max}; leave some out")]
    TooManyLinks {
        /// Where.
        channel: Channel,
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// A link that nobody can follow. Advice.
    #[error("nobody can follow the link {link:?} in a text on {channel}; leave it out")]
    DeadLink {
        /// Where.
        channel: Channel,
        /// The link.
        link: String,
    },
    /// The channel takes no post without a picture or video.
    #[error("{channel} takes no post without {}; add one", kinds(needs))]
    NoMedia {
        /// Where.
        channel: Channel,
        /// Any of these would do.
        needs: &'static [Modality],
    },
    /// More pictures or videos than the channel takes.
    #[error("there are {count} of kind {kind}, {channel} takes {max} in a post; leave some out")]
    TooManyMedia {
        /// Where.
        channel: Channel,
        /// Pictures or videos, or text for both together.
        kind: Modality,
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// Pictures and videos in one post.
    #[error("{channel} takes pictures or a video in one post, not both; leave one kind out")]
    MixedMedia {
        /// Where.
        channel: Channel,
    },
    /// A format that the channel does not take.
    #[error("media[{index}] is {mime:?}; {channel} takes {}", taken.join(", "))]
    Format {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// What it is.
        mime: String,
        /// What would do.
        taken: &'static [&'static str],
    },
    /// Too large a file.
    #[error("media[{index}] has {bytes} bytes, {channel} takes {max}; make it smaller")]
    TooManyBytes {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// Its size.
        bytes: u64,
        /// The most.
        max: u64,
    },
    /// Too large a picture.
    #[error("media[{index}] has {pixels} pixels, {channel} takes {max}; scale it down")]
    TooManyPixels {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// Width times height.
        pixels: u64,
        /// The most.
        max: u64,
    },
    /// Too tall or too wide.
    #[error("media[{index}] is {width} x {height}; {channel} takes shapes from {} to {}", shape(*from), shape(*to))]
    Aspect {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The tallest.
        from: super::Ratio,
        /// The widest.
        to: super::Ratio,
    },
    /// Too short or too long a video.
    #[error("media[{index}] lasts {duration_ms} ms; {channel} takes videos of {min_ms} to {max_ms} ms")]
    Duration {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// How long it is.
        duration_ms: u64,
        /// The shortest.
        min_ms: u64,
        /// The longest.
        max_ms: u64,
    },
    /// No words for those who can't see it: our own rule, on every channel.
    #[error("media[{index}] has no alternative text; say what it shows")]
    NoAltText {
        /// Which, from 0.
        index: usize,
    },
    /// Too long an alternative text.
    #[error("media[{index}]: its alternative text has {length} characters, {channel} takes {max}; shorten it")]
    AltTextTooLong {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// Its length in UTF-16 code units.
        length: usize,
        /// The most.
        max: usize,
    },
    /// No words for those who can't hear it: our own rule, on every channel.
    #[error(
        "media[{index}] is a video without captions; give them as WebVTT (`captions_vtt` of the tool that made it)"
    )]
    NoCaptions {
        /// Which, from 0.
        index: usize,
    },
    /// Too many captions.
    #[error("media[{index}]: its captions have {bytes} bytes, {channel} takes {max}; shorten them")]
    CaptionsTooLong {
        /// Which, from 0.
        index: usize,
        /// Where.
        channel: Channel,
        /// Their size.
        bytes: u64,
        /// The most.
        max: u64,
    },
    /// It does not say who made it.
    #[error(transparent)]
    Marking(#[from] MarkingError),
}

fn kinds(needs: &[Modality]) -> String {
    needs.iter().map(|kind| format!("a {kind}")).collect::<Vec<_>>().join(" or ")
}

fn shape(ratio: super::Ratio) -> String {
    format!("{}:{}", ratio.0, ratio.1)
}

impl Violation {
    /// Whether the post may go out all the same, only less well.
    #[must_use]
    pub const fn is_advice(&self) -> bool {
        matches!(self, Self::CrowdedHashtags { .. } | Self::DeadLink { .. })
    }

    /// What of the post is wrong.
    #[must_use]
    pub const fn part(&self) -> Part {
        match self {
            Self::Empty
            | Self::TextTooLong { .. }
            | Self::ForbiddenCharacter { .. }
            | Self::TooManyHashtags { .. }
            | Self::CrowdedHashtags { .. }
            | Self::Hashtag { .. }
            | Self::TooManyLinks { .. }
            | Self::DeadLink { .. } => Part::Words,
            Self::NoMedia { .. }
            | Self::TooManyMedia { .. }
            | Self::MixedMedia { .. }
            | Self::Format { .. }
            | Self::TooManyBytes { .. }
            | Self::TooManyPixels { .. }
            | Self::Aspect { .. }
            | Self::Duration { .. }
            | Self::NoAltText { .. }
            | Self::AltTextTooLong { .. }
            | Self::NoCaptions { .. }
            | Self::CaptionsTooLong { .. } => Part::Media,
            Self::Marking(_) => Part::Marking,
        }
    }
}

impl Post<'_> {
    /// Everything that is wrong with the post; nothing when its channel takes it as it is and we may send it. Advice comes
    /// with it ([`Violation::is_advice`]).
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = self.of_words();
        found.extend(self.of_media());
        found.extend(marking(self.channel, self.text, self.disclosure).err().map(Violation::from));
        found
    }

    /// What is wrong with the words and hashtags.
    #[must_use]
    pub fn of_words(&self) -> Vec<Violation> {
        let (channel, rules) = (self.channel, self.channel.rules());
        let mut found = Vec::new();
        if self.text.trim().is_empty() && self.media.is_empty() {
            found.push(Violation::Empty);
        }
        let whole = count::posted(self.text, self.hashtags);
        let (length, max) = (channel.length(&whole), rules.text_chars_max);
        if length > max {
            found.push(Violation::TextTooLong { channel, length, max });
        }
        if let Some(character) = whole.chars().find(|c| rules.forbidden.contains(c)) {
            found.push(Violation::ForbiddenCharacter { channel, character });
        }
        let count = self.hashtags.len();
        match rules.hashtags_limit.filter(|max| count > *max) {
            Some(max) => found.push(Violation::TooManyHashtags { channel, count, max }),
            None if count > rules.hashtags_max => {
                found.push(Violation::CrowdedHashtags { channel, count, max: rules.hashtags_max });
            }
            None => {}
        }
        let bad = self.hashtags.iter().filter(|tag| !is_hashtag(tag));
        found.extend(bad.map(|tag| Violation::Hashtag { tag: tag.clone() }));
        found.extend(of_links(channel, &rules, self.text));
        found
    }

    /// What is wrong with the pictures and videos.
    #[must_use]
    pub fn of_media(&self) -> Vec<Violation> {
        let (channel, rules) = (self.channel, self.channel.rules());
        let mut found = Vec::new();
        let of = |kind: Modality| self.media.iter().filter(|m| m.modality == kind).count();
        let (pictures, videos) = (of(Modality::Image), of(Modality::Video));
        let has_needed = rules.needs.is_empty() || rules.needs.iter().any(|kind| of(*kind) > 0);
        if !has_needed && !self.is_reply {
            found.push(Violation::NoMedia { channel, needs: rules.needs });
        }
        for (kind, count, max) in
            [(Modality::Image, pictures, rules.pictures_max), (Modality::Video, videos, rules.videos_max)]
        {
            if count > max {
                found.push(Violation::TooManyMedia { channel, kind, count, max });
            }
        }
        if pictures > 0 && videos > 0 {
            match rules.mixed_max {
                None => found.push(Violation::MixedMedia { channel }),
                Some(max) if pictures + videos > max => {
                    let (kind, count) = (Modality::Text, pictures + videos);
                    found.push(Violation::TooManyMedia { channel, kind, count, max });
                }
                Some(_) => {}
            }
        }
        for (index, medium) in self.media.iter().enumerate() {
            found.extend(of_medium(channel, &rules, index, medium));
        }
        found
    }
}

/// Whether platforms make a topic of it: 1 to 100 letters, digits and underscores, not digits only. Without its sign.
#[must_use]
pub fn is_hashtag(tag: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    (1..=HASHTAG_CHARS_MAX).contains(&tag.chars().count())
        && tag.chars().all(is_part)
        && !tag.chars().all(|c| c.is_numeric())
}

fn of_links(channel: Channel, rules: &ChannelRules, text: &str) -> Option<Violation> {
    let links = count::links(text);
    match rules.links {
        Links::Followed(Some(max)) if links.len() > max => {
            Some(Violation::TooManyLinks { channel, count: links.len(), max })
        }
        Links::Followed(_) => None,
        // A bare name with a dot is more often a slip of the writer's than a link.
        Links::Dead => links
            .into_iter()
            .find(|link| link.contains("://"))
            .map(|link| Violation::DeadLink { channel, link: link.to_owned() }),
    }
}

fn of_medium(channel: Channel, rules: &ChannelRules, index: usize, medium: &MediaRef) -> Vec<Violation> {
    let mut found = Vec::new();
    let (mimes, bytes_max, aspect) = match medium.modality {
        Modality::Video => (rules.video.mimes, rules.video.bytes_max, rules.video.aspect),
        Modality::Image | Modality::Text => (rules.picture.mimes, rules.picture.bytes_max, rules.picture.aspect),
    };
    if !mimes.contains(&medium.mime.as_str()) {
        found.push(Violation::Format { index, channel, mime: medium.mime.clone(), taken: mimes });
    }
    if medium.bytes > bytes_max {
        found.push(Violation::TooManyBytes { index, channel, bytes: medium.bytes, max: bytes_max });
    }
    let (width, height) = (medium.width, medium.height);
    if let Some((from, to)) = aspect.filter(|_| width > 0 && height > 0)
        && !(from.is_at_most(width, height) && to.is_at_least(width, height))
    {
        found.push(Violation::Aspect { index, channel, width, height, from, to });
    }
    let length = medium.alt_text.encode_utf16().count();
    if medium.alt_text.trim().is_empty() {
        found.push(Violation::NoAltText { index });
    } else if length > rules.alt_max {
        found.push(Violation::AltTextTooLong { index, channel, length, max: rules.alt_max });
    }
    match medium.modality {
        Modality::Video => found.extend(of_video(channel, &rules.video, index, medium)),
        Modality::Image | Modality::Text => found.extend(of_picture(channel, &rules.picture, index, medium)),
    }
    found
}

fn of_picture(channel: Channel, rules: &PictureRules, index: usize, medium: &MediaRef) -> Option<Violation> {
    let pixels = u64::from(medium.width) * u64::from(medium.height);
    let max = rules.pixels_max.filter(|max| pixels > *max)?;
    Some(Violation::TooManyPixels { index, channel, pixels, max })
}

fn of_video(channel: Channel, rules: &VideoRules, index: usize, medium: &MediaRef) -> Vec<Violation> {
    let mut found = Vec::new();
    let (duration_ms, (min_ms, max_ms)) = (medium.duration_ms, rules.duration_ms);
    if duration_ms > 0 && !(min_ms..=max_ms).contains(&duration_ms) {
        found.push(Violation::Duration { index, channel, duration_ms, min_ms, max_ms });
    }
    match &medium.captions_vtt {
        Some(captions) if captions.trim_start().starts_with("WEBVTT") => {
            let bytes = captions.len() as u64;
            if let Some(max) = rules.captions_bytes_max.filter(|max| bytes > *max) {
                found.push(Violation::CaptionsTooLong { index, channel, bytes, max });
            }
        }
        _ => found.push(Violation::NoCaptions { index }),
    }
    found
}
