//! What can go wrong, for the one who opens the sandbox and for the one who calls its tools.

use std::path::PathBuf;

use chimera_domain::{Part, Violation, error_chain};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{SandboxConfigError, SandboxTool};

/// The sandbox could not be opened or served.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The configuration makes no sense.
    #[error("the sandbox's configuration makes no sense")]
    Config {
        /// Which key, and what would make sense.
        #[source]
        source: SandboxConfigError,
    },
    /// The folder of the file is missing and can't be made.
    #[error("can't create the folder {}; choose a path that you may write to", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file can't be opened.
    #[error("can't open {} as the sandbox's database; choose a path that you may write to", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// The file is a database of somebody else.
    #[error("{} is a database, but not the sandbox's; choose another path", path.display())]
    NotASandbox {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer build.
    #[error("{} has schema {found}, this build knows {known}; use a newer build or another path", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this build knows.
        known: i64,
    },
    /// The client said something else than hello.
    #[error("the client did not complete the MCP handshake")]
    Handshake {
        /// What happened instead.
        #[source]
        source: Box<rmcp::service::ServerInitializeError>,
    },
    /// The task that serves a connection died.
    #[error("the task that serves the connection died")]
    Served {
        /// How.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// A query failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing} in the sandbox's database")]
pub struct StateError {
    /// What it was for.
    pub doing: &'static str,
    /// What the database said.
    #[source]
    pub source: sqlx::Error,
}

impl StateError {
    /// For `map_err`: says what the query was for.
    pub(super) fn when(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self { doing, source }
    }
}

/// Names an error for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The arguments don't fit the tool's schema or contradict each other.
    InvalidArguments,
    /// The text is longer than the channel takes.
    TextTooLong,
    /// More hashtags than any platform takes.
    TooManyHashtags,
    /// A picture or video without words for those who can't see it.
    MissingAltText,
    /// A video without words for those who can't hear it.
    MissingCaptions,
    /// Machine-made, but not labelled so.
    MissingAiLabel,
    /// A file that the platform doesn't take, or that is not what it claims to be.
    BadMedia,
    /// The idempotency key belongs to a post with other content.
    KeyConflict,
    /// The idempotency key belongs to a post that was deleted.
    KeySpent,
    /// The id that was chosen belongs to another post.
    IdTaken,
    /// No such post or comment.
    NotFound,
    /// Too many requests; come back later.
    RateLimited,
    /// The platform has a bad moment.
    ServerError,
}

/// What a failed call left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    None,
    /// Perhaps what was asked for: look before calling again.
    Unknown,
    /// Nothing, for it was there already.
    Exists,
}

/// The body of every failed tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What it is, for programs.
    pub code: ErrorCode,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What it left behind.
    pub effect: Effect,
    /// When the caller may come back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What it is and what to do, for people.
    pub message: String,
}

/// The structured content of every failed tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// Why the platform says no.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the arguments don't fit the schema of {tool}")]
    Schema {
        tool: SandboxTool,
        #[source]
        source: serde_json::Error,
    },
    #[error("account {account:?} is no name; use 1 to 64 of A-Z a-z 0-9 . _ @ : -")]
    Account { account: String },
    #[error("the idempotency key has {chars} characters; use 1 to 128 visible ASCII ones")]
    Key { chars: usize },
    #[error(transparent)]
    Rule(Violation),
    #[error("the post is ai_generated but has no ai_label; say what a machine made of it")]
    MissingAiLabel,
    #[error("the post is ai_generated, but its ai_fields don't say so as this channel wants it; give {wanted}")]
    WrongAiFields { wanted: serde_json::Value },
    #[error("media[{index}].sha256 is not 64 lower-case hex digits")]
    Sha256 { index: usize },
    #[error("media[{index}] has bytes_base64 and uri; give one of them")]
    TwoSources { index: usize },
    #[error("media[{index}].bytes_base64 is not base64")]
    Base64 {
        index: usize,
        #[source]
        source: base64::DecodeError,
    },
    #[error("media[{index}] has {bytes} bytes; taken are 1 to {max}")]
    MediaSize { index: usize, bytes: usize, max: usize },
    #[error("media[{index}]: the bytes hash to {actual}, not to the sha256 given; send the bytes you mean")]
    HashMismatch { index: usize, actual: String },
    #[error("media[{index}]: the bytes are not {mime}")]
    NotThatMime { index: usize, mime: String },
    #[error("the idempotency key belongs to {post_id}, whose content differs; use a new key for new content")]
    KeyConflict { post_id: String },
    #[error("the idempotency key belongs to {post_id}, which was deleted; use a new key to publish again")]
    KeySpent { post_id: String },
    #[error("the id that was chosen is taken by {post_id}")]
    IdTaken { post_id: String },
    #[error("there is no {id:?}, or it was deleted")]
    NotFound { id: String },
    #[error("{id:?} is no id of a post or comment; they look like sbx-12 and sbx-12.c3")]
    MalformedId { id: String },
    #[error("give exactly one of idempotency_key and post_id")]
    OneOf,
    #[error("{what} is {value}; give 1 to {max}")]
    OutOfBounds { what: &'static str, value: usize, max: usize },
    #[error("{cursor:?} is no cursor; take next_cursor of the page before")]
    Cursor { cursor: String },
    #[error("too many requests; come back in {retry_after_ms} ms")]
    RateLimited { retry_after_ms: u64 },
    #[error("the platform has a bad moment (503) and did nothing; try again")]
    ServerError,
    #[error("the platform's memory failed; look whether the call had its effect, then try again")]
    State {
        #[source]
        source: StateError,
    },
}

impl From<StateError> for Refusal {
    fn from(source: StateError) -> Self {
        Self::State { source }
    }
}

impl Refusal {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Schema { .. }
            | Self::Account { .. }
            | Self::Key { .. }
            | Self::MalformedId { .. }
            | Self::OneOf
            | Self::OutOfBounds { .. }
            | Self::Cursor { .. } => ErrorCode::InvalidArguments,
            Self::Rule(violation) => match violation {
                Violation::TextTooLong { .. } => ErrorCode::TextTooLong,
                Violation::TooManyHashtags { .. } => ErrorCode::TooManyHashtags,
                Violation::NoAltText { .. } => ErrorCode::MissingAltText,
                Violation::NoCaptions { .. } => ErrorCode::MissingCaptions,
                Violation::Marking(_) => ErrorCode::MissingAiLabel,
                other if other.part() == Part::Media => ErrorCode::BadMedia,
                _ => ErrorCode::InvalidArguments,
            },
            Self::MissingAiLabel | Self::WrongAiFields { .. } => ErrorCode::MissingAiLabel,
            Self::Sha256 { .. }
            | Self::TwoSources { .. }
            | Self::Base64 { .. }
            | Self::MediaSize { .. }
            | Self::HashMismatch { .. }
            | Self::NotThatMime { .. } => ErrorCode::BadMedia,
            Self::KeyConflict { .. } => ErrorCode::KeyConflict,
            Self::KeySpent { .. } => ErrorCode::KeySpent,
            Self::IdTaken { .. } => ErrorCode::IdTaken,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::ServerError | Self::State { .. } => ErrorCode::ServerError,
        }
    }

    /// What the caller gets to see: the whole chain of causes in one line.
    pub(super) fn answer(&self) -> ErrorAnswer {
        let message = error_chain(self);
        let code = self.code();
        let retry_after_ms = match self {
            Self::RateLimited { retry_after_ms } => Some(*retry_after_ms),
            _ => None,
        };
        let retryable = matches!(code, ErrorCode::RateLimited | ErrorCode::ServerError);
        // A commit that reports an error may yet have reached the disk.
        let effect = match self {
            Self::State { .. } => Effect::Unknown,
            Self::IdTaken { .. } => Effect::Exists,
            _ => Effect::None,
        };
        ErrorAnswer { error: ErrorBody { code, retryable, effect, retry_after_ms, message } }
    }
}
