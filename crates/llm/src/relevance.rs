//! How much a text matters to a goal, without a network.
//!
//! The atlas (`assets/atlas.yaml`) says what subjects people write about. A goal wants some of them; every other one
//! competes with it for a text, and the margin is measured against the lines the goal does not want, so that one
//! threshold means the same for any goal. Nothing here knows a particular goal: to teach a subject, add lines to the
//! atlas. [`injection_markers`] is the other thing a planner asks of a headline: does it try to give orders?

mod atlas;
mod brief;
mod contest;
mod goal;
mod injection;
mod own_words;
mod scorer;
mod terms;

pub(crate) use atlas::mean;
pub use atlas::{Atlas, AtlasError};
pub(crate) use contest::{Contest, curve, pulls};
pub use goal::{Goal, GoalError};
pub use injection::{InjectionKind, InjectionMarker, injection_markers};
pub use own_words::OwnWords;
pub use scorer::RelevanceScorer;
pub(crate) use terms::{TermSet, text_words};
