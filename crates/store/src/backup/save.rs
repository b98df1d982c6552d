//! Taking a backup, while the fleet runs.

use std::{collections::BTreeMap, path::PathBuf};

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseTransaction, JsonValue};

use super::{
    BackupError, FORMAT, Header, MEDIA_STEP, Manifest, MediaLine, MediaState, Progress, ROW_BYTES_MAX, Step,
    archive::Writer,
    blocking,
    check::LOST_NAMED_MAX,
    rows::{Row, Sheet},
    tables,
};
use crate::{Blobs, Store, blobs, dialect::catalogue, schema};

/// Rows read by one statement.
const PAGE_ROWS: u64 = 256;

/// What is wanted of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupOrder {
    /// The archive.
    pub output: PathBuf,
    /// Whether a file of that name is overwritten.
    pub force: bool,
    /// Now.
    pub taken_at: DateTime<Utc>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// The archive.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub bytes: u64,
    /// What is in it.
    pub manifest: Manifest,
    /// The first thousand of the blobs that should be in it and are not, by name.
    pub lost: Vec<MediaLine>,
}

/// Blobs to back up: by file name, the id of a trace that shows it. Some 150 bytes each.
type Wanted = BTreeMap<String, String>;

impl Store {
    /// Backs up all rows of this tenant and the blobs that they refer to, as of one moment, whatever is written
    /// meanwhile. The schema may be older than the program's. A blob that is missing or damaged is in
    /// [`Backup::lost`], and the archive is made all the same.
    ///
    /// # Errors
    /// [`BackupError`]; then there is nothing under the archive's name that was not there before.
    pub async fn backup(
        &self,
        blobs: &Blobs,
        order: &BackupOrder,
        progress: Progress<'_>,
    ) -> Result<Backup, BackupError> {
        let tx = self.snapshot().await?;
        let schema = schema::applied(&tx, self.backend).await?;
        if schema.is_empty() {
            return Err(BackupError::NoSchema);
        }
        let header = Header {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            database: self.backend,
            tenant: self.tenant,
            schema,
            taken_at: order.taken_at,
        };
        let (output, force) = (order.output.clone(), order.force);
        let mut writer = blocking(move || Writer::begin(&output, force, header)).await?;
        let catalogue = catalogue::tables(&tx, self.backend).await?;
        let mut wanted = Wanted::new();
        for name in tables::kept() {
            // A table of a later schema than the database's is not there.
            if let Some(table) = catalogue.get(name) {
                let sheet = Sheet::of(name, table, self.backend)
                    .map_err(|(column, type_name)| BackupError::Column { table: name.to_owned(), column, type_name })?;
                writer = self.save_table(&tx, sheet, writer, &mut wanted, progress).await?;
            }
        }
        tx.rollback().await?;
        let (writer, lost) = save_media(blobs, wanted, writer, progress).await?;
        let (manifest, bytes) = blocking(move || writer.finish()).await?;
        Ok(Backup { path: order.output.clone(), bytes, manifest, lost })
    }

    async fn save_table(
        &self,
        tx: &DatabaseTransaction,
        sheet: Sheet,
        mut writer: Writer,
        wanted: &mut Wanted,
        progress: Progress<'_>,
    ) -> Result<Writer, BackupError> {
        let (mut last, mut count): (Option<Row>, u64) = (None, 0);
        loop {
            let page = sheet.page(tx, self.tenant, last.as_ref(), PAGE_ROWS).await?;
            let mut lines = Vec::with_capacity(page.len());
            for found in &page {
                count += 1;
                let table = || sheet.table.clone();
                let row = sheet.read(found).map_err(|(column, source)| BackupError::Row {
                    table: table(),
                    column,
                    row: count,
                    source,
                })?;
                let line = sheet.line(&row);
                if line.len() > ROW_BYTES_MAX {
                    return Err(BackupError::RowTooLong { table: table(), row: count, max: ROW_BYTES_MAX });
                }
                note_media(&sheet, &row, wanted);
                lines.push(line);
                last = Some(row);
            }
            let is_last = (page.len() as u64) < PAGE_ROWS;
            writer = blocking(move || writer.lines(&lines).map(|()| writer)).await?;
            if is_last {
                break;
            }
        }
        let (name, columns) = (sheet.table.clone(), sheet.columns);
        let (writer, rows) = blocking(move || writer.end_table(&name, columns).map(|rows| (writer, rows))).await?;
        progress(Step::Table { name: &sheet.table, rows });
        Ok(writer)
    }
}

/// Remembers the blobs that an artifact refers to.
fn note_media(sheet: &Sheet, row: &Row, wanted: &mut Wanted) {
    if sheet.table != tables::ARTIFACTS {
        return;
    }
    let value = |column: &str| sheet.place(column).and_then(|place| row.get(place));
    let trace = value("trace_id").and_then(JsonValue::as_str).unwrap_or_default();
    for media in value(tables::ARTIFACT_MEDIA).and_then(JsonValue::as_array).into_iter().flatten() {
        let text = |key: &str| media.get(key).and_then(JsonValue::as_str).unwrap_or_default();
        // What is no hash names no file; such a row is damaged, and stays as it is.
        if let Ok(file) = blobs::file_name(text("sha256"), text("mime")) {
            wanted.entry(file).or_insert_with(|| trace.to_owned());
        }
    }
}

/// Copies the blobs, one at a time, and checks each against its name.
async fn save_media(
    blobs: &Blobs,
    wanted: Wanted,
    mut writer: Writer,
    progress: Progress<'_>,
) -> Result<(Writer, Vec<MediaLine>), BackupError> {
    let (mut lost, mut files) = (vec![], 0);
    for (file, trace_id) in wanted {
        let (state, content) = match blobs.get_file(&file).await {
            Ok(content) => (MediaState::Kept, content),
            Err(error) if error.is_missing() => (MediaState::Missing, vec![]),
            Err(_) => (MediaState::Damaged, vec![]),
        };
        let line = MediaLine { file, state, bytes: content.len() as u64, trace_id };
        if state != MediaState::Kept && lost.len() < LOST_NAMED_MAX {
            lost.push(line.clone());
        }
        writer = blocking(move || writer.blob(&line, &content).map(|()| writer)).await?;
        files += 1;
        if files % MEDIA_STEP == 0 {
            progress(Step::Media { files });
        }
    }
    progress(Step::Media { files });
    Ok((writer, lost))
}
