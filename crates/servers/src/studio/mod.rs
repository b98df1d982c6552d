//! The studio: an MCP server that makes an agent's words, pictures and videos; pictures and videos offline, words by a mind.
//!
//! A post is drawn from type, colour and geometry alone. Everything that makes an agent recognisable follows from its
//! `character_reference_id` ([`Identity`]); headline and seed only vary the composition within that look. From a call
//! to pixels: `request` checks and cleans the words, `layout` composes a `scene` (with `block` setting the text, `text`
//! breaking its lines and `typeface` shaping it), and `picture` or `video` draw it.
//!
//! To add a tool, write a file like `image_tool` with a `#[tool_router]` of its own and add that router to
//! `StudioServer::tools` in `server`.

mod block;
mod canvas;
mod color;
mod error;
mod identity;
mod image_tool;
mod layout;
mod mark;
mod palette;
mod pattern;
mod picture;
mod request;
mod scene;
mod server;
mod text;
mod text_tool;
mod typeface;
mod video;
mod video_tool;
mod vtt;

pub use color::Rgb;
pub use error::StudioError;
pub use identity::Identity;
pub use palette::Palette;
pub use request::{Aspect, ImageMade, ImageRequest, VideoMade, VideoRequest};
pub use server::{StudioConfig, StudioServer};
pub use text_tool::{TextError, TextFailed, TextMade, TextRequest};
pub use typeface::TypefaceError;
