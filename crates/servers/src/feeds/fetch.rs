//! Gets the bytes of a feed: conditionally, bounded in time and size, and only from where it may.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chimera_domain::Ambient;
use chimera_mcp::address::{Allowed, Guarded, PrivateAddress};
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tokio::io::AsyncReadExt;
use url::Url;

use super::config::{FeedLimits, FeedsConfig};
use super::error::FeedsError;
use super::source::{NamedBy, Source};

/// What we say we are, so that a publisher can find us in a log.
const USER_AGENT: &str = concat!("chimera-feeds/", env!("CARGO_PKG_VERSION"));
/// What we like to get; anything is taken.
const ACCEPTED: &str = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, \
                        application/json;q=0.8, text/xml;q=0.8, */*;q=0.5";
/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait that a `Retry-After` is believed.
const RETRY_AFTER_MAX: TimeDelta = TimeDelta::days(1);

/// What tells an unchanged feed from a changed one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Validators {
    etag: Option<String>,
    last_modified: Option<String>,
    file: Option<(u64, SystemTime)>,
}

/// The outcome of a fetch.
#[derive(Debug)]
pub(super) enum Fetched {
    /// As it was.
    Unchanged,
    /// A body.
    Body(Box<Body>),
}

/// A body with what is known about it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) charset: Option<String>,
    /// Where it was in the end, for relative addresses.
    pub(super) base: Option<Url>,
    pub(super) validators: Validators,
}

/// Fetches feeds.
#[derive(Debug)]
pub(super) struct Fetcher {
    client: Client,
    private: Allowed,
    file_roots: Vec<PathBuf>,
    limits: FeedLimits,
    ambient: Arc<dyn Ambient>,
}

/// The redirect policy gave up.
#[derive(Debug, thiserror::Error)]
#[error("too many redirects")]
struct TooManyRedirects;

impl Fetcher {
    pub(super) fn new(config: &FeedsConfig, ambient: Arc<dyn Ambient>) -> Result<Self, FeedsError> {
        // The binary installs a provider first thing; a library user may not know that the client would panic without.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let private =
            if config.allow_private { Allowed::All } else { Allowed::Hosts(config.private_hosts.clone().into()) };
        let in_redirects = private.clone();
        let redirects_max = config.limits.redirects_max;
        let policy = Policy::custom(move |attempt| {
            if attempt.previous().len() > redirects_max {
                return attempt.error(TooManyRedirects);
            }
            match in_redirects.check_literal(attempt.url()) {
                Err(private) => attempt.error(private),
                Ok(()) => attempt.follow(),
            }
        });
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(policy)
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_secs(config.limits.timeout_seconds));
        if !config.use_system_proxy {
            builder = builder.no_proxy().dns_resolver(Arc::new(Guarded(private.clone())));
        }
        let client = builder.build().map_err(|source| FeedsError::Client { source })?;
        let (file_roots, limits) = (config.file_roots.clone(), config.limits.clone());
        Ok(Self { client, private, file_roots, limits, ambient })
    }

    /// Fetches `source` unless `known` says that it is as it was.
    pub(super) async fn fetch(
        &self,
        source: &Source,
        named_by: NamedBy,
        known: &Validators,
    ) -> Result<Fetched, FeedsError> {
        match source {
            Source::Web(url) => self.web(url, &source.shown(), known).await,
            Source::File(path) => {
                let time = Duration::from_secs(self.limits.timeout_seconds);
                // A network file system may hang as long as it likes.
                tokio::time::timeout(time, self.file(path, named_by, known)).await.unwrap_or_else(|_| {
                    Err(FeedsError::TimedOut { feed: source.shown(), seconds: self.limits.timeout_seconds })
                })
            }
        }
    }

    async fn web(&self, url: &Url, feed: &str, known: &Validators) -> Result<Fetched, FeedsError> {
        self.private.check_literal(url).map_err(|p| private(feed, p))?;
        let mut request = self.client.get(url.clone()).header(ACCEPT, ACCEPTED);
        if let Some(etag) = &known.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &known.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        let asked = known.etag.is_some() || known.last_modified.is_some();
        let response = request.send().await.map_err(|error| self.failed(feed, error))?;
        match response.status() {
            StatusCode::NOT_MODIFIED if asked => Ok(Fetched::Unchanged),
            status if status.is_success() => self.body(response, feed).await.map(|body| Fetched::Body(Box::new(body))),
            // One that the client did not follow: without an address, or to something that is not http(s).
            status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                Err(FeedsError::Redirects { feed: feed.to_owned(), limit: self.limits.redirects_max })
            }
            status => Err(FeedsError::Status {
                feed: feed.to_owned(),
                status: status.as_u16(),
                retry_at: self.retry_at(response.headers()),
            }),
        }
    }

    /// Reads a body piece by piece, each already decompressed, and stops at the limit: what is refused is never held.
    async fn body(&self, mut response: Response, feed: &str) -> Result<Body, FeedsError> {
        let limit = self.limits.body_bytes_max;
        let too_large = || FeedsError::TooLarge { feed: feed.to_owned(), limit };
        if response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |l| l > limit)) {
            return Err(too_large());
        }
        let get = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let charset = get(CONTENT_TYPE).as_deref().and_then(charset);
        let validators = Validators { etag: get(ETAG), last_modified: get(LAST_MODIFIED), file: None };
        let base = Some(response.url().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(feed, error))? {
            if bytes.len() + chunk.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body { bytes, charset, base, validators })
    }

    async fn file(&self, path: &Path, named_by: NamedBy, known: &Validators) -> Result<Fetched, FeedsError> {
        let wrong = |source| FeedsError::File { path: path.to_owned(), source };
        // The path with its links followed is what is checked and what is opened.
        let real = tokio::fs::canonicalize(path).await.map_err(wrong)?;
        if named_by == NamedBy::Client {
            self.check_root(path, &real).await?;
        }
        // Asked before opening too, for opening a pipe waits until somebody writes to it.
        if !tokio::fs::metadata(&real).await.map_err(wrong)?.is_file() {
            return Err(FeedsError::NotAFile { path: path.to_owned() });
        }
        let file = tokio::fs::File::open(&real).await.map_err(wrong)?;
        let meta = file.metadata().await.map_err(wrong)?;
        let stamp = meta.modified().ok().map(|time| (meta.len(), time));
        if stamp.is_some() && stamp == known.file {
            return Ok(Fetched::Unchanged);
        }
        let limit = self.limits.body_bytes_max;
        let mut bytes = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(one_more).read_to_end(&mut bytes).await.map_err(wrong)?;
        if bytes.len() > limit {
            return Err(FeedsError::TooLarge { feed: path.display().to_string(), limit });
        }
        let validators = Validators { file: stamp, ..Validators::default() };
        Ok(Fetched::Body(Box::new(Body { bytes, charset: None, base: None, validators })))
    }

    async fn check_root(&self, path: &Path, real: &Path) -> Result<(), FeedsError> {
        for root in &self.file_roots {
            if tokio::fs::canonicalize(root).await.is_ok_and(|root| real.starts_with(root)) {
                return Ok(());
            }
        }
        Err(FeedsError::OutsideRoots { path: path.to_owned() })
    }

    fn failed(&self, feed: &str, error: reqwest::Error) -> FeedsError {
        if let Some(p) = cause::<PrivateAddress>(&error) {
            return private(feed, p.clone());
        }
        // The address is named once, in our own words; the client's would show a password in it.
        let error = error.without_url();
        let feed = feed.to_owned();
        if error.is_timeout() {
            FeedsError::TimedOut { feed, seconds: self.limits.timeout_seconds }
        } else if error.is_redirect() || cause::<TooManyRedirects>(&error).is_some() {
            FeedsError::Redirects { feed, limit: self.limits.redirects_max }
        } else if error.is_connect() {
            FeedsError::Unreachable { feed, source: error }
        } else {
            FeedsError::Broken { feed, source: error }
        }
    }

    /// When the server allows the next request: `Retry-After` in seconds or as a date, at most a day ahead.
    fn retry_at(&self, headers: &HeaderMap) -> Option<DateTime<Utc>> {
        let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let now = self.ambient.now();
        let at = match value.parse::<u32>() {
            Ok(seconds) => now + TimeDelta::seconds(i64::from(seconds)),
            Err(_) => DateTime::parse_from_rfc2822(value).ok()?.to_utc(),
        };
        (at > now).then(|| at.min(now + RETRY_AFTER_MAX))
    }
}

fn private(feed: &str, private: PrivateAddress) -> FeedsError {
    FeedsError::Private { feed: feed.to_owned(), host: private.host, address: private.address }
}

/// An error of the given type among the causes of another.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The `charset` of a content type.
fn charset(content_type: &str) -> Option<String> {
    let value = content_type.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })?;
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::charset;

    #[test]
    fn the_charset_is_found_among_the_parameters() {
        assert_eq!(charset("text/xml; Charset=\"ISO-8859-1\"; x=y").as_deref(), Some("ISO-8859-1"));
        assert_eq!(charset("application/rss+xml"), None);
        assert_eq!(charset("text/xml; charset="), None);
    }
}
