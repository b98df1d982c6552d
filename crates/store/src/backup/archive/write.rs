//! Writing an archive: under a name of its own, and under the final one only when it is whole and on disk.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use tempfile::NamedTempFile;

use chimera_domain::ContentHasher;

use crate::backup::{
    BackupError, ColumnShape, HEADER, Header, MANIFEST, MEDIA, MEDIA_LIST, Manifest, MediaEntry, MediaLine, MediaState,
    TABLES, TableEntry,
};

/// What the name of an unfinished archive begins and ends with.
const PARTIAL: (&str, &str) = (".chimera-backup-", ".partial");

/// Unfinished archives in the folder of `target`: of backups that were killed, or are under way.
pub(in crate::backup) fn unfinished_beside(target: &Path) -> Vec<PathBuf> {
    let is_partial = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1)
    };
    // One that can't be listed is no reason to fail: the archive is there.
    let entries = std::fs::read_dir(folder(target)).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_partial).collect();
    found.sort();
    found
}

/// An archive that is being written. Dropped before [`Self::finish`], it leaves nothing behind.
pub(in crate::backup) struct Writer {
    target: PathBuf,
    force: bool,
    header: Header,
    tar: tar::Builder<GzEncoder<BufWriter<File>>>,
    file: NamedTempFile,
    tables: Vec<TableEntry>,
    table: Option<Spool>,
    media: MediaEntry,
    media_list: Spool,
}

/// A member whose length is not known before its end: it lies in a file without a name until then.
struct Spool {
    file: BufWriter<File>,
    hasher: ContentHasher,
    rows: u64,
    bytes: u64,
}

impl Spool {
    fn new(folder: &Path) -> io::Result<Self> {
        let file = BufWriter::new(tempfile::tempfile_in(folder)?);
        Ok(Self { file, hasher: ContentHasher::default(), rows: 0, bytes: 0 })
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.hasher.update(line);
        self.rows += 1;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// The file from its start, its length and its hash.
    fn end(self) -> io::Result<(File, u64, String)> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok((file, self.bytes, self.hasher.finish()))
    }
}

impl Writer {
    /// Begins an archive that will be `target`.
    pub(in crate::backup) fn begin(target: &Path, force: bool, header: Header) -> Result<Self, BackupError> {
        if !force && target.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { path: target.to_owned() });
        }
        let folder = folder(target).to_owned();
        let begun = || -> io::Result<Self> {
            // Readable by nobody else from the start: it holds drafts and personas.
            let file = tempfile::Builder::new().prefix(PARTIAL.0).suffix(PARTIAL.1).tempfile_in(&folder)?;
            let gzip = GzEncoder::new(BufWriter::new(file.as_file().try_clone()?), Compression::default());
            let mut writer = Self {
                target: target.to_owned(),
                force,
                header,
                tar: tar::Builder::new(gzip),
                file,
                tables: vec![],
                table: None,
                media: MediaEntry::default(),
                media_list: Spool::new(&folder)?,
            };
            let note = note(&writer.header)?;
            writer.append(HEADER, note.len() as u64, note.as_slice())?;
            Ok(writer)
        };
        begun().map_err(|source| BackupError::Write { path: target.to_owned(), source })
    }

    /// Adds rows to the table that is under way.
    pub(in crate::backup) fn lines(&mut self, lines: &[Vec<u8>]) -> Result<(), BackupError> {
        let written = || -> io::Result<()> {
            let mut spool = match self.table.take() {
                Some(spool) => spool,
                None => Spool::new(folder(&self.target))?,
            };
            for line in lines {
                spool.line(line)?;
            }
            self.table = Some(spool);
            Ok(())
        }();
        self.told(written)
    }

    /// Ends the table that is under way, or one without rows. Returns its rows.
    pub(in crate::backup) fn end_table(&mut self, name: &str, columns: Vec<ColumnShape>) -> Result<u64, BackupError> {
        self.lines(&[])?;
        let spool = self.table.take();
        let written = || -> io::Result<u64> {
            let Some(spool) = spool else { return Ok(0) };
            let rows = spool.rows;
            let (file, bytes, sha256) = spool.end()?;
            self.append(&format!("{TABLES}{name}.jsonl"), bytes, file)?;
            self.tables.push(TableEntry { name: name.to_owned(), columns, rows, bytes, sha256 });
            Ok(rows)
        }();
        self.told(written)
    }

    /// Adds a blob, or the fact that it is not to be had. Blobs come by name.
    pub(in crate::backup) fn blob(&mut self, line: &MediaLine, bytes: &[u8]) -> Result<(), BackupError> {
        let written = || -> io::Result<()> {
            match line.state {
                MediaState::Kept => {
                    self.append(&format!("{MEDIA}{}", line.file), bytes.len() as u64, bytes)?;
                    self.media.files += 1;
                    self.media.bytes += bytes.len() as u64;
                }
                MediaState::Missing => self.media.missing += 1,
                MediaState::Damaged => self.media.damaged += 1,
            }
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            self.media_list.line(&text)
        }();
        self.told(written)
    }

    /// Ends the archive, brings it to disk, and gives it its name. Returns what is in it, and its length in bytes.
    pub(in crate::backup) fn finish(self) -> Result<(Manifest, u64), BackupError> {
        let Self { target, force, header, mut tar, file, tables, mut media, media_list, .. } = self;
        let taken_at = header.taken_at;
        let written = || -> io::Result<(Manifest, u64)> {
            let (list, bytes, sha256) = media_list.end()?;
            append(&mut tar, MEDIA_LIST, bytes, taken_at, list)?;
            media.list_sha256 = sha256;
            let manifest = Manifest { header, tables, media };
            let text = note(&manifest)?;
            append(&mut tar, MANIFEST, text.len() as u64, taken_at, text.as_slice())?;
            tar.into_inner()?.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            Ok((manifest, file.as_file().metadata()?.len()))
        };
        let write_error = |source| BackupError::Write { path: target.clone(), source };
        let done = written().map_err(write_error)?;
        let named = if force { file.persist(&target) } else { file.persist_noclobber(&target) };
        named.map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists { path: target.clone() },
            _ => write_error(error.error),
        })?;
        // The name is in the folder, and must be on disk too.
        File::open(folder(&target)).and_then(|folder| folder.sync_all()).map_err(write_error)?;
        Ok(done)
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl io::Read) -> io::Result<()> {
        append(&mut self.tar, name, bytes, self.header.taken_at, content)
    }

    fn told<T>(&self, written: io::Result<T>) -> Result<T, BackupError> {
        written.map_err(|source| BackupError::Write { path: self.target.clone(), source })
    }
}

/// The folder that a file is in.
fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

fn note(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn append(
    tar: &mut tar::Builder<impl io::Write>,
    name: &str,
    bytes: u64,
    at: DateTime<Utc>,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(u64::try_from(at.timestamp()).unwrap_or_default());
    tar.append_data(&mut header, name, content.take(bytes))
}
