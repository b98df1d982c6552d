//! Stories: what several headlines tell in nearly the same words.
//!
//! Pure: [`Wording`] says whether two headlines tell the same story, [`StoryWindow`] finds the one that a new headline tells
//! among the many of the last days, in bounded memory.

mod window;
mod wording;

pub use window::{StoryLimits, StoryWindow};
pub use wording::Wording;
