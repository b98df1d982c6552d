//! What each channel takes. Numbers without a remark are the platform's own word; **U** marks what was read elsewhere
//! only (help pages of publishing tools, reports), and errs on the safe side.

use super::{Channel, Counting, Modality};

/// A ratio of whole numbers, width to height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio(
    /// Width.
    pub u32,
    /// Height.
    pub u32,
);

impl Ratio {
    /// Whether a picture of this size, in pixels, is at least as wide for its height. Of a size of nought nobody knows.
    pub(super) fn is_at_most(self, width: u32, height: u32) -> bool {
        u64::from(width) * u64::from(self.1) >= u64::from(height) * u64::from(self.0)
    }

    /// Whether a picture of this size, in pixels, is at most as wide for its height.
    pub(super) fn is_at_least(self, width: u32, height: u32) -> bool {
        u64::from(width) * u64::from(self.1) <= u64::from(height) * u64::from(self.0)
    }
}

/// What becomes of a link in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Readers can follow it. At most so many of them, where there is a limit.
    Followed(Option<usize>),
    /// It stands there as text, and nobody can follow it.
    Dead,
}

/// What a channel demands of a still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureRules {
    /// The formats it takes; the first is what we make for it.
    pub mimes: &'static [&'static str],
    /// The most bytes.
    pub bytes_max: u64,
    /// The most pixels, width times height.
    pub pixels_max: Option<u64>,
    /// The tallest and the widest shape.
    pub aspect: Option<(Ratio, Ratio)>,
}

/// What a channel demands of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoRules {
    /// The formats it takes; the first is what we make for it.
    pub mimes: &'static [&'static str],
    /// The most bytes.
    pub bytes_max: u64,
    /// The shortest and the longest, in milliseconds.
    pub duration_ms: (u64, u64),
    /// The tallest and the widest shape.
    pub aspect: Option<(Ratio, Ratio)>,
    /// The most bytes of its captions, where there is a limit.
    pub captions_bytes_max: Option<u64>,
}

/// What a channel demands of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelRules {
    /// How it counts a text.
    pub counting: Counting,
    /// The longest text with its hashtags, as the channel counts ([`Channel::post_length`]).
    pub text_chars_max: usize,
    /// Characters that it does not take in a text.
    pub forbidden: &'static [char],
    /// The most hashtags that read well there, or do anything.
    pub hashtags_max: usize,
    /// The most hashtags that it takes, where there is a limit.
    pub hashtags_limit: Option<usize>,
    /// What becomes of links.
    pub links: Links,
    /// What a post is made of unless the campaign says otherwise.
    pub modalities: &'static [Modality],
    /// Width over height of the pictures that are made for it.
    pub aspect: &'static str,
    /// The kinds of which a post must have at least one, if it must have any.
    pub needs: &'static [Modality],
    /// The most pictures.
    pub pictures_max: usize,
    /// The most videos.
    pub videos_max: usize,
    /// The most pictures and videos together where they may stand in one post; otherwise it has one kind or the other.
    pub mixed_max: Option<usize>,
    /// Its pictures.
    pub picture: PictureRules,
    /// Its videos.
    pub video: VideoRules,
    /// The longest description of a picture or video for those who can't see it, in UTF-16 code units.
    pub alt_max: usize,
}

const MB: u64 = 1_000_000;
const MIB: u64 = 1 << 20;
const GB: u64 = 1_000 * MB;
const PNG: &str = "image/png";
const JPEG: &str = "image/jpeg";
const GIF: &str = "image/gif";
const WEBP: &str = "image/webp";
const MP4: &str = "video/mp4";
const WEBM: &str = "video/webm";
const MOV: &str = "video/quicktime";

/// Pictures in any of the formats of the web, within so many bytes.
const fn pictures(bytes_max: u64) -> PictureRules {
    PictureRules { mimes: &[PNG, JPEG, GIF, WEBP], bytes_max, pixels_max: None, aspect: None }
}

/// MP4 within so many bytes and seconds.
const fn videos(bytes_max: u64, seconds: (u64, u64)) -> VideoRules {
    let duration_ms = (seconds.0 * 1_000, seconds.1 * 1_000);
    VideoRules { mimes: &[MP4], bytes_max, duration_ms, aspect: None, captions_bytes_max: None }
}

/// What most channels have in common; the others say where they differ.
const PLAIN: ChannelRules = ChannelRules {
    counting: Counting::Scalars,
    text_chars_max: 500,
    forbidden: &[],
    hashtags_max: 3,
    hashtags_limit: None,
    links: Links::Followed(None),
    modalities: &[Modality::Text, Modality::Image],
    aspect: "1:1",
    needs: &[],
    pictures_max: 4,
    videos_max: 1,
    mixed_max: None,
    picture: pictures(5 * MB),
    video: videos(100 * MB, (0, 140)),
    alt_max: 1_000,
};

/// Texts: twitter-text, configuration 3. Media: "Media best practices" of the X API; the longest video of an account
/// without a subscription (**U**), alternative texts of 1,000 characters (**U**).
const X: ChannelRules = ChannelRules {
    counting: Counting::Weighted,
    text_chars_max: 280,
    hashtags_max: 2,
    video: VideoRules { aspect: Some((Ratio(1, 3), Ratio(3, 1))), ..videos(512 * MB, (1, 140)) },
    ..PLAIN
};

/// "Content Publishing" of Meta's developer pages. JPEG only, 4:5 to 1.91:1, 8 MB. Reels of 3 seconds to 15 minutes.
/// How captions are counted is not said, alternative texts of 1,000 characters (**U**). Of 30 hashtags only the first five
/// may count (**U**).
const INSTAGRAM: ChannelRules = ChannelRules {
    counting: Counting::Utf16,
    text_chars_max: 2_200,
    hashtags_max: 5,
    hashtags_limit: Some(30),
    links: Links::Dead,
    modalities: &[Modality::Text, Modality::Image, Modality::Video],
    aspect: "4:5",
    needs: &[Modality::Image, Modality::Video],
    pictures_max: 10,
    videos_max: 10,
    mixed_max: Some(10),
    picture: PictureRules {
        mimes: &[JPEG],
        bytes_max: 8 * MB,
        pixels_max: None,
        aspect: Some((Ratio(4, 5), Ratio(191, 100))),
    },
    video: VideoRules { mimes: &[MP4, MOV], aspect: Some((Ratio(1, 100), Ratio(10, 1))), ..videos(300 * MB, (3, 900)) },
    ..PLAIN
};

/// "Threads API posts" of Meta's developer pages. One hashtag becomes the topic, others stay words; five links (**U**).
const THREADS: ChannelRules = ChannelRules {
    counting: Counting::ScalarsAndEmojiBytes,
    hashtags_max: 1,
    links: Links::Followed(Some(5)),
    aspect: "4:5",
    pictures_max: 20,
    videos_max: 20,
    mixed_max: Some(20),
    picture: PictureRules {
        mimes: &[PNG, JPEG],
        bytes_max: 8 * MB,
        pixels_max: None,
        aspect: Some((Ratio(1, 100), Ratio(10, 1))),
    },
    video: VideoRules { mimes: &[MP4, MOV], ..videos(GB, (0, 300)) },
    ..PLAIN
};

/// "Content Posting API". The shortest video of 3 seconds is **U**; every creator has 3 minutes, some have 10. It takes
/// no alternative text; ours goes to readers of the archive.
const TIKTOK: ChannelRules = ChannelRules {
    counting: Counting::Utf16,
    text_chars_max: 2_200,
    hashtags_max: 5,
    links: Links::Dead,
    modalities: &[Modality::Text, Modality::Video],
    aspect: "9:16",
    needs: &[Modality::Image, Modality::Video],
    pictures_max: 35,
    picture: PictureRules { mimes: &[JPEG, WEBP], bytes_max: 20 * MB, pixels_max: None, aspect: None },
    video: VideoRules { mimes: &[MP4, WEBM, MOV], ..videos(4 * GB, (3, 180)) },
    ..PLAIN
};

/// "Videos: insert" of the YouTube Data API: titles of 100 characters without angle brackets. A short is at most 3 minutes
/// long and no wider than tall. The post's text is the title, which is all that viewers of shorts see.
const YOUTUBE_SHORTS: ChannelRules = ChannelRules {
    counting: Counting::Utf16,
    text_chars_max: 100,
    forbidden: &['<', '>'],
    links: Links::Dead,
    modalities: &[Modality::Text, Modality::Video],
    aspect: "9:16",
    needs: &[Modality::Video],
    pictures_max: 0,
    video: VideoRules {
        mimes: &[MP4, WEBM, MOV],
        aspect: Some((Ratio(1, 100), Ratio(1, 1))),
        ..videos(256 * GB, (1, 180))
    },
    ..PLAIN
};

/// The lexicons `app.bsky.feed.post`, `.embed.images` and `.embed.video`; the longest video and alternative text are those
/// of the application (**U**).
const BLUESKY: ChannelRules = ChannelRules {
    counting: Counting::GraphemesAndBytes,
    text_chars_max: 300,
    hashtags_limit: Some(8),
    picture: pictures(2 * MB),
    video: VideoRules { captions_bytes_max: Some(20_000), ..videos(300 * MB, (0, 180)) },
    alt_max: 2_000,
    ..PLAIN
};

/// Mastodon's own defaults (**U** for any one instance: each says its own in `/api/v2/instance`).
const MASTODON: ChannelRules = ChannelRules {
    counting: Counting::GraphemesAndLinks,
    picture: PictureRules { pixels_max: Some(33_177_600), ..pictures(16 * MIB) },
    video: VideoRules { mimes: &[MP4, WEBM, MOV], ..videos(99 * MIB, (0, 3_600)) },
    alt_max: 1_500,
    ..PLAIN
};

/// Ours to choose.
const BLOG: ChannelRules = ChannelRules {
    text_chars_max: 20_000,
    hashtags_max: 5,
    pictures_max: 10,
    videos_max: 10,
    mixed_max: Some(10),
    picture: pictures(10 * MB),
    video: VideoRules { mimes: &[MP4, WEBM], ..videos(GB, (0, 3_600)) },
    ..PLAIN
};

impl ChannelRules {
    /// Whether a picture may stand in the place of a post's video.
    #[must_use]
    pub fn takes_picture_for_video(&self) -> bool {
        self.pictures_max > 0 && (self.needs.is_empty() || self.needs.contains(&Modality::Image))
    }
}

impl Channel {
    /// What the channel demands.
    #[must_use]
    pub const fn rules(self) -> ChannelRules {
        match self {
            Self::X => X,
            Self::Instagram => INSTAGRAM,
            Self::Threads => THREADS,
            Self::TikTok => TIKTOK,
            Self::YoutubeShorts => YOUTUBE_SHORTS,
            Self::Bluesky => BLUESKY,
            Self::Mastodon => MASTODON,
            Self::Blog => BLOG,
        }
    }
}
