//! The sandbox: a social platform of our own for tests, demos and dry runs, spoken to over MCP.
//!
//! It keeps posts in one SQLite file, recognises repeats by idempotency key (or, when told so, doubles them like a
//! careless platform), refuses what real platforms refuse, has an audience that reacts the same way every time for one
//! seed, and fails on purpose: slowly, with 429 or 5xx, or by hanging up before or after the deed.
//!
//! To add a tool: a value in [`SandboxTool`], its input and output in `wire.rs`, its deed in `platform.rs`; the
//! compiler then asks for its description and its arm in the dispatch. Faults, schemas and the error envelope come
//! by themselves, because every tool goes through one door (`server.rs`).

mod audience;
mod chatter;
mod config;
mod error;
mod faults;
mod id;
mod line;
mod platform;
mod resources;
mod rules;
mod schema;
mod server;
mod state;
mod tools;
mod wire;

pub use audience::{Audience, Engagement};
pub use chatter::{Comment, CommentKind};
pub use config::{SandboxConfig, SandboxConfigError};
pub use error::{Effect, ErrorAnswer, ErrorBody, ErrorCode, SandboxError, StateError};
pub use faults::{Fault, FaultPlan, Latency, ScriptedFault, ToolFaults};
pub use line::{CutReader, CutWriter};
pub use server::SandboxServer;
pub use state::{Duplicate, SandboxState};
pub use tools::{SandboxTool, UnknownTool};
pub use wire::{
    DeletePostInput, DeletePostOutput, EngagementInput, EngagementOutput, FindPostInput, FindPostOutput,
    ListPostsInput, ListPostsOutput, MediaInput, Mention, MentionKind, Mentions, Post, PostEngagement, PostMedia,
    PublishPostInput, PublishPostOutput, ReplyInput,
};
