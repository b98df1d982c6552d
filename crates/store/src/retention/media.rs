//! Blobs that no row names: of attempts that came too late, or that died between the file and the row.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, JsonValue, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use crate::{
    BlobError, Blobs, Store, StoreError,
    blobs::{self, OldFiles},
    entity::artifacts,
};

/// Rows looked through together.
const PAGE: u64 = 1_000;

/// What a collection found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Files that no row names, deleted unless it was only a look.
    pub files: u64,
    /// Their lengths together, in bytes.
    pub bytes: u64,
}

/// Why blobs were not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The folder or bucket failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sea_orm::DbErr> for CollectError {
    fn from(source: sea_orm::DbErr) -> Self {
        Self::Store(source.into())
    }
}

impl Store {
    /// Deletes blobs that no artifact of any tenant names, and half-written files, last written before `before`; or only
    /// counts them, when `delete` is false. A blob is written before its row: `before` must leave longer than any task
    /// takes. Whoever writes a blob again makes it new again, so none is lost between the look and the deletion.
    ///
    /// The folder, or the bucket below its prefix, must be of this database alone. Reads the media of all artifacts. From a
    /// bucket's wastebasket what was set aside before `before` goes for good; what a row names after all is put back.
    ///
    /// # Errors
    /// [`CollectError`]; what was deleted by then was named by no row.
    pub async fn blobs_collect(
        &self,
        blobs: &Blobs,
        before: DateTime<Utc>,
        delete: bool,
    ) -> Result<Collected, CollectError> {
        let OldFiles { blobs: old, scraps, aside } = blobs.old_files(before).await?;
        let mut unnamed: HashSet<String> = old.keys().chain(&aside).cloned().collect();
        self.strike_named(&mut unnamed).await?;
        let mut collected = Collected::default();
        for (file, bytes) in old.into_iter().filter(|(file, _)| unnamed.contains(file)).chain(scraps) {
            if !delete || blobs.remove_old(&file, before).await? {
                collected.files += 1;
                collected.bytes += bytes;
            }
        }
        for file in aside.into_iter().filter(|_| delete) {
            if unnamed.contains(&file) {
                blobs.forget(&file, before).await?;
            } else {
                blobs.put_back(&file).await?;
            }
        }
        Ok(collected)
    }

    /// Takes out the files that some artifact names.
    async fn strike_named(&self, files: &mut HashSet<String>) -> Result<(), StoreError> {
        let mut last: Option<Uuid> = None;
        while !files.is_empty() {
            let mut select = artifacts::Entity::find()
                .select_only()
                .column(artifacts::Column::Id)
                .column(artifacts::Column::Media)
                .order_by_asc(artifacts::Column::Id)
                .limit(PAGE);
            if let Some(last) = last {
                select = select.filter(artifacts::Column::Id.gt(last));
            }
            let rows: Vec<(Uuid, JsonValue)> = select.into_tuple().all(&self.db).await?;
            let Some((end, _)) = rows.last() else { break };
            last = Some(*end);
            for media in rows.iter().filter_map(|(_, media)| media.as_array()).flatten() {
                let text = |key: &str| media.get(key).and_then(JsonValue::as_str).unwrap_or_default();
                if let Ok(file) = blobs::file_name(text("sha256"), text("mime")) {
                    files.remove(&file);
                }
            }
        }
        Ok(())
    }
}
