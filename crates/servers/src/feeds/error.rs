//! Everything that can go wrong, each with the way out.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use chimera_domain::{error_chain, one_line};
use chrono::{DateTime, Utc};

/// Longest error on one line, in Unicode scalar values.
const LINE_CHARS_MAX: usize = 2_000;

/// Why the feeds server cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedsError {
    /// A configured number is out of its range.
    #[error("{key} is {value}; it must be {min} to {max}")]
    OutOfRange {
        /// The configuration key.
        key: &'static str,
        /// What was given.
        value: u64,
        /// Smallest allowed.
        min: u64,
        /// Largest allowed.
        max: u64,
    },
    /// A feed's name is empty or too long.
    #[error("the feed name {name:?} must have 1 to 100 characters; choose a short name")]
    Name {
        /// What was given.
        name: String,
    },
    /// Two feeds have the same name, but for case and punctuation.
    #[error("the name {name:?} is taken by the feed at {by} (URI feed://{slug}); choose another name")]
    NameTaken {
        /// What was given.
        name: String,
        /// What it comes to.
        slug: String,
        /// The source of the feed that has it.
        by: String,
    },
    /// A file root is not absolute.
    #[error("file_roots has {}; write the whole path, beginning with a slash", .root.display())]
    RelativeRoot {
        /// What was given.
        root: PathBuf,
    },
    /// A source cannot be understood.
    #[error("{given:?} is not a feed source: {why}; give an http(s) URL, a file:// URL or the whole path of a file")]
    Source {
        /// What was given.
        given: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The HTTP client cannot be built, as when the machine has no certificate store.
    #[error("the HTTP client cannot be set up; check the proxy variables and the certificates of this machine")]
    Client {
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// No such feed.
    #[error("no feed is called {asked:?}; the feeds are: {}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// The URIs of the feeds there are.
        known: Vec<String>,
    },
    /// A client named a source that nobody configured, on a server that does not allow it.
    #[error(
        "{asked:?} is not a configured feed; add it to `feeds`, or set `dynamic: true` to let clients name sources"
    )]
    NotConfigured {
        /// What was asked for.
        asked: String,
    },
    /// There are as many feeds as a server keeps.
    #[error("there are already {max} feeds; remove one from the configuration first")]
    Full {
        /// How many there are.
        max: usize,
    },
    /// A client named a file outside of the allowed folders.
    #[error("{}: files named by clients must lie under a folder in `file_roots`; move it there or add its folder", .path.display())]
    OutsideRoots {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{}: the file cannot be read; check that it exists and that this user may read it", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// A path is a folder, a pipe or a device.
    #[error("{}: this is not a regular file; give the path of a feed file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A host is not on the public internet.
    #[error("{feed}: {host} is at the private address {address}; if you trust it, add it to `private_hosts`")]
    Private {
        /// The feed's source.
        feed: String,
        /// The host, which may be that of a redirect.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// No answer.
    #[error("{feed}: no connection; check the address and the network, then try again")]
    Unreachable {
        /// The feed's source.
        feed: String,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke, or the answer was not HTTP.
    #[error("{feed}: the answer broke off; try again later")]
    Broken {
        /// The feed's source.
        feed: String,
        /// The reason.
        #[source]
        source: reqwest::Error,
    },
    /// The answer took too long.
    #[error("{feed}: not read within {seconds} s; try again later or raise `limits.timeout_seconds`")]
    TimedOut {
        /// The feed's source.
        feed: String,
        /// The limit.
        seconds: u64,
    },
    /// The body is too large.
    #[error(
        "{feed}: larger than {limit} bytes (after decompression); a feed this size is refused, raise `limits.body_bytes_max` if it is right"
    )]
    TooLarge {
        /// The feed's source.
        feed: String,
        /// The limit.
        limit: usize,
    },
    /// Too many redirects, or one that leads nowhere.
    #[error("{feed}: redirected more than {limit} times or to something that is not http(s); give the final address")]
    Redirects {
        /// The feed's source.
        feed: String,
        /// The limit.
        limit: usize,
    },
    /// The server refused.
    #[error("{feed}: the server answered {status}; {}", advice(*.status, *.retry_at))]
    Status {
        /// The feed's source.
        feed: String,
        /// HTTP status.
        status: u16,
        /// When the server allows the next request, if it said so.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The server asked for patience earlier, so it was not asked again.
    #[error("{feed}: the server asked not to be called before {}; wait until then", .until.format("%Y-%m-%dT%H:%M:%SZ"))]
    Waiting {
        /// The feed's source.
        feed: String,
        /// When the next request is allowed.
        until: DateTime<Utc>,
    },
    /// What was read is not a feed.
    #[error("{feed}: {found}")]
    NotAFeed {
        /// The feed's source.
        feed: String,
        /// What it is instead, and what to do.
        found: Found,
    },
    /// The server is shutting down.
    #[error("the feeds server is stopping; start it again")]
    Stopping,
}

fn advice(status: u16, retry_at: Option<DateTime<Utc>>) -> String {
    let when = retry_at.map(|at| format!(" after {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
    match status {
        401 | 403 | 407 => "it wants a login or refuses programs; check the address and the user in it".to_owned(),
        404 | 410 => "the feed is gone; look for its new address".to_owned(),
        429 => format!("it is asked too often; try again{when}, and raise interval_seconds"),
        500..=599 => format!("it is in trouble; try again{when}"),
        _ => "check the address in a browser".to_owned(),
    }
}

/// What was found where a feed should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// Nothing at all.
    Empty,
    /// A web page, with the feeds it names.
    Page {
        /// The page's title.
        title: String,
        /// Addresses of feeds in its head.
        feeds: Vec<String>,
    },
    /// XML with another root.
    Xml {
        /// The root element's name.
        root: String,
    },
    /// JSON that is not a JSON Feed.
    Json {
        /// What it lacks.
        why: String,
    },
    /// Bytes of a known kind, such as "a PNG picture".
    Bytes {
        /// The kind.
        kind: &'static str,
    },
    /// Some other text.
    Text {
        /// How it begins.
        start: String,
    },
    /// A feed that is damaged before its first whole item.
    Damaged {
        /// Line of the damage, from 1.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// Something made to hurt its reader.
    Hostile {
        /// What it does.
        why: &'static str,
    },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("found nothing (an empty body); check the address"),
            Self::Page { title, feeds } => {
                let title = if title.is_empty() { String::new() } else { format!(" ({title:?})") };
                write!(f, "found an HTML page{title}, not a feed; ")?;
                if feeds.is_empty() {
                    f.write_str("look on the page for its RSS or Atom link and use that")
                } else {
                    write!(f, "the page names {}; use that", feeds.join(" and "))
                }
            }
            Self::Xml { root } => {
                write!(f, "found XML with the root <{root}>, not RSS (<rss>, <rdf:RDF>) or Atom (<feed>); ")?;
                match root.to_ascii_lowercase().as_str() {
                    "opml" => f.write_str("this is a list of feeds, configure the feeds in it one by one"),
                    "urlset" | "sitemapindex" => f.write_str("this is a sitemap, use the site's feed instead"),
                    _ => f.write_str("check the address"),
                }
            }
            Self::Json { why } => write!(f, "found JSON that is not a JSON Feed ({why}); check the address"),
            Self::Bytes { kind } => write!(f, "found {kind}, not a feed; check the address"),
            Self::Text { start } => {
                write!(f, "found text that begins {start:?}, not RSS, Atom or JSON Feed; check the address")
            }
            Self::Damaged { line, why } => {
                write!(f, "the feed is damaged at line {line} before its first whole item ({why}); tell its publisher")
            }
            Self::Hostile { why } => write!(f, "the document {why}; it was refused, do not use this feed"),
        }
    }
}

impl FeedsError {
    /// The error and its causes on one bounded line, for a client that sees only a message. What publishers wrote is in
    /// it, so it is made safe to show.
    #[must_use]
    pub fn one_line(&self) -> String {
        one_line(&error_chain(self), LINE_CHARS_MAX)
    }

    /// Whether the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::TimedOut { .. }
            | Self::Waiting { .. }
            | Self::Stopping => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// When the server allows the next request, if it said so.
    #[must_use]
    pub fn retry_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Status { retry_at, .. } => *retry_at,
            Self::Waiting { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// Whether the caller asked for something that is not there or not allowed, rather than a fetch that failed.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        matches!(
            self,
            Self::OutOfRange { .. }
                | Self::Name { .. }
                | Self::NameTaken { .. }
                | Self::Source { .. }
                | Self::Unknown { .. }
                | Self::NotConfigured { .. }
                | Self::Full { .. }
                | Self::OutsideRoots { .. }
        )
    }
}
