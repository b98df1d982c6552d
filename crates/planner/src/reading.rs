//! Reading the watched resources, each once however many campaigns watch it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chimera_domain::{
    Actor, Alert, AlertKind, Campaign, Severity, TenantId, ToolCall, TraceId, Usd, contracts::FeedDocument,
    error_chain, sha256_parts,
};
use chimera_mcp::{CallContext, CallError, ResourceRead};
use chimera_store::ResourceCursor;
use futures::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    Planner, PlannerError,
    spans::{self, ReadAt},
};

/// What MCP servers answer when there is no such resource: -32002 up to revision 2025-11-25, invalid parameters since.
const RESOURCE_NOT_FOUND: [i32; 2] = [-32_002, -32_602];

/// One read of one resource.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) cursor: ResourceCursor,
    /// What it holds, if its watchers have not all seen that.
    pub(crate) document: Option<FeedDocument>,
    pub(crate) failed: bool,
    /// When, and by which call.
    pub(crate) at: ReadAt,
    /// The record of a read that failed or brought something new. Polls that bring nothing would fill the log.
    call: Option<ToolCall>,
}

/// Why a resource could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0} is no watched resource (want mcp://SERVER/RESOURCE-URI, such as mcp://feeds/feed://news)")]
    NotWatchable(String),
    #[error("the server does not give it")]
    Call(#[from] CallError),
    #[error("it is no feed document")]
    NotAFeed(#[source] serde_json::Error),
}

impl Planner {
    /// Reads these resources, but for those that are left alone after failures. A read that was cancelled is as if it had
    /// never been. Beside the reads, those of their calls that are yet to be recorded, for they cost nothing.
    pub(crate) async fn read_all(
        &self,
        watchers: &[(&String, &Vec<&Campaign>)],
        cancel: &CancellationToken,
    ) -> Result<(Vec<Read>, Vec<ToolCall>), PlannerError> {
        let now = self.ambient.now();
        let due: Vec<_> = watchers.iter().filter(|(uri, _)| !self.backoff.holds(uri, now)).collect();
        let uris: Vec<String> = due.iter().map(|(uri, _)| (*uri).clone()).collect();
        let mut cursors: HashMap<String, ResourceCursor> =
            self.store.cursors(&uris).await?.into_iter().map(|c| (c.resource_uri.clone(), c)).collect();
        let jobs: Vec<(ResourceCursor, String)> = due
            .iter()
            .map(|(uri, campaigns)| (cursors.remove(*uri).unwrap_or_else(|| first_cursor(uri)), audience(campaigns)))
            .collect();
        let reads: Vec<Read> = stream::iter(jobs)
            .map(|(cursor, audience)| async move { self.read(cursor, &audience, cancel).await })
            .buffered(self.config.reads_at_once.max(1))
            .filter_map(async |read| read)
            .collect()
            .await;
        let calls = reads.iter().filter_map(|r| r.call.clone());
        let (free, paid): (Vec<ToolCall>, Vec<ToolCall>) = calls.partition(|call| call.cost_usd <= Usd::ZERO);
        if !paid.is_empty() {
            self.store.tool_calls_record(&paid).await?;
        }
        let alerts: Vec<Alert> = reads
            .iter()
            .filter(|r| r.failed && is_worth_telling(r.cursor.failures, self.config.feed_down_after))
            .map(|r| self.feed_alert(&r.cursor))
            .collect();
        if !alerts.is_empty() {
            self.store.alerts_raise(&alerts).await?;
        }
        // What is read again, or watched no more, is down no more. What is left alone for a while is as it was.
        let read: HashSet<&str> = reads.iter().filter(|r| !r.failed).map(|r| r.cursor.resource_uri.as_str()).collect();
        let watched: HashSet<&str> = watchers.iter().map(|(uri, _)| uri.as_str()).collect();
        let is_down = |uri: &str| !read.contains(uri) && watched.contains(uri);
        let ended = self.store.alerts_end(AlertKind::FeedDown, is_down, &Actor::recorded("planner")).await?;
        for uri in ended {
            tracing::info!(resource = uri, "the alert is over: it can be read again, or nobody watches it");
        }
        Ok((reads, free))
    }

    async fn read(&self, mut cursor: ResourceCursor, audience: &str, cancel: &CancellationToken) -> Option<Read> {
        let (began, trace_id) = (self.ambient.now(), TraceId::generate(&*self.ambient));
        let span = spans::of_reading(trace_id, &cursor.resource_uri);
        let context = CallContext::new(trace_id).with_cancel(cancel.clone());
        let (call, fetched) = span.around(self.fetch(&context, &cursor.resource_uri, audience)).await;
        if cancel.is_cancelled() {
            return None;
        }
        let at = ReadAt { began, ended: self.ambient.now(), trace_id };
        match fetched {
            Ok((hash, document)) => {
                let changed = cursor.content_hash.as_deref() != Some(hash.as_str());
                cursor.content_hash = Some(hash);
                cursor.read_at = Some(at.ended);
                cursor.failures = 0;
                cursor.last_error = None;
                self.backoff.recovered(&cursor.resource_uri);
                let call = call.filter(|_| changed);
                Some(Read { cursor, document: changed.then_some(document), failed: false, at, call })
            }
            Err(error) => {
                let message = error_chain(&error);
                span.fail("unreadable", message.clone());
                tracing::warn!(resource = %cursor.resource_uri, error = %message, "a resource can't be read");
                cursor.failures = cursor.failures.saturating_add(1);
                cursor.last_error = Some(message);
                let poll = Duration::from_millis(self.config.poll_interval_ms);
                // Asking for what is not there (yet) costs nobody anything, and it may come at any moment: each poll asks.
                let counted = if is_not_there(&error) { cursor.failures.min(2) } else { cursor.failures };
                self.backoff.failed(&cursor.resource_uri, counted, poll, self.ambient.now());
                Some(Read { cursor, document: None, failed: true, at, call })
            }
        }
    }

    /// The resource's items, with a hash that names them and those they are read for; and the record of the call.
    async fn fetch(
        &self,
        context: &CallContext,
        uri: &str,
        audience: &str,
    ) -> (Option<ToolCall>, Result<(String, FeedDocument), ReadError>) {
        let Some((server, inner)) = split_uri(uri) else {
            return (None, Err(ReadError::NotWatchable(uri.to_owned())));
        };
        let (call, read) = self.host.read_resource_recorded(context, server, inner).await;
        (Some(call), read.map_err(ReadError::from).and_then(|read| parsed(&read, audience)))
    }

    fn feed_alert(&self, cursor: &ResourceCursor) -> Alert {
        let uri = &cursor.resource_uri;
        let why = cursor.last_error.as_deref().unwrap_or("no reason given");
        let message = format!("{uri} failed {} times in a row: {why}", cursor.failures);
        let (kind, ambient) = (AlertKind::FeedDown, &*self.ambient);
        Alert::new(TenantId::DEFAULT, kind, Severity::Warning, uri.as_str(), "feed_down", message, ambient)
    }
}

/// Whether so many failures in a row are to be told: the first time that they are as many as `after`, and each time that
/// they have doubled since. Who has acknowledged it is not told again at once.
fn is_worth_telling(failures: u32, after: u32) -> bool {
    let after = after.max(1);
    failures.is_multiple_of(after) && (failures / after).is_power_of_two()
}

/// Whether the server knows no such resource.
fn is_not_there(error: &ReadError) -> bool {
    matches!(error, ReadError::Call(CallError::Protocol { code, .. }) if RESOURCE_NOT_FOUND.contains(code))
}

fn parsed(read: &ResourceRead, audience: &str) -> Result<(String, FeedDocument), ReadError> {
    let document: FeedDocument = read.json().map_err(ReadError::NotAFeed)?;
    let items = serde_json::to_vec(&document.items).map_err(ReadError::NotAFeed)?;
    Ok((sha256_parts(&[&items, audience.as_bytes()]), document))
}

/// Names the campaigns that a resource is read for, as they stand. It is part of what the cursor remembers: a campaign
/// that is new, resumed or changed must see what the others have seen already.
fn audience(campaigns: &[&Campaign]) -> String {
    let mut names: Vec<String> = campaigns.iter().map(|c| format!("{}@{}", c.id, c.state_version)).collect();
    names.sort();
    names.join(",")
}

/// `mcp://SERVER/REST` as server and the resource's own URI.
fn split_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("mcp://")?.split_once('/').filter(|(server, inner)| !server.is_empty() && !inner.is_empty())
}

/// The cursor of a resource never read before.
fn first_cursor(uri: &str) -> ResourceCursor {
    ResourceCursor { resource_uri: uri.to_owned(), content_hash: None, read_at: None, failures: 0, last_error: None }
}
