//! Backups: one archive holds everything that a tenant has in the database, and the media that it refers to.
//!
//! An archive is a gzipped tar file of, in this order:
//! - `chimera-backup.json`: what it is ([`Header`]);
//! - `tables/NAME.jsonl` for each table, parents before children: a JSON object a row, by primary key. UUIDs and times
//!   (RFC 3339, UTC, to the microsecond) are texts, doubles have as many digits as make them come back exactly. The same
//!   rows give the same bytes on either database;
//! - `media/HASH.EXTENSION` for each blob that an artifact refers to, by name;
//! - `media.jsonl`: every blob referred to, and whether it is there, missing or damaged;
//! - `manifest.json`: counts and SHA-256 of all that ([`Manifest`]). It comes last, so an archive without it is cut off.
//!
//! Hashes tell damage, not forgery: restore only archives that you trust. What is *not* in an archive: configuration,
//! secrets, SOUL.md files, queues, and what platforms hold (the sandbox's posts too: it stands for a platform).
//!
//! To back up a new table: name it in [`tables`], after those that it refers to. A test finds the ones that are not named.

mod archive;
mod check;
mod doubt;
mod error;
mod restore;
mod rows;
mod save;
mod sound;
mod tables;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use chimera_domain::TenantId;

use crate::Backend;

pub use check::{Archive, check_backup};
pub use error::{ArchiveError, BackupError, Flaw, RestoreError};
pub use restore::{Restored, Restoring};
pub use rows::{ColumnShape, Kind};
pub use save::{Backup, BackupOrder};
pub use sound::Damaged;

/// The format that this program writes; it reads this one and older ones.
pub const FORMAT: u32 = 1;

/// The member that says what the archive is.
const HEADER: &str = "chimera-backup.json";
/// The member that lists the blobs.
const MEDIA_LIST: &str = "media.jsonl";
/// The member that ends the archive.
const MANIFEST: &str = "manifest.json";
/// Where tables lie.
const TABLES: &str = "tables/";
/// Where blobs lie.
const MEDIA: &str = "media/";

/// The longest row, in bytes of JSON; so reading an archive takes bounded memory.
const ROW_BYTES_MAX: usize = 64 << 20;
/// The largest header or manifest, in bytes.
const NOTE_BYTES_MAX: u64 = 4 << 20;

/// What an archive is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`] of the program that made it.
    pub format: u32,
    /// The version of the program that made it.
    pub program: String,
    /// What kind of database it was taken from.
    pub database: Backend,
    /// Whose rows these are.
    pub tenant: TenantId,
    /// The names of the migrations that the database had, in order.
    pub schema: Vec<String>,
    /// When.
    pub taken_at: DateTime<Utc>,
}

/// Everything that an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What it is of.
    #[serde(flatten)]
    pub header: Header,
    /// The tables, in the order in which they lie.
    pub tables: Vec<TableEntry>,
    /// The blobs together.
    pub media: MediaEntry,
}

/// One table in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnShape>,
    /// Rows.
    pub rows: u64,
    /// Length of the member, in bytes.
    pub bytes: u64,
    /// SHA-256 of the member, hex.
    pub sha256: String,
}

/// The blobs of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaEntry {
    /// Blobs that are there.
    pub files: u64,
    /// Their lengths together, in bytes.
    pub bytes: u64,
    /// Blobs that are referred to, but were not to be found.
    pub missing: u64,
    /// Blobs whose bytes were not those that their name promises, or that could not be read.
    pub damaged: u64,
    /// SHA-256 of the list of blobs, hex.
    pub list_sha256: String,
}

impl MediaEntry {
    /// Blobs that should be there and are not.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.missing + self.damaged
    }
}

impl Manifest {
    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// Whether a blob is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// It is.
    Kept,
    /// The file was not there.
    Missing,
    /// Its bytes were not those that its name promises, or could not be read.
    Damaged,
}

/// A line of the list of blobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaLine {
    /// The file's name: its SHA-256, and an extension by its type.
    pub file: String,
    /// Whether it is in the archive.
    pub state: MediaState,
    /// Its length in bytes; 0 when it is not in the archive.
    pub bytes: u64,
    /// A post that shows it.
    pub trace_id: String,
}

/// How far a backup or a restore has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A table is done.
    Table {
        /// Its name.
        name: &'a str,
        /// Its rows.
        rows: u64,
    },
    /// So many blobs are done.
    Media {
        /// Blobs so far.
        files: u64,
    },
}

/// Is told how far it has come; must be quick.
pub type Progress<'a> = &'a (dyn Fn(Step<'_>) + Send + Sync);

/// Blobs between two reports of progress.
const MEDIA_STEP: u64 = 500;

/// The name of an archive taken at this time, such as `chimera-backup-20261122T102030Z.tar.gz`.
#[must_use]
pub fn default_name(taken_at: DateTime<Utc>) -> PathBuf {
    PathBuf::from(format!("chimera-backup-{}.tar.gz", taken_at.format("%Y%m%dT%H%M%SZ")))
}

/// Unfinished archives that lie beside this one: backups that were killed left them, or they are under way. They are never
/// taken for whole ones.
#[must_use]
pub fn unfinished_beside(archive: &std::path::Path) -> Vec<PathBuf> {
    archive::unfinished_beside(archive)
}

/// Runs what waits for the disk or computes for long where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never cancelled, so it panicked; let that be seen here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests;
