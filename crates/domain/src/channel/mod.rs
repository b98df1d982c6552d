//! Channels: where posts go, what each demands of them, and whether a post keeps to it.
//!
//! `count` has how each platform counts a text, `rules` what each takes, `validate` whether a post is one that it takes.

mod count;
mod rules;
#[cfg(test)]
mod tests;
mod validate;

pub use count::Counting;
pub use rules::{ChannelRules, Links, PictureRules, Ratio, VideoRules};
pub use validate::{Part, Post, Violation, is_hashtag};

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
