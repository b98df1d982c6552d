//! Reading the watched resources, each once however many campaigns watch it.

use std::collections::{BTreeMap, HashMap};

use chimera_domain::{
    Actor, Alert, AlertKind, Campaign, Severity, TenantId, ToolCall, TraceId, Usd,
    contracts::{FeedDocument, MentionDocument},
    error_chain,
    policy::FeedRhythm,
    sha256_parts,
};
use chimera_mcp::{CallContext, CallError, ResourceRead};
use chimera_store::ResourceCursor;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Planner, PlannerError,
    spans::{self, ReadAt},
};

/// What MCP servers answer when there is no such resource: -32002 up to revision 2025-11-25, invalid parameters since.
const RESOURCE_NOT_FOUND: [i32; 2] = [-32_002, -32_602];

/// Watched resources, each with the campaigns that watch it.
pub(crate) type Watchers<'a> = BTreeMap<String, Vec<&'a Campaign>>;

/// One read of one resource.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) cursor: ResourceCursor,
    /// What it holds, if its watchers have not all seen that.
    pub(crate) document: Option<Document>,
    pub(crate) failed: bool,
    /// Whether it has brought nothing new for too long, and only now.
    is_stale: bool,
    turned_stale: bool,
    /// When, and by which call.
    pub(crate) at: ReadAt,
    /// The record of a read that failed or brought something new. Polls that bring nothing would fill the log.
    call: Option<ToolCall>,
}

/// What a resource holds.
#[derive(Debug)]
pub(crate) enum Document {
    /// News.
    Feed(FeedDocument),
    /// Who speaks to an account.
    Mentions(MentionDocument),
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
    #[error("it is no document of mentions")]
    NoMentions(#[source] serde_json::Error),
}

impl Planner {
    /// What is to be read for whom: each watched resource that is due, but for those that are left alone after failures.
    pub(crate) async fn jobs(
        &self,
        watchers: &Watchers<'_>,
        is_due: impl Fn(&str) -> bool,
    ) -> Result<Vec<(ResourceCursor, String)>, PlannerError> {
        let now = self.ambient.now();
        let due: Vec<_> = watchers.iter().filter(|(uri, _)| is_due(uri) && !self.backoff.holds(uri, now)).collect();
        if due.is_empty() {
            return Ok(vec![]);
        }
        let uris: Vec<String> = due.iter().map(|(uri, _)| (*uri).clone()).collect();
        let mut cursors: HashMap<String, ResourceCursor> =
            self.store.cursors(&uris).await?.into_iter().map(|c| (c.resource_uri.clone(), c)).collect();
        let job = |(uri, campaigns): (&String, &Vec<&Campaign>)| {
            (cursors.remove(uri).unwrap_or_else(|| first_cursor(uri)), audience(campaigns))
        };
        Ok(due.into_iter().map(job).collect())
    }

    /// Writes down what was paid for, and tells of resources that are down or stale, or no more. Gives those of the calls that
    /// are yet to be recorded, for they cost nothing.
    pub(crate) async fn settle(&self, watchers: &Watchers<'_>, reads: &[Read]) -> Result<Vec<ToolCall>, PlannerError> {
        let calls = reads.iter().filter_map(|r| r.call.clone());
        let (free, paid): (Vec<ToolCall>, Vec<ToolCall>) = calls.partition(|call| call.cost_usd <= Usd::ZERO);
        if !paid.is_empty() {
            self.store.tool_calls_record(&paid).await?;
        }
        let down =
            reads.iter().filter(|r| r.failed && is_worth_telling(r.cursor.failures, self.config.feed_down_after));
        let silent = reads.iter().filter(|r| r.turned_stale);
        let alerts: Vec<Alert> =
            down.map(|r| self.feed_alert(&r.cursor)).chain(silent.map(|r| self.stale_alert(&r.cursor))).collect();
        if !alerts.is_empty() {
            self.store.alerts_raise(&alerts).await?;
        }
        // What is read again, or watched no more, is down no more. What is left alone for a while is as it was.
        let read: HashMap<&str, &Read> =
            reads.iter().filter(|r| !r.failed).map(|r| (r.cursor.resource_uri.as_str(), r)).collect();
        let is_down = |uri: &str| !read.contains_key(uri) && watchers.contains_key(uri);
        let is_silent = |uri: &str| read.get(uri).is_none_or(|r| r.is_stale) && watchers.contains_key(uri);
        let by = Actor::recorded("planner");
        let mut ended = self.store.alerts_end(AlertKind::FeedDown, is_down, &by).await?;
        ended.extend(self.store.alerts_end(AlertKind::FeedStale, is_silent, &by).await?);
        for uri in ended {
            tracing::info!(resource = uri, "the alert is over: it brings something again, or nobody watches it");
        }
        Ok(free)
    }

    /// Reads one resource. A read that was cancelled is as if it had never been.
    pub(crate) async fn read(
        &self,
        mut cursor: ResourceCursor,
        audience: &str,
        cancel: &CancellationToken,
    ) -> Option<Read> {
        let (began, trace_id) = (self.ambient.now(), TraceId::generate(&*self.ambient));
        let span = spans::of_reading(trace_id, &cursor.resource_uri);
        let context = CallContext::new(trace_id).with_cancel(cancel.clone());
        let (call, fetched) = span.around(self.fetch(&context, &cursor.resource_uri, audience)).await;
        if cancel.is_cancelled() {
            return None;
        }
        let at = ReadAt { began, ended: self.ambient.now(), trace_id };
        let (uri, silence) = (cursor.resource_uri.clone(), self.config.silence(&cursor.resource_uri));
        self.schedule.read(&uri, self.config.interval(&uri), self.ambient.dice(), at.ended);
        match fetched {
            Ok((hash, document)) => {
                let changed = cursor.content_hash.as_deref() != Some(hash.as_str());
                let was_stale = cursor.read_at.is_some_and(|read_at| cursor.rhythm.is_stale(silence, read_at));
                if cursor.content_hash.as_deref().map(items_part) != Some(items_part(&hash)) {
                    cursor.rhythm = cursor.rhythm.changed(at.ended);
                }
                // Nobody need speak to an agent.
                let is_news = matches!(document, Document::Feed(_));
                let is_stale = is_news && cursor.rhythm.is_stale(silence, at.ended);
                cursor.content_hash = Some(hash);
                cursor.read_at = Some(at.ended);
                cursor.failures = 0;
                cursor.last_error = None;
                self.backoff.recovered(&cursor.resource_uri);
                let call = call.filter(|_| changed);
                let turned_stale = is_stale && !was_stale;
                let document = changed.then_some(document);
                Some(Read { cursor, document, failed: false, is_stale, turned_stale, at, call })
            }
            Err(error) => {
                let message = error_chain(&error);
                span.fail("unreadable", message.clone());
                tracing::warn!(resource = %cursor.resource_uri, error = %message, "a resource can't be read");
                cursor.failures = cursor.failures.saturating_add(1);
                cursor.last_error = Some(message);
                let poll = self.config.interval(&uri);
                // Asking for what is not there (yet) costs nobody anything, and it may come at any moment: each poll asks.
                let counted = if is_not_there(&error) { cursor.failures.min(2) } else { cursor.failures };
                self.backoff.failed(&cursor.resource_uri, counted, poll, self.ambient.now());
                Some(Read { cursor, document: None, failed: true, is_stale: false, turned_stale: false, at, call })
            }
        }
    }

    /// The resource's items, with a hash that names them and those they are read for; and the record of the call.
    async fn fetch(
        &self,
        context: &CallContext,
        uri: &str,
        audience: &str,
    ) -> (Option<ToolCall>, Result<(String, Document), ReadError>) {
        let Some((server, inner)) = split_uri(uri) else {
            return (None, Err(ReadError::NotWatchable(uri.to_owned())));
        };
        let (call, read) = self.host.read_resource_recorded(context, server, inner).await;
        (
            Some(call),
            read.map_err(ReadError::from).and_then(|read| {
                if self.config.replies.is_of_mentions(uri) { mentions(&read, audience) } else { news(&read, audience) }
            }),
        )
    }

    fn stale_alert(&self, cursor: &ResourceCursor) -> Alert {
        let uri = cursor.resource_uri.as_str();
        let since = cursor.rhythm.changed_at.map(|at| at.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let limit = cursor.rhythm.silence_max(self.config.silence(uri)).unwrap_or_default().num_hours();
        let message = format!(
            "{uri} can be read, but has brought nothing new since {since} UTC, for more than {limit} hours; see whether its \
             source is alive"
        );
        let (kind, ambient) = (AlertKind::FeedStale, &*self.ambient);
        Alert::new(TenantId::DEFAULT, kind, Severity::Warning, uri, "feed_stale", message, ambient)
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

fn news(read: &ResourceRead, audience: &str) -> Result<(String, Document), ReadError> {
    let document: FeedDocument = read.json().map_err(ReadError::NotAFeed)?;
    Ok((hash(&document.items, audience).map_err(ReadError::NotAFeed)?, Document::Feed(document)))
}

fn mentions(read: &ResourceRead, audience: &str) -> Result<(String, Document), ReadError> {
    let document: MentionDocument = read.json().map_err(ReadError::NoMentions)?;
    Ok((hash(&document.mentions, audience).map_err(ReadError::NoMentions)?, Document::Mentions(document)))
}

/// Names items, and for whom they are read. The items by themselves come first: what is read for others is no news of the
/// resource.
fn hash(items: &impl Serialize, audience: &str) -> Result<String, serde_json::Error> {
    let items = serde_json::to_vec(items)?;
    Ok(format!("{}-{}", sha256_parts(&[&items]), sha256_parts(&[audience.as_bytes()])))
}

/// The part of a cursor's hash that names the items.
fn items_part(hash: &str) -> &str {
    hash.split_once('-').map_or(hash, |(items, _)| items)
}

/// Names the campaigns that a resource is read for, as they stand. It is part of what the cursor remembers: a campaign
/// that is new, resumed or changed must see what the others have seen already.
fn audience(campaigns: &[&Campaign]) -> String {
    let mut names: Vec<String> = campaigns.iter().map(|c| format!("{}@{}", c.id, c.state_version)).collect();
    names.sort();
    names.join(",")
}

/// `mcp://SERVER/REST` as server and the resource's own URI.
pub(crate) fn split_uri(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix("mcp://")?.split_once('/').filter(|(server, inner)| !server.is_empty() && !inner.is_empty())
}

/// The cursor of a resource never read before.
fn first_cursor(uri: &str) -> ResourceCursor {
    ResourceCursor {
        resource_uri: uri.to_owned(),
        content_hash: None,
        read_at: None,
        rhythm: FeedRhythm::default(),
        failures: 0,
        last_error: None,
    }
}
