//! Channels: where posts go, and what each demands of them.

use crate::wire::wire_enum;

wire_enum! {
    /// A place to post.
    pub enum Channel ("channel") {
        /// X, once Twitter.
        X = "x",
        /// Instagram.
        Instagram = "instagram",
        /// Threads.
        Threads = "threads",
        /// TikTok.
        TikTok = "tiktok",
        /// YouTube Shorts.
        YoutubeShorts = "youtube_shorts",
        /// Bluesky.
        Bluesky = "bluesky",
        /// Mastodon.
        Mastodon = "mastodon",
        /// A blog.
        Blog = "blog",
    }
}

wire_enum! {
    /// A kind of content.
    pub enum Modality ("modality") {
        /// Words.
        Text = "text",
        /// A still picture.
        Image = "image",
        /// Moving pictures.
        Video = "video",
    }
}

/// What a channel demands of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelRules {
    /// The longest text, in Unicode scalar values. Platforms that weigh characters otherwise allow at least this much.
    pub text_chars_max: usize,
    /// The most hashtags that read well there.
    pub hashtags_max: usize,
    /// What a post is made of unless the campaign says otherwise.
    pub modalities: &'static [Modality],
    /// Width over height of its pictures.
    pub aspect: &'static str,
}

impl Channel {
    /// What the channel demands.
    #[must_use]
    pub const fn rules(self) -> ChannelRules {
        use Modality::{Image, Text, Video};
        let (text_chars_max, hashtags_max, modalities, aspect): (_, _, &'static [Modality], _) = match self {
            // X weighs most scripts beyond Latin double, so half of its 280 is always safe.
            Self::X => (140, 2, &[Text, Image], "1:1"),
            Self::Instagram => (2_200, 5, &[Text, Image, Video], "4:5"),
            Self::Threads => (500, 1, &[Text, Image], "4:5"),
            Self::TikTok => (2_200, 5, &[Text, Video], "9:16"),
            Self::YoutubeShorts => (100, 3, &[Text, Video], "9:16"),
            Self::Bluesky => (300, 3, &[Text, Image], "1:1"),
            Self::Mastodon => (500, 3, &[Text, Image], "1:1"),
            Self::Blog => (20_000, 5, &[Text, Image], "1:1"),
        };
        ChannelRules { text_chars_max, hashtags_max, modalities, aspect }
    }

    /// Length of a post as the limits of [`ChannelRules`] count it, in Unicode scalar values: the text and, for each
    /// hashtag (given without its sign), the tag, its sign and a space before it. All channels count alike.
    #[must_use]
    pub fn post_chars<T: AsRef<str>>(text: &str, hashtags: &[T]) -> usize {
        let tags: usize = hashtags.iter().map(|tag| tag.as_ref().chars().count() + 2).sum();
        text.chars().count() + tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_as_long_as_what_is_posted() {
        assert_eq!(Channel::post_chars::<&str>("añ☂", &[]), 3);
        assert_eq!(Channel::post_chars("añ☂", &["ünal", "b"]), "añ☂ #ünal #b".chars().count());
    }
}
