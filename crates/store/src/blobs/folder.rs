//! Blobs in a folder, which several machines may share.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::fs;

use super::{BLOB_BYTES_MAX, BlobError, OldFiles, Place, is_file_name};

/// The same bytes are not written again for so long, if their file is still as it was written. Whoever collects old files
/// reckons in days.
const KEPT_AFRESH: Duration = Duration::from_secs(60);
/// So many files are remembered as just written.
const AFRESH_MAX: usize = 1_024;

/// A folder of files.
#[derive(Debug)]
pub(super) struct Folder {
    folder: PathBuf,
    afresh: Afresh,
}

/// What this process wrote just now: when, and how the file looked then.
#[derive(Debug, Clone, Default)]
struct Afresh(Arc<Mutex<HashMap<PathBuf, (Instant, Look)>>>);

/// A file's length in bytes, and when it was last written.
type Look = (u64, SystemTime);

impl Afresh {
    /// Whether this file was written within [`KEPT_AFRESH`] and still is what it was.
    fn has(&self, path: &Path) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).copied();
        known.is_some_and(|(at, look)| at.elapsed() < KEPT_AFRESH && look_of(path).is_ok_and(|now| now == look))
    }

    fn add(&self, path: PathBuf, look: Look) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= AFRESH_MAX {
            known.retain(|_, (at, _)| at.elapsed() < KEPT_AFRESH);
        }
        if known.len() < AFRESH_MAX {
            known.insert(path, (Instant::now(), look));
        }
    }
}

fn look_of(path: &Path) -> std::io::Result<Look> {
    let about = std::fs::metadata(path)?;
    Ok((about.len(), about.modified()?))
}

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, afresh: Afresh::default() }
    }
}

#[async_trait]
impl Place for Folder {
    fn uri(&self, file: &str) -> String {
        format!("file://{}", self.folder.join(file).display())
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.folder)
    }

    async fn write(&self, file: &str, bytes: &[u8]) -> Result<(), BlobError> {
        // Two that keep the same bytes at once must not write into one file.
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let write = WRITES.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(file);
        let aside = self.folder.join(format!(".{file}.{}.{write}", std::process::id()));
        let refuse = |source| BlobError::Write { path: path.clone(), source };
        let (afresh, path, bytes) = (self.afresh.clone(), path.clone(), bytes.to_owned());
        let writing = tokio::task::spawn_blocking(move || {
            if afresh.has(&path) {
                return Ok(());
            }
            keep(&path, &aside, &bytes)?;
            afresh.add(path.clone(), look_of(&path)?);
            Ok(())
        });
        writing.await.map_err(std::io::Error::other).flatten().map_err(refuse)
    }

    async fn read(&self, file: &str) -> Result<Vec<u8>, BlobError> {
        let path = self.folder.join(file);
        let reading = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || read_bounded(&path))
        };
        let read = reading.await.map_err(std::io::Error::other).flatten();
        read.map_err(|source| match source.kind() {
            ErrorKind::FileTooLarge => BlobError::TooLong { place: self.uri(file) },
            _ => BlobError::Read { path, source },
        })
    }

    async fn sync(&self) -> Result<(), BlobError> {
        match fs::File::open(&self.folder).await {
            // None was kept yet.
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(source),
            Ok(folder) => folder.sync_all().await,
        }
        .map_err(|source| BlobError::Write { path: self.folder.clone(), source })
    }

    async fn reach(&self) -> Result<(), BlobError> {
        let probe = self.folder.join(format!(".probe-{}", std::process::id()));
        let probing = {
            let (folder, probe) = (self.folder.clone(), probe.clone());
            tokio::task::spawn_blocking(move || {
                std::fs::create_dir_all(&folder)?;
                std::fs::write(&probe, b"probe")?;
                std::fs::remove_file(&probe)
            })
        };
        let probed = probing.await.map_err(std::io::Error::other).flatten();
        probed.map_err(|source| BlobError::Write { path: self.folder.clone(), source })
    }

    /// None are set aside for longer than a moment: those that a collector which died had in hand are put back first.
    async fn old_files(&self, before: DateTime<Utc>) -> Result<OldFiles, BlobError> {
        let mut old = OldFiles::default();
        let refuse = |source| BlobError::Read { path: self.folder.clone(), source };
        let mut entries = match fs::read_dir(&self.folder).await {
            Ok(entries) => entries,
            // None was kept yet.
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(old),
            Err(source) => return Err(refuse(source)),
        };
        while let Some(entry) = entries.next_entry().await.map_err(refuse)? {
            let Ok(mut name) = entry.file_name().into_string() else { continue };
            let mut path = entry.path();
            if let Some(file) = set_aside(&name) {
                let place = self.folder.join(file);
                if fs::try_exists(&place).await.map_err(refuse)? {
                    fs::remove_file(&path).await.map_err(refuse)?;
                    continue;
                }
                fs::rename(&path, &place).await.map_err(refuse)?;
                (name, path) = (file.to_owned(), place);
            }
            // It may be gone by now: others write, too.
            let Ok(about) = fs::metadata(&path).await else { continue };
            if about.is_file() && is_older(&about, before).map_err(refuse)? {
                if is_file_name(&name) {
                    old.blobs.insert(name, about.len());
                } else if is_scrap(&name) {
                    old.scraps.push((name, about.len()));
                }
            }
        }
        Ok(old)
    }

    async fn remove_old(&self, file: &str, before: DateTime<Utc>) -> Result<bool, BlobError> {
        let path = self.folder.join(file);
        // Set aside first: a blob that is written now lands beside it, and one that was written just before is seen to
        // be new.
        let aside = self.folder.join(format!(".{file}{SET_ASIDE}"));
        let removed = async {
            match fs::rename(&path, &aside).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                renamed => renamed?,
            }
            if is_older(&fs::metadata(&aside).await?, before)? {
                fs::remove_file(&aside).await?;
                return Ok(true);
            }
            fs::rename(&aside, &path).await?;
            Ok(false)
        };
        removed.await.map_err(|source| BlobError::Write { path: path.clone(), source })
    }

    async fn put_back(&self, _: &str) -> Result<(), BlobError> {
        Ok(())
    }

    async fn forget(&self, _: &str, _: DateTime<Utc>) -> Result<(), BlobError> {
        Ok(())
    }
}

/// All of the file, unless it is too long.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    if length > BLOB_BYTES_MAX {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(BLOB_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Written aside, flushed and renamed: a reader never sees half a picture, whenever the process dies.
fn keep(path: &Path, aside: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let written = || {
        let file = match std::fs::File::create(aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                std::fs::File::create(aside)?
            }
            file => file?,
        };
        write_whole(file, bytes)?;
        std::fs::rename(aside, path)
    };
    written().inspect_err(|_| {
        // What is left of it only takes room away from the next attempt.
        let _ = std::fs::remove_file(aside);
    })
}

/// Writes all of it, to the disk itself.
fn write_whole(mut file: std::fs::File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a file's name ends with while it is decided whether it goes.
const SET_ASIDE: &str = ".going";

/// The name of the blob that was set aside under this one.
fn set_aside(name: &str) -> Option<&str> {
    name.strip_prefix('.')?.strip_suffix(SET_ASIDE).filter(|file| is_file_name(file))
}

/// Whether a blob was being written under this name: `.NAME.PROCESS.NUMBER`.
fn is_scrap(name: &str) -> bool {
    let parts = name.strip_prefix('.').map(|rest| rest.splitn(3, '.').collect::<Vec<_>>());
    matches!(parts.as_deref(), Some([sha256, extension, _]) if is_file_name(&format!("{sha256}.{extension}")))
}

fn is_older(about: &std::fs::Metadata, before: DateTime<Utc>) -> std::io::Result<bool> {
    Ok(DateTime::<Utc>::from(about.modified()?) < before)
}

#[cfg(test)]
mod tests {
    use chimera_domain::sha256_hex;

    use super::*;
    use crate::Blobs;

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
    async fn what_was_only_just_written_is_not_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().to_owned());
        let name = blobs.put(b"picture", "image/png").await.unwrap();
        let path = blobs.path(&name, "image/png").unwrap();
        let first = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
        blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap()), first);
        // Another process knows nothing of it, and neither does this one once the file is gone.
        Blobs::new(folder.path().to_owned()).put(b"picture", "image/png").await.unwrap();
        assert_ne!(std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap()), first);
        std::fs::remove_file(&path).unwrap();
        blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(blobs.get(&name, "image/png").await.unwrap(), b"picture");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_without_room_is_told_of() {
        // This device refuses every byte, as a full disk does.
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let told = write_whole(full, b"picture").unwrap_err();
        assert_eq!(told.kind(), std::io::ErrorKind::StorageFull);
    }

    #[tokio::test]
    async fn a_file_cut_short_is_written_anew_and_nothing_is_left_lying_about() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path().to_owned());
        let name = blobs.put(b"picture", "image/png").await.unwrap();
        std::fs::write(blobs.path(&name, "image/png").unwrap(), b"").unwrap();
        blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(blobs.get(&name, "image/png").await.unwrap(), b"picture");
        // A folder stands where the file should: the rename fails.
        let other = sha256_hex(b"other");
        std::fs::create_dir_all(blobs.path(&other, "image/png").unwrap().join("taken")).unwrap();
        assert!(matches!(blobs.put(b"other", "image/png").await, Err(BlobError::Write { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
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
        assert!(matches!(blobs.put_file(&format!("{name}.png"), b"other").await, Err(BlobError::Changed { .. })));
        blobs.put_file(&format!("{name}.png"), b"picture").await.unwrap();
        assert_eq!(blobs.get_file(&format!("{name}.png")).await.unwrap(), b"picture", "mended");
        for bad in ["../x.png", &name, &format!("{name}.exe"), &format!("{name}.png.png"), &format!("/{name}.png")] {
            assert!(!is_file_name(bad), "{bad}");
            assert!(matches!(blobs.get_file(bad).await, Err(BlobError::BadName(_))), "{bad}");
        }
        assert!(matches!(blobs.uri("../../etc/passwd", "image/png"), Err(BlobError::BadName(_))));
    }
}
