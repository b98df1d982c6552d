//! Pictures and videos on disk, named by their content.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use chimera_domain::sha256_hex;
use tokio::{fs, io::AsyncWriteExt as _};

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
    /// The file's bytes are not those its name promises.
    #[error("the media file {path} was changed on disk")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Not a SHA-256 in hex.
    #[error("{0:?} is not the name of a blob")]
    BadName(String),
}

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Blobs in this folder, which is made on the first write.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a blob lies.
    ///
    /// # Errors
    /// [`BlobError::BadName`] when `sha256` is not 64 lower-case hex digits.
    pub fn path(&self, sha256: &str, mime: &str) -> Result<PathBuf, BlobError> {
        let is_hex = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            return Err(BlobError::BadName(sha256.to_owned()));
        }
        let extension = match mime {
            "image/png" => "png",
            "image/jpeg" => "jpg",
            "image/webp" => "webp",
            "video/mp4" => "mp4",
            _ => "bin",
        };
        Ok(self.folder.join(format!("{sha256}.{extension}")))
    }

    /// Keeps the bytes, durably; the same bytes again cost nothing. Gives their name.
    ///
    /// # Errors
    /// [`BlobError::Write`] when the folder can't be written.
    pub async fn put(&self, bytes: &[u8], mime: &str) -> Result<String, BlobError> {
        let name = sha256_hex(bytes);
        let path = self.path(&name, mime)?;
        let refuse = |source| BlobError::Write { path: path.clone(), source };
        if fs::try_exists(&path).await.map_err(refuse)? {
            return Ok(name);
        }
        fs::create_dir_all(&self.folder).await.map_err(refuse)?;
        // Written aside, flushed and renamed: a reader never sees half a picture, whenever the process dies.
        // Two that keep the same bytes at once must not write into one file.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let aside = self.folder.join(format!(".{name}.{}.{write}", std::process::id()));
        let mut file = fs::File::create(&aside).await.map_err(refuse)?;
        file.write_all(bytes).await.map_err(refuse)?;
        file.sync_all().await.map_err(refuse)?;
        fs::rename(&aside, &path).await.map_err(refuse)?;
        Ok(name)
    }

    /// The bytes, checked against their name.
    ///
    /// # Errors
    /// [`BlobError`] when the file is absent, unreadable or changed.
    pub async fn get(&self, sha256: &str, mime: &str) -> Result<Vec<u8>, BlobError> {
        let path = self.path(sha256, mime)?;
        let bytes = fs::read(&path).await.map_err(|source| BlobError::Read { path: path.clone(), source })?;
        if sha256_hex(&bytes) == sha256 { Ok(bytes) } else { Err(BlobError::Changed { path }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_bytes_kept_twice_at_once_are_kept_whole() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().join("media"));
        let bytes = vec![7; 1 << 20];
        let (a, b, c) = tokio::join!(blobs.put(&bytes, "x"), blobs.put(&bytes, "x"), blobs.put(&bytes, "x"));
        assert_eq!((a.unwrap(), b.unwrap()), (c.as_ref().unwrap().clone(), c.as_ref().unwrap().clone()));
        assert_eq!(blobs.get(&c.unwrap(), "x").await.unwrap(), bytes);
    }

    #[tokio::test]
    async fn bytes_round_trip_and_a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().join("media"));
        let name = blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(blobs.put(b"picture", "image/png").await.unwrap(), name);
        assert_eq!(blobs.get(&name, "image/png").await.unwrap(), b"picture");
        std::fs::write(blobs.path(&name, "image/png").unwrap(), b"other").unwrap();
        assert!(matches!(blobs.get(&name, "image/png").await, Err(BlobError::Changed { .. })));
        assert!(matches!(blobs.path("../../etc/passwd", "image/png"), Err(BlobError::BadName(_))));
    }
}
