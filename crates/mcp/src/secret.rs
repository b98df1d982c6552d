//! Secrets by reference: `secret://env/NAME` or `secret://file/PATH`. A value is fetched when a connection is made,
//! kept in a [`Secret`], and never printed.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const SCHEME: &str = "secret://";
const REDACTED: &str = "[redacted]";

/// Longest file that is read as a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A secret value. Its `Debug` hides it, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Never put it into a log, an error or a record.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Where a secret lies: a store's name and a path within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretRef {
    /// `env`, `file`, or any store that the [`SecretSource`] knows.
    pub store: String,
    /// The variable's name, the file's path, ...
    pub path: String,
}

impl FromStr for SecretRef {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || SecretError::Malformed { reference: text.to_owned() };
        let (store, path) = text.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/')).ok_or_else(malformed)?;
        let named = !store.is_empty() && store.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !named || path.trim().is_empty() || path.chars().any(char::is_whitespace) {
            return Err(malformed());
        }
        Ok(Self { store: store.to_owned(), path: path.to_owned() })
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.store, self.path)
    }
}

/// Why a secret could not be had. Names the reference, never the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is no reference.
    #[error("{reference:?} is no secret reference (want secret://env/NAME or secret://file/PATH)")]
    Malformed {
        /// What was read.
        reference: String,
    },
    /// No such variable, file or entry.
    #[error("{reference} is not set")]
    Missing {
        /// What was asked for.
        reference: SecretRef,
    },
    /// The source doesn't know the store.
    #[error("{reference}: no such secret store here (known: env, file)")]
    UnknownStore {
        /// What was asked for.
        reference: SecretRef,
    },
    /// The file is there but can't be used.
    #[error("{reference} can't be read")]
    Unreadable {
        /// What was asked for.
        reference: SecretRef,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Fetches secrets. The host asks again at every new connection, so a rotated secret is picked up.
#[async_trait]
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// The value behind the reference.
    ///
    /// # Errors
    /// [`SecretError`] when there is none, or it can't be read.
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError>;
}

/// Environment variables and files. A trailing line break of a file is dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalSecrets;

#[async_trait]
impl SecretSource for LocalSecrets {
    async fn fetch(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        match reference.store.as_str() {
            "env" => std::env::var(&reference.path)
                .ok()
                .filter(|value| !value.is_empty())
                .map(Secret)
                .ok_or_else(|| SecretError::Missing { reference: reference.clone() }),
            "file" => read_secret_file(reference).await,
            _ => Err(SecretError::UnknownStore { reference: reference.clone() }),
        }
    }
}

async fn read_secret_file(reference: &SecretRef) -> Result<Secret, SecretError> {
    use tokio::io::AsyncReadExt as _;

    let unreadable = |source| SecretError::Unreadable { reference: reference.clone(), source };
    // `secret://file//run/x` and `secret://file/run/x` both name `/run/x`; `secret://file/./x` is relative.
    let path =
        if reference.path.starts_with(['/', '.']) { reference.path.clone() } else { format!("/{}", reference.path) };
    let file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    let mut value = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut value).await.map_err(unreadable)?;
    let value = value.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(SecretError::Missing { reference: reference.clone() });
    }
    Ok(Secret::new(value))
}

/// A configured text that may end in a secret reference: `plain`, `secret://env/TOKEN`, `Bearer secret://env/TOKEN`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Setting {
    literal: String,
    reference: Option<SecretRef>,
}

impl Setting {
    /// A text without a secret.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { literal: text.into(), reference: None }
    }

    /// Whether a secret is part of it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.reference.is_some()
    }

    /// The text with the secret put in, and the bare secret for redaction.
    pub(crate) async fn resolve(&self, source: &dyn SecretSource) -> Result<(Secret, Option<Secret>), SecretError> {
        match &self.reference {
            None => Ok((Secret::new(&*self.literal), None)),
            Some(reference) => {
                let secret = source.fetch(reference).await?;
                Ok((Secret(format!("{}{}", self.literal, secret.expose())), Some(secret)))
            }
        }
    }
}

impl TryFrom<String> for Setting {
    type Error = SecretError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.find(SCHEME) {
            None => Ok(Self::plain(text)),
            Some(at) => {
                let (literal, reference) = text.split_at(at);
                Ok(Self { literal: literal.to_owned(), reference: Some(reference.parse()?) })
            }
        }
    }
}

impl From<Setting> for String {
    fn from(setting: Setting) -> Self {
        match setting.reference {
            None => setting.literal,
            Some(reference) => format!("{}{reference}", setting.literal),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from(self.clone()))
    }
}

/// The secrets of one connection, to be struck out of what its server says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Redaction(Vec<Secret>);

impl Redaction {
    pub(crate) fn add(&mut self, secret: Option<Secret>) {
        self.0.extend(secret.filter(|s| !s.0.is_empty()));
    }

    pub(crate) fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose(), REDACTED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_nonsense_is_refused() {
        let setting = Setting::try_from("Bearer secret://env/TOKEN".to_owned()).unwrap();
        assert!(setting.is_secret());
        assert_eq!(String::from(setting), "Bearer secret://env/TOKEN");
        assert!(!Setting::try_from("en-GB".to_owned()).unwrap().is_secret());
        for text in ["secret://", "secret://env", "secret://env/", "secret://ENV/X", "secret://env/A B"] {
            assert!(Setting::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_secret_comes_from_a_file_and_is_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "hunter2\n").unwrap();
        let setting = Setting::try_from(format!("Bearer secret://file/{}", path.display())).unwrap();
        let (value, bare) = setting.resolve(&LocalSecrets).await.unwrap();
        assert_eq!(value.expose(), "Bearer hunter2");
        assert!(!format!("{value:?} {setting:?} {bare:?}").contains("hunter2"));
        let mut redaction = Redaction::default();
        redaction.add(bare);
        assert_eq!(redaction.apply("bad token hunter2!"), "bad token [redacted]!");
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let missing = Setting::try_from("secret://env/CHIMERA_SURELY_NOT_SET".to_owned()).unwrap();
        let error = missing.resolve(&LocalSecrets).await.unwrap_err();
        assert_eq!(error.to_string(), "secret://env/CHIMERA_SURELY_NOT_SET is not set");
        let vault = Setting::try_from("secret://vault/a/b".to_owned()).unwrap();
        assert!(matches!(vault.resolve(&LocalSecrets).await, Err(SecretError::UnknownStore { .. })));
    }
}
