//! Where a feed comes from, and who named it.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use super::error::FeedsError;

/// Longest source, bytes.
const SOURCE_BYTES_MAX: usize = 2_048;

/// A parsed source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// Over `http` or `https`.
    Web(Url),
    /// From a file, by its absolute path.
    File(PathBuf),
}

/// Who named a source; it decides which files may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedBy {
    /// The operator, in the configuration or on the command line: any file.
    Operator,
    /// A client: only files under the configured folders.
    Client,
}

impl Source {
    /// Reads a URL or an absolute path.
    pub(super) fn parse(text: &str) -> Result<Self, FeedsError> {
        let text = text.trim();
        let wrong = |why| FeedsError::Source { given: clip(text), why };
        if text.is_empty() || text.len() > SOURCE_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(wrong("it is empty, longer than 2,048 bytes or has control characters"));
        }
        if Path::new(text).is_absolute() {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let url = Url::parse(text).map_err(|_| wrong("it is neither a URL nor a whole path"))?;
        match url.scheme() {
            "http" | "https" if url.host().is_some() => Ok(Self::Web(url)),
            "file" => url.to_file_path().map(Self::File).map_err(|()| wrong("the file URL names another machine")),
            _ => Err(wrong("only http, https and file are read")),
        }
    }

    /// The name under which items and errors speak of it: without user name, password and fragment.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Web(url) => {
                let mut url = url.clone();
                // These only fail for URLs without a host, which `parse` refused.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                url.set_fragment(None);
                url.into()
            }
            Self::File(path) => path.display().to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

/// The front of a text, for an error message.
pub(super) fn clip(text: &str) -> String {
    const SHOWN: usize = 200;
    chimera_domain::one_line(text, SHOWN)
}

/// The last part of a resource URI: ASCII letters and digits of the name in lower case, dashes between; `None` when
/// nothing is left of it.
pub(super) fn slug(name: &str) -> Option<String> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    (!words.is_empty()).then(|| words.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_and_whole_paths_are_sources() {
        assert!(matches!(Source::parse(" https://example.com/feed?x=1 ").unwrap(), Source::Web(_)));
        assert_eq!(Source::parse("/var/feeds/a b.xml").unwrap(), Source::File("/var/feeds/a b.xml".into()));
        assert_eq!(Source::parse("file:///var/feeds/a%20b.xml").unwrap(), Source::File("/var/feeds/a b.xml".into()));
    }

    #[test]
    fn everything_else_says_why_not() {
        for (given, why) in [
            ("feeds/a.xml", "neither a URL nor a whole path"),
            ("ftp://example.com/feed", "only http, https and file"),
            ("javascript:alert(1)", "only http, https and file"),
            ("file://other/feed.xml", "another machine"),
            ("", "empty"),
            ("https://exa\u{7}mple.com", "control characters"),
        ] {
            let error = Source::parse(given).unwrap_err().to_string();
            assert!(error.contains(why), "{given}: {error}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let source = Source::parse("https://me:secret@example.com/feed?page=2#top").unwrap();
        assert_eq!(source.to_string(), "https://example.com/feed?page=2");
    }

    #[test]
    fn slugs_are_plain_ascii() {
        assert_eq!(slug("Vogue — Runway 2026!").as_deref(), Some("vogue-runway-2026"));
        assert_eq!(slug("時尚"), None);
    }
}
