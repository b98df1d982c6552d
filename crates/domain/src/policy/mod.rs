//! Pure policies: the rules that route, cap and retry.

pub mod calibration;
mod context;
mod dead_letter;
mod governor;
mod pacing;
mod publishing;
mod recall;
mod repeats;
mod rest;
mod retry;
mod rhythm;
mod routing;
mod same_story;
mod shares;
mod tiers;

pub use context::{ContextEntry, WriterContext};
pub use dead_letter::WayBack;
pub use governor::{CampaignGovernor, CampaignUse, Governor, GovernorUse, GovernorVerdict};
pub use pacing::{ChannelPace, Pacer, PacingRule};
pub use publishing::{CallEnd, Look, LookAt, PlatformAbilities, PublishStep};
pub use recall::{RecallWeights, Recalled};
pub use repeats::{EarlierPost, PostedBefore};
pub use rest::TroubleRest;
pub use retry::RetryPolicy;
pub use rhythm::FeedRhythm;
pub use routing::{Evidence, Route, RouteReason, RoutingThresholds};
pub use same_story::{StoryVoice, StoryVoices};
pub use shares::budget_parts;
pub use tiers::{DayMoney, VideoRule};
