//! One attempt at one request: wait for the gate, get a connection, send, wait for the answer.

use std::time::Duration;

use http::StatusCode;
use rmcp::{
    RoleClient,
    model::{CancelledNotificationParam, ClientRequest, ErrorData, RequestId, RequestMetaObject, ServerResult},
    service::{Peer, PeerRequestOptions, RequestHandle, ServiceError},
    transport::streamable_http_client::{HttpStatusError, StreamableHttpError},
};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::{
    connection::{Connection, Link, whole_ms},
    context::CallContext,
    error::CallError,
    line_guard::TOO_LARGE,
    listener::Progress,
    record::bounded,
};

/// `_meta` key of the idempotency key.
pub const IDEMPOTENCY_META_KEY: &str = "io.chimera/idempotencyKey";

/// Silences in a row that a call may take when it reports progress, unless the server's configuration says otherwise.
const SILENCES_MAX: u32 = 10;

/// Longest wait for a cancellation to be handed over.
const CANCEL_WAIT: Duration = Duration::from_secs(1);

/// What an attempt is about, for errors and records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) context: &'a CallContext,
    /// The tool, or the method.
    pub(crate) label: &'a str,
    /// Longest silence.
    pub(crate) silence: Duration,
}

impl Connection {
    /// Sends the request once.
    pub(crate) async fn ask(&self, ask: Ask<'_>, request: ClientRequest) -> Result<ServerResult, CallError> {
        let now = Instant::now();
        let until = ask.context.deadline.map_or(now + ask.silence, |deadline| deadline.min(now + ask.silence));
        let ready = async {
            let slot = self.gate.enter(until).await.map_err(|shut| CallError::Busy {
                server: self.name.clone(),
                what: shut.what(),
                waited_ms: whole_ms(now.elapsed()),
            })?;
            let link = self
                .link()
                .await
                .map_err(|source| CallError::Connect { server: self.name.clone(), source: Box::new(source) })?;
            self.permitted(ask).await?;
            Ok((slot, link))
        };
        let (_slot, link) = tokio::select! {
            biased;
            () = ask.context.cancel.cancelled() => return Err(self.cancelled(ask.label, false)),
            ready = ready => ready?,
            () = expiry(ask.context.deadline) => return Err(self.late(now)),
        };
        let options = PeerRequestOptions::no_options().with_meta(self.meta(ask.context));
        let handle = link.peer.send_request_with_option(request, options).await.map_err(|source| {
            CallError::NotSent { server: self.name.clone(), tool: ask.label.to_owned(), source: Box::new(source) }
        })?;
        let progress = link.listener.follow(handle.progress_token.clone());
        self.wait(ask, &link, handle, &progress).await
    }

    async fn wait(
        &self,
        ask: Ask<'_>,
        link: &Link,
        mut handle: RequestHandle<RoleClient>,
        progress: &Progress,
    ) -> Result<ServerResult, CallError> {
        let sent = Instant::now();
        let longest = match self.config.timeout_total_ms {
            Some(total) => Duration::from_millis(total).max(ask.silence),
            None => ask.silence * SILENCES_MAX,
        };
        let end = ask.context.deadline.map_or(sent + longest, |deadline| deadline.min(sent + longest));
        let mut abandon = Abandon::new(link.peer.clone(), handle.id.clone(), self.shared.tracker.clone());
        let mut silent_until = sent + ask.silence;
        loop {
            tokio::select! {
                biased;
                answer = &mut handle.rx => {
                    abandon.disarm();
                    return match answer {
                        Ok(Ok(result)) => Ok(result),
                        Ok(Err(error)) => Err(self.failure(ask.label, link, error)),
                        Err(_) => Err(self.cut(ask.label)),
                    };
                }
                () = link.gone.cancelled() => {
                    abandon.disarm();
                    return Err(self.cut(ask.label));
                }
                () = ask.context.cancel.cancelled() => return Err(self.cancelled(ask.label, true)),
                () = progress.reported() => silent_until = Instant::now() + ask.silence,
                () = tokio::time::sleep_until(silent_until.min(end)) => {
                    return Err(CallError::Timeout {
                        server: self.name.clone(),
                        tool: ask.label.to_owned(),
                        after_ms: whole_ms(sent.elapsed()),
                    });
                }
            }
        }
    }

    async fn permitted(&self, ask: Ask<'_>) -> Result<(), CallError> {
        let Some(permit) = &ask.context.permit else { return Ok(()) };
        permit.ask().await.map_err(|why| CallError::Withheld {
            server: self.name.clone(),
            tool: ask.label.to_owned(),
            why,
        })
    }

    fn meta(&self, context: &CallContext) -> RequestMetaObject {
        let mut meta = RequestMetaObject::new();
        // Where no traces are exported there is no span; the server is told whose post it is all the same.
        let here = chimera_telemetry::traceparent();
        meta.set_traceparent(here.unwrap_or_else(|| context.trace_id.traceparent(&*self.shared.ambient)));
        if let Some(key) = &context.idempotency_key {
            meta.insert(IDEMPOTENCY_META_KEY.to_owned(), Value::String(key.clone()));
        }
        meta
    }

    fn cancelled(&self, label: &str, sent: bool) -> CallError {
        CallError::Cancelled { server: self.name.clone(), tool: label.to_owned(), sent }
    }

    fn late(&self, since: Instant) -> CallError {
        CallError::Busy { server: self.name.clone(), what: "connection", waited_ms: whole_ms(since.elapsed()) }
    }

    fn cut(&self, label: &str) -> CallError {
        CallError::Cut { server: self.name.clone(), tool: label.to_owned(), source: None }
    }

    /// What the transport's or the server's error means for us.
    pub(crate) fn failure(&self, label: &str, link: &Link, error: ServiceError) -> CallError {
        let (server, tool) = (self.name.clone(), label.to_owned());
        match error {
            ServiceError::McpError(ErrorData { code, .. }) if code.0 == TOO_LARGE => {
                CallError::TooLarge { server, tool, bytes_max: self.config.output_bytes_max }
            }
            ServiceError::McpError(ErrorData { code, message, .. }) => {
                CallError::Protocol { server, tool, code: code.0, message: bounded(&link.redaction.apply(&message)) }
            }
            ServiceError::TransportSend(error) => self.not_delivered(tool, error.error),
            other => CallError::Cut { server, tool, source: Some(Box::new(other)) },
        }
    }

    /// Sending failed. Over HTTP, sending includes the head of the answer, so the request may well have arrived.
    fn not_delivered(&self, tool: String, source: Box<dyn std::error::Error + Send + Sync>) -> CallError {
        let server = self.name.clone();
        let Some(http) = source.downcast_ref::<StreamableHttpError<reqwest::Error>>() else {
            // A line that could not be written whole was never read as a message.
            return CallError::NotSent { server, tool, source };
        };
        match http {
            StreamableHttpError::HttpStatus(HttpStatusError { status, retry_after, .. })
                if *status == StatusCode::TOO_MANY_REQUESTS.as_u16() =>
            {
                let seconds = retry_after.as_ref().and_then(|text| text.trim().parse().ok());
                CallError::Throttled { server, retry_after: seconds.map(Duration::from_secs) }
            }
            StreamableHttpError::ResponseBodyTooLarge { max_size } => {
                CallError::TooLarge { server, tool, bytes_max: *max_size }
            }
            StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_) => {
                CallError::Protocol { server, tool, code: -32_600, message: bounded(&source.to_string()) }
            }
            StreamableHttpError::Client(error) if error.is_connect() || error.is_builder() => {
                CallError::NotSent { server, tool, source }
            }
            StreamableHttpError::SessionExpired => CallError::NotSent { server, tool, source },
            _ => CallError::Cut { server, tool, source: Some(source) },
        }
    }
}

/// Ends at the deadline; never, without one.
async fn expiry(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Tells the server, unless disarmed, that nobody waits for the answer any more: on a timeout, on a cancellation, and
/// when the caller drops the call.
struct Abandon {
    armed: Option<(Peer<RoleClient>, RequestId)>,
    tracker: TaskTracker,
}

impl Abandon {
    fn new(peer: Peer<RoleClient>, id: RequestId, tracker: TaskTracker) -> Self {
        Self { armed: Some((peer, id)), tracker }
    }

    fn disarm(&mut self) {
        self.armed = None;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        let Some((peer, id)) = self.armed.take() else { return };
        // Outside a runtime, at the end of the process, there is no one left to tell.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let param = CancelledNotificationParam::new(Some(id), Some("the caller no longer waits".to_owned()));
        let tell = async move {
            // A server that doesn't even read any more is past being told.
            let _ = tokio::time::timeout(CANCEL_WAIT, peer.notify_cancelled(param)).await;
        };
        self.tracker.spawn_on(tell, &runtime);
    }
}
