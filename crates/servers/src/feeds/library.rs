//! The feeds a server has, what it last read of each, and how it reads them again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chimera_domain::contracts::FeedDocument;
use chimera_domain::{Ambient, sha256_parts};
use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, broadcast};

use super::config::{FEEDS_MAX, FeedSource, FeedsConfig};
use super::error::FeedsError;
use super::fetch::{Fetched, Fetcher, Validators};
use super::folder;
use super::parse;
use super::source::{NamedBy, Source, slug};
use super::watch::Interest;

/// How many changes a slow listener may fall behind before it is told to look at everything.
const CHANGES_KEPT: usize = 256;
/// Length of the part of a hash that names a feed whose name has no ASCII letters.
const HASH_SLUG_CHARS: usize = 12;

/// The outcome of a read; an error is shared by all who waited for it.
pub(super) type ReadResult = Result<Arc<FeedDocument>, Arc<FeedsError>>;

/// Something that subscribers hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A feed has new content.
    Feed(Arc<str>),
    /// A feed was added.
    List,
}

/// One feed.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) uri: Arc<str>,
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) source: Source,
    pub(super) interval: Duration,
    pub(super) interest: Interest,
    named_by: NamedBy,
    /// Counts the fetches begun, so that who waited for one does not begin another.
    begun: AtomicU64,
    kept: tokio::sync::Mutex<Kept>,
    standing: Mutex<Standing>,
}

/// What is kept of the last reads.
#[derive(Debug, Default)]
struct Kept {
    validators: Validators,
    document: Option<Arc<FeedDocument>>,
    fingerprint: Option<String>,
    not_before: Option<DateTime<Utc>>,
    last: Option<ReadResult>,
}

/// How a feed stands, for lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) title: String,
    pub(super) items: usize,
    pub(super) fetched_at: Option<DateTime<Utc>>,
    pub(super) changed_at: Option<DateTime<Utc>>,
    pub(super) failures: u32,
    pub(super) error: Option<String>,
}

/// All feeds of a server.
#[derive(Debug)]
pub(super) struct Library {
    feeds: RwLock<Vec<Arc<Feed>>>,
    folder: Option<PathBuf>,
    fetcher: Fetcher,
    gate: Semaphore,
    changes: broadcast::Sender<Change>,
    items_max: usize,
    ambient: Arc<dyn Ambient>,
}

impl Library {
    pub(super) fn new(config: &FeedsConfig, ambient: Arc<dyn Ambient>) -> Result<Self, FeedsError> {
        config.validate()?;
        let library = Self {
            feeds: RwLock::default(),
            folder: config.folder.clone(),
            fetcher: Fetcher::new(config, ambient.clone())?,
            gate: Semaphore::new(config.limits.fetches_max),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            items_max: config.limits.items_max,
            ambient,
        };
        for feed in &config.feeds {
            library.insert(Self::prepare(feed, NamedBy::Operator)?)?;
        }
        library.look();
        Ok(library)
    }

    /// Takes in what was put into the folder since the last look. What can't be taken in is logged and left.
    pub(super) fn look(&self) {
        let Some(folder) = &self.folder else { return };
        let known = self.all();
        for feed in folder::feeds_in(folder) {
            // Under another name it would be another feed; under a name that is taken, the configured one stays.
            if known.iter().any(|known| known.name == feed.name) {
                continue;
            }
            match Self::prepare(&feed, NamedBy::Operator).and_then(|feed| self.insert(feed)) {
                Ok(feed) => tracing::info!(feed = %feed.uri, "a feed was found in the folder"),
                Err(error) => {
                    tracing::debug!(feed = feed.name, error = %error.one_line(), "a file is no feed of this server")
                }
            }
        }
    }

    /// Makes a feed, which nobody knows of until it is inserted.
    pub(super) fn prepare(feed: &FeedSource, named_by: NamedBy) -> Result<Feed, FeedsError> {
        feed.validate()?;
        let source = Source::parse(&feed.source)?;
        let slug = slug(&feed.name).unwrap_or_else(|| {
            let hash = sha256_parts(&[source.shown().as_bytes()]);
            format!("feed-{}", hash.get(..HASH_SLUG_CHARS).unwrap_or(&hash))
        });
        Ok(Feed::new(feed, slug, source, named_by))
    }

    /// Puts a feed among the others.
    pub(super) fn insert(&self, feed: Feed) -> Result<Arc<Feed>, FeedsError> {
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = feeds.iter().find(|f| f.slug == feed.slug) {
            return Err(FeedsError::NameTaken { name: feed.name, slug: feed.slug, by: taken.source.shown() });
        }
        if feeds.len() >= FEEDS_MAX {
            return Err(FeedsError::Full { max: FEEDS_MAX });
        }
        let added = Arc::new(feed);
        feeds.push(added.clone());
        drop(feeds);
        // Nobody listening is no failure.
        let _ = self.changes.send(Change::List);
        Ok(added)
    }

    pub(super) fn all(&self) -> Vec<Arc<Feed>> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The feed with this URI, slug, name or source; it may have been put into the folder a moment ago.
    pub(super) fn find(&self, asked: &str) -> Option<Arc<Feed>> {
        self.known(asked).or_else(|| {
            self.look();
            self.known(asked)
        })
    }

    fn known(&self, asked: &str) -> Option<Arc<Feed>> {
        let feeds = self.all();
        let asked = asked.trim();
        let by_name = feeds.iter().find(|f| *f.uri == *asked || f.slug == asked || f.name == asked).cloned();
        by_name.or_else(|| {
            let source = Source::parse(asked).ok()?;
            feeds.into_iter().find(|f| f.source == source)
        })
    }

    pub(super) fn unknown(&self, asked: &str) -> FeedsError {
        const NAMED_MAX: usize = 20;
        let known = self.all().iter().take(NAMED_MAX).map(|f| f.uri.to_string()).collect();
        FeedsError::Unknown { asked: super::source::clip(asked), known }
    }

    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(super) fn random(&self) -> [u8; 16] {
        self.ambient.random()
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.ambient.now()
    }

    /// Reads a feed as it is now. Callers that come while a fetch runs share the next one.
    pub(super) async fn read(&self, feed: &Feed) -> ReadResult {
        let ticket = feed.begun.load(Ordering::Acquire);
        let mut kept = feed.kept.lock().await;
        // A fetch that began after this call came in is as fresh as one begun now.
        if let (true, Some(last)) = (feed.begun.load(Ordering::Acquire) > ticket, &kept.last) {
            return last.clone();
        }
        feed.begun.fetch_add(1, Ordering::AcqRel);
        let result = self.refresh(feed, &mut kept).await.map_err(Arc::new);
        feed.note(&result, self.now());
        kept.last = Some(result.clone());
        result
    }

    async fn refresh(&self, feed: &Feed, kept: &mut Kept) -> Result<Arc<FeedDocument>, FeedsError> {
        let now = self.now();
        if let Some(until) = kept.not_before.filter(|until| *until > now) {
            return Err(FeedsError::Waiting { feed: feed.source.shown(), until });
        }
        let fetched = {
            let _place = self.gate.acquire().await.map_err(|_| FeedsError::Stopping)?;
            self.fetcher.fetch(&feed.source, feed.named_by, &kept.validators).await
        };
        kept.not_before = fetched.as_ref().err().and_then(FeedsError::retry_at);
        let body = match fetched? {
            Fetched::Body(body) => body,
            Fetched::Unchanged => {
                if let Some(document) = &kept.document {
                    let document = Arc::new(FeedDocument { fetched_at: self.now(), ..FeedDocument::clone(document) });
                    kept.document = Some(document.clone());
                    return Ok(document);
                }
                // Validators are only kept together with a document.
                return Err(FeedsError::NotAFeed { feed: feed.source.shown(), found: super::error::Found::Empty });
            }
        };
        let (items_max, source) = (self.items_max, feed.source.shown());
        let validators = body.validators.clone();
        let parsed = tokio::task::spawn_blocking(move || {
            parse::read(&body.bytes, body.charset.as_deref(), body.base.as_ref(), items_max)
        });
        let reading = parsed
            .await
            .map_err(|_| FeedsError::Stopping)?
            .map_err(|found| FeedsError::NotAFeed { feed: source.clone(), found })?;
        let document = Arc::new(FeedDocument {
            source,
            title: reading.title,
            fetched_at: self.now(),
            items: reading.items,
            warnings: reading.warnings,
        });
        kept.validators = validators;
        kept.document = Some(document.clone());
        let fingerprint = fingerprint(&document);
        let before = kept.fingerprint.replace(fingerprint.clone());
        if before.is_some_and(|before| before != fingerprint) {
            feed.standing().changed_at = Some(document.fetched_at);
            let _ = self.changes.send(Change::Feed(feed.uri.clone()));
        }
        Ok(document)
    }

    /// Reads a source that is no feed of this server, once.
    pub(super) async fn read_once(&self, source: Source) -> ReadResult {
        let name = FeedSource::new("once", source.shown());
        self.read(&Feed::new(&name, String::new(), source, NamedBy::Client)).await
    }
}

impl Feed {
    fn new(feed: &FeedSource, slug: String, source: Source, named_by: NamedBy) -> Self {
        Self {
            uri: format!("feed://{slug}").into(),
            name: feed.name.trim().to_owned(),
            slug,
            source,
            interval: Duration::from_secs(feed.interval_seconds),
            interest: Interest::default(),
            named_by,
            begun: AtomicU64::new(0),
            kept: tokio::sync::Mutex::default(),
            standing: Mutex::default(),
        }
    }

    pub(super) fn standing(&self) -> std::sync::MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, result: &ReadResult, now: DateTime<Utc>) {
        let mut standing = self.standing();
        match result {
            Ok(document) => {
                standing.title.clone_from(&document.title);
                standing.items = document.items.len();
                standing.fetched_at = Some(document.fetched_at);
                standing.changed_at = standing.changed_at.or(Some(now));
                standing.failures = 0;
                standing.error = None;
            }
            Err(error) => {
                standing.failures = standing.failures.saturating_add(1);
                standing.error = Some(error.one_line());
            }
        }
    }
}

/// Names a document's content: two with the same title and items, in the same versions and order, have the same.
fn fingerprint(document: &FeedDocument) -> String {
    let keys: Vec<String> = document.items.iter().map(chimera_domain::contracts::FeedItem::event_key).collect();
    let parts: Vec<&[u8]> =
        std::iter::once(document.title.as_bytes()).chain(keys.iter().map(String::as_bytes)).collect();
    sha256_parts(&parts)
}
