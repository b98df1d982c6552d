//! What a call is made for, and what comes of it.

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};

use chimera_domain::{TaskId, ToolCall, TraceId};
use futures::{FutureExt as _, future::BoxFuture};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::CallError;

/// What a call is made for.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The post's life; goes out in `traceparent`, with the call's span where traces are exported.
    pub trace_id: TraceId,
    /// The task, for the record.
    pub task_id: Option<TaskId>,
    /// Goes out in `_meta` as `io.chimera/idempotencyKey`; put it into the arguments too where the tool takes one.
    pub idempotency_key: Option<String>,
    /// When the answer is of no use any more; retries and fallbacks included.
    pub deadline: Option<Instant>,
    /// Ends the call early. The server is told.
    pub cancel: CancellationToken,
    /// Has the last word before anything is sent.
    pub permit: Option<Permit>,
}

/// Asked when nothing but the sending is left to do: a call may have waited long for its server, for a slot, or for room
/// under the rate limit. What it refuses, with the reason, is not sent.
#[derive(Clone)]
pub struct Permit(Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>);

impl Permit {
    /// A permit that `ask` grants, or refuses with the reason.
    pub fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Arc::new(move || ask().boxed()))
    }

    pub(crate) async fn ask(&self) -> Result<(), String> {
        (self.0)().await
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl CallContext {
    /// A call within this trace, without a task, key, deadline, permit or way to cancel it.
    #[must_use]
    pub fn new(trace_id: TraceId) -> Self {
        let cancel = CancellationToken::new();
        Self { trace_id, task_id: None, idempotency_key: None, deadline: None, cancel, permit: None }
    }

    /// The same for this task.
    #[must_use]
    pub fn for_task(mut self, task_id: TaskId) -> Self {
        self.task_id = Some(task_id);
        self
    }

    /// The same with this idempotency key.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// The same, given up at this moment.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same, sent only with this permit.
    #[must_use]
    pub fn with_permit(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// The same, ended by this token.
    #[must_use]
    pub fn with_cancel(mut self, cancel: CancellationToken) -> Self {
        self.cancel = cancel;
        self
    }
}

/// The record and the result of a role's call.
#[derive(Debug)]
#[must_use]
pub struct CallOutcome {
    /// One record per server that was tried, in order; none if nothing could be sent at all (unknown role, bad variables).
    pub calls: Vec<ToolCall>,
    /// The answer of the last server tried, or why there is none.
    pub result: Result<ToolOutput, CallError>,
}

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutput {
    /// The server that answered.
    pub server: String,
    /// Its tool.
    pub tool: String,
    /// The structured content; if the tool gave none, its text read as a JSON object; else null.
    pub structured: Value,
    /// The text blocks, one after the other, separated by line breaks. Untrusted.
    pub text: String,
    /// Pictures, sounds and embedded files, decoded.
    pub media: Vec<Media>,
    /// Resources that the answer points to; read them with [`crate::Host::read_resource`].
    pub links: Vec<ResourceInfo>,
    /// The parts that the role names and the answer has.
    pub results: BTreeMap<String, Value>,
}

impl ToolOutput {
    /// A named part of the answer.
    #[must_use]
    pub fn result(&self, name: &str) -> Option<&Value> {
        self.results.get(name)
    }
}

/// A decoded file.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// What the server says it is. Untrusted.
    pub mime: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Its URI, if it came as an embedded resource.
    pub uri: Option<String>,
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Media({}, {} bytes)", self.mime, self.bytes.len())
    }
}

/// A resource's content.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRead {
    /// The URI that the server gave back.
    pub uri: String,
    /// The MIME type, if the server says one. Untrusted.
    pub mime: Option<String>,
    /// The text; empty for a binary resource. Untrusted.
    pub text: String,
    /// The bytes: decoded for a binary resource, the text's otherwise.
    pub bytes: Vec<u8>,
    /// The record of the read.
    pub call: ToolCall,
}

impl ResourceRead {
    /// The text as JSON.
    ///
    /// # Errors
    /// The parser's, when it is none.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.bytes)
    }
}

/// One resource that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Its URI.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// Its MIME type, if the server says one.
    pub mime: Option<String>,
    /// Its description, if any. Untrusted.
    pub description: Option<String>,
}
