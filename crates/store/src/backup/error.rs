//! What can go wrong with backups.

use std::path::PathBuf;

use sea_orm::DbErr;

use chimera_domain::TenantId;

use super::{Damaged, rows::BadRow};
use crate::{BlobError, StoreError};

/// Why no backup was made. Nothing is left under its name then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name.
    #[error("{path} exists already: choose another name with --output, or overwrite it with --force")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The archive can't be written.
    #[error(
        "the backup {path} can't be written: check that its folder exists, is yours and has room for the media and \
         twice the largest table; nothing was left under that name"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database has no schema yet.
    #[error("the database is empty, so there is nothing to back up: make it with `chimera db migrate`")]
    NoSchema,
    /// A column of a type that archives can't hold.
    #[error("column {column} of table {table} is of the type {type_name}, which no backup can hold")]
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What the database calls its type.
        type_name: String,
    },
    /// A value that can't be read.
    #[error(
        "a row of table {table} can't be read: its {column} is damaged (row {row}, by primary key, counted from 1)"
    )]
    Row {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Which row, counted from 1.
        row: u64,
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// A row beyond all measure.
    #[error("row {row} of table {table} is larger than {max} bytes, which no backup can hold")]
    RowTooLong {
        /// The table.
        table: String,
        /// Which row, counted from 1.
        row: u64,
        /// The bound.
        max: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for BackupError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

/// Why an archive can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the backup {path} can't be used, and nothing was written: take another one")]
pub struct ArchiveError {
    /// The archive.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub flaw: Flaw,
}

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// The file can't be opened or read.
    #[error("the file can't be read")]
    Unreadable(#[source] std::io::Error),
    /// The file ends too early.
    #[error("it is cut off: it ends before its manifest is whole")]
    CutOff,
    /// The compression does not hold together.
    #[error("its bytes were changed: it can't be decompressed, or is no tar file")]
    Broken(#[source] std::io::Error),
    /// No archive of this program.
    #[error("it is no backup made by `chimera db backup`")]
    NoBackup,
    /// Made by a newer program.
    #[error(
        "its format is {found}, and this program knows formats up to {known}: restore it with the program that made it ({program})"
    )]
    NewerFormat {
        /// The archive's.
        found: u64,
        /// The newest that this program knows.
        known: u32,
        /// The version of the program that made it, as it says itself.
        program: String,
    },
    /// A member that does not belong there.
    #[error("it holds {0:?} where no backup has that: it was tampered with, or made by something else")]
    Stranger(String),
    /// A member is not there.
    #[error("it lacks {0}")]
    Missing(String),
    /// A member's bytes are not those that were written.
    #[error("{0} is not what was backed up: its SHA-256 or its length differs")]
    Changed(String),
    /// The file is another one than that which was checked.
    #[error("it was replaced while it was read")]
    Replaced,
    /// A member is too large to be one of ours.
    #[error("{0} is larger than any backup's")]
    TooLarge(String),
    /// A member that should be JSON.
    #[error("{member} can't be read")]
    Malformed {
        /// The member.
        member: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Why an archive was not restored. The database is as it was then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The archive can't be used.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The database holds something.
    #[error(
        "the database is not empty ({} rows): a backup is restored into an empty one only; name another with \
         --data-dir or `database.url`, or move this one away",
        tables.join(", ")
    )]
    NotEmpty {
        /// The tables that hold rows.
        tables: Vec<String>,
    },
    /// The archive is of a newer program.
    #[error(
        "the backup was made by version {program}, whose schema is newer (it has {}, which this program does not \
         know): restore it with that version",
        unknown.join(", ")
    )]
    NewerSchema {
        /// The version of the program that made it.
        program: String,
        /// Migrations that this program does not know.
        unknown: Vec<String>,
    },
    /// The archive's schema is none that this program ever had.
    #[error("the backup's schema is none that this program ever had: it lacks the migration {missing}")]
    OtherSchema {
        /// The first migration that is missing before others that are there.
        missing: String,
    },
    /// The archive is another tenant's.
    #[error("the backup is tenant {found}'s, but this program serves tenant {expected}")]
    ForeignTenant {
        /// Whom the program serves.
        expected: TenantId,
        /// Whose the archive is.
        found: TenantId,
    },
    /// A table in the archive that is not in the schema that it names, or the other way round, or another one.
    #[error("the backup's table {table} is not that of the schema it names: it was tampered with, or this is a defect")]
    Table {
        /// The table.
        table: String,
    },
    /// A row in the archive that is none of its table.
    #[error("a row of table {table} in the backup can't be restored")]
    Row {
        /// The table.
        table: String,
        /// Why.
        #[source]
        source: BadRow,
    },
    /// Rows that mean nothing.
    #[error(
        "{} rows in the backup can't be read, and nothing was restored: take another backup, or restore them as they are with \
         --keep-damaged; the first: {}",
        .0.count,
        .0.named.first().map_or("", String::as_str)
    )]
    Damaged(Damaged),
    /// A blob can't be written.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for RestoreError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}
