//! Pictures and videos, named by their content: in a folder, or in a bucket that speaks S3.
//!
//! To add another place, implement [`Place`] and run the suite of `tests/it/media.rs` over it.

mod bucket;
mod bucket_config;
mod bucket_error;
mod folder;
mod links;
mod name;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use chimera_domain::sha256_hex;
use url::Url;

pub use bucket_config::{BucketConfig, BucketPlace};
pub use bucket_error::BucketTrouble;
pub use links::{LINK_MINUTES_MAX, LINK_PATH, Links};
pub(crate) use name::{file_name, is_content_of, is_file_name};

/// The longest blob that is kept or read, in bytes.
pub const BLOB_BYTES_MAX: u64 = 1 << 30;

/// Why a blob could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The folder can't be used.
    #[error("the media folder {path} can't be written; check that it exists, is yours and has room")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file can't be read.
    #[error("the media file {path} can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bucket can't be used.
    #[error("the media bucket fails at {place}")]
    Bucket {
        /// The bucket, or the object in it.
        place: String,
        /// Why, and what to do.
        #[source]
        source: BucketTrouble,
    },
    /// The settings name no bucket.
    #[error("{0}")]
    Config(&'static str),
    /// The file's bytes are not those its name promises.
    #[error("the media file {place} was changed since it was written")]
    Changed {
        /// The file.
        place: String,
    },
    /// Longer than [`BLOB_BYTES_MAX`].
    #[error("the media file {place} is longer than {BLOB_BYTES_MAX} bytes")]
    TooLong {
        /// The file.
        place: String,
    },
    /// Not a SHA-256 in hex.
    #[error("{0:?} is not the name of a blob")]
    BadName(String),
}

impl BlobError {
    /// Whether there is no such blob, as far as its place can tell.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
            Self::Bucket { source, .. } => matches!(source, BucketTrouble::Missing),
            _ => false,
        }
    }
}

/// Where files lie, each under its name. What names promise, [`Blobs`] sees to.
#[async_trait]
trait Place: fmt::Debug + Send + Sync {
    /// A file's address.
    fn uri(&self, file: &str) -> String;

    /// The folder, where it is one.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// An address by which anybody may read the file for so long, where the place itself gives such.
    async fn link(&self, _file: &str, _life: Duration) -> Result<Option<Url>, BlobError> {
        Ok(None)
    }

    /// Writes the file durably and as a whole, and makes it new again if it is there.
    async fn write(&self, file: &str, bytes: &[u8]) -> Result<(), BlobError>;

    /// At most [`BLOB_BYTES_MAX`] bytes.
    async fn read(&self, file: &str) -> Result<Vec<u8>, BlobError>;

    /// Brings the names of all files to disk, where that is not done yet.
    async fn sync(&self) -> Result<(), BlobError>;

    /// Fails where nothing can be written or read.
    async fn reach(&self) -> Result<(), BlobError>;

    /// Files last written before `before`, and those that were set aside.
    async fn old_files(&self, before: DateTime<Utc>) -> Result<OldFiles, BlobError>;

    /// Deletes a file, or sets it aside, if it was last written before `before`. False when it was not, or is not there.
    async fn remove_old(&self, file: &str, before: DateTime<Utc>) -> Result<bool, BlobError>;

    /// Puts a file back that was set aside.
    async fn put_back(&self, file: &str) -> Result<(), BlobError>;

    /// Deletes a file that was set aside before `before`.
    async fn forget(&self, file: &str, before: DateTime<Utc>) -> Result<(), BlobError>;
}

/// Files that were not written for a while.
#[derive(Debug, Default)]
pub(crate) struct OldFiles {
    /// Blobs, with their lengths in bytes.
    pub(crate) blobs: HashMap<String, u64>,
    /// What was left of writing others, with its length in bytes.
    pub(crate) scraps: Vec<(String, u64)>,
    /// Blobs that were set aside, whenever that was.
    pub(crate) aside: HashSet<String>,
}

/// Where blobs lie.
#[derive(Debug, Clone)]
pub struct Blobs {
    place: Arc<dyn Place>,
    links: Option<Arc<Links>>,
    link_life: Duration,
}

/// How long a link is good where nothing is said.
const LINK_LIFE: Duration = Duration::from_secs(60 * 60);

impl Blobs {
    /// Blobs in this folder, which is made on the first write.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { place: Arc::new(folder::Folder::new(folder)), links: None, link_life: LINK_LIFE }
    }

    /// Blobs in this bucket. Asks it nothing yet.
    ///
    /// # Errors
    /// [`BlobError::Config`] when the settings name no bucket.
    pub fn in_bucket(config: &BucketConfig) -> Result<Self, BlobError> {
        Ok(Self { place: Arc::new(bucket::Bucket::new(config)?), links: None, link_life: LINK_LIFE })
    }

    /// The same, whose links are good for so long. Those to a folder's files are made here; a bucket makes its own.
    #[must_use]
    pub fn with_links(self, links: Option<Links>, life: Duration) -> Self {
        Self { links: links.map(Arc::new), link_life: life, ..self }
    }

    /// The folder, where they lie in one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.place.folder()
    }

    /// Where a blob lies on this machine's disk; none in a bucket, or for what is no name.
    #[must_use]
    pub fn path(&self, sha256: &str, mime: &str) -> Option<PathBuf> {
        Some(self.folder()?.join(file_name(sha256, mime).ok()?))
    }

    /// A blob's address: `file://...` or `s3://BUCKET/...`.
    ///
    /// # Errors
    /// [`BlobError::BadName`] when `sha256` is not 64 lower-case hex digits.
    pub fn uri(&self, sha256: &str, mime: &str) -> Result<String, BlobError> {
        Ok(self.place.uri(&file_name(sha256, mime)?))
    }

    /// An address by which anybody may read a blob for a while, from now on: a bucket's own, or one that the console opens.
    /// None when there is no key for the latter.
    ///
    /// # Errors
    /// [`BlobError`] when `sha256` is no name, or the bucket can't sign.
    pub async fn link(&self, sha256: &str, mime: &str, now: DateTime<Utc>) -> Result<Option<String>, BlobError> {
        let file = file_name(sha256, mime)?;
        let url = match self.place.link(&file, self.link_life).await? {
            Some(url) => Some(url),
            None => self.links.as_ref().map(|links| links.of(&file, now + self.link_life)),
        };
        Ok(url.map(String::from))
    }

    /// Whether this signature lets somebody read this file of the folder now, whose link ends at this time, in seconds of
    /// the Unix epoch.
    #[must_use]
    pub fn opens(&self, file: &str, until: i64, signature: &str, now: DateTime<Utc>) -> bool {
        self.links.as_ref().is_some_and(|links| links.open(file, until, signature, now))
    }

    /// Keeps the bytes, durably. The same bytes again are written again, unless it was only just done: so a file that was
    /// changed is mended, and one that is old is new again, which keeps it from being collected before its row is there.
    /// Gives their name.
    ///
    /// # Errors
    /// [`BlobError`] when they can't be written.
    pub async fn put(&self, bytes: &[u8], mime: &str) -> Result<String, BlobError> {
        let name = sha256_hex(bytes);
        self.write(&file_name(&name, mime)?, bytes).await?;
        Ok(name)
    }

    /// The bytes, checked against their name.
    ///
    /// # Errors
    /// [`BlobError`] when they are absent, can't be read or were changed.
    pub async fn get(&self, sha256: &str, mime: &str) -> Result<Vec<u8>, BlobError> {
        self.get_file(&file_name(sha256, mime)?).await
    }

    /// Asks whether blobs can be kept and read there now.
    ///
    /// # Errors
    /// [`BlobError`], which says what to do.
    pub async fn reach(&self) -> Result<(), BlobError> {
        self.place.reach().await
    }

    /// Keeps the bytes under this file name, which promises them; a file of that name with other bytes is replaced.
    ///
    /// # Errors
    /// [`BlobError::BadName`] when it is no name of a blob, [`BlobError::Changed`] when it promises other bytes, and others
    /// when they can't be written.
    pub(crate) async fn put_file(&self, file: &str, bytes: &[u8]) -> Result<(), BlobError> {
        if !is_file_name(file) {
            return Err(BlobError::BadName(file.to_owned()));
        }
        if !is_content_of(file, bytes) {
            return Err(BlobError::Changed { place: self.place.uri(file) });
        }
        self.write(file, bytes).await
    }

    async fn write(&self, file: &str, bytes: &[u8]) -> Result<(), BlobError> {
        if bytes.len() as u64 > BLOB_BYTES_MAX {
            return Err(BlobError::TooLong { place: self.place.uri(file) });
        }
        self.place.write(file, bytes).await
    }

    /// The bytes of this file, checked against its name.
    ///
    /// # Errors
    /// [`BlobError`] when the file is absent, unreadable or changed.
    pub(crate) async fn get_file(&self, file: &str) -> Result<Vec<u8>, BlobError> {
        if !is_file_name(file) {
            return Err(BlobError::BadName(file.to_owned()));
        }
        let bytes = self.place.read(file).await?;
        if is_content_of(file, &bytes) { Ok(bytes) } else { Err(BlobError::Changed { place: self.place.uri(file) }) }
    }

    /// Brings the names of all blobs kept so far to disk; their bytes are there already.
    ///
    /// # Errors
    /// [`BlobError`] when that can't be done.
    pub(crate) async fn sync(&self) -> Result<(), BlobError> {
        self.place.sync().await
    }

    /// Files last written before `before`, and those that were set aside.
    ///
    /// # Errors
    /// [`BlobError`] when they can't be listed.
    pub(crate) async fn old_files(&self, before: DateTime<Utc>) -> Result<OldFiles, BlobError> {
        self.place.old_files(before).await
    }

    /// Takes a file away if it was last written before `before`. False when it was not, or is not there.
    ///
    /// # Errors
    /// [`BlobError`] when it can't be deleted.
    pub(crate) async fn remove_old(&self, file: &str, before: DateTime<Utc>) -> Result<bool, BlobError> {
        self.place.remove_old(file, before).await
    }

    /// Puts a file back that was set aside.
    ///
    /// # Errors
    /// [`BlobError`] when it can't be written.
    pub(crate) async fn put_back(&self, file: &str) -> Result<(), BlobError> {
        self.place.put_back(file).await
    }

    /// Deletes a file that was set aside before `before`.
    ///
    /// # Errors
    /// [`BlobError`] when it can't be deleted.
    pub(crate) async fn forget(&self, file: &str, before: DateTime<Utc>) -> Result<(), BlobError> {
        self.place.forget(file, before).await
    }
}
