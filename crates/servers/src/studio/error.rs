//! What can go wrong in the studio, said so that the caller knows what to change.

use chimera_llm::MindError;

use super::typeface::TypefaceError;

/// Why the studio did not make what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// The call names no character.
    #[error(
        "character_reference_id is missing or empty: every generated picture, video and text must belong to a \
         character; pass the `character_reference_id` of the agent's SOUL.md"
    )]
    NoCharacter,
    /// The character is not the persona's.
    #[error(
        "character_reference_id is {asked:?}, which is not that of the persona {persona}: pass the one of its SOUL.md"
    )]
    OtherCharacter {
        /// What was asked.
        asked: String,
        /// The persona's slug.
        persona: String,
    },
    /// The mind did not write.
    #[error("the mind did not write")]
    Mind(#[source] MindError),
    /// A field holds nothing.
    #[error("{field} is empty: give it at least one visible character")]
    Empty {
        /// The field's name.
        field: &'static str,
    },
    /// A field is far longer than any post.
    #[error("{field} has {bytes} bytes, more than {bytes_max}: shorten it")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that is read.
        bytes_max: usize,
    },
    /// The call names no length.
    #[error("duration_seconds is missing: give a number from {min} to {max}")]
    NoDuration {
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// The video would be too short or too long.
    #[error("duration_seconds is {seconds}: give a number from {min} to {max}")]
    Duration {
        /// What was asked.
        seconds: f64,
        /// Least.
        min: f64,
        /// Most.
        max: f64,
    },
    /// No typeface has any character of the headline.
    #[error(
        "none of the headline's characters can be drawn with the typefaces at hand (Latin, Greek, Cyrillic, emoji): \
         rephrase the headline, or start the studio with a font file for that script"
    )]
    NothingToDraw,
    /// The caller withdrew the request.
    #[error("rendering was cancelled by the caller")]
    Cancelled,
    /// A font file cannot be used.
    #[error(transparent)]
    Typeface(#[from] TypefaceError),
    /// The picture could not be written as PNG.
    #[error("writing the picture as PNG")]
    Png(#[source] png::EncodingError),
    /// The picture could not be written as JPEG.
    #[error("writing the picture as JPEG")]
    Jpeg(#[source] jpeg_encoder::EncodingError),
    /// The H.264 encoder gave up.
    #[error("encoding the video")]
    Encode(#[source] openh264::Error),
    /// The MP4 container could not be written.
    #[error("writing the video as MP4")]
    Mux(#[source] muxide::api::MuxerError),
    /// The drawing surface could not be made.
    #[error("making a drawing surface of {width} by {height} pixels")]
    Surface {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// The rendering thread ended without a result.
    #[error("the rendering thread failed")]
    Thread(#[source] tokio::task::JoinError),
}
